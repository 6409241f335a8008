// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {LogProof, RootOpening} from "../types/Proofs.sol";
import {IChallenge} from "./IChallenge.sol";
import {IEd25519} from "./IEd25519.sol";

/// @title Challenges of issuers
/// @notice Each slashes an issuer for what it signed or committed, and leaves the attestations as they are. A log
/// that can't be judged by is struck besides, unless its epoch is attested: it counts as never committed. An issuer
/// that signs nothing but well-formed tickets of this network and puts each in its log has nothing to fear.
/// Otherwise a call says what it found instead.
interface IIssuerChallenges is IChallenge {
    /// @notice The ticket is for another network.
    error OtherNetwork(bytes28 network, bytes28 expected);

    /// @notice The issuer didn't sign the ticket.
    error NotSigned(uint32 issuer, bytes32 key);

    /// @notice The issuer committed no log of that epoch.
    error NoLog(uint64 epoch, uint32 issuer);

    /// @notice The log is committed, or still may be.
    error LogInTime(bytes32 root, uint256 deadline);

    /// @notice What is shown of the log isn't the leaf at the ticket's index.
    error OtherPlace(uint256 level, uint256 position, uint32 index);

    /// @notice The log has the ticket at its place.
    error TicketIsInLog(uint32 index);

    /// @notice The log has a place for the ticket.
    error LogHasIndex(uint32 index, uint32 count);

    /// @notice The ticket's times and limit are possible.
    error TicketIsWellFormed();

    /// @notice The preimage isn't what belongs there: see {logWrongShape}.
    error ShapeIsWrong();

    /// @notice The preimage is what belongs there.
    error ShapeIsRight();

    /// @notice The element has the mass that is stated for it.
    error SumIsRight(uint120 mass);

    /// @notice There is a leaf, or none, as the count says.
    error CountIsRight(uint256 position, uint256 count);

    /// @notice The entry is a ticket of that network, epoch, issuer and index.
    error EntryIsInPlace(uint32 index);

    /// @notice Who checks signatures.
    function ed25519() external view returns (IEd25519);

    /// @notice A signed ticket whose issuer committed no log of its epoch in time.
    /// @param r First half of the issuer's signature.
    /// @param s Second half.
    function logMissing(bytes calldata ticket, bytes32 r, bytes32 s, bytes32 salt) external;

    /// @notice A signed ticket with an index that the issuer's log doesn't have.
    /// @param log The log's root, opened.
    function logTooShort(bytes calldata ticket, bytes32 r, bytes32 s, RootOpening calldata log, bytes32 salt)
        external;

    /// @notice A signed ticket at whose index the issuer's log has something else.
    /// @param element The place of the log's leaf there: level 0.
    /// @param entry The hash of that leaf.
    function logContradicts(
        bytes calldata ticket,
        bytes32 r,
        bytes32 s,
        LogProof calldata element,
        bytes32 entry,
        bytes32 salt
    ) external;

    /// @notice A signed ticket that isn't well-formed.
    function ticketMalformedByIssuer(bytes calldata ticket, bytes32 r, bytes32 s, bytes32 salt) external;

    /// @notice An element of a committed log whose mass isn't the sum of its children's, or doesn't fit; or a
    /// ticket with another mass than it states. Of several on a path only the uppermost can be shown.
    /// @param preimage What the element is the hash of.
    function logWrongSum(
        uint64 epoch,
        uint32 issuer,
        LogProof calldata element,
        bytes calldata preimage,
        bytes32 salt
    ) external;

    /// @notice An element of a committed log whose preimage isn't a ticket's leaf at level 0, or no node above.
    function logWrongShape(
        uint64 epoch,
        uint32 issuer,
        LogProof calldata element,
        bytes calldata preimage,
        bytes32 salt
    ) external;

    /// @notice An empty element of a committed log below the count or above the leaves, or one at or after the
    /// count that isn't.
    function logWrongCount(uint64 epoch, uint32 issuer, LogProof calldata element, bytes32 hash, bytes32 salt)
        external;

    /// @notice An entry of a committed log that is a ticket of another network, epoch, issuer or index than its
    /// place. If it is only the network, the log isn't struck: such a ticket counts for nobody, and the others do.
    function logOutOfPlace(
        uint64 epoch,
        uint32 issuer,
        LogProof calldata element,
        bytes calldata ticket,
        bytes32 salt
    ) external;
}
