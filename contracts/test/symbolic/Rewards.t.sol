// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Rewards} from "../../src/libraries/Rewards.sol";
import {TestBase} from "../utils/TestBase.sol";

/// @notice The library's function, callable.
contract Payments {
    function reward(uint56 bytes_, uint32 score, uint32 floor, uint128 price)
        external
        pure
        returns (uint128)
    {
        return Rewards.reward(bytes_, score, floor, price);
    }
}

/// @notice What halmos proves of scores and rewards: `npm run halmos`. That a ratio is the exact quotient rounded down
/// is left to `test/fuzz/Rewards.t.sol`: a division of two unknowns is beyond the solvers.
contract RewardsProof is TestBase {
    uint256 internal constant PPM = 1_000_000;
    uint256 internal constant GIB = 1 << 30;

    Payments internal immutable payments = new Payments();

    // ---- Scores ----

    function check_ratio_isFullOfNothing(uint32 part) public pure {
        assert(Rewards.ratio(part, 0) == PPM);
    }

    /// @dev All of it is all, and more than all is no more.
    function check_ratio_isFullOfAll(uint32 part, uint32 whole) public pure {
        vm.assume(whole != 0 && part >= whole);
        assert(Rewards.ratio(part, whole) == PPM);
    }

    /// @dev Of counts up to 255: with wider ones the solver doesn't finish.
    function check_score_isTheLower(uint8 deliveries, uint8 within, uint8 probes, uint8 probesOk)
        public
        pure
    {
        uint256 delivered = Rewards.ratio(within, deliveries);
        uint256 probed = Rewards.ratio(probesOk, probes);
        uint256 lower = delivered < probed ? delivered : probed;
        assert(Rewards.score(deliveries, within, probes, probesOk) == lower);
    }

    // ---- Rewards ----

    /// @dev What is paid is one quotient, of factors whose 56, 128 and 32 bits can't wrap, by a constant: the exact
    /// amount rounded down, as the EVM divides.
    function check_reward_isTheQuotient(uint56 bytes_, uint32 score, uint32 floor, uint128 price)
        public
        view
    {
        vm.assume(score >= floor);
        uint256 quotient;
        unchecked {
            quotient = uint256(bytes_) * price * score / (GIB * PPM);
        }
        try payments.reward(bytes_, score, floor, price) returns (uint128 amount) {
            assert(amount == quotient);
        } catch {
            // What is refused isn't paid.
        }
    }

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
