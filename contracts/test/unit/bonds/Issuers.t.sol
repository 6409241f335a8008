// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

import {IBonds} from "../../../src/interfaces/IBonds.sol";
import {Issuer} from "../../../src/types/Issuer.sol";
import {Parameters} from "../../../src/types/Parameters.sol";
import {Network} from "../../utils/Network.sol";

/// @notice Issuers, their keys and their bonds.
contract IssuersTest is Network {
    uint256 internal constant BOND = 20e18;

    /// @dev What `terms` say whoever leaves still answers for.
    uint256 internal constant UNBONDING = 3600 + 300 + 900 + 2 * 7200;

    // ---- Adding ----

    function test_add_countsUp() public {
        vm.warp(GENESIS + 5);
        vm.expectEmit(address(settlement));
        emit IBonds.IssuerAdded(1, "second", payer);
        vm.prank(owner);
        vm.assertEq(settlement.addIssuer("second", payer), 1);
        vm.assertEq(settlement.issuerCount(), 2);
        Issuer memory expected =
            Issuer({key: "second", committer: payer, addedAt: GENESIS + 5, bond: 0, unbondedAt: 0});
        vm.assertEq(abi.encode(settlement.issuerAt(1)), abi.encode(expected));
        vm.assertEq(settlement.issuerKeyAt(1, 0), "second");
    }

    function test_add_byTheOwnerOnly() public {
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, committer));
        vm.prank(committer);
        settlement.addIssuer("k", committer);
    }

    function test_add_somebodyWithAKey() public {
        vm.startPrank(owner);
        vm.expectRevert(IBonds.ZeroAddress.selector);
        settlement.addIssuer(0, committer);
        vm.expectRevert(IBonds.ZeroAddress.selector);
        settlement.addIssuer("k", address(0));
        vm.stopPrank();
    }

    function test_unknown() public {
        bytes memory unknown = abi.encodeWithSelector(IBonds.UnknownIssuer.selector, 1, 1);
        vm.expectRevert(unknown);
        settlement.issuerAt(1);
        vm.expectRevert(unknown);
        settlement.issuerKeyAt(1, 0);
        vm.expectRevert(unknown);
        settlement.bondIssuer(1, 1);
        vm.expectRevert(unknown);
        settlement.unbondIssuer(1);
        vm.expectRevert(unknown);
        settlement.withdrawIssuerBond(1);
        vm.expectRevert(unknown);
        vm.prank(owner);
        settlement.rotateIssuerKey(1, "k", 9);
        vm.expectRevert(unknown);
        vm.prank(challenges);
        settlement.slashIssuer(1, challenger);
    }

    // ---- Keys ----

    function rotate(address by, bytes32 key, uint64 from) internal {
        vm.prank(by);
        settlement.rotateIssuerKey(0, key, from);
    }

    function test_rotate_fromAnEpochOn() public {
        vm.assertEq(settlement.issuerKeyAt(0, 5), "issuer");
        vm.expectEmit(address(settlement));
        emit IBonds.IssuerKeyRotated(0, "second", 3);
        rotate(committer, "second", 3);
        rotate(owner, "third", 5);
        vm.assertEq(settlement.issuerKeyAt(0, 0), "issuer");
        vm.assertEq(settlement.issuerKeyAt(0, 2), "issuer");
        vm.assertEq(settlement.issuerKeyAt(0, 3), "second");
        vm.assertEq(settlement.issuerKeyAt(0, 4), "second");
        vm.assertEq(settlement.issuerKeyAt(0, 5), "third");
        vm.assertEq(settlement.issuerKeyAt(0, type(uint64).max), "third");
        vm.assertEq(settlement.issuerAt(0).key, "third");
    }

    /// The last word before it begins.
    function test_rotate_again() public {
        rotate(committer, "second", 3);
        rotate(committer, "other", 3);
        vm.assertEq(settlement.issuerKeyAt(0, 2), "issuer");
        vm.assertEq(settlement.issuerKeyAt(0, 3), "other");
    }

    function test_rotate_beforeTheGenesis() public {
        vm.warp(GENESIS - 1);
        rotate(committer, "second", 0);
        vm.assertEq(settlement.issuerKeyAt(0, 0), "second");
    }

    /// What was signed in an epoch that has begun stays so.
    function test_rotate_notWhatHasBegun() public {
        vm.warp(GENESIS + 10_800);
        bytes memory begun = abi.encodeWithSelector(IBonds.EpochBegun.selector, 3, GENESIS + 10_800);
        vm.expectRevert(begun);
        rotate(committer, "second", 3);
        vm.warp(GENESIS + 10_799);
        rotate(committer, "second", 3);
    }

    function test_rotate_inOrder() public {
        rotate(committer, "second", 5);
        vm.expectRevert(Checkpoints.CheckpointUnorderedInsertion.selector);
        rotate(committer, "third", 4);
    }

    function test_rotate_byCommitterOrOwnerOnly() public {
        vm.expectRevert(abi.encodeWithSelector(IBonds.NotCommitter.selector, 0, payer));
        rotate(payer, "second", 3);
    }

    function test_rotate_toAKey() public {
        vm.expectRevert(IBonds.ZeroAddress.selector);
        rotate(committer, 0, 3);
    }

    // ---- Bonds ----

    function test_bond_addsUp() public {
        vm.assertEq(settlement.issuerAt(0).bond, BOND);
        // Anyone may.
        give(payer, 7, address(settlement));
        vm.expectEmit(address(settlement));
        emit IBonds.IssuerBonded(0, 7, BOND + 7);
        vm.prank(payer);
        settlement.bondIssuer(0, 7);
        vm.assertEq(settlement.issuerAt(0).bond, BOND + 7);
        vm.assertEq(token.balanceOf(address(settlement)), BOND + 7 + terms().verifierBond);
        vm.assertEq(token.balanceOf(payer), 0);
    }

    function test_bond_ofSomething() public {
        vm.expectRevert(IBonds.ZeroAmount.selector);
        settlement.bondIssuer(0, 0);
    }

    function test_bond_fits() public {
        uint256 room = (1 << 96) - BOND;
        token.approve(address(settlement), room);
        vm.expectRevert(abi.encodeWithSelector(IBonds.BondTooLarge.selector, room, BOND));
        settlement.bondIssuer(0, room);
        settlement.bondIssuer(0, room - 1);
        vm.assertEq(settlement.issuerAt(0).bond, type(uint96).max);
    }

    function test_bond_isTaken() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientAllowance.selector, address(settlement), 0, 5
            )
        );
        vm.prank(payer);
        settlement.bondIssuer(0, 5);
        vm.assertEq(settlement.issuerAt(0).bond, BOND);
    }

    function unbond() internal {
        vm.prank(committer);
        settlement.unbondIssuer(0);
    }

    function withdrawBond() internal {
        vm.prank(committer);
        settlement.withdrawIssuerBond(0);
    }

    function test_unbond_toTheSecond() public {
        uint256 time = GENESIS + UNBONDING;
        vm.expectEmit(address(settlement));
        emit IBonds.IssuerUnbonding(0, time);
        unbond();
        vm.assertEq(settlement.issuerAt(0).unbondedAt, time);
        vm.warp(time - 1);
        vm.expectRevert(abi.encodeWithSelector(IBonds.BondLocked.selector, time));
        withdrawBond();
        vm.warp(time);
        vm.expectEmit(address(settlement));
        emit IBonds.IssuerBondWithdrawn(0, BOND);
        withdrawBond();
        vm.assertEq(token.balanceOf(committer), BOND);
        vm.assertEq(settlement.issuerAt(0).bond, 0);
        vm.assertEq(settlement.issuerAt(0).unbondedAt, 0);
        // And it may come back.
        vm.expectRevert(abi.encodeWithSelector(IBonds.BondLocked.selector, 0));
        withdrawBond();
        give(committer, BOND, address(settlement));
        vm.prank(committer);
        settlement.bondIssuer(0, BOND);
        vm.assertEq(settlement.issuerAt(0).bond, BOND);
    }

    function test_unbond_once() public {
        unbond();
        bytes memory unbonding = abi.encodeWithSelector(IBonds.Unbonding.selector, GENESIS + UNBONDING);
        vm.expectRevert(unbonding);
        unbond();
        // Nobody takes part in what leaves.
        vm.expectRevert(unbonding);
        settlement.bondIssuer(0, 1);
    }

    function test_unbond_byItsCommitterOnly() public {
        bytes memory notCommitter = abi.encodeWithSelector(IBonds.NotCommitter.selector, 0, owner);
        vm.expectRevert(notCommitter);
        vm.prank(owner);
        settlement.unbondIssuer(0);
        unbond();
        vm.warp(GENESIS + UNBONDING);
        vm.expectRevert(notCommitter);
        vm.prank(owner);
        settlement.withdrawIssuerBond(0);
    }

    function test_withdraw_announcedOnly() public {
        vm.expectRevert(abi.encodeWithSelector(IBonds.BondLocked.selector, 0));
        withdrawBond();
    }

    /// The announced time stays, whatever is agreed on meanwhile.
    function test_unbond_byTheTermsOfThatDay() public {
        unbond();
        Parameters memory next = terms();
        next.epochLength = 7200;
        vm.prank(owner);
        settlement.schedule(3, next);
        vm.warp(GENESIS + UNBONDING);
        withdrawBond();
    }

    // ---- Slashing ----

    function slash(address to) internal {
        vm.prank(challenges);
        settlement.slashIssuer(0, to);
    }

    function test_slash_halfToTheChallenger() public {
        vm.prank(owner);
        settlement.addIssuer("second", committer);
        give(committer, 5, address(settlement));
        vm.prank(committer);
        settlement.bondIssuer(1, 5);

        vm.expectEmit(address(settlement));
        emit IBonds.IssuerSlashed(1, 5, challenger);
        vm.expectEmit(address(settlement));
        emit IBonds.BountyCredited(challenger, 2);
        vm.expectEmit(address(settlement));
        emit IBonds.BountyCredited(treasury, 3);
        vm.prank(challenges);
        settlement.slashIssuer(1, challenger);
        vm.assertEq(settlement.issuerAt(1).bond, 0);
        vm.assertEq(settlement.bounties(challenger), 2);
        vm.assertEq(settlement.bounties(treasury), 3);
        // The other's bond is another.
        vm.assertEq(settlement.issuerAt(0).bond, BOND);
    }

    function test_slash_nobodyToThank() public {
        vm.expectEmit(address(settlement));
        emit IBonds.IssuerSlashed(0, BOND, address(0));
        vm.expectEmit(address(settlement));
        emit IBonds.BountyCredited(treasury, BOND);
        slash(address(0));
        vm.assertEq(settlement.bounties(treasury), BOND);
        vm.assertEq(settlement.bounties(address(0)), 0);
    }

    /// What is there beyond the bond of the terms stays for the next.
    function test_slash_theBondOfTheTerms() public {
        token.approve(address(settlement), 7);
        settlement.bondIssuer(0, 7);
        slash(challenger);
        vm.assertEq(settlement.issuerAt(0).bond, 7);
        slash(challenger);
        vm.assertEq(settlement.issuerAt(0).bond, 0);
        vm.assertEq(settlement.bounties(challenger), BOND / 2 + 3);
        vm.assertEq(settlement.bounties(treasury), BOND / 2 + 4);
        // And then there is nothing.
        slash(challenger);
        vm.assertEq(settlement.bounties(challenger), BOND / 2 + 3);
    }

    /// By the terms of the day it is shown.
    function test_slash_byTheNewestTerms() public {
        Parameters memory next = terms();
        next.issuerBond = 3;
        vm.prank(owner);
        settlement.schedule(3, next);
        vm.warp(GENESIS + 10_799);
        slash(address(0));
        vm.assertEq(settlement.issuerAt(0).bond, 0);
        token.approve(address(settlement), 7);
        settlement.bondIssuer(0, 7);
        vm.warp(GENESIS + 10_800);
        slash(address(0));
        vm.assertEq(settlement.issuerAt(0).bond, 4);
    }

    /// Until it is withdrawn.
    function test_slash_whatIsLeaving() public {
        unbond();
        vm.warp(GENESIS + UNBONDING);
        slash(challenger);
        vm.expectEmit(address(settlement));
        emit IBonds.IssuerBondWithdrawn(0, 0);
        withdrawBond();
        vm.assertEq(token.balanceOf(committer), 0);
    }

    function test_slash_byChallengesOnly() public {
        vm.expectRevert(abi.encodeWithSelector(IBonds.NotChallenger.selector, owner));
        vm.prank(owner);
        settlement.slashIssuer(0, owner);
    }

    // ---- Bounties ----

    function test_bounty_isPaidOnce() public {
        slash(challenger);
        vm.expectEmit(address(settlement));
        emit IBonds.BountyWithdrawn(challenger, BOND / 2);
        vm.prank(challenger);
        settlement.withdrawBounty();
        vm.assertEq(token.balanceOf(challenger), BOND / 2);
        vm.assertEq(settlement.bounties(challenger), 0);
        vm.expectRevert(abi.encodeWithSelector(IBonds.NoBounty.selector, challenger));
        vm.prank(challenger);
        settlement.withdrawBounty();
        vm.prank(treasury);
        settlement.withdrawBounty();
        vm.assertEq(token.balanceOf(treasury), BOND / 2);
        vm.assertEq(token.balanceOf(address(settlement)), terms().verifierBond);
    }
}
