// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Statement} from "../../../src/types/Attestation.sol";
import {NodeLeaf} from "../../../src/types/NodeLeaf.sol";
import {Books, Network} from "../../utils/Network.sol";
import {Trees} from "../../utils/Trees.sol";

/// @notice What verifiers and nodes pay in a network that has long been running: `snapshots/Settlement.json`.
/// forge-config: default.isolate = true
contract SettlementGasTest is Network {
    uint64 internal constant HISTORY = 1024;
    uint32 internal constant NODES = 100_000;
    uint256 internal constant LEVELS = 17;
    uint256 internal constant SHORTER = 4;

    /// @dev As many attestations as the contract keeps, all of them active.
    function setUp() public override {
        super.setUp();
        register(1);
        fund(1e24);
        vm.warp(end(HISTORY + 10));
        for (uint64 epoch = 0; epoch < HISTORY; ++epoch) {
            attestOpaque(epoch, 0);
        }
        pass();
    }

    function attestOpaque(uint64 epoch, uint96 total) internal {
        Statement memory s = opaque(epoch, total, "something");
        (s.nodesTop, s.billsTop, s.chargesTop) =
        (keccak256(abi.encode(epoch, 1)), keccak256(abi.encode(epoch, 2)), keccak256(abi.encode(epoch, 3)));
        (s.nodes, s.payers, s.charges, s.evidence) = (NODES, 2, NODES, keccak256(abi.encode(epoch, 4)));
        vm.prank(verifier);
        settlement.attest(s);
    }

    function pass() internal {
        vm.warp(vm.getBlockTimestamp() + terms().challengeWindow);
    }

    function test_gas_attest() public {
        attestOpaque(HISTORY, 12_345_678_901_234_567_890_123);
        vm.assertLe(vm.snapshotGasLastCall("Settlement", "attest"), 60_000);
    }

    /// @dev A leaf of 100,000, the last, and little else. Settles such an epoch.
    function settleMany(uint64 epoch, uint256 cumulative)
        internal
        returns (NodeLeaf memory leaf, bytes memory proof)
    {
        leaf = nodeLeaf(0, cumulative);
        (leaf.reward, leaf.probes, leaf.probesOk, leaf.slaPpm) = (123_456_789_012_345_678, 60, 60, 996_758);
        leaf.mass = Trees.mass(5 << 30, 1234, 1230);
        bytes32 hash = keccak256(bytes.concat(hex"00", encode(leaf)));
        uint120 mass = uint120(cumulative);
        for (uint256 level = 0; level < LEVELS; ++level) {
            (bytes32 other, uint120 otherMass) = sibling(epoch, level);
            proof = abi.encodePacked(proof, other, otherMass);
            (hash, mass) = parent(hash, mass, other, otherMass);
        }
        Statement memory s = opaque(epoch, uint96(mass), "something");
        (s.nodes, s.nodesTop) = (NODES, hash);
        vm.prank(verifier);
        settlement.attest(s);
        pass();
        vault.activate(epoch, rootsOf(s, settlement.attestation(epoch - 1).total));
    }

    function parent(bytes32 left, uint120 leftMass, bytes32 right, uint120 rightMass)
        internal
        pure
        returns (bytes32, uint120)
    {
        bytes32 hash = keccak256(abi.encodePacked(hex"01", leftMass, hex"00", rightMass, left, right));
        return (hash, leftMass + rightMass);
    }

    /// @dev What stands beside the way of leaf 0.
    function sibling(uint64 epoch, uint256 level) internal pure returns (bytes32 hash, uint120 mass) {
        if (level < LEVELS - SHORTER) {
            return (keccak256(abi.encode(epoch, level)), uint120(123_456_789_012_345_678) << uint120(level));
        }
        (hash, mass) = element(epoch, 1 << (level - (LEVELS - SHORTER)));
        bytes32[] memory hashes = new bytes32[](1 << (level - (LEVELS - SHORTER)));
        uint120[] memory masses = new uint120[](hashes.length);
        for (uint256 i = 0; i < hashes.length; ++i) {
            (hashes[i], masses[i]) = element(epoch, hashes.length + i);
        }
        for (uint256 width = hashes.length; width > 1; width /= 2) {
            for (uint256 i = 0; i < width; i += 2) {
                (hashes[i / 2], masses[i / 2]) = parent(hashes[i], masses[i], hashes[i + 1], masses[i + 1]);
            }
        }
        return (hashes[0], masses[0]);
    }

    /// @dev On the level at which proofs are to end, from the second on.
    function element(uint64 epoch, uint256 i) internal pure returns (bytes32, uint120) {
        return (keccak256(abi.encode(epoch, "element", i)), uint120(123_456_789_012_345_678) << 13);
    }

    /// @dev That level.
    function elements(uint64 epoch, NodeLeaf memory leaf) internal pure returns (bytes memory all) {
        bytes32 hash = keccak256(bytes.concat(hex"00", encode(leaf)));
        uint120 mass = uint120(leaf.cumulative);
        for (uint256 level = 0; level < LEVELS - SHORTER; ++level) {
            (bytes32 other, uint120 otherMass) = sibling(epoch, level);
            (hash, mass) = parent(hash, mass, other, otherMass);
        }
        all = abi.encodePacked(hash, mass);
        for (uint256 i = 1; i < 1 << SHORTER; ++i) {
            (hash, mass) = element(epoch, i);
            all = abi.encodePacked(all, hash, mass);
        }
    }

    function cut(bytes memory proof) internal pure returns (bytes memory shorter) {
        shorter = new bytes((LEVELS - SHORTER) * 47);
        for (uint256 i = 0; i < shorter.length; ++i) {
            shorter[i] = proof[i];
        }
    }

    function test_gas_claim() public {
        (NodeLeaf memory leaf, bytes memory proof) = settleMany(HISTORY, 123_456_789_012_345_678);
        vm.snapshotGasLastCall("Settlement", "activate, first");
        vault.shortenProofs(NODES, elements(HISTORY, leaf));
        vm.snapshotGasLastCall("Settlement", "shortenProofs by 4 levels, first");
        vault.claim(leaf, NODES, proof);
        vm.snapshotGasLastCall("Settlement", "claim, first, 100,000 nodes");
        (leaf, proof) = settleMany(HISTORY + 1, 246_913_578_024_691_356);
        vm.snapshotGasLastCall("Settlement", "activate, later");
        vault.claim(leaf, NODES, proof);
        vm.snapshotGasLastCall("Settlement", "claim, later, 100,000 nodes");
        (leaf, proof) = settleMany(HISTORY + 2, 370_370_367_037_037_034);
        vault.claimPacked(pack(leaf, proof));
        vm.snapshotGasLastCall("Settlement", "claimPacked, later, 100,000 nodes");
        (leaf, proof) = settleMany(HISTORY + 3, 493_827_156_049_382_712);
        vault.shortenProofs(NODES, elements(HISTORY + 3, leaf));
        vm.snapshotGasLastCall("Settlement", "shortenProofs by 4 levels, later");
        vault.claimPacked(pack(leaf, cut(proof)));
        vm.assertLe(
            vm.snapshotGasLastCall("Settlement", "claimPacked, later, 100,000 nodes, shortened"), 62_000
        );
    }

    function pack(NodeLeaf memory leaf, bytes memory proof) internal pure returns (bytes memory) {
        return bytes.concat(bytes4(NODES), encode(leaf), proof);
    }

    /// What overturning takes beside the proof: the same for every lie.
    function test_gas_overturn() public {
        attestOpaque(HISTORY, 12_345_678_901_234_567_890_123);
        vm.prank(challenger);
        settlement.commit(keccak256("a call"));
        vm.snapshotGasLastCall("Settlement", "commit, first");
        vm.prank(challenges);
        settlement.overturn(HISTORY, challenger);
        vm.snapshotGasLastCall("Settlement", "overturn");
        vm.prank(challenger);
        settlement.commit(keccak256("another call"));
        vm.snapshotGasLastCall("Settlement", "commit, later");
    }
}
