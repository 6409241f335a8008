// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IBonds} from "../../../src/interfaces/IBonds.sol";
import {ISettlement} from "../../../src/interfaces/ISettlement.sol";
import {MerkleSum} from "../../../src/libraries/MerkleSum.sol";
import {Parameters} from "../../../src/types/Parameters.sol";
import {Network} from "../../utils/Network.sol";
import {Trees} from "../../utils/Trees.sol";

/// @notice The logs that issuers commit.
contract TicketLogTest is Network {
    bytes32 internal constant TOP = "top";

    function commit(uint64 epoch) internal {
        vm.prank(committer);
        settlement.commitTicketLog(epoch, 0, TOP, 3, 1000);
    }

    function test_keepsTheRoot() public {
        vm.warp(end(0));
        bytes32 root = Trees.rootOf(Trees.mass(1000, 3, 0), 3, TOP);
        vm.expectEmit(address(settlement));
        emit ISettlement.TicketLogCommitted(0, 0, root, TOP, 3, 1000);
        commit(0);
        vm.assertEq(settlement.ticketLog(0, 0), root);
        vm.assertEq(settlement.ticketLog(0, 1), 0);
        vm.assertEq(settlement.ticketLog(1, 0), 0);
    }

    function test_anEmptyLogCounts() public {
        vm.warp(end(0));
        vm.prank(committer);
        settlement.commitTicketLog(0, 0, 0, 0, 0);
        vm.assertEq(settlement.ticketLog(0, 0), keccak256(abi.encodePacked(hex"02", new bytes(63))));
    }

    function test_window_toTheSecond() public {
        vm.warp(end(0) - 1);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.EpochNotOver.selector, 0, end(0)));
        commit(0);
        vm.warp(end(0) + 601);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.CommitWindowOver.selector, 0, end(0) + 600));
        commit(0);
        vm.warp(end(0) + 600);
        commit(0);
        vm.warp(end(1));
        commit(1);
    }

    /// The window is that of the epoch's own version.
    function test_window_ofTheVersion() public {
        Parameters memory next = terms();
        (next.epochLength, next.commitWindow) = (1800, 1000);
        vm.prank(owner);
        settlement.schedule(3, next);
        vm.warp(end(2) + 1800 + 1001);
        vm.expectRevert(
            abi.encodeWithSelector(ISettlement.CommitWindowOver.selector, 3, end(2) + 1800 + 1000)
        );
        commit(3);
        vm.warp(end(2) + 1800 + 1000);
        commit(3);
    }

    function test_once() public {
        vm.warp(end(0));
        commit(0);
        bytes32 root = settlement.ticketLog(0, 0);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.AlreadyCommitted.selector, 0, 0, root));
        vm.prank(committer);
        settlement.commitTicketLog(0, 0, "another", 1, 1);
    }

    /// One that is shown to be false is as if never committed, and a true one may follow while there is time.
    function test_struck() public {
        vm.warp(end(0));
        commit(0);
        bytes32 root = settlement.ticketLog(0, 0);
        vm.expectEmit(address(settlement));
        emit ISettlement.TicketLogStruck(0, 0, root);
        vm.prank(challenges);
        settlement.strikeTicketLog(0, 0);
        vm.assertEq(settlement.ticketLog(0, 0), 0);
        vm.warp(end(0) + 600);
        vm.prank(committer);
        settlement.commitTicketLog(0, 0, "another", 1, 1);
        vm.assertEq(settlement.ticketLog(0, 0), Trees.rootOf(Trees.mass(1, 1, 0), 1, "another"));
    }

    function test_struck_byChallengesOnly() public {
        vm.warp(end(0));
        commit(0);
        bytes32 root = settlement.ticketLog(0, 0);
        vm.expectRevert(abi.encodeWithSelector(IBonds.NotChallenger.selector, owner));
        vm.prank(owner);
        settlement.strikeTicketLog(0, 0);
        vm.assertEq(settlement.ticketLog(0, 0), root);
    }

    /// What is attested was judged by it.
    function test_struck_notOnceAttested() public {
        vm.warp(end(0));
        commit(0);
        bytes32 root = settlement.ticketLog(0, 0);
        attestNext();
        vm.prank(challenges);
        settlement.strikeTicketLog(0, 0);
        vm.assertEq(settlement.ticketLog(0, 0), root);
        overturn(0);
        vm.prank(challenges);
        settlement.strikeTicketLog(0, 0);
        vm.assertEq(settlement.ticketLog(0, 0), 0);
    }

    function test_byItsCommitterOnly() public {
        vm.warp(end(0));
        vm.expectRevert(abi.encodeWithSelector(IBonds.NotCommitter.selector, 0, owner));
        vm.prank(owner);
        settlement.commitTicketLog(0, 0, TOP, 3, 1000);
        vm.expectRevert(abi.encodeWithSelector(IBonds.UnknownIssuer.selector, 1, 1));
        vm.prank(committer);
        settlement.commitTicketLog(0, 1, TOP, 3, 1000);
    }

    /// An issuer answers for the epochs that end after it was added.
    function test_ofItsEpochsOnly() public {
        vm.warp(end(0) - 1);
        vm.prank(owner);
        settlement.addIssuer("just", committer);
        vm.warp(end(0));
        vm.prank(owner);
        settlement.addIssuer("late", committer);
        vm.startPrank(committer);
        settlement.commitTicketLog(0, 1, TOP, 3, 1000);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.IssuerAddedLater.selector, 2, end(0), end(0)));
        settlement.commitTicketLog(0, 2, TOP, 3, 1000);
        vm.warp(end(1));
        settlement.commitTicketLog(1, 2, TOP, 3, 1000);
        vm.stopPrank();
    }

    function test_theMassFits() public {
        vm.warp(end(0));
        vm.startPrank(committer);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.MaxBytesTooLarge.selector, 1 << 56));
        settlement.commitTicketLog(0, 0, TOP, 3, 1 << 56);
        vm.expectRevert(abi.encodeWithSelector(MerkleSum.TooManyLeaves.selector, (1 << 22) + 1));
        settlement.commitTicketLog(0, 0, TOP, (1 << 22) + 1, 1000);
        vm.expectRevert(abi.encodeWithSelector(MerkleSum.NotEmpty.selector, bytes32(0), uint120(1) << 64));
        settlement.commitTicketLog(0, 0, 0, 0, 1);
        vm.expectRevert(abi.encodeWithSelector(MerkleSum.NotEmpty.selector, TOP, 0));
        settlement.commitTicketLog(0, 0, TOP, 0, 0);
        settlement.commitTicketLog(0, 0, TOP, 1 << 22, (1 << 56) - 1);
        vm.stopPrank();
    }

    /// Receipts become known when verifiers take segments; by then every log is in or empty for good.
    function test_neverAfterAVote() public {
        Parameters memory tight = terms();
        tight.commitWindow = 1200;
        vm.prank(owner);
        settlement.schedule(3, tight);
        for (uint64 epoch = 0; epoch < 3; ++epoch) {
            attestNext();
        }
        vm.warp(end(3) + 1200);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.TooEarly.selector, 3, end(3) + 1201));
        vm.prank(verifier);
        settlement.attest(opaque(3, 3, "something"));
        commit(3);
        vm.warp(end(3) + 1201);
        vm.prank(verifier);
        settlement.attest(opaque(3, 3, "something"));
        overturn(3);
        bytes32 root = settlement.ticketLog(3, 0);
        vm.assertNotEq(root, 0);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.CommitWindowOver.selector, 3, end(3) + 1200));
        commit(3);
        vm.assertEq(settlement.ticketLog(3, 0), root);
    }
}
