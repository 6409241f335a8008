// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {NodeRegistry} from "../../src/NodeRegistry.sol";
import {RewardVault} from "../../src/RewardVault.sol";
import {Settlement} from "../../src/Settlement.sol";
import {TestToken} from "../../src/TestToken.sol";
import {NodeLeaf} from "../../src/types/NodeLeaf.sol";
import {Parameters} from "../../src/types/Parameters.sol";
import {TestBase} from "./TestBase.sol";
import {Tree, Trees} from "./Trees.sol";

/// @notice A network with one issuer, one verifier and some nodes, before the end of epoch 0.
abstract contract Network is TestBase {
    using Trees for Tree;

    uint64 internal constant GENESIS = 1_700_000_000;
    uint256 internal constant SUPPLY = 1e36;
    bytes32 internal constant EVIDENCE = keccak256("evidence");

    address internal immutable owner = account("owner");
    address internal immutable committer = account("committer");
    address internal immutable verifier = account("verifier");
    address internal immutable challenges = account("challenges");
    address internal immutable payer = account("payer");
    address internal immutable operator = account("operator");

    TestToken internal token;
    NodeRegistry internal registry;
    RewardVault internal vault;
    Settlement internal settlement;

    function terms() internal pure virtual returns (Parameters memory) {
        return Parameters({
            genesis: GENESIS,
            epochLength: 3600,
            ticketTail: 300,
            commitWindow: 600,
            challengeWindow: 7200,
            slaFloorPpm: 900_000,
            ttfbMsMax: 500,
            throughputMin: 1_000_000,
            pricePerGib: 1e16
        });
    }

    function setUp() public virtual {
        deploy(new TestToken("Test", "TEST", 18, SUPPLY));
        vm.startPrank(owner);
        settlement.addIssuer("issuer", committer);
        settlement.setVerifier(verifier, true);
        vm.stopPrank();
    }

    function deploy(TestToken token_) internal {
        vm.warp(GENESIS);
        token = token_;
        registry = new NodeRegistry();
        address settlementAt = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        vault = new RewardVault(token, settlementAt);
        settlement = new Settlement(terms(), registry, vault, owner, challenges);
    }

    function fund(uint256 amount) internal {
        token.transfer(payer, amount);
        vm.startPrank(payer);
        token.approve(address(vault), amount);
        vault.fund(amount);
        vm.stopPrank();
    }

    function nodeKey(uint256 index) internal pure returns (bytes32) {
        return keccak256(abi.encode("node", index));
    }

    function payoutOf(uint256 index) internal pure returns (address) {
        return account(string.concat("payout", vm.toString(index)));
    }

    function register(uint256 nodes) internal {
        for (uint256 i = 0; i < nodes; ++i) {
            uint256 index = registry.count();
            vm.prank(operator);
            registry.register(nodeKey(index), payoutOf(index));
        }
    }

    /// @dev What an epoch says of a node; only index, key and cumulative reward matter to the contract.
    function leafOf(uint256 index, uint256 cumulative) internal pure returns (NodeLeaf memory leaf) {
        leaf.index = uint32(index);
        leaf.node = nodeKey(index);
        leaf.segmentRoot = keccak256(abi.encode("segment", index, cumulative));
        leaf.mass = Trees.mass(uint56(1 << 30), 10, 9);
        leaf.probes = 4;
        leaf.probesOk = 4;
        leaf.slaPpm = 900_000;
        leaf.reward = uint128(cumulative);
        leaf.cumulative = uint128(cumulative);
    }

    function hashOf(NodeLeaf memory leaf) internal pure returns (bytes32) {
        return keccak256(
            bytes.concat(
                abi.encodePacked(hex"00", leaf.index, leaf.node, leaf.segmentRoot, leaf.mass, leaf.probes),
                abi.encodePacked(leaf.probesOk, leaf.slaPpm, leaf.reward, leaf.cumulative)
            )
        );
    }

    function treeOf(uint256[] memory cumulative) internal pure returns (Tree memory) {
        bytes32[] memory leaves = new bytes32[](cumulative.length);
        uint120[] memory masses = new uint120[](cumulative.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            leaves[i] = hashOf(leafOf(i, cumulative[i]));
            masses[i] = uint120(cumulative[i]);
        }
        return Trees.build(leaves, masses, false);
    }

    /// @dev Node i has `first + i * step`.
    function amounts(uint256 nodes, uint256 first, uint256 step)
        internal
        pure
        returns (uint256[] memory all)
    {
        all = new uint256[](nodes);
        for (uint256 i = 0; i < nodes; ++i) {
            all[i] = first + i * step;
        }
    }

    function warpToAttest(uint64 epoch) internal {
        uint256 late = settlement.epochEnd(epoch) + terms().commitWindow + 1;
        if (vm.getBlockTimestamp() < late) vm.warp(late);
    }

    function attest(uint64 epoch, Tree memory tree) internal {
        warpToAttest(epoch);
        vm.prank(verifier);
        settlement.attest(epoch, tree.top(), uint32(tree.count), tree.total(), EVIDENCE);
    }

    function activate(uint64 epoch) internal {
        vm.warp(settlement.attestation(epoch).attestedAt + terms().challengeWindow);
    }

    function claim(uint64 epoch, Tree memory tree, uint256 index, uint256 cumulative)
        internal
        returns (uint256)
    {
        return settlement.claim(epoch, leafOf(index, cumulative), tree.proof(index));
    }
}
