// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

import {IBonds} from "../../../src/interfaces/IBonds.sol";
import {ISettlement} from "../../../src/interfaces/ISettlement.sol";
import {Statement} from "../../../src/types/Attestation.sol";
import {Change, Verifier} from "../../../src/types/Verifier.sol";
import {Network} from "../../utils/Network.sol";

/// @notice Who votes, and what they have at stake.
contract VerifiersTest is Network {
    uint256 internal constant BOND = 10e18;
    uint256 internal constant UNBONDING = 3600 + 300 + 900 + 2 * 7200;

    address internal immutable second = account("second verifier");

    function announce(Change change, uint160 value) internal {
        vm.startPrank(owner);
        if (change == Change.Admit) settlement.admitVerifier(address(value));
        if (change == Change.Dismiss) settlement.dismissVerifier(address(value));
        if (change == Change.Quorum) settlement.setQuorum(uint8(value));
        vm.stopPrank();
    }

    // ---- Before the genesis ----

    function test_before_atOnce() public {
        vm.warp(GENESIS - 1);
        vm.expectEmit(address(settlement));
        emit IBonds.VerifierSet(second, true);
        announce(Change.Admit, uint160(second));
        vm.assertTrue(settlement.isVerifier(second));
        vm.expectEmit(address(settlement));
        emit IBonds.QuorumSet(2);
        announce(Change.Quorum, 2);
        vm.assertEq(settlement.quorum(), 2);
        vm.expectEmit(address(settlement));
        emit IBonds.VerifierSet(verifier, false);
        announce(Change.Dismiss, uint160(verifier));
        vm.assertFalse(settlement.isVerifier(verifier));
        vm.assertEq(settlement.effectiveAt(Change.Quorum, 2), 0);
    }

    // ---- After it ----

    function test_after_theDelay() public {
        uint256 time = GENESIS + CHANGE_DELAY;
        vm.expectEmit(address(settlement));
        emit IBonds.ChangeAnnounced(Change.Admit, uint160(second), time);
        announce(Change.Admit, uint160(second));
        vm.assertEq(settlement.effectiveAt(Change.Admit, uint160(second)), time);
        vm.assertFalse(settlement.isVerifier(second));

        vm.warp(time - 1);
        vm.expectRevert(
            abi.encodeWithSelector(IBonds.ChangeNotDue.selector, Change.Admit, uint160(second), time)
        );
        settlement.applyChange(Change.Admit, uint160(second));
        vm.warp(time);
        vm.expectEmit(address(settlement));
        emit IBonds.VerifierSet(second, true);
        settlement.applyChange(Change.Admit, uint160(second));
        vm.assertTrue(settlement.isVerifier(second));
        // Once.
        vm.assertEq(settlement.effectiveAt(Change.Admit, uint160(second)), 0);
        vm.expectRevert(
            abi.encodeWithSelector(IBonds.ChangeNotDue.selector, Change.Admit, uint160(second), 0)
        );
        settlement.applyChange(Change.Admit, uint160(second));
    }

    function test_after_dismissalAndQuorumToo() public {
        announce(Change.Dismiss, uint160(verifier));
        announce(Change.Quorum, 3);
        vm.assertTrue(settlement.isVerifier(verifier));
        vm.assertEq(settlement.quorum(), 1);
        vm.warp(GENESIS + CHANGE_DELAY);
        vm.expectEmit(address(settlement));
        emit IBonds.VerifierSet(verifier, false);
        settlement.applyChange(Change.Dismiss, uint160(verifier));
        vm.expectEmit(address(settlement));
        emit IBonds.QuorumSet(3);
        settlement.applyChange(Change.Quorum, 3);
        vm.assertFalse(settlement.isVerifier(verifier));
        vm.assertEq(settlement.quorum(), 3);
    }

    /// A change is one change: of this kind, to that value.
    function test_after_nothingElse() public {
        announce(Change.Admit, uint160(second));
        vm.warp(GENESIS + CHANGE_DELAY);
        vm.expectRevert(
            abi.encodeWithSelector(IBonds.ChangeNotDue.selector, Change.Dismiss, uint160(second), 0)
        );
        settlement.applyChange(Change.Dismiss, uint160(second));
        vm.expectRevert(
            abi.encodeWithSelector(IBonds.ChangeNotDue.selector, Change.Quorum, uint160(second), 0)
        );
        settlement.applyChange(Change.Quorum, uint160(second));
        vm.expectRevert(abi.encodeWithSelector(IBonds.ChangeNotDue.selector, Change.Admit, uint160(payer), 0));
        settlement.applyChange(Change.Admit, uint160(payer));
    }

    /// Whoever announces it again waits again.
    function test_after_announcedAgain() public {
        announce(Change.Admit, uint160(second));
        vm.warp(GENESIS + CHANGE_DELAY - 1);
        announce(Change.Admit, uint160(second));
        uint256 time = GENESIS + 2 * CHANGE_DELAY - 1;
        vm.warp(time - 1);
        vm.expectRevert(
            abi.encodeWithSelector(IBonds.ChangeNotDue.selector, Change.Admit, uint160(second), time)
        );
        settlement.applyChange(Change.Admit, uint160(second));
    }

    // ---- What changes ----

    function test_changes_byTheOwnerOnly() public {
        bytes memory unauthorized =
            abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, verifier);
        vm.startPrank(verifier);
        vm.expectRevert(unauthorized);
        settlement.admitVerifier(second);
        vm.expectRevert(unauthorized);
        settlement.dismissVerifier(verifier);
        vm.expectRevert(unauthorized);
        settlement.setQuorum(2);
        vm.stopPrank();
    }

    function test_changes_ofSomething() public {
        vm.startPrank(owner);
        vm.expectRevert(IBonds.ZeroAddress.selector);
        settlement.admitVerifier(address(0));
        vm.expectRevert(IBonds.ZeroQuorum.selector);
        settlement.setQuorum(0);
        vm.stopPrank();
    }

    function test_changes_whatIsSoAlready() public {
        vm.warp(GENESIS - 1);
        vm.expectRevert(abi.encodeWithSelector(IBonds.AlreadyVerifier.selector, verifier));
        vm.prank(owner);
        settlement.admitVerifier(verifier);
        vm.expectRevert(abi.encodeWithSelector(IBonds.NotVerifier.selector, second));
        vm.prank(owner);
        settlement.dismissVerifier(second);
    }

    /// A place is for good, so that a bit among the signers always means the same account.
    function test_places_areForGood() public {
        vm.warp(GENESIS - 1);
        announce(Change.Admit, uint160(second));
        announce(Change.Dismiss, uint160(verifier));
        announce(Change.Admit, uint160(payer));
        announce(Change.Admit, uint160(verifier));
        address[] memory all = settlement.verifiers();
        vm.assertEq(all.length, 3);
        vm.assertEq(all[0], verifier);
        vm.assertEq(all[1], second);
        vm.assertEq(all[2], payer);
        vm.assertEq(settlement.verifierOf(verifier).place, 0);
        vm.assertEq(settlement.verifierOf(payer).place, 2);
        Verifier memory nobody;
        vm.assertEq(abi.encode(settlement.verifierOf(owner)), abi.encode(nobody));
    }

    function test_places_are64() public {
        vm.warp(GENESIS - 1);
        for (uint160 i = 1; i < 64; ++i) {
            announce(Change.Admit, i);
        }
        vm.assertEq(settlement.verifiers().length, 64);
        vm.expectRevert(IBonds.TooManyVerifiers.selector);
        vm.prank(owner);
        settlement.admitVerifier(address(64));
        // One that has a place comes back.
        announce(Change.Dismiss, 63);
        announce(Change.Admit, 63);
        vm.assertTrue(settlement.isVerifier(address(63)));
    }

    // ---- Bonds ----

    function test_bond_addsUp() public {
        give(verifier, 5, address(settlement));
        vm.expectEmit(address(settlement));
        emit IBonds.VerifierBonded(verifier, 5, BOND + 5);
        vm.prank(verifier);
        settlement.bond(5);
        Verifier memory expected =
            Verifier({known: true, admitted: true, place: 0, bond: uint96(BOND + 5), unbondedAt: 0});
        vm.assertEq(abi.encode(settlement.verifierOf(verifier)), abi.encode(expected));
        vm.assertEq(token.balanceOf(address(settlement)), BOND + 5 + terms().issuerBond);
    }

    function test_bond_refuses() public {
        vm.expectRevert(abi.encodeWithSelector(IBonds.NotVerifier.selector, second));
        vm.prank(second);
        settlement.bond(1);
        vm.expectRevert(IBonds.ZeroAmount.selector);
        vm.prank(verifier);
        settlement.bond(0);
        uint256 room = (1 << 96) - BOND;
        vm.expectRevert(abi.encodeWithSelector(IBonds.BondTooLarge.selector, room, BOND));
        vm.prank(verifier);
        settlement.bond(room);
    }

    function unbond() internal {
        vm.prank(verifier);
        settlement.unbond();
    }

    function withdrawBond() internal {
        vm.prank(verifier);
        settlement.withdrawBond();
    }

    function test_unbond_toTheSecond() public {
        uint256 time = GENESIS + UNBONDING;
        vm.expectEmit(address(settlement));
        emit IBonds.VerifierUnbonding(verifier, time);
        unbond();
        vm.assertEq(settlement.verifierOf(verifier).unbondedAt, time);
        vm.warp(time - 1);
        vm.expectRevert(abi.encodeWithSelector(IBonds.BondLocked.selector, time));
        withdrawBond();
        vm.warp(time);
        vm.expectEmit(address(settlement));
        emit IBonds.VerifierBondWithdrawn(verifier, BOND);
        withdrawBond();
        vm.assertEq(token.balanceOf(verifier), BOND);
        vm.expectRevert(abi.encodeWithSelector(IBonds.BondLocked.selector, 0));
        withdrawBond();
        // It may come back.
        bond(verifier, BOND);
        attestNext();
    }

    function test_unbond_once() public {
        unbond();
        bytes memory unbonding = abi.encodeWithSelector(IBonds.Unbonding.selector, GENESIS + UNBONDING);
        vm.expectRevert(unbonding);
        unbond();
        vm.expectRevert(unbonding);
        vm.prank(verifier);
        settlement.bond(1);
    }

    function test_unbond_votesNoMore() public {
        unbond();
        Statement memory s = opaque(0, 1, "something");
        vm.warp(due(0));
        vm.expectRevert(abi.encodeWithSelector(IBonds.Unbonding.selector, GENESIS + UNBONDING));
        vm.prank(verifier);
        settlement.attest(s);
    }

    function test_unbond_byWhoeverWasAVerifier() public {
        vm.expectRevert(abi.encodeWithSelector(IBonds.NotVerifier.selector, second));
        vm.prank(second);
        settlement.unbond();
        announce(Change.Dismiss, uint160(verifier));
        vm.warp(GENESIS + CHANGE_DELAY);
        settlement.applyChange(Change.Dismiss, uint160(verifier));
        unbond();
        vm.warp(GENESIS + CHANGE_DELAY + UNBONDING);
        withdrawBond();
        vm.assertEq(token.balanceOf(verifier), BOND);
    }

    function test_withdraw_announcedOnly() public {
        vm.expectRevert(abi.encodeWithSelector(IBonds.BondLocked.selector, 0));
        withdrawBond();
        vm.expectRevert(abi.encodeWithSelector(IBonds.BondLocked.selector, 0));
        vm.prank(payer);
        settlement.withdrawBond();
    }

    /// The unbonding time outlasts what could be attested in the same block.
    function test_unbond_outlastsTheVote() public {
        vm.warp(due(0));
        vm.prank(verifier);
        settlement.attest(opaque(0, 1, "a lie"));
        unbond();
        vm.assertLe(settlement.attestation(0).activeAt, settlement.verifierOf(verifier).unbondedAt);
        vm.warp(settlement.attestation(0).activeAt - 1);
        overturn(0);
        vm.assertEq(settlement.verifierOf(verifier).bond, 0);
    }

    /// A vote that waits for others doesn't outlive its voter's bond: what is attested has a bond behind every
    /// vote.
    function test_unbond_voidsItsVotes() public {
        vm.warp(GENESIS - 1);
        announce(Change.Admit, uint160(second));
        bond(second, BOND);
        announce(Change.Quorum, 2);
        Statement memory lie = opaque(0, 1, "a lie");
        vote(verifier, lie);
        unbond();
        vm.warp(settlement.verifierOf(verifier).unbondedAt);
        withdrawBond();
        vm.assertEq(settlement.verifierOf(verifier).bond, 0);
        vote(second, lie);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NotAttested.selector, 0, 0));
        settlement.attestation(0);
    }
}
