// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Rewards} from "../../../src/libraries/Rewards.sol";
import {Exposed} from "../../utils/Exposed.sol";
import {TestBase} from "../../utils/TestBase.sol";

contract RewardsTest is TestBase {
    Exposed internal immutable exposed = new Exposed();

    function test_score_isFullWithoutAnythingToJudgeBy() public view {
        vm.assertEq(exposed.score(0, 0, 0, 0), 1_000_000);
    }

    function test_score_isTheLowerOfBoth() public view {
        vm.assertEq(exposed.score(10, 9, 0, 0), 900_000);
        vm.assertEq(exposed.score(0, 0, 10, 8), 800_000);
        vm.assertEq(exposed.score(10, 9, 10, 8), 800_000);
        vm.assertEq(exposed.score(10, 7, 10, 8), 700_000);
        vm.assertEq(exposed.score(10, 0, 10, 10), 0);
    }

    function test_score_roundsDown() public view {
        vm.assertEq(exposed.score(3, 2, 0, 0), 666_666);
        vm.assertEq(exposed.score(type(uint32).max, type(uint32).max - 1, 0, 0), 999_999);
    }

    /// What no record can say still has a score, the same as in Rust.
    function test_score_countsPartsUpToTheWhole() public view {
        vm.assertEq(exposed.score(3, 4, 0, 0), 1_000_000);
        vm.assertEq(exposed.score(3, 3, 0, 1), 1_000_000);
        vm.assertEq(exposed.score(3, 4, 4, 2), 500_000);
    }

    function test_reward_isPricePerGib() public view {
        vm.assertEq(exposed.reward(1 << 30, 1_000_000, 0, 1e16), 1e16);
        vm.assertEq(exposed.reward(3 << 29, 1_000_000, 0, 1e16), 15e15);
        vm.assertEq(exposed.reward(1 << 30, 950_000, 0, 1e16), 95e14);
        vm.assertEq(exposed.reward(0, 1_000_000, 0, 1e16), 0);
        vm.assertEq(exposed.reward(1 << 30, 1_000_000, 0, 0), 0);
    }

    function test_reward_roundsDownOnce() public view {
        // 1 GiB less a byte at 1 unit: just below 1.
        vm.assertEq(exposed.reward((1 << 30) - 1, 1_000_000, 0, 1), 0);
        // 3 units at half and at just below full score: 1.5 and 2.999997.
        vm.assertEq(exposed.reward(3 << 30, 500_000, 0, 1), 1);
        vm.assertEq(exposed.reward(3 << 30, 999_999, 0, 1), 2);
    }

    function test_reward_beginsAtTheFloor() public view {
        vm.assertEq(exposed.reward(1 << 30, 899_999, 900_000, 1e6), 0);
        vm.assertEq(exposed.reward(1 << 30, 900_000, 900_000, 1e6), 900_000);
        vm.assertEq(exposed.reward(1 << 30, 0, 0, 1e6), 0);
    }

    function test_reward_refusesWhatDoesntFit() public {
        uint256 amount = uint256(type(uint56).max) * type(uint128).max / (1 << 30);
        vm.expectRevert(abi.encodeWithSelector(Rewards.AmountTooLarge.selector, amount));
        exposed.reward(type(uint56).max, 1_000_000, 0, type(uint128).max);
        // What the terms allow at most: just below 2^96.
        uint256 most = exposed.reward(type(uint56).max, 1_000_000, 0, (1 << 70) - 1);
        vm.assertTrue(most < 1 << 96 && most > (1 << 96) - (1 << 71));
        // At twice that price, the largest amount that fits.
        vm.assertEq(exposed.reward(1 << 55, 1_000_000, 0, (1 << 71) - 1), (1 << 96) - (1 << 25));
        vm.expectRevert(abi.encodeWithSelector(Rewards.AmountTooLarge.selector, uint256(1) << 96));
        exposed.reward(1 << 55, 1_000_000, 0, 1 << 71);
    }
}
