// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Bonds} from "./Bonds.sol";
import {Terms} from "./Terms.sol";
import {IEd25519} from "./interfaces/IEd25519.sol";
import {INodeRegistry} from "./interfaces/INodeRegistry.sol";
import {IRewardVault} from "./interfaces/IRewardVault.sol";
import {ISettlement} from "./interfaces/ISettlement.sol";
import {MerkleSum} from "./libraries/MerkleSum.sol";
import {Attestation, Roots, Statement, Status} from "./types/Attestation.sol";
import {Config} from "./types/Config.sol";
import {Issuer} from "./types/Issuer.sol";
import {Parameters, Version} from "./types/Parameters.sol";
import {Verifier} from "./types/Verifier.sol";

/// @title Where epochs are settled
contract Settlement is ISettlement, Bonds {
    /// @dev What moves with every attestation, in one word.
    struct Head {
        /// The epoch to be attested next; all below are.
        uint40 next;
        /// Number of the open vote. Attesting, overturning and changing who votes open another.
        uint40 ballot;
        /// Votes that attest.
        uint8 quorum;
        /// The total of the newest attestation.
        uint96 total;
        /// When the newest attestation is active: none is before the one it follows from.
        uint40 activeAt;
    }

    /// @inheritdoc ISettlement
    INodeRegistry public immutable registry;

    /// @inheritdoc ISettlement
    IRewardVault public immutable vault;

    /// @inheritdoc ISettlement
    IEd25519 public immutable ed25519;

    Head private _head = Head({next: 0, ballot: 1, quorum: 1, total: 0, activeAt: 0});

    /// @dev A ring: what newer attestations supersede is overwritten, so that a new one costs no new storage.
    Attestation[HISTORY] private _ring;

    /// @dev Who voted, a bit each, for a ballot's epoch and digest, hashed.
    mapping(bytes32 subject => uint64 signers) private _votes;

    /// @inheritdoc ISettlement
    mapping(uint64 epoch => mapping(uint32 issuer => bytes32 root)) public ticketLog;

    /// @param config Its registry and vault must name this contract, whose address they learn beforehand.
    /// @param first What is agreed on from epoch 0 on.
    constructor(Config memory config, Parameters memory first)
        Terms(config.owner, config.genesis, config.changeDelay, first)
        Bonds(config.token, config.treasury, config.challengers)
    {
        address named = address(config.vault.settlement());
        if (named != address(this)) revert WrongVault(address(config.vault), named);
        named = address(config.registry.settlement());
        if (named != address(this)) revert WrongRegistry(address(config.registry), named);
        if (address(config.ed25519) == address(0)) revert ZeroAddress();
        registry = config.registry;
        vault = config.vault;
        ed25519 = config.ed25519;
    }

    // ---- An epoch's course ----

    /// @inheritdoc ISettlement
    function commitTicketLog(uint64 epoch, uint32 issuer, bytes32 top, uint32 count, uint64 maxBytes)
        external
    {
        Issuer storage by = _issuer(issuer);
        _requireCommitter(issuer, by);
        Version storage version = _versionOf(epoch);
        uint256 end = _end(version, epoch);
        if (by.addedAt >= end) revert IssuerAddedLater(issuer, by.addedAt, end);
        if (block.timestamp < end) revert EpochNotOver(epoch, end);
        uint256 deadline = end + version.parameters.commitWindow;
        if (block.timestamp > deadline) revert CommitWindowOver(epoch, deadline);
        if (ticketLog[epoch][issuer] != 0) revert AlreadyCommitted(epoch, issuer, ticketLog[epoch][issuer]);
        if (maxBytes >= MerkleSum.BYTES_END) revert MaxBytesTooLarge(maxBytes);

        // Mass of a log: (max bytes, tickets, 0).
        uint120 mass = (uint120(maxBytes) << 64) | (uint120(count) << 32);
        bytes32 root = MerkleSum.root(mass, count, top);
        ticketLog[epoch][issuer] = root;
        emit TicketLogCommitted(epoch, issuer, root, top, count, maxBytes);
    }

    /// @inheritdoc ISettlement
    function attest(Statement calldata s) external {
        Head memory head = _head;
        if (s.epoch != head.next) revert NotNextEpoch(s.epoch, head.next);
        Version storage version = _versionOf(s.epoch);
        uint64 signers = _voter(version);
        _requireDue(s.epoch, version);
        if (s.total < head.total) revert TotalDecreased(s.total, head.total);

        Roots memory roots;
        roots.nodes = MerkleSum.root(s.total, s.nodes, s.nodesTop);
        roots.bills = MerkleSum.root(s.total, s.payers, s.billsTop);
        roots.charges = MerkleSum.root(s.total - head.total, s.charges, s.chargesTop);
        roots.evidence = s.evidence;
        bytes32 digest;
        // `abi.encode(roots)`, where it is.
        assembly ("memory-safe") {
            digest := keccak256(roots, 128)
        }
        // A quorum of one needs no count of votes.
        if (head.quorum > 1) {
            bytes32 subject = keccak256(abi.encode(head.ballot, s.epoch, digest));
            uint64 earlier = _votes[subject];
            if (earlier & signers != 0) revert AlreadyVoted(s.epoch, msg.sender);
            signers |= earlier;
            uint256 votes = _count(signers);
            if (votes < head.quorum) {
                _votes[subject] = signers;
                emit EpochVoted(s.epoch, msg.sender, digest, votes);
                return;
            }
        }
        _requireRoom(s.epoch);
        // Epochs take seconds, so there are fewer than 2^40 to come, and ballots. Windows have 32 bits.
        unchecked {
            head.next += 1;
            head.ballot += 1;
            uint40 activeAt = uint40(block.timestamp + version.parameters.challengeWindow);
            // Those before may have longer windows.
            if (activeAt > head.activeAt) head.activeAt = activeAt;
        }
        head.total = s.total;
        _head = head;
        _ring[s.epoch % HISTORY] = Attestation({
            digest: digest, total: s.total, activeAt: head.activeAt, epoch: uint40(s.epoch), signers: signers
        });
        emit EpochAttested(s.epoch, msg.sender, roots, s.nodesTop, s.nodes, s.payers, s.charges, s.total);
    }

    // ---- What challenges do ----

    /// @inheritdoc ISettlement
    /// @dev However many are pending, the work is the signers': what is above `next` is void, and overwritten
    /// later.
    function overturn(uint64 epoch, address challenger) external onlyChallenger {
        Attestation memory fallen = _attestation(epoch);
        _requirePending(epoch, fallen.activeAt);
        Head memory head = _head;
        uint64 last = head.next - 1;
        // It was attested, so it fits.
        // forge-lint: disable-next-line(unsafe-typecast)
        head.next = uint40(epoch);
        (head.total, head.activeAt) = (0, 0);
        if (epoch != 0) {
            Attestation storage before = _ring[(epoch - 1) % HISTORY];
            (head.total, head.activeAt) = (before.total, before.activeAt);
        }
        head.ballot += 1;
        _head = head;
        emit EpochsOverturned(epoch, last, challenger);
        _slashSigners(fallen.signers, _versionOf(epoch).parameters.verifierBond, challenger);
    }

    /// @inheritdoc ISettlement
    function strikeTicketLog(uint64 epoch, uint32 issuer) external onlyChallenger {
        // What is attested was judged by it.
        if (epoch < _head.next) return;
        bytes32 root = ticketLog[epoch][issuer];
        delete ticketLog[epoch][issuer];
        emit TicketLogStruck(epoch, issuer, root);
    }

    /// @inheritdoc ISettlement
    function slashNode(uint32 index, address challenger) external onlyChallenger {
        _credit(registry.slash(index, type(uint256).max), challenger);
    }

    // ---- Views ----

    /// @inheritdoc ISettlement
    function nextEpoch() external view returns (uint64) {
        return _head.next;
    }

    /// @notice How many verifiers must agree.
    function quorum() external view returns (uint8) {
        return _head.quorum;
    }

    /// @inheritdoc ISettlement
    function status(uint64 epoch) external view returns (Status) {
        if (epoch >= _head.next) return Status.None;
        Attestation storage entry = _ring[epoch % HISTORY];
        if (entry.epoch != epoch) return Status.Archived;
        return block.timestamp < entry.activeAt ? Status.Pending : Status.Active;
    }

    /// @inheritdoc ISettlement
    function attestation(uint64 epoch) external view returns (Attestation memory) {
        return _attestation(epoch);
    }

    /// @inheritdoc ISettlement
    function requirePending(uint64 epoch, Roots calldata roots) external view {
        Attestation storage entry = _attestation(epoch);
        _requirePending(epoch, entry.activeAt);
        _requireRoots(epoch, roots, entry.digest);
    }

    /// @inheritdoc ISettlement
    function requireActive(uint64 epoch, Roots calldata roots) external view returns (uint96 total) {
        Attestation storage entry = _attestation(epoch);
        if (block.timestamp < entry.activeAt) revert NotActive(epoch, entry.activeAt);
        _requireRoots(epoch, roots, entry.digest);
        return entry.total;
    }

    // ---- Inside ----

    /// @dev None is active before the one it follows from.
    function _isSettled(uint64 epoch) internal view override returns (bool) {
        if (epoch >= _head.next) return false;
        Attestation storage entry = _ring[epoch % HISTORY];
        return entry.epoch != epoch || block.timestamp >= entry.activeAt;
    }

    function _openBallot() internal override {
        _head.ballot += 1;
    }

    function _setQuorum(uint8 quorum_) internal override {
        _head.quorum = quorum_;
    }

    /// @dev The caller's bit, if it may vote.
    function _voter(Version storage version) private view returns (uint64) {
        Verifier storage verifier = _verifiers[msg.sender];
        // In one expression, and so in one read.
        (bool admitted, uint40 unbondedAt, uint96 bonded, uint8 place) =
            (verifier.admitted, verifier.unbondedAt, verifier.bond, verifier.place);
        if (!admitted) revert NotVerifier(msg.sender);
        if (unbondedAt != 0) revert Unbonding(unbondedAt);
        uint96 min = version.parameters.verifierBond;
        if (bonded < min) revert BondTooSmall(msg.sender, bonded, min);
        return uint64(1) << place;
    }

    /// @dev Tickets have expired, forced commitments are in, and no log can come any more.
    function _requireDue(uint64 epoch, Version storage version) private view {
        uint256 from = _end(version, epoch);
        Parameters storage p = version.parameters;
        // Of numbers far below 2^128.
        unchecked {
            uint256 settling = uint256(p.ticketTail) + p.forceWindow;
            uint256 committing = uint256(p.commitWindow) + 1;
            from += settling < committing ? committing : settling;
        }
        if (block.timestamp < from) revert TooEarly(epoch, from);
    }

    /// @dev The attestation that will be the oldest in the ring must be active. So each pending one stands beside
    /// the one it follows from.
    function _requireRoom(uint64 epoch) private view {
        if (epoch < HISTORY) return;
        uint64 oldest = epoch + 1 - HISTORY;
        Attestation storage entry = _ring[oldest % HISTORY];
        // After an overturn, what stood there is overwritten already, by one that was void since.
        if (entry.epoch == oldest && block.timestamp < entry.activeAt) {
            revert TooManyPending(epoch, entry.activeAt);
        }
    }

    function _requirePending(uint64 epoch, uint256 activeAt) private view {
        if (block.timestamp >= activeAt) revert AlreadyActive(epoch, activeAt);
    }

    function _requireRoots(uint64 epoch, Roots calldata roots, bytes32 attested) private pure {
        bytes32 digest = keccak256(abi.encode(roots));
        if (digest != attested) revert WrongRoots(epoch, digest, attested);
    }

    function _attestation(uint64 epoch) private view returns (Attestation storage entry) {
        uint64 next = _head.next;
        if (epoch >= next) revert NotAttested(epoch, next);
        entry = _ring[epoch % HISTORY];
        if (entry.epoch != epoch) revert EpochArchived(epoch, next);
    }

    function _count(uint64 signers) private pure returns (uint256 votes) {
        for (; signers != 0; signers &= signers - 1) {
            ++votes;
        }
    }
}
