// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Rewards} from "../../src/libraries/Rewards.sol";
import {TestBase} from "../utils/TestBase.sol";

/// @notice What halmos proves of scores and rewards: `npm run halmos`. That divisions round down, and that
/// a score is the lower of two, is left to `test/fuzz/Rewards.t.sol`: it is beyond the solver.
contract RewardsProof is TestBase {
    uint256 internal constant PPM = 1_000_000;

    // ---- Scores ----

    function check_ratio_isFullOfNothing(uint32 part) public pure {
        assert(Rewards.ratio(part, 0) == PPM);
    }

    /// @dev All of it is all, and more than all is no more.
    function check_ratio_isFullOfAll(uint32 part, uint32 whole) public pure {
        vm.assume(whole != 0 && part >= whole);
        assert(Rewards.ratio(part, whole) == PPM);
    }

    // ---- Rewards ----

    function check_reward_belowTheFloorIsNothing(uint56 bytes_, uint32 score, uint32 floor, uint128 price)
        public
        pure
    {
        vm.assume(score < floor);
        assert(Rewards.reward(bytes_, score, floor, price) == 0);
    }

    function check_reward_ofNothingIsNothing(uint56 bytes_, uint32 score, uint128 price) public pure {
        assert(Rewards.reward(0, score, 0, price) == 0);
        assert(Rewards.reward(bytes_, 0, 0, price) == 0);
        assert(Rewards.reward(bytes_, score, 0, 0) == 0);
    }

    /// @dev Whatever is paid fits a leaf; what doesn't is refused.
    function check_reward_fitsALeaf(uint56 bytes_, uint32 score, uint32 floor, uint128 price) public pure {
        assert(Rewards.reward(bytes_, score, floor, price) < 1 << 96);
    }
}
