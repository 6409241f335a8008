// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

import {Settlement} from "../../src/Settlement.sol";
import {INodeRegistry} from "../../src/interfaces/INodeRegistry.sol";
import {ISettlement} from "../../src/interfaces/ISettlement.sol";
import {Parameters} from "../../src/types/Parameters.sol";
import {Network} from "../utils/Network.sol";

/// @notice Parameters, their limits, the clock and the money rules as views.
contract TermsTest is Network {
    /// @dev Ready to be refused for `bad` before anything else is looked at.
    function construct(Parameters memory bad) internal {
        new Settlement(bad, registry, vault, owner, challenges);
    }

    function test_parameters_areKept() public view {
        vm.assertEq(abi.encode(settlement.parameters()), abi.encode(terms()));
        vm.assertEq(address(settlement.registry()), address(registry));
        vm.assertEq(address(settlement.vault()), address(vault));
        vm.assertEq(settlement.challenges(), challenges);
        vm.assertEq(settlement.owner(), owner);
        vm.assertEq(settlement.quorum(), 1);
        vm.assertEq(settlement.nextEpoch(), 0);
    }

    function test_constructor_refusesNoLength() public {
        Parameters memory bad = terms();
        bad.epochLength = 0;
        vm.expectRevert(ISettlement.ZeroEpochLength.selector);
        construct(bad);
    }

    function test_constructor_refusesNoWindows() public {
        Parameters memory bad = terms();
        bad.commitWindow = 0;
        vm.expectRevert(ISettlement.ZeroWindow.selector);
        construct(bad);
        bad = terms();
        bad.challengeWindow = 0;
        vm.expectRevert(ISettlement.ZeroWindow.selector);
        construct(bad);
    }

    function test_constructor_refusesWindowsBeyondTheRing() public {
        Parameters memory bad = terms();
        uint256 max = 1022 * 3600;
        bad.challengeWindow = uint32(max + 1);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.ChallengeWindowTooLong.selector, max + 1, max));
        construct(bad);
    }

    function test_constructor_refusesFloorAboveAll() public {
        Parameters memory bad = terms();
        bad.slaFloorPpm = 1_000_001;
        vm.expectRevert(abi.encodeWithSelector(ISettlement.SlaFloorTooHigh.selector, 1_000_001));
        construct(bad);
    }

    function test_constructor_refusesPricesThatCouldOverflow() public {
        Parameters memory bad = terms();
        bad.pricePerGib = 1 << 94;
        vm.expectRevert(abi.encodeWithSelector(ISettlement.PriceTooHigh.selector, 1 << 94, (1 << 94) - 1));
        construct(bad);
    }

    function test_constructor_refusesAnothersVault() public {
        vm.expectRevert(
            abi.encodeWithSelector(ISettlement.WrongVault.selector, address(vault), address(settlement))
        );
        construct(terms());
    }

    function test_constructor_refusesNobodyAndNothing() public {
        vm.expectRevert(ISettlement.ZeroAddress.selector);
        new Settlement(terms(), INodeRegistry(address(0)), vault, owner, challenges);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableInvalidOwner.selector, address(0)));
        new Settlement(terms(), registry, vault, address(0), challenges);
    }

    function test_clock_countsFromGenesis() public view {
        vm.assertEq(settlement.epochStart(0), GENESIS);
        vm.assertEq(settlement.epochEnd(0), GENESIS + 3600);
        vm.assertEq(settlement.epochStart(7), GENESIS + 7 * 3600);
        vm.assertEq(settlement.epochAt(GENESIS), 0);
        vm.assertEq(settlement.epochAt(GENESIS + 3599), 0);
        vm.assertEq(settlement.epochAt(GENESIS + 3600), 1);
        // No epoch is so late that its end overflows.
        uint256 far = GENESIS + (uint256(type(uint64).max) + 1) * 3600;
        vm.assertEq(settlement.epochEnd(type(uint64).max), far);
    }

    function test_clock_hasNoTimeBeforeGenesis() public {
        vm.expectRevert(abi.encodeWithSelector(ISettlement.BeforeGenesis.selector, GENESIS - 1, GENESIS));
        settlement.epochAt(GENESIS - 1);
    }

    function test_moneyRules_useTheTerms() public view {
        vm.assertEq(settlement.score(10, 9, 10, 10), 900_000);
        vm.assertEq(settlement.reward(1 << 30, 900_000), 9e15);
        vm.assertEq(settlement.reward(1 << 30, 899_999), 0);
    }
}
