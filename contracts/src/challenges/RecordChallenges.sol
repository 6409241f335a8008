// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IChallenge} from "../interfaces/IChallenge.sol";
import {IEd25519} from "../interfaces/IEd25519.sol";
import {IRecordChallenges} from "../interfaces/IRecordChallenges.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {Element, MerkleProofs} from "../libraries/MerkleProofs.sol";
import {MerkleSum} from "../libraries/MerkleSum.sol";
import {Records} from "../libraries/Records.sol";
import {Tickets} from "../libraries/Tickets.sol";
import {Roots} from "../types/Attestation.sol";
import {Payer} from "../types/Payer.sol";
import {LogProof, RecordPair, RecordProof, RootOpening} from "../types/Proofs.sol";
import {Challenge} from "./Challenge.sol";

/// @title Challenges of records that don't count
contract RecordChallenges is IRecordChallenges, Challenge {
    using Records for bytes;
    using Tickets for bytes;

    /// @inheritdoc IChallenge
    string public constant name = "RecordChallenges";

    /// @inheritdoc IRecordChallenges
    IEd25519 public immutable ed25519;

    constructor(ISettlement settlement_) Challenge(settlement_) {
        ed25519 = settlement_.ed25519();
    }

    // ---- Against the ticket ----

    /// @inheritdoc IRecordChallenges
    function badSignature(
        uint64 epoch,
        Roots calldata roots,
        RecordProof calldata shown,
        bytes calldata ticket,
        bytes32
    ) external overturns(epoch, roots) {
        _requireRecord(roots, shown, ticket);
        bytes32 client = ticket.client();
        if (shown.record.signatureFits(client, ed25519)) revert SignatureIsRight(client);
    }

    /// @inheritdoc IRecordChallenges
    function ticketElsewhere(
        uint64 epoch,
        Roots calldata roots,
        RecordProof calldata shown,
        bytes calldata ticket,
        bytes32
    ) external overturns(epoch, roots) {
        _requireRecord(roots, shown, ticket);
        bytes32 node = registry.keyAt(shown.charge.leaf.node, settlement.epochStart(epoch));
        address payer = vault.payerAt(shown.charge.leaf.payer).account;
        // Every log that counts has tickets with its own epoch and issuer, each with its index.
        bool here = ticket.network() == Tickets.networkOf(address(settlement))
            && Tickets.epoch(ticket) == epoch && Tickets.id(ticket) == Records.id(shown.record)
            && ticket.node() == node && ticket.payer() == payer;
        if (here) revert TicketIsHere(Tickets.id(ticket), node, payer);
    }

    /// @inheritdoc IRecordChallenges
    function malformedTicket(
        uint64 epoch,
        Roots calldata roots,
        RecordProof calldata shown,
        bytes calldata ticket,
        bytes32
    ) external overturns(epoch, roots) {
        _requireRecord(roots, shown, ticket);
        uint256 tail = settlement.parametersAt(epoch).parameters.ticketTail;
        bool formed = ticket.wellFormed(settlement.epochStart(epoch), settlement.epochEnd(epoch), tail);
        if (formed) revert TicketIsWellFormed();
    }

    /// @inheritdoc IRecordChallenges
    function unknownPayer(
        uint64 epoch,
        Roots calldata roots,
        RecordProof calldata shown,
        bytes calldata ticket,
        bytes32
    ) external overturns(epoch, roots) {
        _requireRecord(roots, shown, ticket);
        uint32 index = shown.charge.leaf.payer;
        if (index < vault.payerCount()) {
            Payer memory payer = vault.payerAt(index);
            if (ticket.payer() != payer.account) revert OtherPayer(ticket.payer(), payer.account);
            if (payer.registeredAt < settlement.epochEnd(epoch)) {
                revert PayerIsKnown(payer.account, payer.registeredAt);
            }
        }
    }

    /// @inheritdoc IRecordChallenges
    function overLimit(
        uint64 epoch,
        Roots calldata roots,
        RecordProof calldata shown,
        bytes calldata ticket,
        bytes32
    ) external overturns(epoch, roots) {
        _requireRecord(roots, shown, ticket);
        if (!shown.record.overLimit(ticket)) {
            revert BytesAreWithinLimit(shown.record.bytesOf(), ticket.maxBytes());
        }
    }

    /// @inheritdoc IRecordChallenges
    function outsideTime(
        uint64 epoch,
        Roots calldata roots,
        RecordProof calldata shown,
        bytes calldata ticket,
        bytes32
    ) external overturns(epoch, roots) {
        _requireRecord(roots, shown, ticket);
        if (!shown.record.outsideTime(ticket)) {
            revert TimeIsRight(shown.record.signedAt(), ticket.issuedAt(), ticket.expiresAt());
        }
    }

    // ---- Against the log ----

    /// @inheritdoc IRecordChallenges
    function noTicketLog(uint64 epoch, Roots calldata roots, RecordProof calldata shown, bytes32)
        external
        overturns(epoch, roots)
    {
        _requireRecord(roots, shown);
        uint32 issuer = Records.issuer(shown.record);
        if (Records.epoch(shown.record) == epoch && settlement.ticketLog(epoch, issuer) != 0) {
            revert TicketIsInLog(issuer, Records.index(shown.record));
        }
    }

    /// @inheritdoc IRecordChallenges
    function indexBeyondLog(
        uint64 epoch,
        Roots calldata roots,
        RecordProof calldata shown,
        RootOpening calldata log,
        bytes32
    ) external overturns(epoch, roots) {
        _requireRecord(roots, shown);
        _requireOpened(settlement.ticketLog(epoch, Records.issuer(shown.record)), log);
        uint32 index = Records.index(shown.record);
        if (index < log.count) revert LogHasIndex(index, log.count);
    }

    /// @inheritdoc IRecordChallenges
    function ticketNotInLog(
        uint64 epoch,
        Roots calldata roots,
        RecordProof calldata shown,
        bytes calldata entry,
        LogProof calldata element,
        bytes32
    ) external overturns(epoch, roots) {
        _requireRecord(roots, shown);
        (uint32 issuer, uint32 index) = (Records.issuer(shown.record), Records.index(shown.record));
        if (element.level != 0 || element.position != index) {
            revert OtherEntry(element.level, element.position, index);
        }
        bytes32 root =
            MerkleSum.deliveryRoot(Tickets.leaf(entry), element.mass, index, element.count, element.proof);
        _requireRoot(root, settlement.ticketLog(epoch, issuer));
        if (entry.digest() == shown.record.ticketDigest()) revert TicketIsInLog(issuer, index);
    }

    // ---- By itself ----

    /// @inheritdoc IRecordChallenges
    function overDeliveries(uint64 epoch, Roots calldata roots, RecordProof calldata shown, bytes32)
        external
        overturns(epoch, roots)
    {
        _requireRecord(roots, shown);
        if (!shown.record.overDeliveries()) {
            revert DeliveriesAreRight(shown.record.within(), shown.record.deliveries());
        }
    }

    /// @inheritdoc IRecordChallenges
    function zeroSequence(uint64 epoch, Roots calldata roots, RecordProof calldata shown, bytes32)
        external
        overturns(epoch, roots)
    {
        _requireRecord(roots, shown);
        uint32 sequence = shown.record.sequence();
        if (sequence != 0) revert SequenceIsRight(sequence);
    }

    /// @inheritdoc IRecordChallenges
    function recordsOutOfOrder(uint64 epoch, Roots calldata roots, RecordPair calldata pair, bytes32)
        external
        overturns(epoch, roots)
    {
        _requireCharge(roots.charges, pair.charge);
        bytes32 root = MerkleProofs.rootOfAdjacent(
            _recordElement(pair.left), _recordElement(pair.right), pair.place, pair.count, pair.proof, true
        );
        _requireRoot(root, pair.charge.leaf.segmentRoot);
        (bytes16 left, bytes16 right) = (Records.id(pair.left), Records.id(pair.right));
        if (left < right) revert RecordsInOrder(left, right);
    }

    // ---- Inside ----

    /// @dev The record is in an attested segment.
    function _requireRecord(Roots calldata roots, RecordProof calldata shown) private pure {
        _requireCharge(roots.charges, shown.charge);
        Element memory element = _recordElement(shown.record);
        bytes32 root =
            MerkleSum.deliveryRoot(element.hash, element.mass, shown.place, shown.count, shown.proof);
        _requireRoot(root, shown.charge.leaf.segmentRoot);
    }

    /// @dev The record is in an attested segment, and this is the ticket it is for.
    function _requireRecord(Roots calldata roots, RecordProof calldata shown, bytes calldata ticket)
        private
        pure
    {
        _requireRecord(roots, shown);
        ticket.requireTicket();
        bytes32 digest = ticket.digest();
        bytes32 named = shown.record.ticketDigest();
        if (digest != named) revert NotItsTicket(digest, named);
    }

    function _recordElement(bytes calldata record) private pure returns (Element memory) {
        record.requireRecord();
        return Element({hash: Records.leaf(record), mass: Records.mass(record)});
    }
}
