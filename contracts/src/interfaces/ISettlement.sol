// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Attestation, Roots, Statement, Status} from "../types/Attestation.sol";
import {IBonds} from "./IBonds.sol";
import {IEd25519} from "./IEd25519.sol";
import {INodeRegistry} from "./INodeRegistry.sol";
import {IRewardVault} from "./IRewardVault.sol";
import {ITerms} from "./ITerms.sol";

/// @title Where epochs are settled
/// @notice For each epoch issuers commit their ticket logs, then verifiers attest three roots: what nodes earned,
/// what payers owe, and the charges that both follow from. Then anyone may show that something of it is false,
/// and when the challenge window has passed, the vault pays by it. The contract believes what the quorum says and
/// checks nothing of it but the order of epochs: every other rule is a challenge's.
interface ISettlement is IBonds, ITerms {
    /// @notice An issuer committed the tickets of an epoch.
    event TicketLogCommitted(
        uint64 indexed epoch, uint32 indexed issuer, bytes32 root, bytes32 top, uint32 count, uint64 maxBytes
    );

    /// @notice A ticket log was shown to be false, and counts as never committed.
    /// @param root What was committed.
    event TicketLogStruck(uint64 indexed epoch, uint32 indexed issuer, bytes32 root);

    /// @notice A verifier voted, and the quorum isn't reached yet.
    event EpochVoted(uint64 indexed epoch, address indexed verifier, bytes32 digest, uint256 votes);

    /// @notice The quorum is reached; the challenge window begins.
    /// @param verifier The one whose vote completed the quorum.
    event EpochAttested(
        uint64 indexed epoch,
        address indexed verifier,
        Roots roots,
        bytes32 nodesTop,
        uint32 nodes,
        uint32 payers,
        uint32 charges,
        uint96 total
    );

    /// @notice The attestations from `epoch` to `last` are void: `epoch`'s was proven false, and the others follow
    /// from it.
    event EpochsOverturned(uint64 indexed epoch, uint64 last, address challenger);

    /// @notice The vault is another settlement contract's.
    error WrongVault(address vault, address settlement);

    /// @notice The registry is another settlement contract's.
    error WrongRegistry(address registry, address settlement);

    /// @notice The issuer was added after the epoch.
    error IssuerAddedLater(uint32 issuer, uint256 addedAt, uint256 epochEnd);

    /// @notice The epoch runs until `end`.
    error EpochNotOver(uint64 epoch, uint256 end);

    /// @notice Logs of the epoch could be committed until `deadline`.
    error CommitWindowOver(uint64 epoch, uint256 deadline);

    /// @notice The issuer has committed its log of the epoch.
    error AlreadyCommitted(uint64 epoch, uint32 issuer, bytes32 root);

    /// @notice The tickets of a log allow more bytes than a delivery mass can hold.
    error MaxBytesTooLarge(uint64 maxBytes);

    /// @notice Epochs are attested in order.
    error NotNextEpoch(uint64 epoch, uint64 next);

    /// @notice The epoch can be attested from that time on.
    error TooEarly(uint64 epoch, uint256 from);

    /// @notice The verifier has voted for that.
    error AlreadyVoted(uint64 epoch, address verifier);

    /// @notice Cumulative rewards never decrease.
    error TotalDecreased(uint96 total, uint96 previous);

    /// @notice The oldest attestation that is remembered is open to challenge until `activeAt`.
    error TooManyPending(uint64 epoch, uint256 activeAt);

    /// @notice The epoch isn't attested.
    error NotAttested(uint64 epoch, uint64 next);

    /// @notice The contract has let go of the epoch.
    error EpochArchived(uint64 epoch, uint64 next);

    /// @notice The roots aren't those attested for the epoch.
    error WrongRoots(uint64 epoch, bytes32 digest, bytes32 attested);

    /// @notice The epoch is attested for good since `activeAt`.
    error AlreadyActive(uint64 epoch, uint256 activeAt);

    /// @notice The epoch is open to challenge until `activeAt`.
    error NotActive(uint64 epoch, uint256 activeAt);

    // ---- An epoch's course ----

    /// @notice Commits an issuer's ticket log of an epoch, from the epoch's end on, for the commit window. The
    /// issuer's committer may, once.
    /// @param top Uppermost element of the log's tree.
    /// @param count Number of tickets.
    /// @param maxBytes Sum of the bytes they allow.
    function commitTicketLog(uint64 epoch, uint32 issuer, bytes32 top, uint32 count, uint64 maxBytes) external;

    /// @notice Votes for what an epoch came to. With the quorum's last vote it is attested. A verifier may vote
    /// for several statements, once each; it answers for the one that is attested if it voted for that.
    function attest(Statement calldata s) external;

    // ---- What challenges do ----

    /// @notice Voids an epoch's attestation and all later ones, and takes the bonds of those who signed it. Only
    /// challenge contracts may.
    /// @param challenger Who gets half; 0 if the treasury gets all.
    function overturn(uint64 epoch, address challenger) external;

    /// @notice Lets go of a ticket log that was shown to be false: no honest verifier can judge an epoch by it, so
    /// without this the epoch would never be attested. Its issuer may commit a true one while there is time. The log
    /// of an epoch that is attested stays. Only challenge contracts may.
    function strikeTicketLog(uint64 epoch, uint32 issuer) external;

    /// @notice Takes a node's whole stake. Only challenge contracts may.
    function slashNode(uint32 index, address challenger) external;

    // ---- Views ----

    /// @notice The epoch to be attested next; all below are.
    function nextEpoch() external view returns (uint64);

    /// @notice Where an epoch stands.
    function status(uint64 epoch) external view returns (Status);

    /// @notice What is attested for an epoch.
    function attestation(uint64 epoch) external view returns (Attestation memory);

    /// @notice Root of an issuer's ticket log of an epoch; 0 if it committed none.
    function ticketLog(uint64 epoch, uint32 issuer) external view returns (bytes32);

    /// @notice Reverts unless these are the epoch's roots and open to challenge.
    function requirePending(uint64 epoch, Roots calldata roots) external view;

    /// @notice Reverts unless these are the epoch's roots, attested for good.
    /// @return total Sum of all cumulative rewards, and of all cumulative bills, token units.
    function requireActive(uint64 epoch, Roots calldata roots) external view returns (uint96 total);

    /// @notice The list of nodes.
    function registry() external view returns (INodeRegistry);

    /// @notice What payers fund and nodes are paid from.
    function vault() external view returns (IRewardVault);

    /// @notice What checks signatures.
    function ed25519() external view returns (IEd25519);
}
