// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

import {ISettlement} from "../../src/interfaces/ISettlement.sol";
import {MerkleSum} from "../../src/libraries/MerkleSum.sol";
import {Issuer} from "../../src/types/Issuer.sol";
import {Network} from "../utils/Network.sol";
import {Trees} from "../utils/Trees.sol";

/// @notice Issuers and the logs they commit.
contract TicketLogTest is Network {
    bytes32 internal constant TOP = "top";

    function commit(uint64 epoch) internal {
        vm.prank(committer);
        settlement.commitTicketLog(epoch, 0, TOP, 3, 1000);
    }

    function test_addIssuer_countsUp() public {
        vm.warp(GENESIS + 5);
        vm.expectEmit(address(settlement));
        emit ISettlement.IssuerAdded(1, "second", payer);
        vm.prank(owner);
        vm.assertEq(settlement.addIssuer("second", payer), 1);
        vm.assertEq(settlement.issuerCount(), 2);
        Issuer memory issuer = settlement.issuerAt(1);
        vm.assertEq(issuer.key, "second");
        vm.assertEq(issuer.committer, payer);
        vm.assertEq(issuer.addedAt, GENESIS + 5);
    }

    function test_addIssuer_refuses() public {
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, payer));
        vm.prank(payer);
        settlement.addIssuer("k", committer);
        vm.startPrank(owner);
        vm.expectRevert(ISettlement.ZeroAddress.selector);
        settlement.addIssuer(0, committer);
        vm.expectRevert(ISettlement.ZeroAddress.selector);
        settlement.addIssuer("k", address(0));
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(ISettlement.UnknownIssuer.selector, 1, 1));
        settlement.issuerAt(1);
    }

    function test_commit_storesTheRoot() public {
        vm.warp(GENESIS + 3600);
        bytes32 root = keccak256(abi.encodePacked(hex"02", Trees.mass(1000, 3, 0), bytes8(0), uint64(3), TOP));
        vm.expectEmit(address(settlement));
        emit ISettlement.TicketLogCommitted(0, 0, root, TOP, 3, 1000);
        commit(0);
        vm.assertEq(settlement.ticketLog(0, 0), root);
        vm.assertEq(settlement.ticketLog(0, 1), 0);
        vm.assertEq(settlement.ticketLog(1, 0), 0);
    }

    function test_commit_anEmptyLogCounts() public {
        vm.warp(GENESIS + 3600);
        vm.prank(committer);
        settlement.commitTicketLog(0, 0, 0, 0, 0);
        vm.assertEq(settlement.ticketLog(0, 0), keccak256(abi.encodePacked(hex"02", new bytes(63))));
    }

    function test_commit_fromTheEndToTheEndOfTheWindow() public {
        vm.warp(GENESIS + 3599);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.EpochNotOver.selector, 0, GENESIS + 3600));
        commit(0);
        vm.warp(GENESIS + 3600 + 601);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.CommitWindowOver.selector, 0, GENESIS + 4200));
        commit(0);
        vm.warp(GENESIS + 4200);
        commit(0);
        vm.warp(GENESIS + 7200);
        commit(1);
    }

    function test_commit_once() public {
        vm.warp(GENESIS + 3600);
        commit(0);
        bytes32 root = settlement.ticketLog(0, 0);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.AlreadyCommitted.selector, 0, 0, root));
        commit(0);
    }

    function test_commit_byItsCommitterOnly() public {
        vm.warp(GENESIS + 3600);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NotCommitter.selector, 0, owner));
        vm.prank(owner);
        settlement.commitTicketLog(0, 0, TOP, 3, 1000);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.UnknownIssuer.selector, 1, 1));
        vm.prank(committer);
        settlement.commitTicketLog(0, 1, TOP, 3, 1000);
    }

    function test_commit_notByOneAddedLater() public {
        vm.warp(GENESIS + 3600);
        vm.prank(owner);
        settlement.addIssuer("late", committer);
        vm.expectRevert(
            abi.encodeWithSelector(ISettlement.IssuerAddedLater.selector, 1, GENESIS + 3600, GENESIS + 3600)
        );
        vm.prank(committer);
        settlement.commitTicketLog(0, 1, TOP, 3, 1000);
    }

    function test_commit_massMustFit() public {
        vm.warp(GENESIS + 3600);
        vm.startPrank(committer);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.MaxBytesTooLarge.selector, 1 << 56));
        settlement.commitTicketLog(0, 0, TOP, 3, 1 << 56);
        vm.expectRevert(abi.encodeWithSelector(MerkleSum.TooManyLeaves.selector, (1 << 22) + 1));
        settlement.commitTicketLog(0, 0, TOP, (1 << 22) + 1, 1000);
        vm.expectRevert(abi.encodeWithSelector(MerkleSum.NotEmpty.selector, bytes32(0), uint120(1) << 64));
        settlement.commitTicketLog(0, 0, 0, 0, 1);
        settlement.commitTicketLog(0, 0, TOP, 1 << 22, (1 << 56) - 1);
        vm.stopPrank();
    }

    /// Receipts are known once anyone has voted, quorum or not, and stay known when that is overturned.
    function test_commit_neverAfterAVote() public {
        vm.startPrank(owner);
        settlement.addIssuer("second", committer);
        settlement.setQuorum(2);
        settlement.setVerifier(payer, true);
        vm.stopPrank();
        vm.warp(GENESIS + 3600);
        commit(0);
        vm.warp(GENESIS + 3600 + 300);
        vm.prank(committer);
        settlement.commitTicketLog(0, 1, TOP, 3, 1000);
        vm.prank(verifier);
        settlement.attest(0, 0, 0, 0, EVIDENCE);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.AlreadyVotedOn.selector, 0));
        commit(0);
        vm.prank(payer);
        settlement.attest(0, 0, 0, 0, EVIDENCE);
        vm.prank(challenges);
        settlement.overturn(0);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.AlreadyVotedOn.selector, 0));
        commit(0);
    }
}
