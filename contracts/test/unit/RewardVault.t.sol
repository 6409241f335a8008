// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {RewardVault} from "../../src/RewardVault.sol";
import {TestToken} from "../../src/TestToken.sol";
import {IRewardVault} from "../../src/interfaces/IRewardVault.sol";
import {TestBase} from "../utils/TestBase.sol";
import {FeeToken, ReentrantToken} from "../utils/Tokens.sol";

contract RewardVaultTest is TestBase {
    address internal immutable settlement = account("settlement");
    address internal immutable payee = account("payee");

    function vaultOf(TestToken token) internal returns (RewardVault vault) {
        vault = new RewardVault(token, settlement);
        token.approve(address(vault), type(uint256).max);
    }

    function test_constructor_refusesZeros() public {
        TestToken token = new TestToken("T", "T", 18, 1);
        vm.expectRevert(IRewardVault.ZeroAddress.selector);
        new RewardVault(token, address(0));
        vm.expectRevert(IRewardVault.ZeroAddress.selector);
        new RewardVault(TestToken(address(0)), settlement);
    }

    function test_fund_countsPerPayer() public {
        TestToken token = new TestToken("T", "T", 18, 100);
        RewardVault vault = vaultOf(token);
        address other = account("other");
        token.transfer(other, 10);
        vm.prank(other);
        token.approve(address(vault), 10);
        vault.fund(30);
        vm.expectEmit(address(vault));
        emit IRewardVault.Funded(other, 10, 40);
        vm.prank(other);
        vault.fund(10);
        vault.fund(1);
        vm.assertEq(vault.totalFunded(), 41);
        vm.assertEq(vault.deposits(address(this)), 31);
        vm.assertEq(vault.deposits(other), 10);
        vm.assertEq(token.balanceOf(address(vault)), 41);
    }

    function test_fund_refusesNothingAndTooMuch() public {
        RewardVault vault = vaultOf(new TestToken("T", "T", 18, type(uint256).max));
        vm.expectRevert(IRewardVault.ZeroAmount.selector);
        vault.fund(0);
        vault.fund(type(uint128).max);
        vm.expectRevert(
            abi.encodeWithSelector(SafeCast.SafeCastOverflowedUintDowncast.selector, 128, 1 << 128)
        );
        vault.fund(1);
    }

    function test_fund_refusesATokenWithFee() public {
        RewardVault vault = vaultOf(new FeeToken(1000));
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.DepositShortfall.selector, 1000, 990));
        vault.fund(1000);
    }

    /// The transfer of the inner call would be seen by the outer one as its own.
    function test_fund_countsNoTransferTwice() public {
        ReentrantToken token = new ReentrantToken(1000);
        RewardVault vault = vaultOf(token);
        token.callBack(address(vault), abi.encodeCall(vault.fund, (100)));
        vm.expectRevert(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        vault.fund(100);
    }

    function test_fund_whatIsGivenWithoutItIsntFunded() public {
        TestToken token = new TestToken("T", "T", 18, 100);
        RewardVault vault = vaultOf(token);
        token.transfer(address(vault), 50);
        vm.assertEq(vault.totalFunded(), 0);
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.Underfunded.selector, 1, 0));
        vm.prank(settlement);
        vault.pay(payee, 1);
    }

    function test_pay_bySettlementOnlyAndNotMoreThanFunded() public {
        TestToken token = new TestToken("T", "T", 6, 100);
        RewardVault vault = vaultOf(token);
        vault.fund(60);
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.NotSettlement.selector, address(this)));
        vault.pay(payee, 1);

        vm.startPrank(settlement);
        vm.expectEmit(address(vault));
        emit IRewardVault.Paid(payee, 45, 45);
        vault.pay(payee, 45);
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.Underfunded.selector, 16, 15));
        vault.pay(payee, 16);
        vault.pay(payee, 15);
        vm.stopPrank();
        vm.assertEq(vault.totalPaid(), 60);
        vm.assertEq(vault.totalFunded(), 60);
        vm.assertEq(token.balanceOf(payee), 60);
    }

    function test_token_showsItsDecimals() public {
        vm.assertEq(new TestToken("T", "T", 6, 1).decimals(), 6);
        vm.assertEq(new TestToken("T", "T", 18, 1).decimals(), 18);
    }
}
