// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IBonds} from "../../../src/interfaces/IBonds.sol";
import {INodeRegistry} from "../../../src/interfaces/INodeRegistry.sol";
import {ISettlement} from "../../../src/interfaces/ISettlement.sol";
import {Roots, Statement, Status} from "../../../src/types/Attestation.sol";
import {Parameters} from "../../../src/types/Parameters.sol";
import {Network} from "../../utils/Network.sol";

/// @notice What a challenge does: attestations fall, their signers pay, and honest ones follow.
contract OverturnTest is Network {
    uint256 internal constant BOND = 10e18;

    address internal immutable second = account("second verifier");
    address internal immutable third = account("third verifier");

    function quorumOf(uint8 quorum) internal {
        vm.warp(GENESIS - 1);
        admit(second);
        admit(third);
        vm.prank(owner);
        settlement.setQuorum(quorum);
    }

    // ---- The attestation ----

    function test_overturn_voids() public {
        attest(opaque(0, 5, "true"));
        Statement memory lie = opaque(1, 9, "a lie");
        attest(lie);
        Roots memory roots = rootsOf(lie, 5);
        vm.expectEmit(address(settlement));
        emit ISettlement.EpochsOverturned(1, 1, challenger);
        vm.expectEmit(address(settlement));
        emit IBonds.VerifierSlashed(verifier, BOND, challenger);
        vm.expectEmit(address(settlement));
        emit IBonds.BountyCredited(challenger, BOND / 2);
        vm.expectEmit(address(settlement));
        emit IBonds.BountyCredited(treasury, BOND / 2);
        overturn(1);
        vm.assertEq(settlement.nextEpoch(), 1);
        vm.assertEq(uint256(settlement.status(1)), uint256(Status.None));
        vm.assertEq(uint256(settlement.status(0)), uint256(Status.Pending));
        bytes memory notAttested = abi.encodeWithSelector(ISettlement.NotAttested.selector, 1, 1);
        vm.expectRevert(notAttested);
        settlement.requirePending(1, roots);
        // Not even when its window would have passed.
        vm.warp(due(1) + 7200);
        vm.expectRevert(notAttested);
        settlement.requireActive(1, roots);
        vm.expectRevert(notAttested);
        vm.prank(challenges);
        settlement.overturn(1, challenger);
    }

    /// Those after it follow from it; they fall with it, at the price of the one.
    function test_overturn_takesTheLaterOnesAlong() public {
        bond(verifier, BOND);
        for (uint64 epoch = 0; epoch < 4; ++epoch) {
            attestNextAt(due(3));
        }
        vm.expectEmit(address(settlement));
        emit ISettlement.EpochsOverturned(1, 3, challenger);
        overturn(1);
        vm.assertEq(settlement.nextEpoch(), 1);
        vm.assertEq(settlement.verifierOf(verifier).bond, BOND);
        for (uint64 epoch = 1; epoch < 4; ++epoch) {
            vm.assertEq(uint256(settlement.status(epoch)), uint256(Status.None));
        }
    }

    function attestNextAt(uint256 time) internal {
        warpTo(time);
        attestNext();
    }

    function test_overturn_theFirst() public {
        bond(verifier, BOND);
        attest(opaque(0, 500, "a lie"));
        overturn(0);
        vm.assertEq(settlement.nextEpoch(), 0);
        // Of the lie's total nothing is left.
        attest(opaque(0, 5, "true"));
        vm.assertEq(settlement.attestation(0).total, 5);
    }

    /// The total goes back to that of the epoch before.
    function test_overturn_andAttestAnew() public {
        bond(verifier, 2 * BOND);
        attest(opaque(0, 5, "true"));
        attest(opaque(1, 500, "a lie"));
        overturn(1);
        Statement memory s = opaque(1, 4, "true");
        vm.expectRevert(abi.encodeWithSelector(ISettlement.TotalDecreased.selector, 4, 5));
        vm.prank(verifier);
        settlement.attest(s);
        s.total = 6;
        attest(s);
        settlement.requirePending(1, rootsOf(s, 5));
        vm.assertEq(settlement.attestation(1).activeAt, due(1) + 7200);
        // And again.
        overturn(1);
        vm.assertEq(settlement.nextEpoch(), 1);
        attest(s);
        outlast(1);
        vm.assertEq(settlement.requireActive(1, rootsOf(s, 5)), 6);
    }

    function test_overturn_toTheSecond() public {
        bond(verifier, BOND);
        attest(opaque(0, 5, "a lie"));
        vm.warp(due(0) + 7200);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.AlreadyActive.selector, 0, due(0) + 7200));
        vm.prank(challenges);
        settlement.overturn(0, challenger);
        vm.warp(due(0) + 7199);
        overturn(0);
    }

    function test_overturn_whatIsAttestedOnly() public {
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NotAttested.selector, 0, 0));
        vm.prank(challenges);
        settlement.overturn(0, challenger);
    }

    function test_overturn_byChallengesOnly() public {
        attest(opaque(0, 5, "something"));
        address[3] memory others = [owner, verifier, challenger];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IBonds.NotChallenger.selector, others[i]));
            vm.prank(others[i]);
            settlement.overturn(0, others[i]);
        }
    }

    // ---- Votes ----

    /// Whoever voted for what fell votes again if it must: what was voted before counts no more.
    function test_votes_dontSurvive() public {
        quorumOf(2);
        Statement memory s = opaque(0, 5, "something");
        vote(second, opaque(0, 5, "something else"));
        vote(verifier, s);
        vote(third, s);
        overturn(0);
        vm.assertEq(settlement.verifierOf(second).bond, BOND);
        bond(verifier, BOND);
        bond(third, BOND);
        // One vote more for either isn't two.
        vote(third, opaque(0, 5, "something else"));
        vm.assertEq(settlement.nextEpoch(), 0);
        vote(verifier, s);
        vm.assertEq(settlement.nextEpoch(), 0);
        vote(second, s);
        vm.assertEq(settlement.attestation(0).signers, 0x03);
    }

    /// The open vote of a later epoch builds on what falls.
    function test_votes_ofTheNextEpochNeither() public {
        quorumOf(2);
        vote(verifier, opaque(0, 500, "a lie"));
        vote(second, opaque(0, 500, "a lie"));
        Statement memory next = opaque(1, 500, "next");
        vote(third, next);
        overturn(0);
        bond(verifier, BOND);
        vote(third, opaque(0, 5, "true"));
        vote(verifier, opaque(0, 5, "true"));
        vote(verifier, next);
        vm.assertEq(settlement.nextEpoch(), 1);
    }

    // ---- Who pays ----

    function test_slash_itsSignersOnly() public {
        quorumOf(2);
        Statement memory lie = opaque(0, 5, "a lie");
        vote(second, opaque(0, 5, "true"));
        vote(verifier, lie);
        vote(third, lie);
        vm.expectEmit(address(settlement));
        emit IBonds.VerifierSlashed(verifier, BOND, challenger);
        vm.expectEmit(address(settlement));
        emit IBonds.VerifierSlashed(third, BOND, challenger);
        vm.expectEmit(address(settlement));
        emit IBonds.BountyCredited(challenger, BOND);
        vm.expectEmit(address(settlement));
        emit IBonds.BountyCredited(treasury, BOND);
        overturn(0);
        vm.assertEq(settlement.verifierOf(verifier).bond, 0);
        vm.assertEq(settlement.verifierOf(second).bond, BOND);
        vm.assertEq(settlement.verifierOf(third).bond, 0);
    }

    function test_slash_theBondOfTheVersion() public {
        Parameters memory next = terms();
        next.verifierBond = 4e18 + 1;
        vm.prank(owner);
        settlement.schedule(3, next);
        for (uint64 epoch = 0; epoch < 4; ++epoch) {
            attestNext();
        }
        overturn(3);
        vm.assertEq(settlement.verifierOf(verifier).bond, BOND - 4e18 - 1);
        // An odd unit is the treasury's.
        vm.assertEq(settlement.bounties(challenger), 2e18);
        vm.assertEq(settlement.bounties(treasury), 2e18 + 1);
        attestNext();
        vm.assertEq(settlement.nextEpoch(), 4);
    }

    function test_slash_withoutChallenger() public {
        attest(opaque(0, 5, "a lie"));
        vm.expectEmit(address(settlement));
        emit ISettlement.EpochsOverturned(0, 0, address(0));
        vm.expectEmit(address(settlement));
        emit IBonds.VerifierSlashed(verifier, BOND, address(0));
        vm.expectEmit(address(settlement));
        emit IBonds.BountyCredited(treasury, BOND);
        vm.prank(challenges);
        settlement.overturn(0, address(0));
        vm.assertEq(settlement.bounties(treasury), BOND);
    }

    function test_slash_afterwardsItBondsAnew() public {
        attest(opaque(0, 5, "a lie"));
        overturn(0);
        Statement memory s = opaque(0, 5, "true");
        vm.expectRevert(abi.encodeWithSelector(IBonds.BondTooSmall.selector, verifier, 0, BOND));
        vm.prank(verifier);
        settlement.attest(s);
        bond(verifier, BOND);
        attest(s);
        vm.assertEq(settlement.nextEpoch(), 1);
    }

    /// Also one that left, or was dismissed, since.
    function test_slash_whoeverSigned() public {
        attest(opaque(0, 5, "a lie"));
        vm.prank(verifier);
        settlement.unbond();
        vm.warp(due(0) + 7199);
        overturn(0);
        vm.assertEq(settlement.verifierOf(verifier).bond, 0);
    }

    // ---- Nodes ----

    function test_slashNode_itsWholeStake() public {
        register(2);
        vm.expectEmit(address(registry));
        emit INodeRegistry.NodeSlashed(1, 30e18, 0);
        vm.expectEmit(address(settlement));
        emit IBonds.BountyCredited(challenger, 15e18);
        vm.expectEmit(address(settlement));
        emit IBonds.BountyCredited(treasury, 15e18);
        vm.prank(challenges);
        settlement.slashNode(1, challenger);
        vm.assertEq(registry.nodeAt(1).stake, 0);
        vm.assertEq(registry.nodeAt(0).stake, 30e18);
        vm.assertEq(token.balanceOf(address(registry)), 30e18);
        // A second proof finds nothing.
        vm.prank(challenges);
        settlement.slashNode(1, challenger);
        vm.assertEq(settlement.bounties(challenger), 15e18);
        vm.prank(challenger);
        settlement.withdrawBounty();
        vm.assertEq(token.balanceOf(challenger), 15e18);
    }

    function test_slashNode_refuses() public {
        register(1);
        vm.expectRevert(abi.encodeWithSelector(IBonds.NotChallenger.selector, owner));
        vm.prank(owner);
        settlement.slashNode(0, owner);
        vm.expectRevert(abi.encodeWithSelector(INodeRegistry.UnknownIndex.selector, 1, 1));
        vm.prank(challenges);
        settlement.slashNode(1, challenger);
    }
}
