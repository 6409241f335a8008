// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Element} from "../../src/libraries/MerkleProofs.sol";
import {MerkleSum} from "../../src/libraries/MerkleSum.sol";
import {BillLeaf} from "../../src/types/BillLeaf.sol";
import {ChargeLeaf} from "../../src/types/ChargeLeaf.sol";
import {NodeLeaf} from "../../src/types/NodeLeaf.sol";
import {Encodings} from "../utils/Encodings.sol";
import {Exposed} from "../utils/Exposed.sol";
import {Tree, Trees} from "../utils/Trees.sol";

/// @notice What is in a tree proves its root, and nothing else does.
contract MerkleSumFuzz is Encodings {
    using Trees for Tree;

    Exposed internal immutable exposed = new Exposed();

    function someTree(uint256 seed, uint256 count, bool delivery) internal pure returns (Tree memory) {
        bytes32[] memory leaves = new bytes32[](count);
        uint120[] memory masses = new uint120[](count);
        for (uint256 i = 0; i < count; ++i) {
            leaves[i] = keccak256(abi.encode(seed, i));
            // A thousand of each fit their lanes.
            masses[i] = delivery
                ? Trees.mass(uint56(uint256(leaves[i]) >> 212), uint32(seed) >> 10, uint32(i))
                : uint120(uint256(leaves[i]) >> 150);
        }
        return Trees.build(leaves, masses, delivery);
    }

    function walk(Tree memory tree, uint256 index, bytes memory proof, bool delivery)
        internal
        view
        returns (bytes32)
    {
        return exposed.walk(tree.hashes[0][index], tree.masses[0][index], index, tree.count, proof, delivery);
    }

    /// @dev That call has another answer than the tree's root, or none.
    function refused(Tree memory tree, bytes memory call) internal view {
        (bool ok, bytes memory answer) = address(exposed).staticcall(call);
        if (ok) vm.assertNotEq(abi.decode(answer, (bytes32)), tree.root());
    }

    /// @dev 0, 1, 2, 3, 5, and one more than powers of two: where padding begins and ends; or any.
    function someCount(uint256 pick) internal pure returns (uint256) {
        uint8[10] memory counts = [0, 1, 2, 3, 5, 9, 17, 33, 65, 129];
        return pick % 2 == 0 ? counts[(pick >> 1) % 10] : (pick >> 1) % 200;
    }

    // ---- What is there ----

    function testFuzz_everyLeafProvesTheRoot(uint256 seed, uint256 count, uint256 index, bool delivery)
        public
        view
    {
        count = someCount(count);
        Tree memory tree = someTree(seed, count, delivery);
        vm.assertEq(exposed.root(tree.total(), count, tree.top()), tree.root());
        vm.assertEq(exposed.depth(count), tree.hashes.length - 1);
        if (count == 0) return;
        index = bound(index, 0, count - 1);
        vm.assertEq(walk(tree, index, tree.proof(index), delivery), tree.root());
    }

    function testFuzz_everyElementProvesTheRoot(uint256 seed, uint256 count, uint256 pick, bool delivery)
        public
        view
    {
        count = someCount(count);
        Tree memory tree = someTree(seed, count, delivery);
        uint256 level = pick % tree.hashes.length;
        uint256 position = (pick >> 16) % tree.hashes[level].length;
        Element memory element = Element(tree.hashes[level][position], tree.masses[level][position]);
        bytes memory path = pathOf(tree, level, position);
        // The one of an empty tree has nothing below it, and its root is one of zeros.
        vm.assertEq(exposed.rootFrom(element, level, position, count, path, delivery), tree.root());
    }

    function testFuzz_neighboursProveTheRoot(uint256 seed, uint256 count, uint256 index, bool delivery)
        public
        view
    {
        count = someCount(count);
        vm.assume(count > 1);
        index = bound(index, 0, count - 2);
        Tree memory tree = someTree(seed, count, delivery);
        Element memory left = Element(tree.hashes[0][index], tree.masses[0][index]);
        Element memory right = Element(tree.hashes[0][index + 1], tree.masses[0][index + 1]);
        uint256 meet = exposed.meeting(index);
        bytes memory proof = bytes.concat(
            head(tree.proof(index), meet - 1),
            head(tree.proof(index + 1), meet - 1),
            pathOf(tree, meet, index >> meet)
        );
        vm.assertEq(exposed.rootOfAdjacent(left, right, index, count, proof, delivery), tree.root());
        // Not in the other order, and not one twice.
        refused(tree, abi.encodeCall(exposed.rootOfAdjacent, (right, left, index, count, proof, delivery)));
        refused(tree, abi.encodeCall(exposed.rootOfAdjacent, (left, left, index, count, proof, delivery)));
        // Nor with a bit changed.
        if (proof.length > 0) {
            proof[seed % proof.length] ^= bytes1(uint8(1 << (seed >> 16) % 8));
            refused(
                tree, abi.encodeCall(exposed.rootOfAdjacent, (left, right, index, count, proof, delivery))
            );
        }
    }

    /// @dev Siblings from an element up.
    function pathOf(Tree memory tree, uint256 level, uint256 position)
        internal
        pure
        returns (bytes memory packed)
    {
        for (; level + 1 < tree.hashes.length; ++level) {
            packed =
                abi.encodePacked(packed, tree.hashes[level][position ^ 1], tree.masses[level][position ^ 1]);
            position /= 2;
        }
    }

    /// @dev The first so many levels of a proof.
    function head(bytes memory proof, uint256 levels) internal pure returns (bytes memory part) {
        part = new bytes(levels * 47);
        for (uint256 i = 0; i < part.length; ++i) {
            part[i] = proof[i];
        }
    }

    // ---- What isn't ----

    function testFuzz_forged_anotherLeaf(
        uint256 seed,
        uint256 count,
        bytes32 leaf,
        uint120 mass,
        bool delivery
    ) public view {
        count = someCount(count);
        vm.assume(count > 0);
        Tree memory tree = someTree(seed, count, delivery);
        uint256 index = seed % count;
        bytes memory proof = tree.proof(index);
        bool same = leaf == tree.hashes[0][index] && mass == tree.masses[0][index];
        vm.assume(!same);
        refused(tree, abi.encodeCall(exposed.walk, (leaf, mass, index, count, proof, delivery)));
        // The true hash with another mass, and the other way round.
        bytes32 hash = tree.hashes[0][index];
        if (mass != tree.masses[0][index]) {
            refused(tree, abi.encodeCall(exposed.walk, (hash, mass, index, count, proof, delivery)));
        }
        mass = tree.masses[0][index];
        if (leaf != hash) {
            refused(tree, abi.encodeCall(exposed.walk, (leaf, mass, index, count, proof, delivery)));
        }
    }

    function testFuzz_forged_anotherProof(uint256 seed, uint256 count, uint256 bit, bool delivery)
        public
        view
    {
        count = bound(count, 2, 50);
        uint256 index = seed % count;
        Tree memory tree = someTree(seed, count, delivery);
        bytes memory proof = tree.proof(index);
        bit = bound(bit, 0, proof.length * 8 - 1);
        proof[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        (bytes32 leaf, uint120 mass) = (tree.hashes[0][index], tree.masses[0][index]);
        refused(tree, abi.encodeCall(exposed.walk, (leaf, mass, index, count, proof, delivery)));
    }

    function testFuzz_forged_anotherPlace(uint256 seed, uint256 count, uint256 other, bool delivery)
        public
        view
    {
        count = bound(count, 2, 100);
        uint256 index = seed % count;
        Tree memory tree = someTree(seed, count, delivery);
        (bytes32 leaf, uint120 mass) = (tree.hashes[0][index], tree.masses[0][index]);
        bytes memory proof = tree.proof(index);
        // Any index but its own, in the tree or far beyond it with the same low bits.
        uint256 place = bound(other, 0, count - 1);
        if (place != index) {
            refused(tree, abi.encodeCall(exposed.walk, (leaf, mass, place, count, proof, delivery)));
        }
        place = index + (bound(other, 1, type(uint128).max) << exposed.depth(count));
        refused(tree, abi.encodeCall(exposed.walk, (leaf, mass, place, count, proof, delivery)));
    }

    function testFuzz_forged_anotherCount(uint256 seed, uint256 count, uint256 other, bool delivery)
        public
        view
    {
        count = bound(count, 1, 100);
        uint256 index = seed % count;
        other = other % 2 == 0 ? bound(other, 0, 200) : other;
        vm.assume(other != count);
        Tree memory tree = someTree(seed, count, delivery);
        (bytes32 leaf, uint120 mass) = (tree.hashes[0][index], tree.masses[0][index]);
        refused(tree, abi.encodeCall(exposed.walk, (leaf, mass, index, other, tree.proof(index), delivery)));
    }

    /// The empty leaves after the last are in the tree, but no leaves.
    function testFuzz_forged_padding(uint256 seed, uint256 count, uint256 index, bool delivery) public view {
        count = bound(count, 1, 100);
        Tree memory tree = someTree(seed, count, delivery);
        uint256 width = tree.hashes[0].length;
        vm.assume(width > count);
        index = bound(index, count, width - 1);
        refused(tree, abi.encodeCall(exposed.walk, (0, 0, index, count, tree.proof(index), delivery)));
        // Nor in a tree that is said to have them.
        refused(tree, abi.encodeCall(exposed.walk, (0, 0, index, width, tree.proof(index), delivery)));
    }

    // ---- One thing taken for another ----

    /// An inner node isn't a leaf: neither with its own depth nor with what is left of the proof.
    function testFuzz_confusion_nodeAsLeaf(uint256 seed, uint256 count, uint256 pick, bool delivery)
        public
        view
    {
        count = bound(count, 2, 64);
        Tree memory tree = someTree(seed, count, delivery);
        uint256 level = 1 + pick % (tree.hashes.length - 1);
        uint256 position = (pick >> 16) % tree.hashes[level].length;
        bytes memory path = pathOf(tree, level, position);
        // With the true count, and with each that has the depth that is left.
        asLeaf(tree, level, position, count, path, delivery);
        uint256 width = tree.hashes[level].length;
        for (uint256 other = width / 2 + 1; other <= width; ++other) {
            asLeaf(tree, level, position, other, path, delivery);
        }
    }

    function asLeaf(
        Tree memory tree,
        uint256 level,
        uint256 position,
        uint256 count,
        bytes memory path,
        bool delivery
    ) internal view {
        (bytes32 hash, uint120 mass) = (tree.hashes[level][position], tree.masses[level][position]);
        refused(tree, abi.encodeCall(exposed.walk, (hash, mass, position, count, path, delivery)));
    }

    /// No leaf's content hashes like a node or a root does, whatever stands in it: leaves begin with 0x00 and
    /// have lengths of their own.
    function testFuzz_confusion_preimages(
        uint120 left,
        uint120 right,
        bytes32 a,
        bytes32 b,
        uint64 count,
        NodeLeaf memory leaf
    ) public view {
        bytes memory node = abi.encodePacked(hex"01", left, hex"00", right, a, b);
        vm.assertEq(node.length, 96);
        vm.assertEq(exposed.pair(left, a, right, b), keccak256(node));
        bytes memory root = abi.encodePacked(hex"02", left, bytes8(0), count, a);
        vm.assertEq(root.length, 64);
        if (count != 0 && count <= 1 << 22) vm.assertEq(exposed.root(left, count, a), keccak256(root));
        bytes memory content = bytes.concat(hex"00", encode(leaf));
        vm.assertEq(content.length, 100);
        // Cut or filled to a node's or a root's length, the tag still differs.
        bytes32 hash = keccak256(abi.encodePacked(hex"00", left, hex"00", right, a, b));
        vm.assertNotEq(hash, exposed.pair(left, a, right, b));
        hash = keccak256(abi.encodePacked(hex"00", left, bytes8(0), count, a));
        vm.assertNotEq(hash, keccak256(root));
    }

    /// A root isn't a tree's top, nor a top a root.
    function testFuzz_confusion_rootAsTop(uint256 seed, uint256 count, bool delivery) public view {
        count = bound(count, 1, 64);
        Tree memory tree = someTree(seed, count, delivery);
        vm.assertNotEq(exposed.root(tree.total(), count, tree.root()), tree.root());
        vm.assertNotEq(tree.top(), tree.root());
        // A tree of one leaf that is another tree's root.
        vm.assertNotEq(exposed.walk(tree.root(), tree.total(), 0, 1, "", delivery), tree.root());
    }

    /// The order of children counts, and so does where the mass stands.
    function testFuzz_confusion_sides(uint120 left, uint120 right, bytes32 a, bytes32 b) public view {
        if (left != right || a != b) {
            vm.assertNotEq(exposed.pair(left, a, right, b), exposed.pair(right, b, left, a));
        }
        if (left != right) vm.assertNotEq(exposed.pair(left, a, right, b), exposed.pair(right, a, left, b));
    }

    /// A delivery mass isn't a value: a sum that carries from lane to lane is another, or none.
    function testFuzz_confusion_lanes(uint120 left, uint120 right) public view {
        try exposed.addDelivery(left, right) returns (uint120 sum) {
            // Where no lane carries both are the same.
            vm.assertEq(sum, exposed.addValue(left, right));
        } catch {
            (uint56 b0, uint32 d0, uint32 w0) = Trees.lanes(left);
            (uint56 b1, uint32 d1, uint32 w1) = Trees.lanes(right);
            bool carries =
                uint256(b0) + b1 >= 1 << 56 || uint256(d0) + d1 >= 1 << 32 || uint256(w0) + w1 >= 1 << 32;
            vm.assertTrue(carries);
        }
    }

    // ---- Sums ----

    function testFuzz_addDelivery_isLaneByLane(
        uint56 b0,
        uint56 b1,
        uint32 d0,
        uint32 d1,
        uint32 w0,
        uint32 w1
    ) public view {
        bool fits =
            uint256(b0) + b1 < 1 << 56 && uint256(d0) + d1 < 1 << 32 && uint256(w0) + w1 < 1 << 32;
        (uint120 left, uint120 right) = (Trees.mass(b0, d0, w0), Trees.mass(b1, d1, w1));
        try exposed.addDelivery(left, right) returns (uint120 sum) {
            vm.assertTrue(fits);
            vm.assertEq(sum, Trees.mass(b0 + b1, d0 + d1, w0 + w1));
            vm.assertTrue(exposed.addUp(left, right, sum, true));
            vm.assertFalse(exposed.addUp(left, right, sum ^ 1, true));
        } catch (bytes memory why) {
            vm.assertFalse(fits);
            vm.assertEq(why, abi.encodeWithSelector(MerkleSum.MassOverflow.selector, left, right));
        }
    }

    function testFuzz_addValue_isExact(uint120 a, uint120 b) public view {
        bool fits = uint256(a) + b < 1 << 120;
        try exposed.addValue(a, b) returns (uint120 sum) {
            vm.assertTrue(fits);
            vm.assertEq(sum, uint256(a) + b);
            vm.assertTrue(exposed.addUp(a, b, sum, false));
            vm.assertFalse(exposed.addUp(a, b, sum ^ 1, false));
        } catch (bytes memory why) {
            vm.assertFalse(fits);
            vm.assertEq(why, abi.encodeWithSelector(MerkleSum.MassOverflow.selector, a, b));
        }
    }

    /// A wrapped sum doesn't pass for the sum.
    function testFuzz_addUp_neverWraps(uint120 a, uint120 b) public view {
        unchecked {
            if (uint256(a) + b >= 1 << 120) vm.assertFalse(exposed.addUp(a, b, a + b, false));
            uint120 wrapped = Trees.mass(
                uint56(a >> 64) + uint56(b >> 64), uint32(a >> 32) + uint32(b >> 32), uint32(a) + uint32(b)
            );
            try exposed.addDelivery(a, b) {}
            catch {
                vm.assertFalse(exposed.addUp(a, b, wrapped, true));
            }
        }
    }

    // ---- Leaves ----

    function testFuzz_leaves_ofNodes(NodeLeaf memory leaf, uint256 field) public view {
        bytes memory encoding = encode(leaf);
        vm.assertEq(encoding.length, 99);
        bytes32 hash = exposed.hashNode(leaf);
        vm.assertEq(hash, keccak256(bytes.concat(hex"00", encoding)));
        field %= 9;
        unchecked {
            if (field == 0) leaf.index += 1;
            if (field == 1) leaf.node ^= bytes32(uint256(1));
            if (field == 2) leaf.mass += 1;
            if (field == 3) leaf.probes += 1;
            if (field == 4) leaf.probesOk += 1;
            if (field == 5) leaf.slaPpm += 1;
            if (field == 6) leaf.last += 1;
            if (field == 7) leaf.reward += 1;
            if (field == 8) leaf.cumulative += 1;
        }
        vm.assertNotEq(exposed.hashNode(leaf), hash);
    }

    function testFuzz_leaves_ofBills(BillLeaf memory leaf, uint256 field) public view {
        bytes memory encoding = encode(leaf);
        vm.assertEq(encoding.length, 60);
        bytes32 hash = exposed.hashBill(leaf);
        vm.assertEq(hash, keccak256(bytes.concat(hex"00", encoding)));
        field %= 5;
        unchecked {
            if (field == 0) leaf.index += 1;
            if (field == 1) leaf.payer = address(uint160(leaf.payer) ^ 1);
            if (field == 2) leaf.last += 1;
            if (field == 3) leaf.bill += 1;
            if (field == 4) leaf.cumulative += 1;
        }
        vm.assertNotEq(exposed.hashBill(leaf), hash);
    }

    function testFuzz_leaves_ofCharges(ChargeLeaf memory leaf, uint256 field) public view {
        bytes memory encoding = encode(leaf);
        vm.assertEq(encoding.length, 122);
        bytes32 hash = exposed.hashCharge(leaf);
        vm.assertEq(hash, keccak256(bytes.concat(hex"00", encoding)));
        field %= 9;
        unchecked {
            if (field == 0) leaf.payer += 1;
            if (field == 1) leaf.node += 1;
            if (field == 2) leaf.segmentRoot ^= bytes32(uint256(1));
            if (field == 3) leaf.mass += 1;
            if (field == 4) leaf.amount += 1;
            if (field == 5) leaf.billed += 1;
            if (field == 6) leaf.earned += 1;
            if (field == 7) leaf.served += 1;
            if (field == 8) leaf.previous += 1;
        }
        vm.assertNotEq(exposed.hashCharge(leaf), hash);
    }
}
