// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Rewards} from "../../src/libraries/Rewards.sol";
import {TestBase} from "../utils/TestBase.sol";

/// @notice What halmos proves of scores and rewards: `npm run halmos`.
contract RewardsProof is TestBase {
    uint256 internal constant PPM = 1_000_000;

    // ---- Scores ----

    /// @dev The lower of both.
    function check_score_isTheLower(uint32 deliveries, uint32 within, uint32 probes, uint32 ok) public pure {
        uint256 score = Rewards.score(deliveries, within, probes, ok);
        uint256 delivered = Rewards.ratio(within, deliveries);
        uint256 probed = Rewards.ratio(ok, probes);
        assert(score <= delivered && score <= probed);
        assert(score == delivered || score == probed);
    }

    function check_ratio_isFullOfNothing(uint32 part) public pure {
        assert(Rewards.ratio(part, 0) == PPM);
    }
}
