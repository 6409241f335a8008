// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {NodeLeaf} from "../../src/types/NodeLeaf.sol";
import {Network} from "../utils/Network.sol";
import {Tree, Trees} from "../utils/Trees.sol";

/// @notice What the key operations cost whoever sends them, calldata included: `snapshots/*.json`.
/// forge-config: default.isolate = true
contract GasTest is Network {
    using Trees for Tree;

    uint64 internal constant HISTORY = 1024;
    uint256 internal constant NODES = 1000;

    function snapshot(string memory name) internal {
        vm.snapshotGasLastCall("Settlement", name);
    }

    function test_gas_register() public {
        register(1);
        vm.snapshotGasLastCall("NodeRegistry", "register");
    }

    function test_gas_fund() public {
        fund(1);
        token.transfer(payer, 1);
        vm.prank(payer);
        token.approve(address(vault), 1);
        vm.prank(payer);
        vault.fund(1);
        vm.snapshotGasLastCall("RewardVault", "fund, later");
    }

    function test_gas_commitTicketLog() public {
        vm.warp(GENESIS + 3600);
        vm.prank(committer);
        settlement.commitTicketLog(0, 0, EVIDENCE, 100_000, 1 << 50);
        snapshot("commitTicketLog");
    }

    /// While the ring fills, an attestation takes new storage; afterwards it overwrites.
    function test_gas_attest() public {
        register(2);
        fund(1e21);
        for (uint64 epoch = 0; epoch < HISTORY; ++epoch) {
            attestOpaque(epoch);
        }
        snapshot("attest, ring filling");
        attestOpaque(HISTORY);
        attestOpaque(HISTORY + 1);
        snapshot("attest, steady state");

        address second = account("second verifier");
        vm.startPrank(owner);
        settlement.setVerifier(second, true);
        settlement.setQuorum(2);
        vm.stopPrank();
        attestOpaque(HISTORY + 2);
        snapshot("attest, first vote of two");
        vm.prank(second);
        settlement.attest(HISTORY + 2, EVIDENCE, 2, 1e18 + HISTORY + 2, EVIDENCE);
        snapshot("attest, second vote of two");
    }

    function test_gas_claim() public {
        register(NODES);
        fund(1e30);
        Tree memory tree = treeOf(amounts(NODES, 1e18, 1e9));
        attest(0, tree);
        activate(0);
        (NodeLeaf memory leaf, bytes memory proof) = (leafOf(700, 1e18 + 700e9), tree.proof(700));
        settlement.claim(0, leaf, proof);
        snapshot("claim of 1000 nodes, first");
        tree = treeOf(amounts(NODES, 2e18, 1e9));
        attest(1, tree);
        activate(1);
        (leaf, proof) = (leafOf(700, 2e18 + 700e9), tree.proof(700));
        settlement.claim(1, leaf, proof);
        snapshot("claim of 1000 nodes, later");
    }

    /// @dev To the contract a top is 32 bytes; a tree behind it isn't needed here.
    function attestOpaque(uint64 epoch) internal {
        warpToAttest(epoch);
        vm.prank(verifier);
        settlement.attest(epoch, EVIDENCE, 2, 1e18 + uint120(epoch), EVIDENCE);
    }
}
