// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {TestToken} from "../../src/TestToken.sol";
import {INodeRegistry} from "../../src/interfaces/INodeRegistry.sol";
import {ISettlement} from "../../src/interfaces/ISettlement.sol";
import {MerkleSum} from "../../src/libraries/MerkleSum.sol";
import {Rewards} from "../../src/libraries/Rewards.sol";
import {NodeLeaf} from "../../src/types/NodeLeaf.sol";
import {Network} from "../utils/Network.sol";
import {ReentrantToken} from "../utils/Tokens.sol";
import {Tree, Trees} from "../utils/Trees.sol";

/// @notice What is paid, and what isn't.
contract ClaimTest is Network {
    using Trees for Tree;

    Tree internal tree;

    function setUp() public override {
        super.setUp();
        register(3);
        fund(1000);
    }

    /// @dev Epoch 0 says 10, 15, 20.
    function firstEpoch() internal returns (Tree memory first) {
        first = treeOf(amounts(3, 10, 5));
        attest(0, first);
        activate(0);
    }

    function test_claim_paysTheRegisteredPayout() public {
        Tree memory first = firstEpoch();
        vm.assertEq(settlement.claimable(0, leafOf(1, 15), first.proof(1)), 15);
        vm.expectEmit(address(settlement));
        emit ISettlement.RewardClaimed(0, 1, payoutOf(1), 15, 15);
        vm.assertEq(claim(0, first, 1, 15), 15);
        vm.assertEq(token.balanceOf(payoutOf(1)), 15);
        vm.assertEq(settlement.claimed(1), 15);
        vm.assertEq(vault.totalPaid(), 15);
        vm.assertEq(settlement.claimable(0, leafOf(1, 15), first.proof(1)), 0);
        // The operator is paid elsewhere from now on.
        vm.prank(operator);
        registry.setPayout(2, payer);
        claim(0, first, 2, 20);
        vm.assertEq(token.balanceOf(payer), 20);
    }

    function test_claim_onlyWhenActive() public {
        Tree memory first = treeOf(amounts(3, 10, 5));
        bytes memory notAttested = abi.encodeWithSelector(ISettlement.NotAttested.selector, 0, 0);
        vm.expectRevert(notAttested);
        claim(0, first, 0, 10);
        vm.expectRevert(notAttested);
        settlement.verifyAttestation(0, leafOf(0, 10), first.proof(0));
        attest(0, first);
        uint256 activeAt = vm.getBlockTimestamp() + 7200;
        vm.warp(activeAt - 1);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NotActive.selector, 0, activeAt));
        claim(0, first, 0, 10);
        vm.assertTrue(settlement.verifyAttestation(0, leafOf(0, 10), first.proof(0)));
        vm.warp(activeAt);
        claim(0, first, 0, 10);
    }

    function test_claim_once() public {
        Tree memory first = firstEpoch();
        claim(0, first, 0, 10);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NothingToClaim.selector, 0, 10, 10));
        claim(0, first, 0, 10);
        vm.assertEq(vault.totalPaid(), 10);
    }

    function test_claim_oneForAllEpochs() public {
        Tree memory first = firstEpoch();
        Tree memory second = treeOf(amounts(3, 30, 10));
        attest(1, second);
        Tree memory third = treeOf(amounts(3, 100, 0));
        attest(2, third);
        activate(2);
        // Node 0 claims each epoch, node 1 the last alone, node 2 the last and then an old one.
        claim(0, first, 0, 10);
        vm.assertEq(claim(1, second, 0, 30), 20);
        vm.assertEq(claim(2, third, 0, 100), 70);
        vm.assertEq(claim(2, third, 1, 100), 100);
        claim(2, third, 2, 100);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NothingToClaim.selector, 2, 50, 100));
        claim(1, second, 2, 50);
        for (uint256 i = 0; i < 3; ++i) {
            vm.assertEq(token.balanceOf(payoutOf(i)), 100);
        }
    }

    function test_claim_refusesForgedLeaves() public {
        Tree memory first = firstEpoch();
        bytes memory proof = first.proof(1);
        NodeLeaf[9] memory forged;
        for (uint256 i = 0; i < forged.length; ++i) {
            forged[i] = leafOf(1, 15);
        }
        forged[0].cumulative = 16;
        forged[1].node = nodeKey(0);
        forged[2].reward += 1;
        forged[3].mass += 1;
        forged[4].slaPpm -= 1;
        forged[5].probes += 1;
        forged[6].probesOk -= 1;
        forged[7].segmentRoot = 0;
        forged[8].index = 2;
        for (uint256 i = 0; i < forged.length; ++i) {
            vm.assertFalse(settlement.verifyAttestation(0, forged[i], proof));
            bytes memory notInTree =
                abi.encodeWithSelector(ISettlement.NotInTree.selector, 0, forged[i].index, first.root());
            vm.expectRevert(notInTree);
            settlement.claim(0, forged[i], proof);
            vm.expectRevert(notInTree);
            settlement.claimable(0, forged[i], proof);
        }
        vm.assertTrue(settlement.verifyAttestation(0, leafOf(1, 15), proof));
    }

    function test_claim_refusesMalformedProofs() public {
        Tree memory first = firstEpoch();
        bytes memory proof = first.proof(1);
        bytes memory longer = bytes.concat(proof, new bytes(47));
        vm.expectRevert(abi.encodeWithSelector(MerkleSum.WrongProofLength.selector, 141, 94));
        settlement.claim(0, leafOf(1, 15), longer);
        vm.expectRevert(abi.encodeWithSelector(MerkleSum.WrongProofLength.selector, 0, 94));
        settlement.claim(0, leafOf(1, 15), "");
        vm.expectRevert(abi.encodeWithSelector(MerkleSum.IndexOutOfRange.selector, 3, 3));
        settlement.claim(0, leafOf(3, 0), proof);
    }

    function test_claim_refusesAmountsBeyondTheMass() public {
        Tree memory first = firstEpoch();
        NodeLeaf memory leaf = leafOf(1, 15);
        // 15 more than 2^120 would be 15 again if it were cut to the mass.
        leaf.cumulative += 1 << 120;
        vm.expectRevert(abi.encodeWithSelector(Rewards.AmountTooLarge.selector, (1 << 120) + 15));
        settlement.claim(0, leaf, first.proof(1));
        leaf.cumulative = type(uint120).max;
        vm.expectRevert(
            abi.encodeWithSelector(MerkleSum.MassOverflow.selector, type(uint120).max, uint120(10))
        );
        settlement.claim(0, leaf, first.proof(1));
    }

    /// A tree may state another key at an index; the payout belongs to the one that is registered.
    function test_claim_refusesAnotherNodesKey() public {
        NodeLeaf memory leaf = leafOf(0, 10);
        leaf.node = "mallory";
        bytes32[] memory leaves = new bytes32[](3);
        uint120[] memory masses = new uint120[](3);
        (leaves[0], masses[0]) = (hashOf(leaf), 10);
        Tree memory false_ = Trees.build(leaves, masses, false);
        attest(0, false_);
        activate(0);
        vm.assertTrue(settlement.verifyAttestation(0, leaf, false_.proof(0)));
        vm.expectRevert(
            abi.encodeWithSelector(ISettlement.WrongNode.selector, 0, bytes32("mallory"), nodeKey(0))
        );
        settlement.claim(0, leaf, false_.proof(0));
    }

    /// The root states a total that its leaves don't sum up to: nothing can be proven against it.
    function test_claim_refusesUnderAFalseTotal() public {
        Tree memory first = treeOf(amounts(3, 10, 5));
        warpToAttest(0);
        vm.prank(verifier);
        settlement.attest(0, first.top(), 3, first.total() - 1, EVIDENCE);
        activate(0);
        bytes32 root = settlement.attestation(0).root;
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NotInTree.selector, 0, 0, root));
        claim(0, first, 0, 10);
    }

    /// One that a lying quorum lowered keeps what it got, and gets no more until it has earned it.
    function test_claim_aLoweredCumulativePaysNothing() public {
        Tree memory first = firstEpoch();
        claim(0, first, 2, 20);
        uint256[] memory lowered = amounts(3, 20, 0);
        lowered[2] = 5;
        Tree memory second = treeOf(lowered);
        attest(1, second);
        activate(1);
        vm.assertEq(settlement.claimable(1, leafOf(2, 5), second.proof(2)), 0);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NothingToClaim.selector, 2, 5, 20));
        claim(1, second, 2, 5);
    }

    function test_claim_sixDecimals() public {
        deploy(new TestToken("Six", "SIX", 6, 1e15));
        vm.prank(owner);
        settlement.setVerifier(verifier, true);
        register(2);
        fund(5e6);
        Tree memory first = treeOf(amounts(2, 2e6, 1e6));
        attest(0, first);
        activate(0);
        claim(0, first, 0, 2e6);
        claim(0, first, 1, 3e6);
        vm.assertEq(token.balanceOf(payoutOf(1)), 3e6);
        vm.assertEq(token.balanceOf(address(vault)), 0);
    }

    /// The token calls back into the claim while it pays: the claim is spent already, and the vault shut.
    function test_claim_reentrantTokenGetsNothingTwice() public {
        ReentrantToken evil = new ReentrantToken(SUPPLY);
        deploy(evil);
        vm.prank(owner);
        settlement.setVerifier(verifier, true);
        register(2);
        fund(1000);
        tree = treeOf(amounts(2, 10, 10));
        attest(0, tree);
        activate(0);

        bytes memory proof = tree.proof(0);
        evil.callBack(address(settlement), abi.encodeCall(settlement.claim, (0, leafOf(0, 10), proof)));
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NothingToClaim.selector, 0, 10, 10));
        settlement.claim(0, leafOf(0, 10), proof);

        bytes memory other = abi.encodeCall(settlement.claim, (0, leafOf(1, 20), tree.proof(1)));
        evil.callBack(address(settlement), other);
        vm.expectRevert(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        settlement.claim(0, leafOf(0, 10), proof);

        evil.callBack(address(0), "");
        claim(0, tree, 0, 10);
        claim(0, tree, 1, 20);
        vm.assertEq(vault.totalPaid(), 30);
    }

    function test_claim_unknownIndexCantBeAttested() public {
        warpToAttest(0);
        vm.prank(verifier);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.WrongNodeCount.selector, 4, GENESIS + 3600));
        settlement.attest(0, "top", 4, 0, EVIDENCE);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.UnknownIndex.selector, 3, 3));
        registry.nodeAt(3);
    }
}
