// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Exposed} from "../utils/Exposed.sol";
import {TestBase} from "../utils/TestBase.sol";

/// @notice Rounded down, never above, and never less for more.
contract RewardsFuzz is TestBase {
    Exposed internal immutable exposed = new Exposed();

    function testFuzz_score_isALowerBoundOfBoth(uint32 deliveries, uint32 within, uint32 probes, uint32 ok)
        public
        view
    {
        within = uint32(bound(within, 0, deliveries));
        ok = uint32(bound(ok, 0, probes));
        uint256 score = exposed.score(deliveries, within, probes, ok);
        vm.assertLe(score, 1_000_000);
        // score ≤ part · 10^6 / whole, by multiplication.
        if (deliveries > 0) vm.assertLe(score * deliveries, uint256(within) * 1_000_000);
        if (probes > 0) vm.assertLe(score * probes, uint256(ok) * 1_000_000);
        // And one ppm more would be above one of them.
        bool tight = score == 1_000_000
            || (deliveries > 0 && (score + 1) * deliveries > uint256(within) * 1_000_000)
            || (probes > 0 && (score + 1) * probes > uint256(ok) * 1_000_000);
        vm.assertTrue(tight);
    }

    function testFuzz_reward_isTheFloorOfTheExactAmount(
        uint56 bytes_,
        uint32 score,
        uint32 floor,
        uint128 price
    ) public view {
        score = uint32(bound(score, 0, 1_000_000));
        floor = uint32(bound(floor, 0, 1_000_000));
        price = uint128(bound(price, 0, (1 << 70) - 1));
        uint256 amount = exposed.reward(bytes_, score, floor, price);
        if (score < floor) {
            vm.assertEq(amount, 0);
            return;
        }
        uint256 exact = uint256(bytes_) * price * score;
        uint256 unit = uint256(1 << 30) * 1_000_000;
        vm.assertLe(amount * unit, exact);
        vm.assertTrue((amount + 1) * unit > exact);
        vm.assertTrue(amount < 1 << 96);
    }

    function testFuzz_reward_growsWithBytesScoreAndPrice(uint56 bytes_, uint32 score, uint128 price)
        public
        view
    {
        bytes_ = uint56(bound(bytes_, 0, type(uint56).max - 1));
        score = uint32(bound(score, 0, 999_999));
        price = uint128(bound(price, 0, (1 << 70) - 2));
        uint256 amount = exposed.reward(bytes_, score, 0, price);
        vm.assertLe(amount, exposed.reward(bytes_ + 1, score, 0, price));
        vm.assertLe(amount, exposed.reward(bytes_, score + 1, 0, price));
        vm.assertLe(amount, exposed.reward(bytes_, score, 0, price + 1));
    }

    function testFuzz_score_growsWithWhatIsWithin(uint32 deliveries, uint32 within, uint32 probes, uint32 ok)
        public
        view
    {
        deliveries = uint32(bound(deliveries, 1, type(uint32).max));
        probes = uint32(bound(probes, 1, type(uint32).max));
        within = uint32(bound(within, 0, deliveries - 1));
        ok = uint32(bound(ok, 0, probes - 1));
        uint256 score = exposed.score(deliveries, within, probes, ok);
        vm.assertLe(score, exposed.score(deliveries, within + 1, probes, ok));
        vm.assertLe(score, exposed.score(deliveries, within, probes, ok + 1));
        vm.assertLe(score, exposed.score(deliveries, within + 1, probes, ok + 1));
    }

    /// What no record says has a score too: a part above its whole counts as the whole.
    function testFuzz_score_isOneForAnything(uint32 deliveries, uint32 within, uint32 probes, uint32 ok)
        public
        view
    {
        uint256 score = exposed.score(deliveries, within, probes, ok);
        vm.assertLe(score, 1_000_000);
        uint32 most = within < deliveries ? within : deliveries;
        vm.assertEq(score, exposed.score(deliveries, most, probes, ok < probes ? ok : probes));
    }

    /// A segment split among payers never earns more than it does whole.
    function testFuzz_reward_splitNeverEarnsMore(uint56 bytes_, uint56 part, uint32 score, uint128 price)
        public
        view
    {
        part = uint56(bound(part, 0, bytes_));
        score = uint32(bound(score, 0, 1_000_000));
        price = uint128(bound(price, 0, (1 << 70) - 1));
        uint256 parts =
            uint256(exposed.reward(part, score, 0, price)) + exposed.reward(bytes_ - part, score, 0, price);
        uint256 whole = exposed.reward(bytes_, score, 0, price);
        vm.assertLe(parts, whole);
        // By one unit at most.
        vm.assertLe(whole, parts + 1);
    }
}
