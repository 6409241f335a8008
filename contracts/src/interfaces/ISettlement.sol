// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Attestation, Status} from "../types/Attestation.sol";
import {Issuer} from "../types/Issuer.sol";
import {NodeLeaf} from "../types/NodeLeaf.sol";
import {Parameters} from "../types/Parameters.sol";
import {INodeRegistry} from "./INodeRegistry.sol";
import {IRewardVault} from "./IRewardVault.sol";

/// @title Where epochs are settled
/// @notice For each epoch issuers commit their ticket logs, then verifiers attest one root over all
/// nodes, then, when the challenge window has passed, operators claim what it says. Rewards are
/// cumulative: one claim pays everything since the last.
interface ISettlement {
    // ---- Events ----

    /// @notice A control plane was added.
    event IssuerAdded(uint32 indexed issuer, bytes32 indexed key, address indexed committer);

    /// @notice A verifier was admitted or dismissed; open votes are void.
    event VerifierSet(address indexed verifier, bool allowed);

    /// @notice So many verifiers must agree from now on; open votes are void.
    event QuorumSet(uint8 quorum);

    /// @notice An issuer committed the tickets of an epoch.
    event TicketLogCommitted(
        uint64 indexed epoch, uint32 indexed issuer, bytes32 root, bytes32 top, uint32 count, uint64 maxBytes
    );

    /// @notice A verifier voted, and the quorum isn't reached yet.
    event EpochVoted(
        uint64 indexed epoch, address indexed verifier, bytes32 root, bytes32 evidence, uint256 votes
    );

    /// @notice The quorum is reached; the challenge window begins.
    /// @param verifier The one whose vote completed the quorum.
    /// @param root Root of the epoch tree, over `top`, `nodes` and `total`.
    /// @param evidence BLAKE3 hash of the evidence bundle.
    event EpochAttested(
        uint64 indexed epoch,
        address indexed verifier,
        bytes32 root,
        bytes32 top,
        uint32 nodes,
        uint120 total,
        bytes32 evidence
    );

    /// @notice The attestations from `epoch` to `last` were proven false and are void.
    event EpochsOverturned(uint64 indexed epoch, uint64 last);

    /// @notice A node was paid.
    event RewardClaimed(
        uint64 indexed epoch, uint32 indexed index, address indexed payout, uint256 amount, uint256 cumulative
    );

    // ---- Errors ----

    /// @notice An epoch must last.
    error ZeroEpochLength();

    /// @notice The score floor is above one million ppm.
    error SlaFloorTooHigh(uint32 slaFloorPpm);

    /// @notice At this price a single reward could exceed what a tree can hold.
    error PriceTooHigh(uint128 pricePerGib, uint128 max);

    /// @notice A window that must last is zero.
    error ZeroWindow();

    /// @notice The challenge window is longer than the attestations are remembered.
    error ChallengeWindowTooLong(uint32 challengeWindow, uint256 max);

    /// @notice An address or key that is needed is zero.
    error ZeroAddress();

    /// @notice The vault pays at the word of another contract.
    error WrongVault(address vault, address settlement);

    /// @notice There must be someone to agree.
    error ZeroQuorum();

    /// @notice Time before epoch 0.
    error BeforeGenesis(uint256 timestamp, uint64 genesis);

    /// @notice No issuer has that index.
    error UnknownIssuer(uint32 issuer, uint256 count);

    /// @notice The issuer was added after the epoch had ended.
    error IssuerAddedLater(uint32 issuer, uint64 addedAt, uint256 end);

    /// @notice The caller doesn't commit for that issuer.
    error NotCommitter(uint32 issuer, address caller);

    /// @notice The epoch hasn't ended.
    error EpochNotOver(uint64 epoch, uint256 end);

    /// @notice The commit window has passed.
    error CommitWindowOver(uint64 epoch, uint256 deadline);

    /// @notice The issuer's log of that epoch is committed already.
    error AlreadyCommitted(uint64 epoch, uint32 issuer, bytes32 root);

    /// @notice Verifiers have voted on that epoch.
    error AlreadyVotedOn(uint64 epoch);

    /// @notice A log's sum of maximum bytes doesn't fit a mass.
    error MaxBytesTooLarge(uint64 maxBytes);

    /// @notice The caller isn't a verifier.
    error NotVerifier(address caller);

    /// @notice Epochs are attested one after another.
    error NotNextEpoch(uint64 epoch, uint64 next);

    /// @notice Tickets of the epoch can still be used.
    error TicketsStillValid(uint64 epoch, uint256 until);

    /// @notice An issuer hasn't committed its log, and still may.
    error TicketLogMissing(uint64 epoch, uint32 issuer, uint256 deadline);

    /// @notice Not the number of nodes that were registered before the epoch's end.
    error WrongNodeCount(uint32 nodes, uint256 end);

    /// @notice Cumulative rewards can't decrease.
    error TotalDecreased(uint120 total, uint120 previous);

    /// @notice Payers haven't funded that much.
    error TotalAboveFunded(uint120 total, uint256 funded);

    /// @notice The caller has voted on that epoch.
    error AlreadyVoted(uint64 epoch, address verifier);

    /// @notice Too many attestations are open to challenge; the contract keeps each until it is active.
    error TooManyPending(uint64 epoch, uint256 until);

    /// @notice The epoch isn't attested.
    error NotAttested(uint64 epoch, uint64 next);

    /// @notice The contract has let go of that attestation; claim with a newer one.
    error EpochArchived(uint64 epoch, uint64 next);

    /// @notice The attestation is still open to challenge.
    error NotActive(uint64 epoch, uint256 until);

