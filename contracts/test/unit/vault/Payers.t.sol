// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {RewardVault} from "../../../src/RewardVault.sol";
import {IRewardVault} from "../../../src/interfaces/IRewardVault.sol";
import {ISettlement} from "../../../src/interfaces/ISettlement.sol";
import {MerkleSum} from "../../../src/libraries/MerkleSum.sol";
import {Rewards} from "../../../src/libraries/Rewards.sol";
import {BillLeaf} from "../../../src/types/BillLeaf.sol";
import {Payer} from "../../../src/types/Payer.sol";
import {Books, Network} from "../../utils/Network.sol";
import {Tree, Trees} from "../../utils/Trees.sol";

/// @notice Deposits, and taking them back.
contract PayersTest is Network {
    using Trees for Tree;

    /// @dev Where the payers are counted, and all deposits, in the vault's storage.
    bytes32 internal constant PAYERS_SLOT = bytes32(uint256(4));
    bytes32 internal constant FUNDED_SLOT = bytes32(uint256(8));

    address internal immutable other = account("other payer");

    // ---- Funding ----

    function test_fund_addsUp() public {
        give(payer, 100, address(vault));
        vm.warp(GENESIS + 3);
        vm.expectEmit(address(vault));
        emit IRewardVault.Funded(0, payer, 100, 100);
        vm.prank(payer);
        vault.fund(100);
        fund(other, 5);
        give(payer, 11, address(vault));
        vm.warp(GENESIS + 9);
        vm.expectEmit(address(vault));
        emit IRewardVault.Funded(0, payer, 11, 111);
        vm.prank(payer);
        vault.fund(11);
        vm.assertEq(vault.deposits(payer), 111);
        vm.assertEq(vault.deposits(other), 5);
        vm.assertEq(vault.totalFunded(), 116);
        vm.assertEq(token.balanceOf(address(vault)), 116);
    }

    function test_fund_makesPayers() public {
        vm.warp(GENESIS + 3);
        fund(payer, 1);
        vm.warp(GENESIS + 9);
        fund(other, 1);
        fund(payer, 1);
        vm.assertEq(vault.payerCount(), 2);
        vm.assertEq(vault.payerIndex(payer), 0);
        vm.assertEq(vault.payerIndex(other), 1);
        Payer memory first = Payer({account: payer, registeredAt: GENESIS + 3});
        vm.assertEq(abi.encode(vault.payerAt(0)), abi.encode(first));
        Payer[] memory all = vault.page(0, 10);
        vm.assertEq(all.length, 2);
        vm.assertEq(all[1].account, other);
        vm.assertEq(vault.page(1, 1).length, 1);
        vm.assertEq(vault.page(2, 1).length, 0);
        vm.assertEq(vault.page(type(uint32).max, type(uint32).max).length, 0);
    }

    function test_fund_something() public {
        vm.expectRevert(IRewardVault.ZeroAmount.selector);
        vm.prank(payer);
        vault.fund(0);
    }

    function test_fund_isTaken() public {
        give(payer, 4, address(vault));
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(vault), 4, 5)
        );
        vm.prank(payer);
        vault.fund(5);
        vm.assertEq(vault.payerCount(), 0);
    }

    /// All deposits together stay below 2^96.
    function test_fund_fits() public {
        fund(10);
        uint256 room = (1 << 96) - 10;
        give(other, room, address(vault));
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.TooMuch.selector, room, 10));
        vm.prank(other);
        vault.fund(room);
        vm.prank(other);
        vault.fund(room - 1);
        vm.assertEq(vault.totalFunded(), type(uint96).max);
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.TooMuch.selector, 1, type(uint96).max));
        vm.prank(payer);
        vault.fund(1);
    }

    function test_fund_asManyPayersAsATreeHolds() public {
        vm.store(address(vault), PAYERS_SLOT, bytes32(uint256((1 << 22) - 1)));
        fund(1);
        vm.assertEq(vault.payerCount(), 1 << 22);
        give(other, 1, address(vault));
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.TooManyPayers.selector, 1 << 22));
        vm.prank(other);
        vault.fund(1);
        // Who is one may go on.
        fund(1);
        vm.assertEq(vault.deposits(payer), 2);
    }

    function test_unknown() public {
        fund(1);
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.UnknownPayer.selector, other));
        vault.payerIndex(other);
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.UnknownPayerIndex.selector, 1, 1));
        vault.payerAt(1);
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.UnknownPayer.selector, other));
        vm.prank(other);
        vault.announceWithdrawal(1);
    }

    // ---- What there was ----

    /// A deposit made in the last block before an epoch's end counts for it, one in its end's block doesn't.
    function test_depositAt_toTheSecond() public {
        vm.warp(end(0) - 1);
        fund(payer, 100);
        vm.warp(end(0));
        fund(payer, 11);
        fund(other, 5);
        vm.assertEq(vault.depositAt(payer, 0), 0);
        vm.assertEq(vault.depositAt(payer, end(0) - 1), 0);
        vm.assertEq(vault.depositAt(payer, end(0)), 100);
        vm.assertEq(vault.depositAt(payer, end(0) + 1), 111);
        vm.assertEq(vault.depositAt(payer, type(uint256).max), 111);
        vm.assertEq(vault.depositAt(payer, 1 << 96), 111);
        uint256[] memory all = vault.depositsAt(0, 10, end(0));
        vm.assertEq(all.length, 2);
        vm.assertEq(all[0], 100);
        vm.assertEq(all[1], 0);
        vm.assertEq(vault.depositsAt(1, 1, end(1))[0], 5);
        vm.assertEq(vault.depositsAt(2, 1, end(1)).length, 0);
    }

    function test_depositAt_twiceInABlock() public {
        fund(payer, 100);
        vm.prank(payer);
        vault.announceWithdrawal(30);
        vm.assertEq(vault.depositAt(payer, GENESIS + 1), 70);
    }

    function test_payersWere_toTheSecond() public {
        vm.assertTrue(vault.payersWere(0, GENESIS));
        vm.assertFalse(vault.payersWere(1, GENESIS));
        fund(payer, 1);
        fund(account("third"), 1);
        vm.warp(GENESIS + 10);
        fund(other, 1);
        vm.assertTrue(vault.payersWere(0, GENESIS));
        vm.assertTrue(vault.payersWere(2, GENESIS + 1));
        vm.assertTrue(vault.payersWere(2, GENESIS + 10));
        for (uint32 n = 0; n < 5; ++n) {
            vm.assertEq(vault.payersWere(n, GENESIS + 5), n == 2);
            vm.assertEq(vault.payersWere(n, GENESIS + 11), n == 3);
        }
        vm.assertFalse(vault.payersWere(type(uint32).max, GENESIS + 11));
    }

    // ---- Announcing ----

    function announce(uint256 amount) internal {
        vm.prank(payer);
        vault.announceWithdrawal(amount);
    }

    function test_announce_lowersTheDeposit() public {
        fund(100);
        vm.warp(GENESIS + 9);
        vm.expectEmit(address(vault));
        emit IRewardVault.WithdrawalAnnounced(0, payer, 40, 60);
        announce(40);
        vm.assertEq(vault.deposits(payer), 60);
        // It may still be needed.
        vm.assertEq(vault.totalFunded(), 100);
        vm.assertEq(token.balanceOf(address(vault)), 100);
        vm.assertEq(vault.announced(payer).amount, 40);
        vm.assertEq(vault.announced(payer).announcedAt, GENESIS + 9);
        vm.assertEq(vault.depositAt(payer, GENESIS + 9), 100);
        vm.assertEq(vault.depositAt(payer, GENESIS + 10), 60);
    }

    function test_announce_refuses() public {
        fund(100);
        vm.expectRevert(IRewardVault.ZeroAmount.selector);
        announce(0);
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.DepositTooSmall.selector, 101, 100));
        announce(101);
        announce(40);
        vm.warp(GENESIS + 5);
        vm.expectRevert(
            abi.encodeWithSelector(IRewardVault.AlreadyAnnounced.selector, payer, 40, uint256(GENESIS))
        );
        announce(1);
    }

    function test_announce_allOfIt() public {
        fund(100);
        announce(100);
        vm.assertEq(vault.deposits(payer), 0);
        vm.assertEq(vault.payerIndex(payer), 0);
    }

    // ---- Withdrawing ----

    /// @dev One node earned, and the payer owes, that much.
    function settleAt(uint64 epoch, uint256 amount) internal returns (Books memory b) {
        for (uint64 e = settlement.nextEpoch(); e < epoch; ++e) {
            attest(books(e, e == 0 ? 0 : settlement.attestation(e - 1).total));
        }
        b = books(epoch, amount);
        settle(b);
    }

    function test_withdraw_whatIsUnspent() public {
        register(1);
        fund(100);
        announce(40);
        Books memory b = settleAt(0, 30);
        vm.expectEmit(address(vault));
        emit IRewardVault.Withdrawn(0, payer, 40, 60);
        vm.assertEq(withdraw(b, 0), 40);
        vm.assertEq(token.balanceOf(payer), 40);
        vm.assertEq(vault.deposits(payer), 60);
        vm.assertEq(vault.totalFunded(), 60);
        vm.assertEq(token.balanceOf(address(vault)), 60);
        vm.assertEq(vault.announced(payer).amount, 0);
        // The node's money is there.
        claim(b, 0);
        vm.assertEq(token.balanceOf(payoutOf(0)), 30);
        vm.assertEq(token.balanceOf(address(vault)), 30);
    }

    /// What is billed is kept, though it was announced: bills of epochs that ended before it go by the deposit
    /// of their day.
    function test_withdraw_whatBillsLeave() public {
        register(1);
        fund(100);
        vm.warp(end(0) - 1);
        announce(90);
        Books memory b = settleAt(0, 70);
        vm.expectEmit(address(vault));
        emit IRewardVault.Withdrawn(0, payer, 30, 70);
        vm.assertEq(withdraw(b, 0), 30);
        vm.assertEq(vault.deposits(payer), 70);
        vm.assertEq(vault.totalFunded(), 70);
        claim(b, 0);
        vm.assertEq(token.balanceOf(address(vault)), 0);
    }

    /// Everything is spent: nothing is paid, and the announcement is settled.
    function test_withdraw_nothingLeft() public {
        register(1);
        fund(100);
        announce(100);
        Books memory b = settleAt(0, 100);
        vm.expectEmit(address(vault));
        emit IRewardVault.Withdrawn(0, payer, 0, 100);
        vm.assertEq(withdraw(b, 0), 0);
        vm.assertEq(vault.deposits(payer), 100);
        announce(1);
        vm.assertEq(vault.announced(payer).amount, 1);
    }

    /// A bill beyond the deposit is a lie that nobody challenged; it is no reason for a panic.
    function test_withdraw_billedBeyondTheDeposit() public {
        register(1);
        fund(100);
        fund(other, 100);
        announce(50);
        Books memory b = books(0, list(150), list(150, 0));
        settle(b);
        vm.assertEq(withdraw(b, 0), 0);
        vm.assertEq(vault.deposits(payer), 100);
    }

    /// What comes in meanwhile counts as well.
    function test_withdraw_afterFundingMore() public {
        register(1);
        fund(100);
        announce(90);
        fund(50);
        vm.assertEq(vault.deposits(payer), 60);
        Books memory b = settleAt(0, 80);
        vm.assertEq(withdraw(b, 0), 70);
        vm.assertEq(vault.deposits(payer), 80);
        vm.assertEq(vault.totalFunded(), 80);
    }

    /// The epoch that was under way when it was announced decides, or a later one.
    function test_withdraw_noticeToTheSecond() public {
        register(1);
        fund(100);
        vm.warp(end(0));
        announce(40);
        Books memory b = settleAt(0, 30);
        bytes memory later = abi.encodeWithSelector(IRewardVault.AnnouncedLater.selector, end(0), 0, end(0));
        bytes memory proof = b.billsTree.proof(0);
        vm.expectRevert(later);
        vm.prank(payer);
        vault.withdraw(b.bills[0], 1, proof);
        b = settleAt(1, 30);
        vm.assertEq(withdraw(b, 0), 40);
    }

    function test_withdraw_noticeOfASecond() public {
        register(1);
        fund(100);
        vm.warp(end(0) - 1);
        announce(40);
        Books memory b = settleAt(0, 30);
        vm.assertEq(withdraw(b, 0), 40);
    }

    function test_withdraw_notBeforeTheFirstEpoch() public {
        register(1);
        fund(100);
        announce(40);
        Books memory b = books(0, 30);
        attest(b);
        outlast(0);
        bytes memory proof = b.billsTree.proof(0);
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.AnnouncedLater.selector, GENESIS, 0, end(0)));
        vm.prank(payer);
        vault.withdraw(b.bills[0], 1, proof);
    }

    function test_withdraw_announcedOnly() public {
        register(1);
        fund(100);
        Books memory b = settleAt(0, 30);
        bytes memory proof = b.billsTree.proof(0);
        bytes memory nothing = abi.encodeWithSelector(IRewardVault.NothingAnnounced.selector, payer);
        vm.expectRevert(nothing);
        vm.prank(payer);
        vault.withdraw(b.bills[0], 1, proof);
        announce(10);
        b = settleAt(3, 30);
        withdraw(b, 0);
        proof = b.billsTree.proof(0);
        vm.expectRevert(nothing);
        vm.prank(payer);
        vault.withdraw(b.bills[0], 1, proof);
    }

    /// A leaf that owes less is another payer's, or in no tree, or in that of another epoch.
    function test_withdraw_byItsNewestLeafOnly() public {
        register(1);
        fund(100);
        fund(other, 100);
        announce(100);
        Books memory before = books(0, list(10), list(10, 0));
        settle(before);
        Books memory b = books(1, list(60), list(60, 0));
        settle(b);
        bytes memory proof = b.billsTree.proof(1);
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.OtherPayer.selector, other, payer));
        vm.prank(payer);
        vault.withdraw(b.bills[1], 2, proof);

        proof = before.billsTree.proof(0);
        bytes32 computed = before.billsTree.root();
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.NotInTree.selector, computed, b.billsTree.root()));
        vm.prank(payer);
        vault.withdraw(before.bills[0], 2, proof);

        BillLeaf memory forged = b.bills[0];
        proof = b.billsTree.proof(0);
        forged.cumulative = 0;
        computed = rootOf(forged, proof);
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.NotInTree.selector, computed, b.billsTree.root()));
        vm.prank(payer);
        vault.withdraw(forged, 2, proof);
        forged.cumulative = 60;
        vm.prank(payer);
        vm.assertEq(vault.withdraw(forged, 2, proof), 40);
    }

    /// @dev The root of a tree of two leaves, by the first.
    function rootOf(BillLeaf memory leaf, bytes memory proof) internal pure returns (bytes32) {
        (bytes32 sibling, bytes15 mass) = abi.decode(bytes.concat(proof, new bytes(17)), (bytes32, bytes15));
        bytes32 hash = keccak256(bytes.concat(hex"00", encode(leaf)));
        bytes32 top =
            keccak256(abi.encodePacked(hex"01", uint120(leaf.cumulative), hex"00", mass, hash, sibling));
        return Trees.rootOf(uint120(leaf.cumulative) + uint120(mass), 2, top);
    }

    function test_withdraw_refusesWhatIsNoProof() public {
        register(1);
        fund(100);
        fund(other, 100);
        announce(100);
        Books memory b = books(0, list(10), list(10, 0));
        settle(b);
        vm.startPrank(payer);
        vm.expectRevert(abi.encodeWithSelector(MerkleSum.WrongProofLength.selector, 0, 47));
        vault.withdraw(b.bills[0], 2, "");
        vm.expectRevert(abi.encodeWithSelector(MerkleSum.IndexOutOfRange.selector, 0, 0));
        vault.withdraw(b.bills[0], 0, "");
        b.bills[0].cumulative = 1 << 96;
        vm.expectRevert(abi.encodeWithSelector(Rewards.AmountTooLarge.selector, 1 << 96));
        vault.withdraw(b.bills[0], 2, new bytes(47));
        vm.stopPrank();
    }

    /// Bills that hide who owes: the sum is in the root, but the leaves that can be shown say nothing. Even if
    /// nobody challenges that, what nodes are owed stays.
    function test_withdraw_neverWhatNodesAreOwed() public {
        register(1);
        fund(100);
        fund(other, 100);
        announce(100);
        Books memory b = books(0, list(150), list(0, 0));
        // The other's mass isn't what its leaf says.
        b.billsTree.masses[0][1] = 150;
        b.billsTree.masses[1][0] = 150;
        b.billsTree.hashes[1][0] = keccak256(
            abi.encodePacked(
                hex"01", uint120(0), hex"00", uint120(150), b.billsTree.hashes[0][0], b.billsTree.hashes[0][1]
            )
        );
        seal(b, 0);
        settle(b);
        bytes memory proof = b.billsTree.proof(0);
        vm.expectRevert(abi.encodeWithSelector(IRewardVault.Underfunded.selector, 150, 100));
        vm.prank(payer);
        vault.withdraw(b.bills[0], 2, proof);
        claim(b, 0);
        vm.assertEq(token.balanceOf(payoutOf(0)), 150);
    }

    // ---- Deployment ----

    function test_deployed() public view {
        vm.assertEq(address(vault.token()), address(token));
        vm.assertEq(vault.registry(), address(registry));
        vm.assertEq(address(vault.settlement()), address(settlement));
        vm.assertEq(vault.totalFunded(), 0);
    }

    function test_deploy_withAddresses() public {
        bytes4 zero = IRewardVault.ZeroAddress.selector;
        vm.expectRevert(zero);
        new RewardVault(IERC20(address(0)), address(1), ISettlement(address(1)));
        vm.expectRevert(zero);
        new RewardVault(token, address(0), ISettlement(address(1)));
        vm.expectRevert(zero);
        new RewardVault(token, address(1), ISettlement(address(0)));
    }
}
