// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {NodeLeaf} from "../../src/types/NodeLeaf.sol";
import {Exposed} from "../utils/Exposed.sol";
import {TestBase} from "../utils/TestBase.sol";
import {Tree, Trees} from "../utils/Trees.sol";

/// @notice The golden vectors that Rust generates and also reads: the same bytes and the same money.
contract VectorsTest is TestBase {
    using Trees for Tree;

    Exposed internal immutable exposed = new Exposed();

    string internal json;

    function test_merkle_delivery() public {
        json = vm.readFile("../tests/vectors/merkle.json");
        vm.assertTrue(checkTrees(".delivery", true) > 0, "no trees");
    }

    function test_merkle_value() public {
        json = vm.readFile("../tests/vectors/merkle.json");
        vm.assertTrue(checkTrees(".value", false) > 0, "no trees");
    }

    function test_epoch_rewards() public {
        json = vm.readFile("../tests/vectors/epoch.json");
        uint128 price = uint128(number(".price_per_gib"));
        uint32 floor = uint32(number(".sla_floor_ppm"));
        uint256 i = 0;
        for (; exists(item(".rewards", i)); ++i) {
            string memory where = item(".rewards", i);
            uint32 score = exposed.score(
                uint32(number(where, ".deliveries")),
                uint32(number(where, ".within")),
                uint32(number(where, ".probes")),
                uint32(number(where, ".probes_ok"))
            );
            vm.assertEq(score, number(where, ".score"), where);
            uint128 reward = exposed.reward(uint56(number(where, ".bytes")), score, floor, price);
            vm.assertEq(reward, number(where, ".reward"), where);
        }
        vm.assertTrue(i > 0, "no rewards");
    }

    function test_epoch_leaves() public {
        json = vm.readFile("../tests/vectors/epoch.json");
        uint256 count = number(".count");
        bytes32 root = word(".root");
        bytes32 top = word(".top");
        vm.assertEq(exposed.root(uint120(number(".total")), count, top), root, "root");
        uint256 total = 0;
        uint256 i = 0;
        for (; exists(item(".leaves", i)); ++i) {
            string memory where = item(".leaves", i);
            NodeLeaf memory leaf = leafAt(where);
            vm.assertEq(exposed.encode(leaf), data(where, ".encoding"), where);
            vm.assertEq(exposed.hash(leaf), word(string.concat(where, ".hash")), where);
            vm.assertEq(exposed.rootOf(leaf, count, data(where, ".proof")), root, where);
            total += leaf.cumulative;
        }
        vm.assertEq(i, count, "count");
        vm.assertEq(total, number(".total"), "total");
    }

    function checkTrees(string memory group, bool delivery) internal view returns (uint256 trees) {
        for (; exists(item(group, trees)); ++trees) {
            string memory where = item(group, trees);
            uint256 count = number(where, ".count");
            bytes32[] memory leaves = new bytes32[](count);
            uint120[] memory masses = new uint120[](count);
            for (uint256 i = 0; i < count; ++i) {
                string memory leaf = item(string.concat(where, ".leaves"), i);
                leaves[i] = word(string.concat(leaf, ".hash"));
                masses[i] = mass(leaf);
            }
            vm.assertFalse(exists(item(string.concat(where, ".leaves"), count)));

            Tree memory tree = Trees.build(leaves, masses, delivery);
            bytes32 root = word(string.concat(where, ".root"));
            vm.assertEq(tree.top(), word(string.concat(where, ".top")), where);
            vm.assertEq(tree.total(), mass(where), where);
            vm.assertEq(exposed.root(tree.total(), count, tree.top()), root, where);
            checkProofs(tree, string.concat(where, ".proofs"), root, delivery);
        }
    }

    function checkProofs(Tree memory tree, string memory proofs, bytes32 root, bool delivery) internal view {
        for (uint256 i = 0; exists(item(proofs, i)); ++i) {
            string memory where = item(proofs, i);
            uint256 index = number(where, ".index");
            bytes memory proof = data(where, ".proof");
            vm.assertEq(proof, tree.proof(index), where);
            bytes32 leaf = tree.hashes[0][index];
            uint120 leafMass = tree.masses[0][index];
            bytes32 proven = delivery
                ? exposed.deliveryRoot(leaf, leafMass, index, tree.count, proof)
                : exposed.valueRoot(leaf, leafMass, index, tree.count, proof);
            vm.assertEq(proven, root, where);
        }
    }

    function leafAt(string memory where) internal view returns (NodeLeaf memory leaf) {
        leaf.index = uint32(number(where, ".index"));
        leaf.node = word(string.concat(where, ".node"));
        leaf.segmentRoot = word(string.concat(where, ".segment_root"));
        leaf.mass = mass(where);
        leaf.probes = uint32(number(where, ".probes"));
        leaf.probesOk = uint32(number(where, ".probes_ok"));
        leaf.slaPpm = uint32(number(where, ".sla_ppm"));
        leaf.reward = uint128(number(where, ".reward"));
        leaf.cumulative = uint128(number(where, ".cumulative"));
    }

    // ---- JSON ----

    function item(string memory list, uint256 i) internal pure returns (string memory) {
        return string.concat(list, "[", vm.toString(i), "]");
    }

    function exists(string memory key) internal view returns (bool) {
        return vm.keyExistsJson(json, key);
    }

    /// @dev Small numbers are JSON numbers, amounts and bytes decimal strings; this reads both.
    function number(string memory key) internal view returns (uint256) {
        return vm.parseJsonUint(json, key);
    }

    function number(string memory where, string memory field) internal view returns (uint256) {
        return number(string.concat(where, field));
    }

    function word(string memory key) internal view returns (bytes32) {
        return vm.parseJsonBytes32(json, key);
    }

    function data(string memory where, string memory field) internal view returns (bytes memory) {
        return vm.parseJsonBytes(json, string.concat(where, field));
    }

    function mass(string memory where) internal view returns (uint120) {
        bytes memory packed = data(where, ".mass");
        vm.assertEq(packed.length, 15, where);
        return uint120(bytes15(packed));
    }
}
