// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Roots} from "../types/Attestation.sol";
import {LogProof, RecordPair, RecordProof, RootOpening} from "../types/Proofs.sol";
import {IChallenge} from "./IChallenge.sol";
import {IEd25519} from "./IEd25519.sol";

/// @title Challenges of records that don't count
/// @notice Each overturns the epoch if a record in the segment of an attested charge breaks the rule of SPEC
/// section 5, and otherwise says what it found instead. A record names its ticket by its digest; what the ticket
/// says needs no other proof.
interface IRecordChallenges is IChallenge {
    /// @notice Not the ticket that the record is for.
    error NotItsTicket(bytes32 ticketDigest, bytes32 named);

    /// @notice The ticket's client signed the receipt.
    error SignatureIsRight(bytes32 client);

    /// @notice What is shown of the log isn't the leaf that the record names.
    error OtherEntry(uint256 level, uint256 position, uint32 index);

    /// @notice The issuer's log has that ticket at its place.
    error TicketIsInLog(uint32 issuer, uint32 index);

    /// @notice The issuer's log has the place that the record names.
    error LogHasIndex(uint32 index, uint32 count);

    /// @notice The ticket is of that network, place, node and payer.
    error TicketIsHere(bytes16 ticket, bytes32 node, address payer);

    /// @notice The ticket's times and limit are possible.
    error TicketIsWellFormed();

    /// @notice The record has no more bytes than its ticket allows.
    error BytesAreWithinLimit(uint64 bytes_, uint64 maxBytes);

    /// @notice The record has no more deliveries within the service level than deliveries.
    error DeliveriesAreRight(uint32 within, uint32 deliveries);

    /// @notice The record was signed while its ticket could be used.
    error TimeIsRight(uint64 signedAt, uint64 issuedAt, uint64 expiresAt);

    /// @notice The record's sequence isn't zero.
    error SequenceIsRight(uint32 sequence);

    /// @notice The two records are in order.
    error RecordsInOrder(bytes16 left, bytes16 right);

    /// @notice The ticket's payer isn't the charge's: see {ticketElsewhere}.
    error OtherPayer(address payer, address charged);

    /// @notice The payer was registered before the epoch's end.
    error PayerIsKnown(address payer, uint64 registeredAt);

    /// @notice Who checks signatures.
    function ed25519() external view returns (IEd25519);

    /// @notice A receipt that its ticket's client didn't sign.
    function badSignature(
        uint64 epoch,
        Roots calldata roots,
        RecordProof calldata shown,
        bytes calldata ticket,
        bytes32 salt
    ) external;

    /// @notice A record whose ticket id names another epoch, or an issuer that committed no log for it.
    function noTicketLog(uint64 epoch, Roots calldata roots, RecordProof calldata shown, bytes32 salt)
        external;

    /// @notice A record whose ticket id names a place that the issuer's log doesn't have.
    /// @param log The log's root, opened.
    function indexBeyondLog(
        uint64 epoch,
        Roots calldata roots,
        RecordProof calldata shown,
        RootOpening calldata log,
        bytes32 salt
    ) external;

    /// @notice A record for another ticket than the one at its place in the issuer's log.
    /// @param entry What the log has there.
    /// @param element The place of its leaf: level 0.
    function ticketNotInLog(
        uint64 epoch,
        Roots calldata roots,
        RecordProof calldata shown,
        bytes calldata entry,
        LogProof calldata element,
        bytes32 salt
    ) external;

    /// @notice A record whose ticket is for another network, ticket id, node or payer than where it stands.
    function ticketElsewhere(
        uint64 epoch,
        Roots calldata roots,
        RecordProof calldata shown,
        bytes calldata ticket,
        bytes32 salt
    ) external;

    /// @notice A record whose ticket isn't well-formed.
    function malformedTicket(
        uint64 epoch,
        Roots calldata roots,
        RecordProof calldata shown,
        bytes calldata ticket,
        bytes32 salt
    ) external;

    /// @notice A record whose ticket's payer wasn't registered before the epoch's end.
    function unknownPayer(
        uint64 epoch,
        Roots calldata roots,
        RecordProof calldata shown,
        bytes calldata ticket,
        bytes32 salt
    ) external;

    /// @notice A record with more bytes than its ticket allows.
    function overLimit(
        uint64 epoch,
        Roots calldata roots,
        RecordProof calldata shown,
        bytes calldata ticket,
        bytes32 salt
    ) external;

    /// @notice A record with more deliveries within the service level than deliveries.
    function overDeliveries(uint64 epoch, Roots calldata roots, RecordProof calldata shown, bytes32 salt)
        external;

    /// @notice A record signed before its ticket was issued, or after it expired.
    function outsideTime(
        uint64 epoch,
        Roots calldata roots,
        RecordProof calldata shown,
        bytes calldata ticket,
        bytes32 salt
    ) external;

    /// @notice A record with the sequence zero.
    function zeroSequence(uint64 epoch, Roots calldata roots, RecordProof calldata shown, bytes32 salt)
        external;

    /// @notice Two neighbouring records of a segment that don't increase by ticket id; a duplicate is one.
    function recordsOutOfOrder(uint64 epoch, Roots calldata roots, RecordPair calldata pair, bytes32 salt)
        external;
}
