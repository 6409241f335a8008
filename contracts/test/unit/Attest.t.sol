// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

import {ISettlement} from "../../src/interfaces/ISettlement.sol";
import {MerkleSum} from "../../src/libraries/MerkleSum.sol";
import {Attestation, Status} from "../../src/types/Attestation.sol";
import {Network} from "../utils/Network.sol";
import {Tree, Trees} from "../utils/Trees.sol";

/// @notice What may be attested, when, by whom and by how many.
contract AttestTest is Network {
    using Trees for Tree;

    address internal immutable second = account("second verifier");
    address internal immutable third = account("third verifier");

    function vote(address by, uint64 epoch, bytes32 top, uint32 nodes, uint120 total) internal {
        vm.prank(by);
        settlement.attest(epoch, top, nodes, total, EVIDENCE);
    }

    function expectStatus(uint64 epoch, Status expected) internal view {
        vm.assertEq(uint256(settlement.status(epoch)), uint256(expected));
    }

    function quorumOfTwo() internal {
        vm.startPrank(owner);
        settlement.setVerifier(second, true);
        settlement.setVerifier(third, true);
        settlement.setQuorum(2);
        vm.stopPrank();
    }

    // ---- One verifier ----

    function test_attest_standsPendingThenActive() public {
        register(3);
        fund(1000);
        Tree memory tree = treeOf(amounts(3, 10, 5));
        expectStatus(0, Status.None);
        warpToAttest(0);
        vm.expectEmit(address(settlement));
        emit ISettlement.EpochAttested(0, verifier, tree.root(), tree.top(), 3, 45, EVIDENCE);
        vote(verifier, 0, tree.top(), 3, 45);

        Attestation memory made = settlement.attestation(0);
        vm.assertEq(made.root, tree.root());
        vm.assertEq(made.total, 45);
        vm.assertEq(made.nodes, 3);
        vm.assertEq(made.epoch, 0);
        vm.assertEq(made.attestedAt, vm.getBlockTimestamp());
        vm.assertEq(settlement.nextEpoch(), 1);
        expectStatus(0, Status.Pending);
        vm.warp(made.attestedAt + 7199);
        expectStatus(0, Status.Pending);
        vm.warp(made.attestedAt + 7200);
        expectStatus(0, Status.Active);
        expectStatus(1, Status.None);
    }

    function test_attest_anEpochWithoutNodes() public {
        warpToAttest(0);
        vote(verifier, 0, 0, 0, 0);
        vm.assertEq(settlement.attestation(0).root, keccak256(abi.encodePacked(hex"02", new bytes(63))));
        warpToAttest(1);
        vm.expectRevert(abi.encodeWithSelector(MerkleSum.NotEmpty.selector, bytes32("top"), 0));
        vote(verifier, 1, "top", 0, 0);
    }

    function test_attest_byVerifiersOnly() public {
        warpToAttest(0);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NotVerifier.selector, owner));
        vote(owner, 0, 0, 0, 0);
        vm.prank(owner);
        settlement.setVerifier(verifier, false);
        vm.assertFalse(settlement.isVerifier(verifier));
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NotVerifier.selector, verifier));
        vote(verifier, 0, 0, 0, 0);
    }

    function test_attest_oneAfterAnother() public {
        warpToAttest(1);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NotNextEpoch.selector, 1, 0));
        vote(verifier, 1, 0, 0, 0);
        vote(verifier, 0, 0, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NotNextEpoch.selector, 0, 1));
        vote(verifier, 0, 0, 0, 0);
        vote(verifier, 1, 0, 0, 0);
    }

    function test_attest_whenTicketsHaveExpired() public {
        vm.warp(GENESIS + 3600);
        vm.prank(committer);
        settlement.commitTicketLog(0, 0, 0, 0, 0);
        vm.warp(GENESIS + 3600 + 299);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.TicketsStillValid.selector, 0, GENESIS + 3900));
        vote(verifier, 0, 0, 0, 0);
        vm.warp(GENESIS + 3900);
        vote(verifier, 0, 0, 0, 0);
    }

    function test_attest_whenTicketLogsAreThereOrLate() public {
        vm.prank(owner);
        settlement.addIssuer("second", committer);
        vm.warp(GENESIS + 3600);
        // One of the next epoch has nothing to commit.
        vm.prank(owner);
        settlement.addIssuer("third", committer);
        vm.prank(committer);
        settlement.commitTicketLog(0, 0, 0, 0, 0);
        vm.warp(GENESIS + 4200);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.TicketLogMissing.selector, 0, 1, GENESIS + 4200));
        vote(verifier, 0, 0, 0, 0);
        vm.prank(committer);
        settlement.commitTicketLog(0, 1, 0, 0, 0);
        vote(verifier, 0, 0, 0, 0);
        // An issuer that never commits holds up its epoch no longer than the window.
        vm.warp(GENESIS + 7200 + 601);
        vote(verifier, 1, 0, 0, 0);
    }

    function test_attest_exactlyTheNodesOfTheEpoch() public {
        register(2);
        vm.warp(GENESIS + 3600);
        register(1);
        warpToAttest(0);
        uint8[3] memory wrong = [0, 1, 3];
        for (uint256 i = 0; i < wrong.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(ISettlement.WrongNodeCount.selector, wrong[i], GENESIS + 3600)
            );
            vote(verifier, 0, "top", wrong[i], 0);
        }
        vote(verifier, 0, "top", 2, 0);
        warpToAttest(1);
        vote(verifier, 1, "top", 3, 0);
    }

    function test_attest_totalsNeitherShrinkNorExceedFunds() public {
        register(1);
        fund(100);
        warpToAttest(0);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.TotalAboveFunded.selector, 101, 100));
        vote(verifier, 0, "top", 1, 101);
        vote(verifier, 0, "top", 1, 100);
        warpToAttest(1);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.TotalDecreased.selector, 99, 100));
        vote(verifier, 1, "top", 1, 99);
        vote(verifier, 1, "top", 1, 100);
    }

    function test_views_ofWhatIsNotAttested() public {
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NotAttested.selector, 0, 0));
        settlement.attestation(0);
        expectStatus(type(uint64).max, Status.None);
    }

    // ---- Quorum ----

    function test_quorum_sameRootAndEvidence() public {
        register(1);
        quorumOfTwo();
        warpToAttest(0);
        bytes32 root = keccak256(abi.encodePacked(hex"02", uint120(0), bytes8(0), uint64(1), bytes32("a")));
        vm.expectEmit(address(settlement));
        emit ISettlement.EpochVoted(0, verifier, root, EVIDENCE, 1);
        vote(verifier, 0, "a", 1, 0);
        expectStatus(0, Status.None);
        // Another root, and the same root with other evidence: one vote each.
        vote(second, 0, "b", 1, 0);
        vm.prank(third);
        settlement.attest(0, "a", 1, 0, "other evidence");
        expectStatus(0, Status.None);

        // They disagreed for good; the owner lets them vote again.
        vm.prank(owner);
        settlement.setQuorum(2);
        vote(second, 0, "a", 1, 0);
        expectStatus(0, Status.None);
        vm.expectEmit(address(settlement));
        emit ISettlement.EpochAttested(0, third, root, "a", 1, 0, EVIDENCE);
        vote(third, 0, "a", 1, 0);
        expectStatus(0, Status.Pending);
    }

    function test_quorum_oneVoteEach() public {
        quorumOfTwo();
        warpToAttest(1);
        vote(verifier, 0, 0, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.AlreadyVoted.selector, 0, verifier));
        vote(verifier, 0, 0, 0, 0);
        vote(second, 0, 0, 0, 0);
        // In the next epoch again.
        vote(second, 1, 0, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.AlreadyVoted.selector, 1, second));
        vote(second, 1, 0, 0, 0);
        vote(third, 1, 0, 0, 0);
        vm.assertEq(settlement.nextEpoch(), 2);
    }

    function test_quorum_votesOfTheDismissedAreVoid() public {
        quorumOfTwo();
        warpToAttest(0);
        vote(verifier, 0, 0, 0, 0);
        vm.expectEmit(address(settlement));
        emit ISettlement.VerifierSet(verifier, false);
        vm.prank(owner);
        settlement.setVerifier(verifier, false);
        vote(second, 0, 0, 0, 0);
        expectStatus(0, Status.None);
        vote(third, 0, 0, 0, 0);
        expectStatus(0, Status.Pending);
    }

    function test_quorum_aLowerOneNeedsVotesOfItsOwn() public {
        quorumOfTwo();
        warpToAttest(0);
        vote(verifier, 0, 0, 0, 0);
        vm.expectEmit(address(settlement));
        emit ISettlement.QuorumSet(1);
        vm.prank(owner);
        settlement.setQuorum(1);
        expectStatus(0, Status.None);
        vote(verifier, 0, 0, 0, 0);
        expectStatus(0, Status.Pending);
    }

    function test_admin_byOwnerOnly() public {
        bytes memory notOwner = abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, verifier);
        vm.startPrank(verifier);
        vm.expectRevert(notOwner);
        settlement.setVerifier(second, true);
        vm.expectRevert(notOwner);
        settlement.setQuorum(2);
        vm.stopPrank();
        vm.startPrank(owner);
        vm.expectRevert(ISettlement.ZeroQuorum.selector);
        settlement.setQuorum(0);
        vm.expectRevert(ISettlement.ZeroAddress.selector);
        settlement.setVerifier(address(0), true);
        settlement.transferOwnership(second);
        vm.stopPrank();
        // In two steps, so that it can't go where nobody is.
        vm.assertEq(settlement.owner(), owner);
        vm.prank(second);
        settlement.acceptOwnership();
        vm.assertEq(settlement.owner(), second);
    }
}
