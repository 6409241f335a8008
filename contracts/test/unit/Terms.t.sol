// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

import {NodeRegistry} from "../../src/NodeRegistry.sol";
import {RewardVault} from "../../src/RewardVault.sol";
import {Settlement} from "../../src/Settlement.sol";
import {ISettlement} from "../../src/interfaces/ISettlement.sol";
import {ITerms} from "../../src/interfaces/ITerms.sol";
import {Config} from "../../src/types/Config.sol";
import {Parameters, Version} from "../../src/types/Parameters.sol";
import {Network} from "../utils/Network.sol";

/// @notice Versions of parameters and their limits, the clock, and the money rules as views.
contract TermsTest is Network {
    // ---- What can't be agreed on ----

    /// @dev Refused for the parameters, before anything else is looked at.
    function refuse(Parameters memory bad, bytes memory why) internal {
        refuse(bad, config(), why);
    }

    function refuse(Parameters memory bad, Config memory c, bytes memory why) internal {
        vm.expectRevert(why);
        new Settlement(c, bad);
    }

    function test_sound_anEpochLasts() public {
        Parameters memory bad = terms();
        bad.epochLength = 0;
        refuse(bad, abi.encodeWithSelector(ITerms.ZeroEpochLength.selector));
    }

    function test_sound_windowsLast() public {
        Parameters memory bad = terms();
        bad.commitWindow = 0;
        refuse(bad, abi.encodeWithSelector(ITerms.ZeroWindow.selector));
        bad = terms();
        bad.challengeWindow = 0;
        refuse(bad, abi.encodeWithSelector(ITerms.ZeroWindow.selector));
    }

    /// No log comes in once anybody may have attested.
    function test_sound_logsComeBeforeAttesting() public {
        Parameters memory bad = terms();
        bad.commitWindow = 1201;
        refuse(bad, abi.encodeWithSelector(ITerms.CommitWindowTooLong.selector, 1201, 1200));
    }

    /// 1,022 epochs of an hour.
    function test_sound_theRingOutlastsTheChallengeWindow() public {
        Parameters memory bad = terms();
        uint256 max = 1022 * 3600;
        bad.challengeWindow = uint32(max + 1);
        refuse(bad, abi.encodeWithSelector(ITerms.ChallengeWindowTooLong.selector, max + 1, max));
        // One second less is refused only for the delay.
        bad.challengeWindow = uint32(max);
        refuse(bad, abi.encodeWithSelector(ITerms.ChangeDelayTooShort.selector, CHANGE_DELAY, max + 1200 + 1));
    }

    /// Who votes changes only when what was attested before is settled.
    function test_sound_theChangeDelayOutlastsAnAttestation() public {
        Config memory c = config();
        c.changeDelay = 8400;
        refuse(terms(), c, abi.encodeWithSelector(ITerms.ChangeDelayTooShort.selector, 8400, 8401));
    }

    function test_sound_theFloorIsAScore() public {
        Parameters memory bad = terms();
        bad.slaFloorPpm = 1_000_001;
        refuse(bad, abi.encodeWithSelector(ITerms.SlaFloorTooHigh.selector, 1_000_001));
    }

    function test_sound_aChargeFits() public {
        Parameters memory bad = terms();
        bad.pricePerGib = 1 << 70;
        uint256 max = (1 << 70) - 1;
        refuse(bad, abi.encodeWithSelector(ITerms.PriceTooHigh.selector, 1 << 70, max));
    }

    function test_sound_theGenesisFits() public {
        Config memory c = config();
        c.genesis = 1 << 40;
        refuse(terms(), c, abi.encodeWithSelector(ITerms.TooLate.selector, 1 << 40));
    }

    function test_sound_somebodyOwnsIt() public {
        Config memory c = config();
        c.owner = address(0);
        refuse(terms(), c, abi.encodeWithSelector(Ownable.OwnableInvalidOwner.selector, address(0)));
    }

    /// Every limit itself is fine.
    function test_sound_limits() public {
        Parameters memory most = terms();
        (most.commitWindow, most.slaFloorPpm, most.pricePerGib) = (1200, 1_000_000, (1 << 70) - 1);
        (most.epochLength, most.challengeWindow) = (4, 4088);
        scheduleAt(10, most);
        vm.assertEq(abi.encode(settlement.versionAt(1).parameters), abi.encode(most));
    }

    // ---- Versions ----

    function scheduleAt(uint64 firstEpoch, Parameters memory p) internal {
        vm.prank(owner);
        settlement.schedule(firstEpoch, p);
    }

    function test_versions_theFirst() public view {
        vm.assertEq(settlement.versionCount(), 1);
        Version memory first = Version({firstEpoch: 0, start: GENESIS, parameters: terms()});
        vm.assertEq(abi.encode(settlement.versionAt(0)), abi.encode(first));
        vm.assertEq(abi.encode(settlement.parametersAt(0)), abi.encode(first));
        vm.assertEq(abi.encode(settlement.parametersAt(type(uint64).max)), abi.encode(first));
        vm.assertEq(settlement.genesis(), GENESIS);
        vm.assertEq(settlement.changeDelay(), CHANGE_DELAY);
        vm.assertEq(settlement.nodeStake(), 30e18);
    }

    function test_versions_theFirstIsAnnounced() public {
        uint256 nonce = vm.getNonce(address(this));
        ISettlement place = ISettlement(vm.computeCreateAddress(address(this), nonce + 2));
        Config memory c = config();
        c.vault = new RewardVault(token, address(registry), place);
        c.registry = new NodeRegistry(token, signatures, c.vault, place);
        vm.expectEmit(address(place));
        emit ITerms.VersionScheduled(0, GENESIS, terms());
        new Settlement(c, terms());
    }

    function test_schedule_fromAnEpochOn() public {
        Parameters memory next = terms();
        (next.epochLength, next.pricePerGib, next.nodeStake) = (1800, 7, 31e18);
        vm.expectEmit(address(settlement));
        emit ITerms.VersionScheduled(10, GENESIS + 36_000, next);
        scheduleAt(10, next);
        vm.assertEq(settlement.versionCount(), 2);
        Version memory second = Version({firstEpoch: 10, start: GENESIS + 36_000, parameters: next});
        vm.assertEq(abi.encode(settlement.versionAt(1)), abi.encode(second));
        vm.assertEq(abi.encode(settlement.parametersAt(10)), abi.encode(second));
        vm.assertEq(abi.encode(settlement.parametersAt(9)), abi.encode(settlement.versionAt(0)));

        // The clock follows.
        vm.assertEq(settlement.epochStart(10), GENESIS + 36_000);
        vm.assertEq(settlement.epochEnd(9), GENESIS + 36_000);
        vm.assertEq(settlement.epochEnd(10), GENESIS + 37_800);
        vm.assertEq(settlement.epochStart(12), GENESIS + 39_600);
        vm.assertEq(settlement.epochAt(GENESIS + 35_999), 9);
        vm.assertEq(settlement.epochAt(GENESIS + 36_000), 10);
        vm.assertEq(settlement.epochAt(GENESIS + 39_599), 11);

        // And the money.
        vm.assertEq(settlement.reward(9, 1 << 30, 1_000_000), 1e16);
        vm.assertEq(settlement.reward(10, 1 << 30, 1_000_000), 7);

        // A stake is that of the version that has begun.
        vm.warp(GENESIS + 35_999);
        vm.assertEq(settlement.nodeStake(), 30e18);
        vm.assertEq(settlement.unbonding(), 3600 + 300 + 900 + 2 * 7200);
        vm.warp(GENESIS + 36_000);
        vm.assertEq(settlement.nodeStake(), 31e18);
        vm.assertEq(settlement.unbonding(), 3600 + 300 + 900 + 2 * 7200, "none of before is settled");
    }

    /// Before the genesis the first version holds.
    function test_versions_beforeTheGenesis() public {
        vm.warp(GENESIS - 1);
        vm.assertEq(settlement.nodeStake(), 30e18);
        vm.assertEq(settlement.unbonding(), 3600 + 300 + 900 + 2 * 7200);
    }

    function test_schedule_theDelayAhead() public {
        // Epoch 3 starts 10,800 s after the genesis.
        vm.warp(GENESIS + 801);
        vm.expectRevert(
            abi.encodeWithSelector(ITerms.VersionTooSoon.selector, GENESIS + 10_800, GENESIS + 10_801)
        );
        scheduleAt(3, terms());
        vm.warp(GENESIS + 800);
        scheduleAt(3, terms());
    }

    function test_schedule_inOrder() public {
        vm.expectRevert(abi.encodeWithSelector(ITerms.VersionOutOfOrder.selector, 0, 0));
        scheduleAt(0, terms());
        scheduleAt(10, terms());
        vm.expectRevert(abi.encodeWithSelector(ITerms.VersionOutOfOrder.selector, 10, 10));
        scheduleAt(10, terms());
        vm.expectRevert(abi.encodeWithSelector(ITerms.VersionOutOfOrder.selector, 9, 10));
        scheduleAt(9, terms());
        scheduleAt(11, terms());
        vm.assertEq(settlement.versionCount(), 3);
    }

    function test_schedule_notTooLate() public {
        uint64 last = uint64((uint256(type(uint40).max) - GENESIS) / 3600);
        uint256 late = GENESIS + (uint256(last) + 1) * 3600;
        vm.expectRevert(abi.encodeWithSelector(ITerms.TooLate.selector, late));
        scheduleAt(last + 1, terms());
        late = GENESIS + uint256(type(uint64).max) * 3600;
        vm.expectRevert(abi.encodeWithSelector(ITerms.TooLate.selector, late));
        scheduleAt(type(uint64).max, terms());
        scheduleAt(last, terms());
    }

    function test_schedule_soundOnly() public {
        Parameters memory bad = terms();
        bad.challengeWindow = 8800;
        vm.expectRevert(abi.encodeWithSelector(ITerms.ChangeDelayTooShort.selector, 10_000, 10_001));
        scheduleAt(10, bad);
    }

    function test_schedule_byTheOwnerOnly() public {
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, payer));
        vm.prank(payer);
        settlement.schedule(10, terms());
    }

    function test_versionAt_unknown() public {
        vm.expectRevert(abi.encodeWithSelector(ITerms.UnknownVersion.selector, 1, 1));
        settlement.versionAt(1);
    }

    // ---- The owner ----

    /// Another owner has to take it.
    function test_owner_changesInTwoSteps() public {
        vm.prank(owner);
        settlement.transferOwnership(payer);
        vm.assertEq(settlement.owner(), owner);
        vm.assertEq(settlement.pendingOwner(), payer);
        vm.prank(payer);
        settlement.acceptOwnership();
        vm.assertEq(settlement.owner(), payer);
    }

    // ---- The clock ----

    function test_clock_countsFromTheGenesis() public view {
        vm.assertEq(settlement.epochStart(0), GENESIS);
        vm.assertEq(settlement.epochEnd(0), GENESIS + 3600);
        vm.assertEq(settlement.epochStart(7), GENESIS + 7 * 3600);
        vm.assertEq(settlement.epochAt(GENESIS), 0);
        vm.assertEq(settlement.epochAt(GENESIS + 3599), 0);
        vm.assertEq(settlement.epochAt(GENESIS + 3600), 1);
        // No epoch is so late that its end overflows.
        uint256 far = GENESIS + (uint256(type(uint64).max) + 1) * 3600;
        vm.assertEq(settlement.epochEnd(type(uint64).max), far);
        vm.assertEq(settlement.epochAt(far - 1), type(uint64).max);
    }

    function test_clock_hasTheTimesOfEpochsOnly() public {
        vm.expectRevert(abi.encodeWithSelector(ITerms.BeforeGenesis.selector, GENESIS - 1, GENESIS));
        settlement.epochAt(GENESIS - 1);
        uint256 far = GENESIS + (uint256(type(uint64).max) + 1) * 3600;
        vm.expectRevert(abi.encodeWithSelector(ITerms.TooLate.selector, far));
        settlement.epochAt(far);
    }

    function testFuzz_clock_agreesWithItself(uint256 time, uint64 change) public {
        change = uint64(bound(change, 3, 100));
        Parameters memory next = terms();
        next.epochLength = uint32(bound(uint256(keccak256(abi.encode(change))), 8, 10_000));
        scheduleAt(change, next);
        time = bound(time, GENESIS, GENESIS + 1000 days);
        uint64 epoch = settlement.epochAt(time);
        vm.assertLe(settlement.epochStart(epoch), time);
        vm.assertLe(time + 1, settlement.epochEnd(epoch));
        vm.assertEq(settlement.epochEnd(epoch), settlement.epochStart(epoch + 1));
    }

    // ---- Money ----

    function test_money_followsTheTerms() public view {
        vm.assertEq(settlement.score(10, 9, 10, 10), 900_000);
        vm.assertEq(settlement.reward(0, 1 << 30, 900_000), 9e15);
        vm.assertEq(settlement.reward(0, 1 << 30, 899_999), 0);
    }
}
