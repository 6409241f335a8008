// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BillLeaf} from "../../src/types/BillLeaf.sol";
import {ChargeLeaf} from "../../src/types/ChargeLeaf.sol";
import {NodeLeaf} from "../../src/types/NodeLeaf.sol";
import {TreeKind} from "../../src/types/Proofs.sol";
import {Auditor} from "../utils/Auditor.sol";
import {Epoch} from "../utils/Epochs.sol";
import {Tree, Trees} from "../utils/Trees.sol";

/// @notice Whatever is false in an epoch, an auditor who knows nothing of it finds a challenge that overturns it;
/// and in a true one none. Left out is what no contract can see: the ledger of probes, records that verifiers
/// never had or call invalid, and bundles that nobody gets, such as a segment whose root nobody can open.
/// forge-config: default.fuzz.runs = 24
/// forge-config: ci.fuzz.runs = 1000
contract LiesFuzz is Auditor {
    using Trees for Tree;

    /// @dev An epoch with at least two charges.
    function epochs(uint256 seed) internal returns (Epoch memory e, Epoch memory before) {
        (e, before) = someEpochs(seed);
        vm.assume(e.charges.length > 1);
    }

    function pick(uint256 seed, string memory what, uint256 count) internal pure returns (uint256) {
        return draw(seed, what, 77) % count;
    }

    /// @dev Another value that fits so many bits: near it, extreme, or any.
    function another(uint256 value, uint256 bits, uint256 seed) internal pure returns (uint256 other) {
        uint256 how = pick(seed, "how", 5);
        if (how == 0) other = value + 1;
        else if (how == 1) other = value == 0 ? 2 : value - 1;
        else if (how == 2) other = 0;
        else if (how == 3) other = type(uint256).max;
        else other = draw(seed, "any", 0);
        other &= (1 << bits) - 1;
        if (other == value) other = value ^ 1;
    }

    function testFuzz_theTruthStands(uint256 seed) public {
        (Epoch memory e, Epoch memory before) = epochs(seed);
        vm.assertFalse(audit(e, before));
    }

    // ---- One field of one leaf ----

    function testFuzz_aFieldOfANode(uint256 seed) public {
        (Epoch memory e, Epoch memory before) = epochs(seed);
        NodeLeaf memory leaf = e.nodes[pick(seed, "leaf", e.nodes.length)];
        uint256 field = pick(seed, "field", 7);
        if (field == 0) leaf.index = uint32(another(leaf.index, 32, seed));
        if (field == 1) leaf.node = bytes32(another(uint256(leaf.node), 255, seed));
        if (field == 2) leaf.mass = uint120(another(leaf.mass, 120, seed));
        if (field == 3) leaf.slaPpm = uint32(another(leaf.slaPpm, 32, seed));
        if (field == 4) leaf.last = uint32(another(leaf.last, 32, seed));
        if (field == 5) leaf.reward = uint128(another(leaf.reward, 128, seed));
        if (field == 6) leaf.cumulative = uint128(another(leaf.cumulative, 90, seed));
        seal(e);
        vm.assertTrue(audit(e, before));
    }

    function testFuzz_aFieldOfABill(uint256 seed) public {
        (Epoch memory e, Epoch memory before) = epochs(seed);
        BillLeaf memory leaf = e.bills[pick(seed, "leaf", e.bills.length)];
        uint256 field = pick(seed, "field", 5);
        if (field == 0) leaf.index = uint32(another(leaf.index, 32, seed));
        if (field == 1) leaf.payer = address(uint160(another(uint160(leaf.payer), 160, seed)));
        if (field == 2) leaf.last = uint32(another(leaf.last, 32, seed));
        if (field == 3) leaf.bill = uint128(another(leaf.bill, 128, seed));
        if (field == 4) leaf.cumulative = uint128(another(leaf.cumulative, 90, seed));
        seal(e);
        vm.assertTrue(audit(e, before));
    }

    function testFuzz_aFieldOfACharge(uint256 seed) public {
        (Epoch memory e, Epoch memory before) = epochs(seed);
        ChargeLeaf memory leaf = e.charges[pick(seed, "leaf", e.charges.length)];
        uint256 field = pick(seed, "field", 8);
        if (field == 0) leaf.payer = uint32(another(leaf.payer, 32, seed));
        if (field == 1) leaf.node = uint32(another(leaf.node, 32, seed));
        if (field == 2) leaf.mass = uint120(another(leaf.mass, 120, seed));
        if (field == 3) leaf.amount = uint128(another(leaf.amount, 90, seed));
        if (field == 4) leaf.billed = uint128(another(leaf.billed, 128, seed));
        if (field == 5) leaf.earned = uint128(another(leaf.earned, 128, seed));
        if (field == 6) leaf.served = uint120(another(leaf.served, 120, seed));
        if (field == 7) leaf.previous = uint32(another(leaf.previous, 32, seed));
        seal(e);
        vm.assertTrue(audit(e, before));
    }

    /// A segment root of other bytes that the auditor knows: nothing, a root of another mass or count, and what is
    /// no root at all. One that nobody can open is a bundle that nobody gets.
    function testFuzz_aSegmentRoot(uint256 seed) public {
        (Epoch memory e, Epoch memory before) = epochs(seed);
        uint256 c = pick(seed, "leaf", e.charges.length);
        Tree memory tree = e.segmentTrees[c];
        uint256 how = pick(seed, "how", 4);
        uint256 top = tree.hashes.length - 1;
        if (how == 0) tree.masses[top][0] = uint120(another(tree.total(), 120, seed));
        if (how == 1) tree.hashes[top][0] = 0;
        if (how == 2) tree.count = anotherCount(tree, seed);
        e.charges[c].segmentRoot = how == 3 ? bytes32(0) : tree.root();
        seal(e);
        vm.assertTrue(audit(e, before));
    }

    /// @dev As many more or fewer as don't change the depth; none, or too many, where there is no such number.
    function anotherCount(Tree memory tree, uint256 seed) internal pure returns (uint256 count) {
        uint256 width = tree.hashes[0].length;
        if (width < 4) return pick(seed, "none", 2) == 0 ? 0 : (1 << 22) + 1;
        count = width / 2 + 1 + pick(seed, "count", width / 2);
        if (count == tree.count) count = count == width ? count - 1 : count + 1;
    }

    // ---- A record ----

    /// @dev The record is another; its charge and what follows state what it does.
    function reseal(Epoch memory e, Epoch memory before, uint256 c) internal {
        sealSegment(e, c);
        settleAnew(e, before, type(uint256).max, 0);
        seal(e);
    }

    function testFuzz_aByteOfARecord(uint256 seed) public {
        (Epoch memory e, Epoch memory before) = epochs(seed);
        uint256 c = pick(seed, "leaf", e.charges.length);
        bytes memory record = e.segments[c][pick(seed, "record", e.segments[c].length)];
        uint256 place = pick(seed, "place", 140);
        // Above 2^56 bytes, or lanes that don't add up, there is no mass.
        if (place >= 52 && place < 68) place = 67;
        record[place] ^= bytes1(uint8(1 << pick(seed, "bit", place == 67 ? 5 : 8)));
        reseal(e, before, c);
        vm.assertTrue(audit(e, before));
    }

    function testFuzz_aRecordTwice(uint256 seed) public {
        (Epoch memory e, Epoch memory before) = epochs(seed);
        uint256 c = pick(seed, "leaf", e.charges.length);
        bytes[] memory old = e.segments[c];
        bytes[] memory all = new bytes[](old.length + 1);
        uint256 twice = pick(seed, "record", old.length);
        for (uint256 i = 0; i < all.length; ++i) {
            all[i] = old[i <= twice ? i : i - 1];
        }
        e.segments[c] = all;
        reseal(e, before, c);
        vm.assertTrue(audit(e, before));
    }

    function testFuzz_aRecordOfAnotherCharge(uint256 seed) public {
        (Epoch memory e, Epoch memory before) = epochs(seed);
        uint256 c = pick(seed, "leaf", e.charges.length);
        uint256 from = (c + 1 + pick(seed, "other", e.charges.length - 1)) % e.charges.length;
        e.segments[c][pick(seed, "record", e.segments[c].length)] = e.segments[from][0];
        reseal(e, before, c);
        vm.assertTrue(audit(e, before));
    }

    // ---- A lie from which everything else follows rightly ----

    /// @dev Money anew from what leaves and segments state; of one charge that much more or less.
    function settleAnew(Epoch memory e, Epoch memory before, uint256 lie, int256 more) internal view {
        for (uint256 n = 0; n < e.nodes.length; ++n) {
            NodeLeaf memory node = e.nodes[n];
            (node.mass, node.last, node.reward) = (0, 0, 0);
            node.cumulative = n < before.nodes.length ? before.nodes[n].cumulative : 0;
        }
        for (uint256 p = 0; p < e.bills.length; ++p) {
            (e.bills[p].last, e.bills[p].bill) = (0, 0);
            e.bills[p].cumulative = p < before.bills.length ? before.bills[p].cumulative : 0;
        }
        for (uint256 c = 0; c < e.charges.length; ++c) {
            NodeLeaf memory node = e.nodes[e.charges[c].node];
            node.mass = Trees.sum(node.mass, e.charges[c].mass, true);
        }
        for (uint256 c = 0; c < e.charges.length; ++c) {
            amountAnew(e, c, c == lie ? more : int256(0));
        }
    }

    function amountAnew(Epoch memory e, uint256 c, int256 more) internal view {
        ChargeLeaf memory charge = e.charges[c];
        NodeLeaf memory node = e.nodes[charge.node];
        BillLeaf memory bill = e.bills[charge.payer];
        uint256 worth =
            node.slaPpm < FLOOR ? 0 : uint256(charge.mass >> 64) * PRICE * node.slaPpm / (2 ** 30 * 1e6);
        uint256 deposit = host.deposits(payerAccount(charge.payer));
        uint256 left = deposit > bill.cumulative ? deposit - bill.cumulative : 0;
        charge.amount = uint128(uint256(int256(worth < left ? worth : left) + more));
        charge.previous = node.last;
        charge.served =
            node.last == 0 ? charge.mass : Trees.sum(e.charges[node.last - 1].served, charge.mass, true);
        node.reward += charge.amount;
        node.cumulative += charge.amount;
        bill.bill += charge.amount;
        bill.cumulative += charge.amount;
        (charge.earned, charge.billed) = (node.reward, bill.cumulative);
        (node.last, bill.last) = (uint32(c + 1), uint32(c + 1));
    }

    /// What is settled anew without a lie is what was settled.
    function testFuzz_settlingAnewChangesNothing(uint256 seed) public {
        (Epoch memory e, Epoch memory before) = epochs(seed);
        bytes32 roots = keccak256(abi.encode(e.roots));
        settleAnew(e, before, type(uint256).max, 0);
        seal(e);
        vm.assertEq(keccak256(abi.encode(e.roots)), roots);
    }

    function testFuzz_anAmountAndAllThatFollows(uint256 seed) public {
        (Epoch memory e, Epoch memory before) = epochs(seed);
        uint256 c = pick(seed, "leaf", e.charges.length);
        uint256 most = e.charges[c].amount;
        bool less = seed % 2 == 0 && most > 0;
        int256 more = less ? -int256(1 + seed % most) : int256(1 + pick(seed, "more", 1e18));
        settleAnew(e, before, c, more);
        seal(e);
        vm.assertTrue(audit(e, before));
    }

    function testFuzz_aScoreAndAllThatFollows(uint256 seed) public {
        (Epoch memory e, Epoch memory before) = epochs(seed);
        NodeLeaf memory leaf = e.nodes[pick(seed, "leaf", e.nodes.length)];
        leaf.slaPpm = uint32(another(leaf.slaPpm, 20, seed));
        settleAnew(e, before, type(uint256).max, 0);
        seal(e);
        vm.assertTrue(audit(e, before));
    }

    /// More for one node, and less for another, so that the total is right.
    function testFuzz_rewardsMovedFromNodeToNode(uint256 seed) public {
        (Epoch memory e, Epoch memory before) = epochs(seed);
        vm.assume(e.nodes.length > 1);
        uint256 n = pick(seed, "leaf", e.nodes.length);
        NodeLeaf memory poor = e.nodes[n];
        NodeLeaf memory rich = e.nodes[(n + 1) % e.nodes.length];
        vm.assume(poor.cumulative > 0);
        uint128 moved = uint128(1 + pick(seed, "moved", poor.cumulative));
        poor.cumulative -= moved;
        rich.cumulative += moved;
        if (seed % 2 == 0 && moved <= poor.reward) {
            (poor.reward, rich.reward) = (poor.reward - moved, rich.reward + moved);
        }
        seal(e);
        vm.assertTrue(audit(e, before));
    }

    /// The same of bills: one payer's money for another's traffic.
    function testFuzz_billsMovedFromPayerToPayer(uint256 seed) public {
        (Epoch memory e, Epoch memory before) = epochs(seed);
        vm.assume(e.bills.length > 1);
        uint256 p = pick(seed, "leaf", e.bills.length);
        BillLeaf memory less = e.bills[p];
        BillLeaf memory more = e.bills[(p + 1) % e.bills.length];
        vm.assume(less.cumulative > 0);
        uint128 moved = uint128(1 + pick(seed, "moved", less.cumulative));
        less.cumulative -= moved;
        more.cumulative += moved;
        if (seed % 2 == 0 && moved <= less.bill) {
            (less.bill, more.bill) = (less.bill - moved, more.bill + moved);
        }
        seal(e);
        vm.assertTrue(audit(e, before));
    }

    function testFuzz_aChargeTwice(uint256 seed) public {
        (Epoch memory e, Epoch memory before) = epochs(seed);
        uint256 c = 1 + pick(seed, "leaf", e.charges.length - 1);
        (e.charges[c].payer, e.charges[c].node) = (e.charges[c - 1].payer, e.charges[c - 1].node);
        e.segments[c] = e.segments[c - 1];
        e.segmentTrees[c] = e.segmentTrees[c - 1];
        (e.charges[c].segmentRoot, e.charges[c].mass) = (e.charges[c - 1].segmentRoot, e.charges[c - 1].mass);
        settleAnew(e, before, type(uint256).max, 0);
        seal(e);
        vm.assertTrue(audit(e, before));
    }

    // ---- Trees ----

    /// An element anywhere, of another mass or hash, and everything above it anew.
    function testFuzz_anElement(uint256 seed) public {
        (Epoch memory e, Epoch memory before) = epochs(seed);
        TreeKind kind = TreeKind(pick(seed, "kind", 4));
        uint256 c = pick(seed, "leaf", e.charges.length);
        Tree memory tree = treeOf(e, kind, c);
        uint256 level = pick(seed, "level", tree.hashes.length);
        uint256 position = pick(seed, "position", tree.hashes[level].length);
        bytes32 hash = tree.hashes[level][position];
        uint120 mass = tree.masses[level][position];
        // A lane has room for one more; an element without a hash can only be an empty leaf.
        if (seed % 2 == 0) mass += 1;
        else hash = hash == 0 ? keccak256("surplus") : bytes32(0);
        plant(tree, level, position, hash, mass, kind == TreeKind.Segment);
        if (kind == TreeKind.Segment) {
            (e.charges[c].segmentRoot, e.charges[c].mass) = (tree.root(), tree.total());
            settleAnew(e, before, type(uint256).max, 0);
            seal(e);
        } else {
            attest(e);
        }
        vm.assertTrue(audit(e, before));
    }

    /// A node, or a payer, more or less than there were; and charges of another number.
    function testFuzz_aCount(uint256 seed) public {
        (Epoch memory e, Epoch memory before) = epochs(seed);
        uint256 kind = pick(seed, "kind", 3);
        Tree memory tree = kind == 0 ? e.nodesTree : kind == 1 ? e.billsTree : e.chargesTree;
        uint256 width = tree.hashes[0].length;
        // Of the same depth, since the auditor's proofs are of the true one.
        vm.assume(width > 2);
        uint256 count = tree.count == width ? width - 1 : tree.count + 1;
        tree.count = count;
        attest(e);
        vm.assertTrue(audit(e, before));
    }
}
