// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ISettlement} from "../../src/interfaces/ISettlement.sol";
import {Status} from "../../src/types/Attestation.sol";
import {Network} from "../utils/Network.sol";
import {Tree, Trees} from "../utils/Trees.sol";

/// @notice Overturning, and the ring of remembered attestations.
contract OverturnTest is Network {
    using Trees for Tree;

    uint64 internal constant HISTORY = 1024;

    function overturn(uint64 epoch) internal {
        vm.prank(challenges);
        settlement.overturn(epoch);
    }

    function vote(uint64 epoch) internal {
        vm.prank(verifier);
        settlement.attest(epoch, 0, 0, 0, EVIDENCE);
    }

    function expectStatus(uint64 epoch, Status expected) internal view {
        vm.assertEq(uint256(settlement.status(epoch)), uint256(expected));
    }

    function test_overturn_removesThatAndLaterOnes() public {
        warpToAttest(2);
        vote(0);
        vote(1);
        vote(2);
        vm.expectEmit(address(settlement));
        emit ISettlement.EpochsOverturned(1, 2);
        overturn(1);
        expectStatus(0, Status.Pending);
        expectStatus(1, Status.None);
        expectStatus(2, Status.None);
        vm.assertEq(settlement.nextEpoch(), 1);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NotAttested.selector, 2, 1));
        settlement.attestation(2);
        vote(1);
        expectStatus(1, Status.Pending);
        expectStatus(2, Status.None);
    }

    function test_overturn_aNewAttestationWaitsAnew() public {
        register(1);
        fund(100);
        Tree memory wrong = treeOf(amounts(1, 100, 0));
        attest(0, wrong);
        vm.warp(vm.getBlockTimestamp() + 7199);
        overturn(0);
        // The total may be lower again than the one that was false.
        Tree memory right = treeOf(amounts(1, 40, 0));
        attest(0, right);
        vm.assertEq(settlement.attestation(0).root, right.root());
        vm.warp(vm.getBlockTimestamp() + 7199);
        expectStatus(0, Status.Pending);
        vm.warp(vm.getBlockTimestamp() + 1);
        vm.assertEq(claim(0, right, 0, 40), 40);
    }

    function test_overturn_restoresTheTotalBefore() public {
        register(1);
        fund(100);
        attest(0, treeOf(amounts(1, 10, 0)));
        attest(1, treeOf(amounts(1, 90, 0)));
        overturn(1);
        vm.prank(verifier);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.TotalDecreased.selector, 9, 10));
        settlement.attest(1, "top", 1, 9, EVIDENCE);
        attest(1, treeOf(amounts(1, 10, 0)));
    }

    function test_overturn_voidsVotes() public {
        address second = account("second verifier");
        warpToAttest(1);
        vote(0);
        vm.startPrank(owner);
        settlement.setVerifier(second, true);
        settlement.setQuorum(2);
        vm.stopPrank();
        vote(1);
        overturn(0);
        vote(0);
        expectStatus(0, Status.None);
        vm.prank(second);
        settlement.attest(0, 0, 0, 0, EVIDENCE);
        expectStatus(0, Status.Pending);
        // The vote on epoch 1 was of another ballot.
        vm.prank(second);
        settlement.attest(1, 0, 0, 0, EVIDENCE);
        expectStatus(1, Status.None);
        vote(1);
        expectStatus(1, Status.Pending);
    }

    function test_overturn_byTheChallengeContractOnly() public {
        warpToAttest(0);
        vote(0);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NotChallenges.selector, owner));
        vm.prank(owner);
        settlement.overturn(0);
    }

    function test_overturn_onlyWhatIsPending() public {
        warpToAttest(0);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NotAttested.selector, 0, 0));
        overturn(0);
        vote(0);
        uint256 activeAt = vm.getBlockTimestamp() + 7200;
        vm.warp(activeAt);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.AlreadyActive.selector, 0, activeAt));
        overturn(0);
    }

    // ---- The ring ----

    function test_ring_letsGoOfTheOldest() public {
        for (uint64 epoch = 0; epoch < HISTORY; ++epoch) {
            warpToAttest(epoch);
            vote(epoch);
        }
        expectStatus(0, Status.Active);
        warpToAttest(HISTORY);
        vote(HISTORY);
        expectStatus(0, Status.Archived);
        expectStatus(1, Status.Active);
        expectStatus(HISTORY, Status.Pending);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.EpochArchived.selector, 0, HISTORY + 1));
        settlement.attestation(0);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.EpochArchived.selector, 0, HISTORY + 1));
        overturn(0);

        // What an overturned attestation had displaced stays archived.
        overturn(HISTORY);
        expectStatus(HISTORY, Status.None);
        expectStatus(0, Status.Archived);
        vote(HISTORY);
        expectStatus(HISTORY, Status.Pending);
    }

    /// Verifiers come back after a long time and attest everything at once.
    function test_ring_keepsAnActiveOneAndAllPendingOnes() public {
        warpToAttest(0);
        vote(0);
        warpToAttest(2 * HISTORY);
        uint256 burst = vm.getBlockTimestamp();
        for (uint64 epoch = 1; epoch < HISTORY; ++epoch) {
            vote(epoch);
        }
        // Epoch 0 is the only active one, and the one that epoch 1 follows from.
        vm.expectRevert(abi.encodeWithSelector(ISettlement.TooManyPending.selector, HISTORY, burst + 7200));
        vote(HISTORY);
        expectStatus(0, Status.Active);

        // After an overturn, the ring's stale entries stand in nobody's way.
        overturn(HISTORY - 2);
        vote(HISTORY - 2);
        vote(HISTORY - 1);
        vm.warp(burst + 7200);
        vote(HISTORY);
        vote(HISTORY + 1);
        overturn(HISTORY);
        vote(HISTORY);
        expectStatus(1, Status.Archived);
        expectStatus(2, Status.Active);
        vote(HISTORY + 1);
    }
}
