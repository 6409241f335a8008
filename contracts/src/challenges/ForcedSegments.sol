// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IChallenge} from "../interfaces/IChallenge.sol";
import {IEd25519} from "../interfaces/IEd25519.sol";
import {IForcedSegments} from "../interfaces/IForcedSegments.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {MerkleSum} from "../libraries/MerkleSum.sol";
import {RecordPlace, Records} from "../libraries/Records.sol";
import {Tickets} from "../libraries/Tickets.sol";
import {Roots} from "../types/Attestation.sol";
import {ChargeLeaf} from "../types/ChargeLeaf.sol";
import {ChargeGap, ForcedProof, RecordGap, Standing} from "../types/Forced.sol";
import {Node} from "../types/Node.sol";
import {Parameters} from "../types/Parameters.sol";
import {Payer} from "../types/Payer.sol";
import {RecordProof} from "../types/Proofs.sol";
import {Rejection} from "../types/Rejection.sol";
import {Challenge} from "./Challenge.sol";

/// @title Records that verifiers can't leave out
contract ForcedSegments is IForcedSegments, Challenge {
    using Records for bytes;
    using Tickets for bytes;

    /// @inheritdoc IChallenge
    string public constant name = "ForcedSegments";

    /// @inheritdoc IForcedSegments
    uint256 public constant RECORDS_MAX = 512;

    /// @inheritdoc IForcedSegments
    IEd25519 public immutable ed25519;

    // Written through a reference, which isn't seen.
    // slither-disable-next-line uninitialized-state
    mapping(uint64 epoch => mapping(uint32 node => bytes32[] roots)) private _chunks;

    /// @dev The forced record counts, then the body shows that the attestation leaves it out, or reverts; then
    /// the epoch falls.
    modifier ignored(
        uint64 epoch,
        Roots calldata roots,
        ForcedProof calldata forced,
        Standing calldata standing
    ) {
        settlement.requirePending(epoch, roots);
        _requireCounts(epoch, forced, standing);
        _requireRoom(roots, forced, standing);
        _;
        settlement.overturn(epoch, _challenger());
    }

    constructor(ISettlement settlement_) Challenge(settlement_) {
        ed25519 = settlement_.ed25519();
    }

    // ---- What nodes do ----

    /// @inheritdoc IForcedSegments
    function forceCommit(uint64 epoch, uint32 node, bytes calldata records) external returns (uint32 chunk) {
        _requireOpen(epoch, node);
        uint256 count = records.length / Records.SIZE;
        if (count == 0 || records.length % Records.SIZE != 0) revert NotRecords(records.length);
        if (count > RECORDS_MAX) revert TooManyRecords(count, RECORDS_MAX);
        bytes32 root = _rootOf(records, count, epoch);
        bytes32[] storage chunks = _chunks[epoch][node];
        // Each costs a transaction.
        // forge-lint: disable-next-line(unsafe-typecast)
        chunk = uint32(chunks.length);
        chunks.push(root);
        emit SegmentForced(epoch, node, chunk, root, records);
    }

    /// @inheritdoc IForcedSegments
    function chunkCount(uint64 epoch, uint32 node) external view returns (uint32) {
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint32(_chunks[epoch][node].length);
    }

    /// @inheritdoc IForcedSegments
    function chunkRoot(uint64 epoch, uint32 node, uint32 chunk) public view returns (bytes32) {
        bytes32[] storage chunks = _chunks[epoch][node];
        if (chunk >= chunks.length) revert NoSuchChunk(epoch, node, chunk);
        return chunks[chunk];
    }

    // ---- Against verifiers ----

    /// @inheritdoc IForcedSegments
    function ignoredCharge(
        uint64 epoch,
        Roots calldata roots,
        ForcedProof calldata forced,
        Standing calldata standing,
        ChargeGap calldata gap,
        bytes32
    ) external ignored(epoch, roots, forced, standing) {
        uint256 missing = _rank(standing.payer, forced.node);
        if (gap.place > gap.count) revert NotLeftOut();
        // An epoch without charges has no neighbours to show; its root says so.
        if (gap.count == 0) return _requireRoot(MerkleSum.root(0, 0, 0), roots.charges);
        if (gap.place != 0) {
            if (gap.left.place + 1 != gap.place || gap.left.count != gap.count) revert NotLeftOut();
            _requireCharge(roots.charges, gap.left);
            if (_rank(gap.left.leaf) >= missing) revert NotLeftOut();
        }
        if (gap.place != gap.count) {
            if (gap.right.place != gap.place || gap.right.count != gap.count) revert NotLeftOut();
            _requireCharge(roots.charges, gap.right);
            if (_rank(gap.right.leaf) <= missing) revert NotLeftOut();
        }
    }

    /// @inheritdoc IForcedSegments
    function ignoredRecord(
        uint64 epoch,
        Roots calldata roots,
        ForcedProof calldata forced,
        Standing calldata standing,
        RecordGap calldata gap,
        bytes32
    ) external ignored(epoch, roots, forced, standing) {
        _requireCharge(roots.charges, gap.charge);
        ChargeLeaf calldata charge = gap.charge.leaf;
        _requireSame(charge, standing.payer, forced.node);
        bytes16 missing = Records.id(forced.record);
        // A charge's segment has at least one record.
        if (gap.count == 0 || gap.place > gap.count) revert NotLeftOut();
        if (gap.place != 0) {
            _requireRecord(charge.segmentRoot, gap.left, gap.place - 1, gap.count, gap.leftProof);
            if (Records.id(gap.left) >= missing) revert NotLeftOut();
        }
        if (gap.place != gap.count) {
            _requireRecord(charge.segmentRoot, gap.right, gap.place, gap.count, gap.rightProof);
            if (Records.id(gap.right) <= missing) revert NotLeftOut();
        }
    }

    /// @inheritdoc IForcedSegments
    function ignoredNewer(
        uint64 epoch,
        Roots calldata roots,
        ForcedProof calldata forced,
        Standing calldata standing,
        RecordProof calldata older,
        bytes32
    ) external ignored(epoch, roots, forced, standing) {
        _requireCharge(roots.charges, older.charge);
        ChargeLeaf calldata charge = older.charge.leaf;
        _requireSame(charge, standing.payer, forced.node);
        _requireRecord(charge.segmentRoot, older.record, older.place, older.count, older.proof);
        (bytes16 shown, bytes16 id) = (Records.id(older.record), Records.id(forced.record));
        if (shown != id) revert OtherTicket(shown, id);
        if (older.record.sequence() >= forced.record.sequence()) revert NotLeftOut();
    }

    // ---- Against nodes ----

    /// @inheritdoc IForcedSegments
    function forcedInvalid(uint64 epoch, ForcedProof calldata forced, bytes32) external {
        _requireForced(epoch, forced);
        RecordPlace memory place = _place(epoch, forced.node, true);
        Rejection reason = forced.record.rejectionInFull(forced.ticket, place, ed25519);
        if (reason == Rejection.None) revert BreaksNoRule();
        settlement.slashNode(forced.node, _challenger());
    }

    // ---- Inside ----

    function _requireOpen(uint64 epoch, uint32 index) private view {
        Node memory node = registry.nodeAt(index);
        if (node.operator != msg.sender) revert NotOperator(index, msg.sender);
        uint256 end = settlement.epochEnd(epoch);
        if (node.registeredAt >= end) revert NodeIsNewer(index, node.registeredAt, end);
        Parameters memory p = settlement.parametersAt(epoch).parameters;
        uint256 from = end + p.ticketTail;
        if (block.timestamp < from || block.timestamp >= from + p.forceWindow) {
            revert OutsideForceWindow(epoch, from, from + p.forceWindow);
        }
    }

    /// @dev The tree over the records, a level after the other where the one before stood.
    function _rootOf(bytes calldata records, uint256 count, uint64 epoch) private pure returns (bytes32) {
        uint256 width = 2 ** MerkleSum.depth(count);
        bytes32[] memory hashes = new bytes32[](width);
        uint120[] memory masses = new uint120[](width);
        // Zero, the least id.
        // slither-disable-next-line uninitialized-local
        bytes16 last;
        for (uint256 i = 0; i < count; ++i) {
            bytes calldata record = records[i * Records.SIZE:(i + 1) * Records.SIZE];
            if (Records.epoch(record) != epoch) revert OtherEpoch(Records.epoch(record), epoch);
            bytes16 id = Records.id(record);
            if (i != 0 && id <= last) revert RecordOutOfOrder(i);
            last = id;
            (hashes[i], masses[i]) = (Records.leaf(record), Records.mass(record));
        }
        for (; width > 1; width >>= 1) {
            for (uint256 i = 0; i < width; i += 2) {
                hashes[i >> 1] = MerkleSum.node(masses[i], hashes[i], masses[i + 1], hashes[i + 1]);
                masses[i >> 1] = MerkleSum.addDelivery(masses[i], masses[i + 1]);
            }
        }
        return MerkleSum.root(masses[0], count, hashes[0]);
    }

    /// @dev The node forced this record, and this is the ticket it is for.
    function _requireForced(uint64 epoch, ForcedProof calldata forced) private view {
        bytes32 root = chunkRoot(epoch, forced.node, forced.chunk);
        _requireRecord(root, forced.record, forced.place, forced.count, forced.proof);
        forced.ticket.requireTicket();
        bytes32 digest = forced.ticket.digest();
        bytes32 named = forced.record.ticketDigest();
        if (digest != named) revert NotItsTicket(digest, named);
    }

    /// @dev The whole rule of SPEC section 5: an honest verifier counts it, or a newer one of its ticket.
    function _requireCounts(uint64 epoch, ForcedProof calldata forced, Standing calldata standing)
        private
        view
    {
        _requireForced(epoch, forced);
        uint32 index = Records.index(forced.record);
        bytes32 root = MerkleSum.deliveryRoot(
            Tickets.leaf(forced.ticket),
            standing.entry.mass,
            index,
            standing.entry.count,
            standing.entry.proof
        );
        _requireRoot(root, settlement.ticketLog(epoch, Records.issuer(forced.record)));
        Payer memory payer = vault.payerAt(standing.payer);
        if (payer.account != forced.ticket.payer()) revert OtherPayer(forced.ticket.payer(), payer.account);
        RecordPlace memory place = _place(epoch, forced.node, payer.registeredAt < settlement.epochEnd(epoch));
        Rejection reason = forced.record.rejectionInFull(forced.ticket, place, ed25519);
        if (reason != Rejection.None) revert DoesNotCount(reason);
    }

    /// @dev A record that the sum of the node has no room for is left out rightly (SPEC section 7).
    function _requireRoom(Roots calldata roots, ForcedProof calldata forced, Standing calldata standing)
        private
        pure
    {
        if (standing.node.place != forced.node) revert OtherNode(standing.node.place, forced.node);
        _requireNode(roots.nodes, standing.node);
        // Only whether there is such a sum matters.
        // slither-disable-next-line unused-return
        MerkleSum.addDelivery(standing.node.leaf.mass, Records.mass(forced.record));
    }

    function _place(uint64 epoch, uint32 node, bool payerKnown)
        private
        view
        returns (RecordPlace memory place)
    {
        place.epoch = epoch;
        place.network = Tickets.networkOf(address(settlement));
        place.start = settlement.epochStart(epoch);
        place.end = settlement.epochEnd(epoch);
        place.tail = settlement.parametersAt(epoch).parameters.ticketTail;
        place.node = registry.keyAt(node, place.start);
        place.payerKnown = payerKnown;
    }

    function _requireRecord(
        bytes32 root,
        bytes calldata record,
        uint256 place,
        uint256 count,
        bytes calldata proof
    ) private pure {
        record.requireRecord();
        _requireRoot(
            MerkleSum.deliveryRoot(Records.leaf(record), Records.mass(record), place, count, proof), root
        );
    }

    function _requireSame(ChargeLeaf calldata charge, uint32 payer, uint32 node) private pure {
        if (charge.payer != payer || charge.node != node) revert OtherCharge(charge.payer, charge.node);
    }

    function _rank(ChargeLeaf calldata leaf) private pure returns (uint256) {
        return _rank(leaf.payer, leaf.node);
    }

    function _rank(uint32 payer, uint32 node) private pure returns (uint256) {
        return (uint256(payer) << 32) | node;
    }
}