    /// @notice The attestation is active, and can't be overturned.
    error AlreadyActive(uint64 epoch, uint256 since);

    /// @notice Only the challenge contract overturns.
    error NotChallenges(address caller);

    /// @notice The leaf isn't in the attested tree.
    error NotInTree(uint64 epoch, uint32 index, bytes32 root);

    /// @notice The leaf's key isn't the one registered at its index.
    error WrongNode(uint32 index, bytes32 key, bytes32 registered);

    /// @notice Everything the leaf states is paid.
    error NothingToClaim(uint32 index, uint256 cumulative, uint256 claimed);

    // ---- Issuers and verifiers ----

    /// @notice Adds a control plane. Only the owner.
    /// @param key Its ed25519 public key.
    /// @param committer The account that will commit its ticket logs.
    /// @return issuer Its index in tickets.
    function addIssuer(bytes32 key, address committer) external returns (uint32 issuer);

    /// @notice Admits or dismisses a verifier and voids open votes. Only the owner.
    function setVerifier(address verifier, bool allowed) external;

    /// @notice Sets how many verifiers must agree and voids open votes, so that verifiers who disagreed
    /// may vote anew. Only the owner.
    function setQuorum(uint8 quorum) external;

    // ---- An epoch's course ----

    /// @notice Commits an issuer's tickets of an epoch. Only its committer, once, from the epoch's end to
    /// the end of the commit window, and before any verifier has voted on the epoch.
    /// @param top Hash of the uppermost element of the log's tree.
    /// @param count Number of tickets.
    /// @param maxBytes Sum of the tickets' maximum bytes, below 2^56.
    function commitTicketLog(uint64 epoch, uint32 issuer, bytes32 top, uint32 count, uint64 maxBytes) external;

    /// @notice Votes for what an epoch was. Only verifiers, each once, for the next epoch, when its tickets
    /// have expired and its ticket logs are there or late. With a quorum of the same root and evidence
    /// the epoch is attested.
    /// @param top Hash of the uppermost element of the epoch tree.
    /// @param nodes Number of nodes registered before the epoch's end.
    /// @param total Sum of all cumulative rewards, token units.
    /// @param evidence BLAKE3 hash of the evidence bundle.
    function attest(uint64 epoch, bytes32 top, uint32 nodes, uint120 total, bytes32 evidence) external;

    /// @notice Voids the pending attestation of an epoch and all later ones, so that they are attested anew.
    /// Only the challenge contract.
    function overturn(uint64 epoch) external;

    /// @notice Pays a node what an active epoch states and hasn't been paid. Anyone may call; the registered
    /// payout account receives it.
    /// @param leaf What the epoch tree says of the node.
    /// @param proof Siblings from the bottom up, hash and mass, 47 bytes a level.
    /// @return amount What was paid, token units.
    function claim(uint64 epoch, NodeLeaf calldata leaf, bytes calldata proof)
        external
        returns (uint256 amount);

    // ---- Views ----

    /// @notice The nodes.
    function registry() external view returns (INodeRegistry);

    /// @notice The money.
    function vault() external view returns (IRewardVault);

    /// @notice The contract that may overturn; zero if none may.
    function challenges() external view returns (address);

    /// @notice What the network agreed on.
    function parameters() external view returns (Parameters memory);

    /// @notice The epoch of a time.
    /// @param timestamp Unix seconds.
    function epochAt(uint256 timestamp) external view returns (uint256);

    /// @notice First second of an epoch.
    function epochStart(uint64 epoch) external view returns (uint256);

    /// @notice First second after an epoch.
    function epochEnd(uint64 epoch) external view returns (uint256);

    /// @notice The epoch to be attested next.
    function nextEpoch() external view returns (uint64);

    /// @notice How many verifiers must agree.
    function quorum() external view returns (uint8);

    /// @notice Whether an account is a verifier.
    function isVerifier(address account) external view returns (bool);

    /// @notice Number of issuers.
    function issuerCount() external view returns (uint32);

    /// @notice The issuer of that index.
    function issuerAt(uint32 issuer) external view returns (Issuer memory);

    /// @notice Root of an issuer's ticket log of an epoch; zero if it isn't committed.
    function ticketLog(uint64 epoch, uint32 issuer) external view returns (bytes32);

    /// @notice Where an epoch stands.
    function status(uint64 epoch) external view returns (Status);

    /// @notice What was attested for an epoch, pending or active.
    function attestation(uint64 epoch) external view returns (Attestation memory);

    /// @notice What a node was paid in all, token units.
    function claimed(uint32 index) external view returns (uint256);

    /// @notice What `claim` would pay. Reverts where it would, other than for having nothing to pay.
    function claimable(uint64 epoch, NodeLeaf calldata leaf, bytes calldata proof)
        external
        view
        returns (uint256);

    /// @notice Whether a leaf is in the attested tree of an epoch, pending or active. Reverts with the reason
    /// if the epoch isn't attested or the proof isn't well-formed.
    function verifyAttestation(uint64 epoch, NodeLeaf calldata leaf, bytes calldata proof)
        external
        view
        returns (bool);

    /// @notice A node's score by what clients signed and probes saw, parts per million.
    function score(uint32 deliveries, uint32 within, uint32 probes, uint32 probesOk)
        external
        pure
        returns (uint32);

    /// @notice A node's reward for an epoch, token units.
    /// @param bytes_ Receipted bytes.
    /// @param scorePpm Its score, parts per million.
    function reward(uint56 bytes_, uint32 scorePpm) external view returns (uint128);
}
