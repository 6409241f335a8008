// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IChallenge} from "../interfaces/IChallenge.sol";
import {IEd25519} from "../interfaces/IEd25519.sol";
import {IIssuerChallenges} from "../interfaces/IIssuerChallenges.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {Elements} from "../libraries/Elements.sol";
import {Element, MerkleProofs} from "../libraries/MerkleProofs.sol";
import {Tickets} from "../libraries/Tickets.sol";
import {LogProof, RootOpening, TreeKind} from "../types/Proofs.sol";
import {Challenge} from "./Challenge.sol";

/// @title Challenges of issuers
contract IssuerChallenges is IIssuerChallenges, Challenge {
    using Elements for bytes;
    using Tickets for bytes;

    /// @inheritdoc IChallenge
    string public constant name = "IssuerChallenges";

    /// @inheritdoc IIssuerChallenges
    IEd25519 public immutable ed25519;

    /// @dev The body shows the lie or reverts; then the log is gone, and the issuer pays.
    modifier strikes(uint64 epoch, uint32 issuer) {
        _;
        settlement.strikeTicketLog(epoch, issuer);
        settlement.slashIssuer(issuer, _challenger());
    }

    /// @dev The body shows the lie or reverts; then whoever signed the ticket pays.
    modifier slashesSigner(bytes calldata ticket, bytes32 r, bytes32 s) {
        _requireSigned(ticket, r, s);
        _;
        settlement.slashIssuer(ticket.issuer(), _challenger());
    }

    constructor(ISettlement settlement_) Challenge(settlement_) {
        ed25519 = settlement_.ed25519();
    }

    // ---- Tickets ----

    /// @inheritdoc IIssuerChallenges
    function logMissing(bytes calldata ticket, bytes32 r, bytes32 s, bytes32)
        external
        slashesSigner(ticket, r, s)
    {
        uint64 epoch = ticket.epoch();
        bytes32 root = settlement.ticketLog(epoch, ticket.issuer());
        uint256 window = settlement.parametersAt(epoch).parameters.commitWindow;
        uint256 deadline = settlement.epochEnd(epoch) + window;
        if (root != 0 || block.timestamp <= deadline) revert LogInTime(root, deadline);
    }

    /// @inheritdoc IIssuerChallenges
    function logTooShort(bytes calldata ticket, bytes32 r, bytes32 s, RootOpening calldata log, bytes32)
        external
        slashesSigner(ticket, r, s)
    {
        _requireOpened(_log(ticket.epoch(), ticket.issuer()), log);
        uint32 index = ticket.index();
        if (index < log.count) revert LogHasIndex(index, log.count);
    }

    /// @inheritdoc IIssuerChallenges
    function logContradicts(
        bytes calldata ticket,
        bytes32 r,
        bytes32 s,
        LogProof calldata element,
        bytes32 entry,
        bytes32
    ) external slashesSigner(ticket, r, s) {
        uint32 index = ticket.index();
        if (element.level != 0 || element.position != index) {
            revert OtherPlace(element.level, element.position, index);
        }
        _requireElement(ticket.epoch(), ticket.issuer(), element, entry);
        if (entry == ticket.leaf()) revert TicketIsInLog(index);
    }

    /// @inheritdoc IIssuerChallenges
    function ticketMalformedByIssuer(bytes calldata ticket, bytes32 r, bytes32 s, bytes32)
        external
        slashesSigner(ticket, r, s)
    {
        uint64 epoch = ticket.epoch();
        uint256 tail = settlement.parametersAt(epoch).parameters.ticketTail;
        bool formed = ticket.wellFormed(settlement.epochStart(epoch), settlement.epochEnd(epoch), tail);
        if (formed) revert TicketIsWellFormed();
    }

    // ---- Logs ----

    /// @inheritdoc IIssuerChallenges
    function logWrongSum(
        uint64 epoch,
        uint32 issuer,
        LogProof calldata element,
        bytes calldata preimage,
        bytes32
    ) external strikes(epoch, issuer) {
        _requireElement(epoch, issuer, element, keccak256(preimage));
        if (!preimage.isFormed(TreeKind.Log, element.level)) revert ShapeIsWrong();
        if (preimage.hasMass(TreeKind.Log, element.level, element.mass)) revert SumIsRight(element.mass);
    }

    /// @inheritdoc IIssuerChallenges
    function logWrongShape(
        uint64 epoch,
        uint32 issuer,
        LogProof calldata element,
        bytes calldata preimage,
        bytes32
    ) external strikes(epoch, issuer) {
        _requireElement(epoch, issuer, element, keccak256(preimage));
        if (preimage.isFormed(TreeKind.Log, element.level)) revert ShapeIsRight();
    }

    /// @inheritdoc IIssuerChallenges
    function logWrongCount(uint64 epoch, uint32 issuer, LogProof calldata element, bytes32 hash, bytes32)
        external
        strikes(epoch, issuer)
    {
        _requireElement(epoch, issuer, element, hash);
        if (Elements.isCounted(element.level, element.position, element.count, hash, element.mass)) {
            revert CountIsRight(element.position, element.count);
        }
    }

    /// @inheritdoc IIssuerChallenges
    function logOutOfPlace(
        uint64 epoch,
        uint32 issuer,
        LogProof calldata element,
        bytes calldata ticket,
        bytes32
    ) external {
        ticket.requireTicket();
        _requireElement(epoch, issuer, element, ticket.leaf());
        bool here = ticket.epoch() == epoch && ticket.issuer() == issuer && ticket.index() == element.position;
        if (here && ticket.network() == Tickets.networkOf(address(settlement))) {
            revert EntryIsInPlace(ticket.index());
        }
        if (!here) settlement.strikeTicketLog(epoch, issuer);
        settlement.slashIssuer(issuer, _challenger());
    }

    // ---- Inside ----

    /// @dev The issuer that the ticket names signed it, with its key of that epoch and for this network.
    function _requireSigned(bytes calldata ticket, bytes32 r, bytes32 s) private view {
        ticket.requireTicket();
        bytes28 network = Tickets.networkOf(address(settlement));
        if (ticket.network() != network) revert OtherNetwork(ticket.network(), network);
        uint32 issuer = ticket.issuer();
        bytes32 key = settlement.issuerKeyAt(issuer, ticket.epoch());
        if (!ed25519.verify(key, r, s, ticket.message())) revert NotSigned(issuer, key);
    }

    function _requireElement(uint64 epoch, uint32 issuer, LogProof calldata element, bytes32 hash)
        private
        view
    {
        bytes32 computed = MerkleProofs.rootFrom(
            Element({hash: hash, mass: element.mass}),
            element.level,
            element.position,
            element.count,
            element.proof,
            true
        );
        _requireRoot(computed, _log(epoch, issuer));
    }

    function _log(uint64 epoch, uint32 issuer) private view returns (bytes32 root) {
        root = settlement.ticketLog(epoch, issuer);
        if (root == 0) revert NoLog(epoch, issuer);
    }
}
