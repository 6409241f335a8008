// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Roots} from "../types/Attestation.sol";
import {ChargeGap, ForcedProof, RecordGap, Standing} from "../types/Forced.sol";
import {RecordProof} from "../types/Proofs.sol";
import {Rejection} from "../types/Rejection.sol";
import {IChallenge} from "./IChallenge.sol";
import {IEd25519} from "./IEd25519.sol";

/// @title Records that verifiers can't leave out
/// @notice A node that doesn't trust the verifiers to take its segment writes its records here, in the epoch's
/// force window, in chunks. They are in an event for everyone to read; their Merkle-sum root stays. An
/// attestation that then doesn't count a record that is valid is overturned with one transaction. A node that
/// forces a record which its own checks refuse loses its stake.
interface IForcedSegments is IChallenge {
    /// @notice A node's records are there for all to count.
    /// @param chunk Which chunk of the node and epoch, from 0.
    /// @param root Merkle-sum root of the records.
    /// @param records 140 bytes each, strictly increasing by ticket id.
    event SegmentForced(uint64 indexed epoch, uint32 indexed node, uint32 chunk, bytes32 root, bytes records);

    /// @notice Only the node's operator may.
    error NotOperator(uint32 node, address account);

    /// @notice The node was registered after the epoch.
    error NodeIsNewer(uint32 node, uint256 registeredAt, uint256 epochEnd);

    /// @notice The epoch's force window is from `from` to before `to`.
    error OutsideForceWindow(uint64 epoch, uint256 from, uint256 to);

    /// @notice No chunk of records has that length.
    error NotRecords(uint256 length);

    /// @notice A chunk has at most `max` records.
    error TooManyRecords(uint256 count, uint256 max);

    /// @notice A record's ticket is of another epoch.
    error OtherEpoch(uint64 epoch, uint64 expected);

    /// @notice The record at that place doesn't come after the one before it.
    error RecordOutOfOrder(uint256 place);

    /// @notice There is no such chunk.
    error NoSuchChunk(uint64 epoch, uint32 node, uint32 chunk);

    /// @notice Not the ticket that the record is for.
    error NotItsTicket(bytes32 ticketDigest, bytes32 named);

    /// @notice The forced record doesn't count, for that reason; it may be left out.
    error DoesNotCount(Rejection reason);

    /// @notice The forced record breaks no rule that its node can check.
    error BreaksNoRule();

    /// @notice The payer of that index isn't the ticket's.
    error OtherPayer(address payer, address named);

    /// @notice The charges or records that are shown don't leave the forced one out.
    error NotLeftOut();

    /// @notice The charge that is shown is another payer's or node's.
    error OtherCharge(uint32 payer, uint32 node);

    /// @notice The leaf that is shown is another node's.
    error OtherNode(uint32 node, uint32 forced);

    /// @notice The record that is shown is for another ticket.
    error OtherTicket(bytes16 shown, bytes16 forced);

    /// @notice Most records of a chunk: about 2 million gas, and 72 kB of call data.
    function RECORDS_MAX() external view returns (uint256);

    /// @notice Who checks signatures.
    function ed25519() external view returns (IEd25519);

    /// @notice Forces records of a node, from the end of an epoch's ticket tail on, for the force window. The
    /// node's operator may, as often as it takes.
    /// @param records 140 bytes each, strictly increasing by ticket id.
    /// @return chunk Which of the node's chunks of the epoch this is.
    function forceCommit(uint64 epoch, uint32 node, bytes calldata records) external returns (uint32 chunk);

    /// @notice How many chunks a node forced for an epoch.
    function chunkCount(uint64 epoch, uint32 node) external view returns (uint32);

    /// @notice Root of a chunk.
    function chunkRoot(uint64 epoch, uint32 node, uint32 chunk) external view returns (bytes32);

    /// @notice A forced record that counts, and whose node has no charge of its payer.
    function ignoredCharge(
        uint64 epoch,
        Roots calldata roots,
        ForcedProof calldata forced,
        Standing calldata standing,
        ChargeGap calldata gap,
        bytes32 salt
    ) external;

    /// @notice A forced record that counts, and whose ticket has no record in the charge's segment.
    function ignoredRecord(
        uint64 epoch,
        Roots calldata roots,
        ForcedProof calldata forced,
        Standing calldata standing,
        RecordGap calldata gap,
        bytes32 salt
    ) external;

    /// @notice A forced record that counts, where the charge's segment has an older one of its ticket.
    function ignoredNewer(
        uint64 epoch,
        Roots calldata roots,
        ForcedProof calldata forced,
        Standing calldata standing,
        RecordProof calldata older,
        bytes32 salt
    ) external;

    /// @notice Against the node: a forced record that breaks a rule which the node could check by the ticket
    /// alone. What an issuer's log says, or whether a payer is registered, is no fault of a node's.
    function forcedInvalid(uint64 epoch, ForcedProof calldata forced, bytes32 salt) external;
}
