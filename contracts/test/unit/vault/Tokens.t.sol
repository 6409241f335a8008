// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {TestToken} from "../../../src/TestToken.sol";
import {IRewardVault} from "../../../src/interfaces/IRewardVault.sol";
import {Deposits} from "../../../src/libraries/Deposits.sol";
import {Books, Network} from "../../utils/Network.sol";
import {FeeToken, QuietToken, ReentrantToken} from "../../utils/Tokens.sol";
import {Tree, Trees} from "../../utils/Trees.sol";

/// @notice Money of any kind: with 6 and 18 decimals, without return values, with a fee, calling back.
contract TokensTest is Network {
    using Trees for Tree;

    bytes4 internal constant REENTRANT = ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector;

    /// @dev Funded, attested, claimed and withdrawn, all of it in `unit`s.
    function course(TestToken token_, uint256 unit) internal {
        deploy(token_);
        enlist();
        vm.warp(GENESIS);
        register(1);
        fund(100 * unit);
        vm.prank(payer);
        vault.announceWithdrawal(80 * unit);
        Books memory b = books(0, 15 * unit);
        settle(b);
        vm.assertEq(claim(b, 0), 15 * unit);
        vm.assertEq(withdraw(b, 0), 80 * unit);
        vm.assertEq(token.balanceOf(payoutOf(0)), 15 * unit);
        vm.assertEq(token.balanceOf(payer), 80 * unit);
        vm.assertEq(token.balanceOf(address(vault)), 5 * unit);
    }

    function test_token_of18Decimals() public {
        TestToken token_ = new TestToken("Eighteen", "E", 18, SUPPLY);
        vm.assertEq(token_.decimals(), 18);
        course(token_, 1e18);
    }

    function test_token_of6Decimals() public {
        TestToken token_ = new TestToken("Six", "S", 6, SUPPLY);
        vm.assertEq(token_.decimals(), 6);
        vm.assertEq(token_.totalSupply(), SUPPLY);
        course(token_, 1e6);
    }

    /// A whole token is one unit.
    function test_token_ofNoDecimals() public {
        course(new TestToken("None", "N", 0, SUPPLY), 1);
    }

    // ---- A fee ----

    function test_fee_isRefused() public {
        deploy(new FeeToken(SUPPLY));
        token.transfer(payer, 1000);
        vm.startPrank(payer);
        token.approve(address(vault), 500);
        vm.expectRevert(abi.encodeWithSelector(Deposits.DepositShortfall.selector, 500, 495));
        vault.fund(500);
        vm.stopPrank();
        vm.assertEq(vault.totalFunded(), 0);
        vm.assertEq(vault.payerCount(), 0);
    }

    function test_fee_isRefusedForBonds() public {
        deploy(new FeeToken(SUPPLY));
        vm.startPrank(owner);
        settlement.addIssuer("issuer", committer);
        settlement.admitVerifier(verifier);
        vm.stopPrank();
        token.transfer(verifier, 1000);
        token.approve(address(settlement), 500);
        bytes memory shortfall = abi.encodeWithSelector(Deposits.DepositShortfall.selector, 500, 495);
        vm.expectRevert(shortfall);
        settlement.bondIssuer(0, 500);
        vm.startPrank(verifier);
        token.approve(address(settlement), 500);
        vm.expectRevert(shortfall);
        settlement.bond(500);
        vm.stopPrank();
    }

    // ---- Calling back ----

    function reentrant() internal returns (ReentrantToken token_) {
        token_ = new ReentrantToken(SUPPLY);
        deploy(token_);
        enlist();
        vm.warp(GENESIS);
        register(1);
    }

    function test_reentrant_fundCountsOnce() public {
        ReentrantToken token_ = reentrant();
        give(payer, 500, address(vault));
        token_.callBack(address(vault), abi.encodeCall(vault.fund, (500)));
        vm.expectRevert(REENTRANT);
        vm.prank(payer);
        vault.fund(500);
    }

    function test_reentrant_claimPaysOnce() public {
        ReentrantToken token_ = reentrant();
        fund(500);
        Books memory b = books(0, 300);
        settle(b);
        bytes memory proof = b.nodesTree.proof(0);
        bytes memory all = abi.encodeWithSelector(IRewardVault.NothingToClaim.selector, 0, 300, 300);
        token_.callBack(address(vault), abi.encodeCall(vault.claim, (b.nodes[0], 1, proof)));
        vm.expectRevert(all);
        vault.claim(b.nodes[0], 1, proof);
        bytes memory packed = pack(b, 0, proof);
        token_.callBack(address(vault), abi.encodeCall(vault.claimPacked, (packed)));
        vm.expectRevert(all);
        vault.claimPacked(packed);
        token_.callBack(address(0), "");
        claim(b, 0);
        vm.assertEq(token.balanceOf(payoutOf(0)), 300);
    }

    /// Nor does a deposit count more or less than it is, whatever is claimed meanwhile.
    function test_reentrant_claimWithinFund() public {
        ReentrantToken token_ = reentrant();
        fund(500);
        Books memory b = books(0, 300);
        settle(b);
        give(payer, 400, address(vault));
        token_.callBack(address(vault), abi.encodeCall(vault.claim, (b.nodes[0], 1, b.nodesTree.proof(0))));
        vm.expectRevert(abi.encodeWithSelector(Deposits.DepositShortfall.selector, 400, 100));
        vm.prank(payer);
        vault.fund(400);
    }

    function test_reentrant_withdrawPaysOnce() public {
        ReentrantToken token_ = reentrant();
        fund(500);
        vm.prank(payer);
        vault.announceWithdrawal(100);
        Books memory b = books(0, 300);
        settle(b);
        bytes memory proof = b.billsTree.proof(0);
        token_.callBack(address(vault), abi.encodeCall(vault.withdraw, (b.bills[0], 1, proof)));
        vm.expectRevert(REENTRANT);
        vm.prank(payer);
        vault.withdraw(b.bills[0], 1, proof);
        token_.callBack(address(vault), abi.encodeCall(vault.fund, (1)));
        vm.expectRevert(REENTRANT);
        vm.prank(payer);
        vault.withdraw(b.bills[0], 1, proof);
    }

    /// What isn't guarded finds everything in order already: the claim is noted before the money moves.
    function test_reentrant_settlingInAClaim() public {
        ReentrantToken token_ = reentrant();
        fund(500);
        Books memory b = books(0, 300);
        settle(b);
        Books memory next = books(1, 310);
        attest(next);
        outlast(1);
        token_.callBack(address(vault), abi.encodeCall(vault.activate, (1, next.roots)));
        claim(b, 0);
        vm.assertEq(vault.settled().epoch, 1);
        vm.assertEq(claim(next, 0), 10);
        vm.assertEq(token.balanceOf(payoutOf(0)), 310);
    }

    function test_reentrant_bonds() public {
        ReentrantToken token_ = reentrant();
        give(verifier, 500, address(settlement));
        token_.callBack(address(settlement), abi.encodeCall(settlement.bond, (500)));
        vm.expectRevert(REENTRANT);
        vm.prank(verifier);
        settlement.bond(500);
        token_.callBack(address(settlement), abi.encodeCall(settlement.bondIssuer, (0, 500)));
        vm.expectRevert(REENTRANT);
        vm.prank(verifier);
        settlement.bondIssuer(0, 500);

        token_.callBack(address(0), "");
        vm.prank(verifier);
        settlement.unbond();
        vm.prank(committer);
        settlement.unbondIssuer(0);
        vm.prank(challenges);
        settlement.slashIssuer(0, challenger);
        vm.warp(GENESIS + 30 days);
        token_.callBack(address(settlement), abi.encodeCall(settlement.withdrawBond, ()));
        vm.expectRevert(REENTRANT);
        vm.prank(verifier);
        settlement.withdrawBond();
        token_.callBack(address(settlement), abi.encodeCall(settlement.withdrawIssuerBond, (0)));
        vm.expectRevert(REENTRANT);
        vm.prank(committer);
        settlement.withdrawIssuerBond(0);
        token_.callBack(address(settlement), abi.encodeCall(settlement.withdrawBounty, ()));
        vm.expectRevert(REENTRANT);
        vm.prank(challenger);
        settlement.withdrawBounty();
    }

    /// A bond's transfer in which another contract's money comes in doesn't count it as the bond's.
    function test_reentrant_slashingInADeposit() public {
        ReentrantToken token_ = reentrant();
        give(verifier, 500, address(settlement));
        vm.prank(address(settlement));
        registry.slash(0, 0);
        token_.callBack(address(this), abi.encodeCall(this.slashNode, ()));
        vm.expectRevert(
            abi.encodeWithSelector(Deposits.DepositShortfall.selector, 500, 500 + terms().nodeStake)
        );
        vm.prank(verifier);
        settlement.bond(500);
        vm.assertEq(settlement.verifierOf(verifier).bond, terms().verifierBond);
    }

    function slashNode() external {
        vm.prank(challenges);
        settlement.slashNode(0, challenger);
    }

    // ---- Without a return value ----

    function test_quiet_isFine() public {
        course(TestToken(address(new QuietToken(SUPPLY))), 1e6);
    }

    function test_quiet_stillFails() public {
        deploy(TestToken(address(new QuietToken(SUPPLY))));
        vm.expectRevert(abi.encodeWithSignature("Error(string)", "no"));
        vm.prank(payer);
        vault.fund(1);
    }
}
