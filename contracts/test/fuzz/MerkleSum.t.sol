// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {NodeLeaf} from "../../src/types/NodeLeaf.sol";
import {Exposed} from "../utils/Exposed.sol";
import {TestBase} from "../utils/TestBase.sol";
import {Tree, Trees} from "../utils/Trees.sol";

contract MerkleSumFuzz is TestBase {
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
        (bytes32 leaf, uint120 mass) = (tree.hashes[0][index], tree.masses[0][index]);
        return delivery
            ? exposed.deliveryRoot(leaf, mass, index, tree.count, proof)
            : exposed.valueRoot(leaf, mass, index, tree.count, proof);
    }

    function testFuzz_everyLeafProvesTheRoot(uint256 seed, uint256 count, uint256 index, bool delivery)
        public
        view
    {
        count = bound(count, 1, 200);
        index = bound(index, 0, count - 1);
        Tree memory tree = someTree(seed, count, delivery);
        vm.assertEq(walk(tree, index, tree.proof(index), delivery), tree.root());
        vm.assertEq(exposed.root(tree.total(), count, tree.top()), tree.root());
        vm.assertEq(exposed.depth(count), tree.hashes.length - 1);
    }

    function testFuzz_noBitOfAProofCanChange(uint256 seed, uint256 count, uint256 bit, bool delivery)
        public
        view
    {
        count = bound(count, 2, 50);
        uint256 index = seed % count;
        Tree memory tree = someTree(seed, count, delivery);
        bytes memory proof = tree.proof(index);
        bit = bound(bit, 0, proof.length * 8 - 1);
        proof[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        // Another root, or masses that no longer fit.
        try this.tryWalk(tree, index, proof, delivery) returns (bytes32 root) {
            vm.assertNotEq(root, tree.root());
        } catch {}
    }

    function tryWalk(Tree memory tree, uint256 index, bytes memory proof, bool delivery)
        external
        view
        returns (bytes32)
    {
        return walk(tree, index, proof, delivery);
    }

    function testFuzz_aLeafStandsAtOneIndexOnly(uint256 seed, uint256 count, uint256 other) public view {
        count = bound(count, 2, 100);
        uint256 index = seed % count;
        other = bound(other, 0, count - 1);
        vm.assume(other != index);
        Tree memory tree = someTree(seed, count, false);
        bytes32 root =
            exposed.valueRoot(tree.hashes[0][index], tree.masses[0][index], other, count, tree.proof(index));
        vm.assertNotEq(root, tree.root());
    }

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
        try exposed.addDelivery(Trees.mass(b0, d0, w0), Trees.mass(b1, d1, w1)) returns (uint120 sum) {
            vm.assertTrue(fits);
            vm.assertEq(sum, Trees.mass(b0 + b1, d0 + d1, w0 + w1));
        } catch {
            vm.assertFalse(fits);
        }
    }

    function testFuzz_addValue_isExact(uint120 a, uint120 b) public view {
        bool fits = uint256(a) + b < 1 << 120;
        try exposed.addValue(a, b) returns (uint120 sum) {
            vm.assertTrue(fits);
            vm.assertEq(sum, uint256(a) + b);
        } catch {
            vm.assertFalse(fits);
        }
    }

    function testFuzz_encodingIs127BytesAndInjective(NodeLeaf memory leaf, uint256 field) public view {
        bytes memory encoding = exposed.encode(leaf);
        vm.assertEq(encoding.length, 127);
        vm.assertEq(exposed.hash(leaf), keccak256(bytes.concat(hex"00", encoding)));
        field %= 9;
        unchecked {
            if (field == 0) leaf.index += 1;
            if (field == 1) leaf.node ^= bytes32(uint256(1));
            if (field == 2) leaf.segmentRoot ^= bytes32(uint256(1));
            if (field == 3) leaf.mass += 1;
            if (field == 4) leaf.probes += 1;
            if (field == 5) leaf.probesOk += 1;
            if (field == 6) leaf.slaPpm += 1;
            if (field == 7) leaf.reward += 1;
            if (field == 8) leaf.cumulative += 1;
        }
        vm.assertNotEq(keccak256(exposed.encode(leaf)), keccak256(encoding));
    }
}
