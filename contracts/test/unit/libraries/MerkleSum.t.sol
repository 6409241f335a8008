// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {MerkleSum} from "../../../src/libraries/MerkleSum.sol";
import {Exposed} from "../../utils/Exposed.sol";
import {TestBase} from "../../utils/TestBase.sol";
import {Tree, Trees} from "../../utils/Trees.sol";

contract MerkleSumTest is TestBase {
    using Trees for Tree;

    Exposed internal immutable exposed = new Exposed();

    function someTree(uint256 count, bool delivery) internal pure returns (Tree memory) {
        bytes32[] memory leaves = new bytes32[](count);
        uint120[] memory masses = new uint120[](count);
        for (uint256 i = 0; i < count; ++i) {
            leaves[i] = keccak256(abi.encodePacked(hex"00", i));
            masses[i] = delivery ? Trees.mass(uint56(i + 1), uint32(i + 2), uint32(i)) : uint120(i + 1);
        }
        return Trees.build(leaves, masses, delivery);
    }

    function walk(Tree memory tree, uint256 i, uint256 count, bytes memory proof)
        internal
        view
        returns (bytes32)
    {
        return exposed.walk(tree.hashes[0][i], tree.masses[0][i], i, count, proof, false);
    }

    function test_depth_isCeilingOfLog2() public view {
        uint24[2][10] memory table = [
            [uint24(0), 0],
            [uint24(1), 0],
            [uint24(2), 1],
            [uint24(3), 2],
            [uint24(4), 2],
            [uint24(5), 3],
            [uint24(8), 3],
            [uint24(9), 4],
            [uint24(1025), 11],
            [uint24(1 << 22), 22]
        ];
        for (uint256 i = 0; i < table.length; ++i) {
            vm.assertEq(exposed.depth(table[i][0]), table[i][1]);
        }
    }

    /// Sizes around powers of two, where padding begins and ends.
    function test_everyLeafOfSmallTreesProvesTheRoot() public view {
        uint8[9] memory counts = [1, 2, 3, 4, 5, 7, 8, 9, 17];
        for (uint256 c = 0; c < counts.length; ++c) {
            Tree memory value = someTree(counts[c], false);
            Tree memory delivery = someTree(counts[c], true);
            for (uint256 i = 0; i < counts[c]; ++i) {
                vm.assertEq(walk(value, i, counts[c], value.proof(i)), value.root());
                bytes32 root = exposed.walk(
                    delivery.hashes[0][i], delivery.masses[0][i], i, counts[c], delivery.proof(i), true
                );
                vm.assertEq(root, delivery.root());
            }
        }
    }

    function test_root_ofTheEmptyTreeIsOfZeros() public view {
        vm.assertEq(exposed.root(0, 0, 0), keccak256(abi.encodePacked(hex"02", new bytes(63))));
        vm.assertEq(exposed.root(0, 0, 0), someTree(0, false).root());
    }

    function test_root_ofNoLeavesHasNoMassOrTop() public {
        vm.expectRevert(abi.encodeWithSelector(MerkleSum.NotEmpty.selector, bytes32(0), 1));
        exposed.root(1, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(MerkleSum.NotEmpty.selector, bytes32("top"), 0));
        exposed.root(0, 0, "top");
    }

    function test_root_hasAtMostTwoToThe22Leaves() public {
        exposed.root(0, 1 << 22, "top");
        vm.expectRevert(abi.encodeWithSelector(MerkleSum.TooManyLeaves.selector, (1 << 22) + 1));
        exposed.root(0, (1 << 22) + 1, "top");
    }

    function test_root_bindsMassAndCount() public view {
        vm.assertNotEq(exposed.root(1, 2, "top"), exposed.root(2, 2, "top"));
        vm.assertNotEq(exposed.root(1, 2, "top"), exposed.root(1, 3, "top"));
    }

    function test_walk_refusesIndexNotBelowCount() public {
        Tree memory tree = someTree(5, false);
        // The padding leaves are in the tree, but aren't leaves.
        vm.expectRevert(abi.encodeWithSelector(MerkleSum.IndexOutOfRange.selector, 5, 5));
        walk(tree, 5, 5, tree.proof(5));
        vm.expectRevert(abi.encodeWithSelector(MerkleSum.IndexOutOfRange.selector, 0, 0));
        exposed.walk(0, 0, 0, 0, "", false);
        // An index whose low bits are right.
        vm.expectRevert(abi.encodeWithSelector(MerkleSum.IndexOutOfRange.selector, 9, 5));
        exposed.walk(tree.hashes[0][1], tree.masses[0][1], 9, 5, tree.proof(1), false);
    }

    function test_walk_refusesOtherLengths() public {
        Tree memory tree = someTree(5, false);
        bytes memory proof = tree.proof(1);
        uint16[6] memory lengths = [uint16(0), 46, 94, 140, 142, 188];
        for (uint256 i = 0; i < lengths.length; ++i) {
            bytes memory other = new bytes(lengths[i]);
            for (uint256 j = 0; j < other.length && j < proof.length; ++j) {
                other[j] = proof[j];
            }
            vm.expectRevert(abi.encodeWithSelector(MerkleSum.WrongProofLength.selector, lengths[i], 141));
            walk(tree, 1, 5, other);
        }
    }

    /// An inner node whose children's hashes pass for a leaf, one level up: the leaf tag and the depth
    /// stand against it.
    function test_walk_anInnerNodeIsNoLeaf() public {
        Tree memory tree = someTree(4, false);
        bytes memory proof = tree.proof(0);
        bytes memory upper = new bytes(47);
        for (uint256 i = 0; i < 47; ++i) {
            upper[i] = proof[47 + i];
        }
        vm.expectRevert(abi.encodeWithSelector(MerkleSum.WrongProofLength.selector, 47, 94));
        exposed.walk(tree.hashes[1][0], tree.masses[1][0], 0, 4, upper, false);
        // With the count that would fit the depth, the root is another.
        vm.assertNotEq(exposed.walk(tree.hashes[1][0], tree.masses[1][0], 0, 2, upper, false), tree.root());
    }

    function test_walk_noByteOfAProofCanChange() public view {
        Tree memory tree = someTree(6, false);
        bytes memory proof = tree.proof(4);
        for (uint256 i = 0; i < proof.length; ++i) {
            proof[i] ^= 0x01;
            // The highest bit of a mass is left alone here, so that no sum overflows.
            vm.assertNotEq(walk(tree, 4, 6, proof), tree.root());
            proof[i] ^= 0x01;
        }
    }

    function test_walk_massMovedBetweenSiblingsShows() public view {
        Tree memory tree = someTree(2, false);
        bytes memory proof = tree.proof(0);
        // 1 and 2 are stated as 2 and 1: the same total and the same hashes.
        bytes memory moved = abi.encodePacked(bytes32(proof), uint120(1));
        vm.assertNotEq(exposed.walk(tree.hashes[0][0], 2, 0, 2, moved, false), tree.root());
    }

    function test_add_refusesOverflowInEachLane() public {
        uint120[2][4] memory pairs = [
            [Trees.mass(type(uint56).max, 0, 0), Trees.mass(1, 0, 0)],
            [Trees.mass(0, type(uint32).max, 0), Trees.mass(0, 1, 0)],
            [Trees.mass(0, 0, type(uint32).max), Trees.mass(0, 0, 1)],
            [type(uint120).max, type(uint120).max]
        ];
        for (uint256 i = 0; i < pairs.length; ++i) {
            bytes memory overflow =
                abi.encodeWithSelector(MerkleSum.MassOverflow.selector, pairs[i][0], pairs[i][1]);
            vm.expectRevert(overflow);
            exposed.addDelivery(pairs[i][0], pairs[i][1]);
            bytes memory sibling = abi.encodePacked(bytes32(0), pairs[i][1]);
            vm.expectRevert(overflow);
            exposed.walk(0, pairs[i][0], 0, 2, sibling, true);
        }
        bytes memory value =
            abi.encodeWithSelector(MerkleSum.MassOverflow.selector, type(uint120).max, uint120(1));
        vm.expectRevert(value);
        exposed.addValue(type(uint120).max, 1);
        vm.expectRevert(value);
        exposed.walk(0, type(uint120).max, 0, 2, abi.encodePacked(bytes32(0), uint120(1)), false);
    }

    function test_add_lanesFillUp() public view {
        uint120 full = exposed.addDelivery(
            Trees.mass(type(uint56).max, 1, type(uint32).max), Trees.mass(0, type(uint32).max - 1, 0)
        );
        vm.assertEq(full, type(uint120).max);
        vm.assertEq(exposed.addValue(type(uint120).max - 1, 1), type(uint120).max);
    }
}
