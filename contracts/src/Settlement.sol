// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";

import {Terms} from "./Terms.sol";
import {INodeRegistry} from "./interfaces/INodeRegistry.sol";
import {IRewardVault} from "./interfaces/IRewardVault.sol";
import {ISettlement} from "./interfaces/ISettlement.sol";
import {MerkleSum} from "./libraries/MerkleSum.sol";
import {NodeLeaves} from "./libraries/NodeLeaves.sol";
import {Attestation, Status} from "./types/Attestation.sol";
import {Issuer} from "./types/Issuer.sol";
import {Node} from "./types/Node.sol";
import {NodeLeaf} from "./types/NodeLeaf.sol";
import {Parameters} from "./types/Parameters.sol";

/// @title Where epochs are settled
contract Settlement is Terms, Ownable2Step {
    using NodeLeaves for NodeLeaf;

    /// @dev What moves with every attestation, in one word.
    struct Head {
        /// The epoch to be attested next; all below are.
        uint64 next;
        /// Number of the open vote, from 1. Attesting, overturning and changing who votes open another.
        uint64 ballot;
        /// Epochs below this have been voted on at some time, and with that their receipts are known.
        uint64 votedBelow;
        /// Votes that attest.
        uint8 quorum;
    }

    struct Verifier {
        bool allowed;
        /// The last ballot it voted in.
        uint64 ballot;
    }

    /// @inheritdoc ISettlement
    INodeRegistry public immutable registry;

    /// @inheritdoc ISettlement
    IRewardVault public immutable vault;

    /// @inheritdoc ISettlement
    address public immutable challenges;

    Head private _head = Head({next: 0, ballot: 1, votedBelow: 0, quorum: 1});

    /// @dev A ring: what newer attestations supersede is overwritten, so that a new one costs no new
    /// storage. Claims are cumulative, so the newest active one is all they need; events keep the rest.
    Attestation[HISTORY] private _ring;

    Issuer[] private _issuers;

    mapping(address account => Verifier) private _verifiers;

    /// @dev Votes for (ballot, root, evidence), hashed.
    mapping(bytes32 subject => uint256) private _votes;

    /// @inheritdoc ISettlement
    mapping(uint64 epoch => mapping(uint32 issuer => bytes32 root)) public ticketLog;

    /// @inheritdoc ISettlement
    mapping(uint32 index => uint256) public claimed;

    /// @param vault_ Must name this contract as its settlement, whose address it learns beforehand.
    /// @param challenges_ May be zero; attestations then can't be overturned.
    constructor(
        Parameters memory terms,
        INodeRegistry registry_,
        IRewardVault vault_,
        address owner,
        address challenges_
    ) Terms(terms) Ownable(owner) {
        if (address(registry_) == address(0)) revert ZeroAddress();
        if (vault_.settlement() != address(this)) revert WrongVault(address(vault_), vault_.settlement());
        registry = registry_;
        vault = vault_;
        challenges = challenges_;
    }

    // ---- Issuers and verifiers ----

    /// @inheritdoc ISettlement
    function addIssuer(bytes32 key, address committer) external onlyOwner returns (uint32 issuer) {
        if (key == 0 || committer == address(0)) revert ZeroAddress();
        issuer = issuerCount();
        _issuers.push(Issuer({key: key, committer: committer, addedAt: uint64(block.timestamp)}));
        emit IssuerAdded(issuer, key, committer);
    }

    /// @inheritdoc ISettlement
    function setVerifier(address verifier, bool allowed) external onlyOwner {
        if (verifier == address(0)) revert ZeroAddress();
        _verifiers[verifier].allowed = allowed;
        _head.ballot += 1;
        emit VerifierSet(verifier, allowed);
    }

    /// @inheritdoc ISettlement
    function setQuorum(uint8 quorum_) external onlyOwner {
        if (quorum_ == 0) revert ZeroQuorum();
        _head.quorum = quorum_;
        _head.ballot += 1;
        emit QuorumSet(quorum_);
    }

    // ---- An epoch's course ----

    /// @inheritdoc ISettlement
    /// @dev Once verifiers vote, receipts are out in the open, and a ticket could be invented to match one.
    /// That stays so when an attestation is overturned.
    function commitTicketLog(uint64 epoch, uint32 issuer, bytes32 top, uint32 count, uint64 maxBytes)
        external
    {
        Issuer storage by = _issuer(issuer);
        if (msg.sender != by.committer) revert NotCommitter(issuer, msg.sender);
        uint256 end = epochEnd(epoch);
        if (by.addedAt >= end) revert IssuerAddedLater(issuer, by.addedAt, end);
        if (block.timestamp < end) revert EpochNotOver(epoch, end);
        if (block.timestamp > end + COMMIT_WINDOW) revert CommitWindowOver(epoch, end + COMMIT_WINDOW);
        if (epoch < _head.votedBelow) revert AlreadyVotedOn(epoch);
        if (ticketLog[epoch][issuer] != 0) revert AlreadyCommitted(epoch, issuer, ticketLog[epoch][issuer]);
        if (maxBytes >= MerkleSum.BYTES_END) revert MaxBytesTooLarge(maxBytes);

        // Mass of a log: (max bytes, tickets, 0).
        uint120 mass = (uint120(maxBytes) << 64) | (uint120(count) << 32);
        bytes32 root = MerkleSum.root(mass, count, top);
        ticketLog[epoch][issuer] = root;
        emit TicketLogCommitted(epoch, issuer, root, top, count, maxBytes);
    }

    /// @inheritdoc ISettlement
    function attest(uint64 epoch, bytes32 top, uint32 nodes, uint120 total, bytes32 evidence) external {
        Verifier storage verifier = _verifiers[msg.sender];
        Verifier memory voter = verifier;
        if (!voter.allowed) revert NotVerifier(msg.sender);
        Head memory head = _head;
        if (epoch != head.next) revert NotNextEpoch(epoch, head.next);
        if (voter.ballot == head.ballot) revert AlreadyVoted(epoch, msg.sender);

        uint256 end = epochEnd(epoch);
        if (block.timestamp < end + TICKET_TAIL) revert TicketsStillValid(epoch, end + TICKET_TAIL);
        _requireTicketLogs(epoch, end);
        if (!registry.countWas(nodes, end)) revert WrongNodeCount(nodes, end);
        _requireTotal(epoch, total);

        bytes32 root = MerkleSum.root(total, nodes, top);
        head.votedBelow = head.votedBelow > epoch ? head.votedBelow : epoch + 1;
        // A quorum of one needs no count of votes.
        if (head.quorum > 1) {
            verifier.ballot = head.ballot;
            uint256 votes = ++_votes[keccak256(abi.encode(head.ballot, root, evidence))];
            if (votes < head.quorum) {
                _head = head;
                emit EpochVoted(epoch, msg.sender, root, evidence, votes);
                return;
            }
        }
        _requireRoom(epoch);
        head.next = epoch + 1;
        head.ballot += 1;
        _head = head;
        _ring[epoch % HISTORY] = Attestation({
            root: root, total: total, nodes: nodes, attestedAt: uint40(block.timestamp), epoch: epoch
        });
        emit EpochAttested(epoch, msg.sender, root, top, nodes, total, evidence);
    }

    /// @inheritdoc ISettlement
    /// @dev Constant work however many are pending: what lies above `next` is void and overwritten later.
    function overturn(uint64 epoch) external {
        if (msg.sender != challenges) revert NotChallenges(msg.sender);
        uint256 activeAt = _activeAt(_attestation(epoch));
        if (block.timestamp >= activeAt) revert AlreadyActive(epoch, activeAt);
        uint64 last = _head.next - 1;
        _head.next = epoch;
        _head.ballot += 1;
        emit EpochsOverturned(epoch, last);
    }

    /// @inheritdoc ISettlement
    function claim(uint64 epoch, NodeLeaf calldata leaf, bytes calldata proof)
        external
        returns (uint256 amount)
    {
        address payout;
        (amount, payout) = _entitlement(epoch, leaf, proof);
        if (amount == 0) revert NothingToClaim(leaf.index, leaf.cumulative, claimed[leaf.index]);
        claimed[leaf.index] = leaf.cumulative;
        emit RewardClaimed(epoch, leaf.index, payout, amount, leaf.cumulative);
        vault.pay(payout, amount);
    }

    // ---- Views ----

    /// @inheritdoc ISettlement
    function nextEpoch() external view returns (uint64) {
        return _head.next;
    }

    /// @inheritdoc ISettlement
    function quorum() external view returns (uint8) {
        return _head.quorum;
    }

    /// @inheritdoc ISettlement
    function isVerifier(address account) external view returns (bool) {
        return _verifiers[account].allowed;
    }

    /// @inheritdoc ISettlement
    function issuerCount() public view returns (uint32) {
        // Each costs the owner a transaction.
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint32(_issuers.length);
    }

    /// @inheritdoc ISettlement
    function issuerAt(uint32 issuer) external view returns (Issuer memory) {
        return _issuer(issuer);
    }

    /// @inheritdoc ISettlement
    function status(uint64 epoch) external view returns (Status) {
        if (epoch >= _head.next) return Status.None;
        Attestation storage entry = _ring[epoch % HISTORY];
        if (entry.epoch != epoch) return Status.Archived;
        return block.timestamp < _activeAt(entry) ? Status.Pending : Status.Active;
    }

    /// @inheritdoc ISettlement
    function attestation(uint64 epoch) external view returns (Attestation memory) {
        return _attestation(epoch);
    }

    /// @inheritdoc ISettlement
    function claimable(uint64 epoch, NodeLeaf calldata leaf, bytes calldata proof)
        external
        view
        returns (uint256 amount)
    {
        (amount,) = _entitlement(epoch, leaf, proof);
    }

    /// @inheritdoc ISettlement
    function verifyAttestation(uint64 epoch, NodeLeaf calldata leaf, bytes calldata proof)
        external
        view
        returns (bool)
    {
        Attestation storage entry = _attestation(epoch);
        return leaf.rootOf(entry.nodes, proof) == entry.root;
    }

    // ---- Inside ----

    /// @dev What a proven leaf still entitles its node to, and who receives it.
    function _entitlement(uint64 epoch, NodeLeaf calldata leaf, bytes calldata proof)
        private
        view
        returns (uint256 amount, address payout)
    {
        Attestation storage entry = _attestation(epoch);
        uint256 activeAt = _activeAt(entry);
        if (block.timestamp < activeAt) revert NotActive(epoch, activeAt);
        if (leaf.rootOf(entry.nodes, proof) != entry.root) revert NotInTree(epoch, leaf.index, entry.root);
        Node memory node = registry.nodeAt(leaf.index);
        if (leaf.node != node.key) revert WrongNode(leaf.index, leaf.node, node.key);
        uint256 paid = claimed[leaf.index];
        amount = leaf.cumulative > paid ? leaf.cumulative - paid : 0;
        payout = node.payout;
    }

    /// @dev Of the issuers there were in the epoch, each has committed, or can't any more. The loop ends at
    /// the latest with the commit window, so no number of issuers can keep an epoch from being attested.
    function _requireTicketLogs(uint64 epoch, uint256 end) private view {
        uint256 deadline = end + COMMIT_WINDOW;
        if (block.timestamp > deadline) return;
        uint32 count = issuerCount();
        for (uint32 i = 0; i < count && _issuers[i].addedAt < end; ++i) {
            if (ticketLog[epoch][i] == 0) revert TicketLogMissing(epoch, i, deadline);
        }
    }

    function _requireTotal(uint64 epoch, uint120 total) private view {
        if (epoch != 0) {
            uint120 previous = _ring[(epoch - 1) % HISTORY].total;
            if (total < previous) revert TotalDecreased(total, previous);
        }
        uint256 funded = vault.totalFunded();
        if (total > funded) revert TotalAboveFunded(total, funded);
    }

    /// @dev The attestation that will be the oldest in the ring must be active. So there is always an active
    /// one to claim with, and each pending one stands beside the one it follows from.
    function _requireRoom(uint64 epoch) private view {
        if (epoch < HISTORY) return;
        uint64 oldest = epoch + 1 - HISTORY;
        Attestation storage entry = _ring[oldest % HISTORY];
        // After an overturn, what stood there is overwritten already, by one that was void since.
        if (entry.epoch != oldest) return;
        uint256 activeAt = _activeAt(entry);
        if (block.timestamp < activeAt) revert TooManyPending(epoch, activeAt);
    }

    function _attestation(uint64 epoch) private view returns (Attestation storage entry) {
        uint64 next = _head.next;
        if (epoch >= next) revert NotAttested(epoch, next);
        entry = _ring[epoch % HISTORY];
        if (entry.epoch != epoch) revert EpochArchived(epoch, next);
    }

    function _activeAt(Attestation storage entry) private view returns (uint256) {
        return uint256(entry.attestedAt) + CHALLENGE_WINDOW;
    }

    function _issuer(uint32 issuer) private view returns (Issuer storage) {
        if (issuer >= _issuers.length) revert UnknownIssuer(issuer, _issuers.length);
        return _issuers[issuer];
    }
}
