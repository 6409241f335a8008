// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {NodeRegistry} from "../../../src/NodeRegistry.sol";
import {RewardVault} from "../../../src/RewardVault.sol";
import {Settlement} from "../../../src/Settlement.sol";
import {IBonds} from "../../../src/interfaces/IBonds.sol";
import {IEd25519} from "../../../src/interfaces/IEd25519.sol";
import {ISettlement} from "../../../src/interfaces/ISettlement.sol";
import {MerkleSum} from "../../../src/libraries/MerkleSum.sol";
import {Attestation, Roots, Statement, Status} from "../../../src/types/Attestation.sol";
import {Config} from "../../../src/types/Config.sol";
import {Parameters} from "../../../src/types/Parameters.sol";
import {Change} from "../../../src/types/Verifier.sol";
import {Network} from "../../utils/Network.sol";

/// @notice Votes, the quorum, when epochs may be attested, and what is remembered of them.
contract AttestTest is Network {
    uint64 internal constant HISTORY = 1024;

    address internal immutable second = account("second verifier");
    address internal immutable third = account("third verifier");

    function digestOf(Roots memory roots) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(roots.nodes, roots.bills, roots.charges, roots.evidence));
    }

    /// @dev Three verifiers, so many of which must agree.
    function quorumOf(uint8 quorum) internal {
        vm.warp(GENESIS - 1);
        admit(second);
        admit(third);
        vm.prank(owner);
        settlement.setQuorum(quorum);
    }

    // ---- Deployment ----

    function test_deployed() public view {
        vm.assertEq(address(settlement.registry()), address(registry));
        vm.assertEq(address(settlement.vault()), address(vault));
        vm.assertEq(address(settlement.ed25519()), address(signatures));
        vm.assertEq(address(settlement.token()), address(token));
        vm.assertEq(settlement.owner(), owner);
        vm.assertEq(settlement.treasury(), treasury);
        vm.assertEq(settlement.quorum(), 1);
        vm.assertEq(settlement.nextEpoch(), 0);
        vm.assertTrue(settlement.isChallenger(challenges));
        vm.assertFalse(settlement.isChallenger(challenger));
        vm.assertEq(abi.encode(settlement.challengers()), abi.encode(config().challengers));
    }

    function test_deploy_withItsOwnVaultAndRegistry() public {
        Config memory c = config();
        vm.expectRevert(
            abi.encodeWithSelector(ISettlement.WrongVault.selector, address(vault), address(settlement))
        );
        new Settlement(c, terms());

        // The vault expects the contract after the next; that is the second attempt, which has no registry.
        uint256 nonce = vm.getNonce(address(this));
        address place = vm.computeCreateAddress(address(this), nonce + 1);
        c.vault = new RewardVault(token, address(registry), ISettlement(place));
        vm.expectRevert(
            abi.encodeWithSelector(ISettlement.WrongRegistry.selector, address(registry), address(settlement))
        );
        new Settlement(c, terms());
    }

    function test_deploy_withAddresses() public {
        Config memory c = config();
        c.treasury = address(0);
        vm.expectRevert(IBonds.ZeroAddress.selector);
        new Settlement(c, terms());
        c = config();
        c.token = IERC20(address(0));
        vm.expectRevert(IBonds.ZeroAddress.selector);
        new Settlement(c, terms());

        c = config();
        uint256 nonce = vm.getNonce(address(this));
        ISettlement place = ISettlement(vm.computeCreateAddress(address(this), nonce + 2));
        c.vault = new RewardVault(token, address(registry), place);
        c.registry = new NodeRegistry(token, signatures, c.vault, place);
        c.ed25519 = IEd25519(address(0));
        vm.expectRevert(IBonds.ZeroAddress.selector);
        new Settlement(c, terms());
    }

    // ---- One verifier ----

    function test_attest_keepsTheStatement() public {
        Statement memory s = opaque(0, 700, "something");
        Roots memory roots = rootsOf(s, 0);
        vm.warp(due(0) + 5);
        vm.expectEmit(address(settlement));
        emit ISettlement.EpochAttested(0, verifier, roots, s.nodesTop, s.nodes, s.payers, s.charges, s.total);
        vm.prank(verifier);
        settlement.attest(s);
        Attestation memory expected = Attestation({
            digest: digestOf(roots), total: 700, activeAt: uint40(due(0) + 5 + 7200), epoch: 0, signers: 1
        });
        vm.assertEq(abi.encode(settlement.attestation(0)), abi.encode(expected));
        vm.assertEq(settlement.nextEpoch(), 1);
    }

    /// Charges are those of the epoch alone, rewards and bills those of all.
    function test_attest_chargesAreWhatIsNew() public {
        attest(opaque(0, 700, "something"));
        Statement memory s = opaque(1, 1000, "more");
        Roots memory roots = rootsOf(s, 700);
        attest(s);
        vm.assertEq(settlement.attestation(1).digest, digestOf(roots));
        settlement.requirePending(1, roots);
    }

    function test_attest_nothingHappened() public {
        Statement memory s;
        attest(s);
        bytes32 empty = keccak256(abi.encodePacked(hex"02", new bytes(63)));
        settlement.requirePending(0, Roots(empty, empty, empty, 0));
        (s.epoch, s.nodes, s.nodesTop) = (1, 3, "three nodes that did nothing");
        attest(s);
    }

    function test_attest_fromThatSecondOn() public {
        Statement memory s = opaque(0, 1, "something");
        vm.warp(due(0) - 1);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.TooEarly.selector, 0, due(0)));
        vm.prank(verifier);
        settlement.attest(s);
        vm.warp(due(0));
        vm.prank(verifier);
        settlement.attest(s);
    }

    function test_attest_inOrder() public {
        vm.warp(due(9));
        vm.startPrank(verifier);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NotNextEpoch.selector, 1, 0));
        settlement.attest(opaque(1, 1, "something"));
        settlement.attest(opaque(0, 1, "something"));
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NotNextEpoch.selector, 0, 1));
        settlement.attest(opaque(0, 1, "something"));
        vm.stopPrank();
    }

    function test_attest_byBondedVerifiersOnly() public {
        Statement memory s = opaque(0, 1, "something");
        vm.warp(due(0));
        vm.expectRevert(abi.encodeWithSelector(IBonds.NotVerifier.selector, owner));
        vm.prank(owner);
        settlement.attest(s);
        // One of an earlier day.
        vm.prank(owner);
        settlement.dismissVerifier(verifier);
        vm.warp(due(0) + CHANGE_DELAY);
        settlement.applyChange(Change.Dismiss, uint160(verifier));
        vm.expectRevert(abi.encodeWithSelector(IBonds.NotVerifier.selector, verifier));
        vm.prank(verifier);
        settlement.attest(s);
    }

    function test_attest_withTheWholeBond() public {
        vm.warp(GENESIS - 1);
        vm.prank(owner);
        settlement.admitVerifier(second);
        bond(second, 10e18 - 1);
        Statement memory s = opaque(0, 1, "something");
        vm.warp(due(0));
        vm.expectRevert(abi.encodeWithSelector(IBonds.BondTooSmall.selector, second, 10e18 - 1, 10e18));
        vm.prank(second);
        settlement.attest(s);
        bond(second, 1);
        vm.prank(second);
        settlement.attest(s);
    }

    /// As much as the epoch's own version says.
    function test_attest_withTheBondOfTheVersion() public {
        Parameters memory next = terms();
        next.verifierBond = 11e18;
        vm.prank(owner);
        settlement.schedule(3, next);
        for (uint64 epoch = 0; epoch < 3; ++epoch) {
            warpTo(due(4));
            attestNext();
        }
        vm.expectRevert(abi.encodeWithSelector(IBonds.BondTooSmall.selector, verifier, 10e18, 11e18));
        vm.prank(verifier);
        settlement.attest(opaque(3, 3, "something"));
        bond(verifier, 1e18);
        attestNext();
    }

    function test_attest_totalsNeverDecrease() public {
        attest(opaque(0, 700, "something"));
        Statement memory s = opaque(1, 699, "less");
        vm.warp(due(1));
        vm.expectRevert(abi.encodeWithSelector(ISettlement.TotalDecreased.selector, 699, 700));
        vm.prank(verifier);
        settlement.attest(s);
        attest(opaque(1, 700, "the same"));
    }

    function test_attest_treesAreTrees() public {
        Statement memory s = opaque(0, 1, "something");
        vm.warp(due(0));
        vm.startPrank(verifier);
        s.nodes = (1 << 22) + 1;
        vm.expectRevert(abi.encodeWithSelector(MerkleSum.TooManyLeaves.selector, s.nodes));
        settlement.attest(s);
        s.nodes = 0;
        vm.expectRevert(abi.encodeWithSelector(MerkleSum.NotEmpty.selector, s.nodesTop, 1));
        settlement.attest(s);
        (s.nodes, s.payers, s.billsTop) = (2, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(MerkleSum.NotEmpty.selector, bytes32(0), 1));
        settlement.attest(s);
        (s.payers, s.billsTop, s.charges, s.chargesTop) = (2, "top", 0, 0);
        vm.expectRevert(abi.encodeWithSelector(MerkleSum.NotEmpty.selector, bytes32(0), 1));
        settlement.attest(s);
        vm.stopPrank();
    }

    // ---- A quorum ----

    function test_quorum_theLastVoteAttests() public {
        quorumOf(2);
        Statement memory s = opaque(0, 1, "something");
        Roots memory roots = rootsOf(s, 0);
        vm.warp(due(0));
        vm.expectEmit(address(settlement));
        emit ISettlement.EpochVoted(0, third, digestOf(roots), 1);
        vote(third, s);
        vm.assertEq(settlement.nextEpoch(), 0);
        vm.assertEq(uint256(settlement.status(0)), uint256(Status.None));
        vm.warp(due(0) + 77);
        vm.expectEmit(address(settlement));
        emit ISettlement.EpochAttested(0, verifier, roots, s.nodesTop, s.nodes, s.payers, s.charges, s.total);
        vote(verifier, s);
        Attestation memory a = settlement.attestation(0);
        // The window begins with the vote that completes it.
        vm.assertEq(a.activeAt, due(0) + 77 + 7200);
        vm.assertEq(a.signers, 0x05);
    }

    function test_quorum_countsVotes() public {
        quorumOf(3);
        Statement memory s = opaque(0, 1, "something");
        bytes32 digest = digestOf(rootsOf(s, 0));
        vote(third, s);
        vm.expectEmit(address(settlement));
        emit ISettlement.EpochVoted(0, second, digest, 2);
        vote(second, s);
        vote(verifier, s);
        vm.assertEq(settlement.attestation(0).signers, 0x07);
    }

    function test_quorum_onceEach() public {
        quorumOf(2);
        Statement memory s = opaque(0, 1, "something");
        vote(third, s);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.AlreadyVoted.selector, 0, third));
        vm.prank(third);
        settlement.attest(s);
    }

    /// Any word of the statement makes it another; each is counted by itself.
    function test_quorum_agreesOnAll() public {
        quorumOf(2);
        Statement memory s = opaque(0, 1, "something");
        vote(verifier, s);
        for (uint256 i = 0; i < 8; ++i) {
            Statement memory other = opaque(0, 1, "something");
            if (i == 0) other.total += 1;
            if (i == 1) other.nodes += 1;
            if (i == 2) other.payers += 1;
            if (i == 3) other.charges += 1;
            if (i == 4) other.nodesTop = "other";
            if (i == 5) other.billsTop = "other";
            if (i == 6) other.chargesTop = "other";
            if (i == 7) other.evidence = "other";
            vote(second, other);
            vm.assertEq(settlement.nextEpoch(), 0);
        }
        // It may vote for the other as well, and answers for what is attested.
        vote(second, s);
        vm.assertEq(settlement.attestation(0).signers, 0x03);
    }

    /// Whoever has a vote left over from another epoch starts anew.
    function test_quorum_anewForEachEpoch() public {
        quorumOf(2);
        Statement memory s = opaque(0, 1, "something");
        vote(verifier, s);
        vote(second, s);
        s.epoch = 1;
        vote(second, s);
        vm.assertEq(settlement.nextEpoch(), 1);
        vote(third, s);
        vm.assertEq(settlement.attestation(1).signers, 0x06);
    }

    function apply_(Change change, uint160 value) internal {
        vm.startPrank(owner);
        if (change == Change.Admit) settlement.admitVerifier(address(value));
        if (change == Change.Dismiss) settlement.dismissVerifier(address(value));
        if (change == Change.Quorum) settlement.setQuorum(uint8(value));
        vm.stopPrank();
        vm.warp(vm.getBlockTimestamp() + CHANGE_DELAY);
        settlement.applyChange(change, value);
    }

    /// Who votes has changed: what was voted before counts no more, and everybody may vote again.
    function test_quorum_changesVoidVotes() public {
        quorumOf(2);
        Statement memory s = opaque(0, 1, "something");
        vote(second, s);
        apply_(Change.Dismiss, uint160(second));
        vote(verifier, s);
        vm.assertEq(settlement.nextEpoch(), 0);
        apply_(Change.Admit, uint160(second));
        vote(third, s);
        vm.assertEq(settlement.nextEpoch(), 0);
        apply_(Change.Quorum, 3);
        vote(verifier, s);
        vote(second, s);
        vm.assertEq(settlement.nextEpoch(), 0);
        vote(third, s);
        vm.assertEq(settlement.nextEpoch(), 1);
    }

    /// With a quorum lowered to one, the next vote attests.
    function test_quorum_lowered() public {
        quorumOf(3);
        Statement memory s = opaque(0, 1, "something");
        vote(second, s);
        apply_(Change.Quorum, 1);
        vm.assertEq(settlement.nextEpoch(), 0);
        vote(third, s);
        vm.assertEq(settlement.attestation(0).signers, 0x04);
    }

    function test_quorum_ofAll64() public {
        vm.warp(GENESIS - 1);
        for (uint160 i = 1; i < 64; ++i) {
            admit(address(i));
        }
        vm.prank(owner);
        settlement.setQuorum(64);
        Statement memory s = opaque(0, 1, "something");
        for (uint160 i = 1; i < 64; ++i) {
            vote(address(i), s);
        }
        vm.assertEq(settlement.nextEpoch(), 0);
        vote(verifier, s);
        vm.assertEq(settlement.attestation(0).signers, type(uint64).max);
        overturn(0);
        vm.assertEq(settlement.bounties(challenger), 64 * 10e18 / 2);
        vm.assertEq(settlement.verifierOf(address(63)).bond, 0);
    }

    // ---- Views ----

    function test_views_toTheSecond() public {
        vm.assertEq(uint256(settlement.status(0)), uint256(Status.None));
        bytes memory notAttested = abi.encodeWithSelector(ISettlement.NotAttested.selector, 0, 0);
        vm.expectRevert(notAttested);
        settlement.attestation(0);
        Statement memory s = opaque(0, 700, "something");
        Roots memory roots = rootsOf(s, 0);
        vm.expectRevert(notAttested);
        settlement.requirePending(0, roots);
        vm.expectRevert(notAttested);
        settlement.requireActive(0, roots);

        attest(s);
        uint256 activeAt = due(0) + 7200;
        vm.warp(activeAt - 1);
        vm.assertEq(uint256(settlement.status(0)), uint256(Status.Pending));
        settlement.requirePending(0, roots);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NotActive.selector, 0, activeAt));
        settlement.requireActive(0, roots);
        vm.warp(activeAt);
        vm.assertEq(uint256(settlement.status(0)), uint256(Status.Active));
        vm.assertEq(settlement.requireActive(0, roots), 700);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.AlreadyActive.selector, 0, activeAt));
        settlement.requirePending(0, roots);
    }

    function test_views_theAttestedRootsOnly() public {
        Statement memory s = opaque(0, 700, "something");
        Roots memory roots = rootsOf(s, 0);
        bytes32 attested = digestOf(roots);
        attest(s);
        roots.evidence = "other";
        bytes memory wrong =
            abi.encodeWithSelector(ISettlement.WrongRoots.selector, 0, digestOf(roots), attested);
        vm.expectRevert(wrong);
        settlement.requirePending(0, roots);
        outlast(0);
        vm.expectRevert(wrong);
        settlement.requireActive(0, roots);
    }

    // ---- The ring ----

    /// @dev So many epochs, long after the last of them.
    function attestAll(uint64 epochs) internal {
        warpTo(due(epochs));
        vm.startPrank(verifier);
        for (uint64 epoch = settlement.nextEpoch(); epoch < epochs; ++epoch) {
            settlement.attest(opaque(epoch, uint96(epoch), "something"));
        }
        vm.stopPrank();
    }

    function test_ring_remembersHistory() public {
        attestAll(HISTORY);
        vm.assertEq(settlement.attestation(0).epoch, 0);
        outlast(HISTORY - 1);
        attestAll(HISTORY + 1);
        vm.assertEq(uint256(settlement.status(0)), uint256(Status.Archived));
        vm.assertEq(uint256(settlement.status(1)), uint256(Status.Active));
        vm.assertEq(uint256(settlement.status(HISTORY)), uint256(Status.Pending));
        vm.assertEq(uint256(settlement.status(HISTORY + 1)), uint256(Status.None));
        bytes memory archived = abi.encodeWithSelector(ISettlement.EpochArchived.selector, 0, HISTORY + 1);
        vm.expectRevert(archived);
        settlement.attestation(0);
        Roots memory roots;
        vm.expectRevert(archived);
        settlement.requireActive(0, roots);
        vm.expectRevert(archived);
        settlement.requirePending(0, roots);
        vm.expectRevert(archived);
        vm.prank(challenges);
        settlement.overturn(0, challenger);
    }

    /// A dead verifier set that comes back attests at most as many as can be pending side by side with what they
    /// follow from.
    function test_ring_keepsWhatIsPending() public {
        attestAll(HISTORY);
        uint256 activeAt = settlement.attestation(1).activeAt;
        Statement memory s = opaque(HISTORY, HISTORY, "something");
        warpTo(due(HISTORY));
        vm.warp(activeAt - 1);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.TooManyPending.selector, HISTORY, activeAt));
        vm.prank(verifier);
        settlement.attest(s);
        // All of them can still fall, down to the first.
        overturn(0);
        vm.assertEq(settlement.nextEpoch(), 0);
    }

    function test_ring_whenTheOldestIsActive() public {
        attestAll(HISTORY);
        outlast(1);
        attestAll(HISTORY + 1);
        bond(verifier, 10e18);
        // The one it follows from is there.
        overturn(HISTORY);
        vm.assertEq(settlement.nextEpoch(), HISTORY);
        Statement memory less = opaque(HISTORY, HISTORY - 2, "less");
        vm.expectRevert(abi.encodeWithSelector(ISettlement.TotalDecreased.selector, HISTORY - 2, HISTORY - 1));
        vm.prank(verifier);
        settlement.attest(less);
    }

    /// What an overturned epoch overwrote is gone for good, though it stands before the next one again.
    function test_ring_afterAnOverturn() public {
        attestAll(HISTORY);
        outlast(HISTORY - 1);
        bond(verifier, 10e18);
        attestAll(HISTORY + 10);
        overturn(HISTORY);
        vm.assertEq(uint256(settlement.status(HISTORY)), uint256(Status.None));
        vm.assertEq(uint256(settlement.status(5)), uint256(Status.Archived));
        vm.assertEq(uint256(settlement.status(10)), uint256(Status.Active));
        vm.assertEq(settlement.attestation(HISTORY - 1).total, HISTORY - 1);
        attestAll(HISTORY + 20);
        vm.assertEq(settlement.attestation(HISTORY + 19).epoch, HISTORY + 19);
        vm.assertEq(uint256(settlement.status(15)), uint256(Status.Archived));
        vm.assertEq(uint256(settlement.status(20)), uint256(Status.Active));
    }
}
