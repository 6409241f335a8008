// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IBonds} from "../../../src/interfaces/IBonds.sol";
import {ISettlement} from "../../../src/interfaces/ISettlement.sol";
import {Statement, Status} from "../../../src/types/Attestation.sol";
import {Parameters} from "../../../src/types/Parameters.sol";
import {Network} from "../../utils/Network.sol";

/// @notice Long epochs with long windows, followed by short ones: what the border between them must not open.
contract VersionsTest is Network {
    uint64 internal constant BORDER = 3;
    uint256 internal constant LONG = 3600 + 300 + 900 + 2 * 7200;
    uint256 internal constant SHORT = 60 + 10 + 30 + 2 * 40;

    function setUp() public override {
        super.setUp();
        Parameters memory short = terms();
        (short.epochLength, short.ticketTail, short.commitWindow) = (60, 10, 20);
        (short.forceWindow, short.challengeWindow) = (30, 40);
        vm.prank(owner);
        settlement.schedule(BORDER, short);
    }

    /// @dev Up to the last long one.
    function attestLong() internal returns (uint256 activeAt) {
        for (uint64 epoch = settlement.nextEpoch(); epoch < BORDER; ++epoch) {
            attestNext();
        }
        activeAt = vm.getBlockTimestamp() + terms().challengeWindow;
        vm.assertEq(settlement.attestation(BORDER - 1).activeAt, activeAt);
    }

    function attestShort() internal {
        uint64 epoch = settlement.nextEpoch();
        vm.prank(verifier);
        settlement.attest(opaque(epoch, uint96(epoch), "something"));
    }

    /// A short epoch is over and could be attested before the long one that it follows; it isn't.
    function test_border_keepsTheOrder() public {
        attestNext();
        attestNext();
        uint256 shortDue = settlement.epochEnd(BORDER) + 40;
        vm.assertLe(shortDue + 1, due(BORDER - 1));
        vm.warp(shortDue);
        Statement memory s = opaque(BORDER, 3, "something");
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NotNextEpoch.selector, BORDER, BORDER - 1));
        vm.prank(verifier);
        settlement.attest(s);
        attestLong();
        attestShort();
        vm.assertEq(settlement.nextEpoch(), BORDER + 1);
        // The next one's own time still counts.
        vm.warp(settlement.epochEnd(BORDER + 20) + 39);
        for (uint64 epoch = BORDER + 1; epoch < BORDER + 20; ++epoch) {
            attestShort();
        }
        uint256 from = settlement.epochEnd(BORDER + 20) + 40;
        s = opaque(BORDER + 20, 99, "something");
        vm.expectRevert(abi.encodeWithSelector(ISettlement.TooEarly.selector, BORDER + 20, from));
        vm.prank(verifier);
        settlement.attest(s);
    }

    /// What follows from an attestation that may still fall must not be paid by.
    function test_border_noneIsActiveBeforeTheOneItFollows() public {
        uint256 activeAt = attestLong();
        attestShort();
        vm.warp(activeAt - 50);
        attestShort();
        vm.warp(activeAt - 20);
        attestShort();
        vm.assertEq(settlement.attestation(BORDER).activeAt, activeAt);
        vm.assertEq(settlement.attestation(BORDER + 1).activeAt, activeAt);
        vm.assertEq(settlement.attestation(BORDER + 2).activeAt, activeAt + 20, "its own window is longer");
        vm.warp(activeAt - 1);
        vm.assertEq(uint256(settlement.status(BORDER)), uint256(Status.Pending));
        overturn(BORDER - 1);
        bond(verifier, terms().verifierBond);
        vm.assertEq(uint256(settlement.status(BORDER)), uint256(Status.None));
        // Anew, by the windows anew.
        uint256 again = attestLong();
        vm.assertEq(again, activeAt - 1 + 7200);
        attestShort();
        vm.assertEq(settlement.attestation(BORDER).activeAt, again);
    }

    /// Overturning a short one leaves the time of the long one before it.
    function test_border_overturnKeepsTheEarlierTime() public {
        uint256 activeAt = attestLong();
        attestShort();
        overturn(BORDER);
        bond(verifier, terms().verifierBond);
        attestShort();
        vm.assertEq(settlement.attestation(BORDER).activeAt, activeAt);
    }

    /// Nothing is left of the time of what fell.
    function test_border_overturnOfTheFirst() public {
        attestNext();
        overturn(0);
        bond(verifier, terms().verifierBond);
        vm.warp(vm.getBlockTimestamp() + 5);
        attestNext();
        vm.assertEq(settlement.attestation(0).activeAt, vm.getBlockTimestamp() + 7200);
    }

    /// Who voted for a long one answers for it as long, whatever holds when it leaves.
    function test_border_unbondingOutlastsWhatWasVotedFor() public {
        vm.warp(settlement.epochStart(BORDER) - 1);
        vm.assertEq(settlement.unbonding(), LONG);
        uint256 activeAt = attestLong();
        vm.warp(vm.getBlockTimestamp() + 1);
        vm.assertEq(settlement.unbonding(), LONG);
        vm.prank(verifier);
        settlement.unbond();
        vm.warp(activeAt - 1);
        vm.expectRevert(abi.encodeWithSelector(IBonds.BondLocked.selector, activeAt - 7200 + 1 + LONG));
        vm.prank(verifier);
        settlement.withdrawBond();
        vm.assertEq(settlement.unbonding(), LONG);
        // When all long ones are settled, the short windows are what holds.
        vm.warp(activeAt);
        vm.assertEq(settlement.unbonding(), SHORT);
    }

    /// Not even what was let go of since.
    function test_border_unbondingAfterManyEpochs() public {
        uint256 activeAt = attestLong();
        vm.warp(settlement.epochEnd(BORDER + 1100) + 40);
        vm.assertLe(activeAt + 1, vm.getBlockTimestamp());
        for (uint64 epoch = BORDER; epoch < BORDER + 1000; ++epoch) {
            attestShort();
        }
        vm.warp(vm.getBlockTimestamp() + 40);
        for (uint64 epoch = BORDER + 1000; epoch < BORDER + 1100; ++epoch) {
            attestShort();
        }
        vm.assertEq(uint256(settlement.status(BORDER - 1)), uint256(Status.Archived));
        vm.assertEq(settlement.unbonding(), SHORT);
    }
}
