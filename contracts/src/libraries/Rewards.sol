// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Score and reward (SPEC section 7)
/// @notice The same integers as the verifiers compute; every division rounds down.
library Rewards {
    /// @notice The whole, in parts per million.
    uint256 internal constant PPM = 1_000_000;

    /// @notice Bytes of the unit that has a price.
    uint256 internal constant GIB = 1 << 30;

    /// @notice Amounts stay below this, so that they fit the mass of a tree and, with an account, a word.
    uint256 internal constant AMOUNT_END = 1 << 96;

    /// @notice An amount doesn't fit 96 bits.
    error AmountTooLarge(uint256 amount);

    /// @notice Score of a node in an epoch: the lower of what clients signed and what probes saw.
    /// @return Parts per million; full where there is nothing to judge by.
    function score(uint32 deliveries, uint32 within, uint32 probes, uint32 probesOk)
        internal
        pure
        returns (uint32)
    {
        // At most PPM each, so the cast keeps the value.
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint32(Math.min(ratio(within, deliveries), ratio(probesOk, probes)));
    }

    /// @notice `⌊part · 1 000 000 / whole⌋`, and the full million if there is no whole.
    /// @dev No valid record has a part above its whole. One that is counts as the whole, so that whatever a
    /// leaf states has a score that it can be compared with.
    function ratio(uint256 part, uint256 whole) internal pure returns (uint256) {
        return whole == 0 ? PPM : Math.min(part, whole) * PPM / whole;
    }

    /// @notice Reward of a node for an epoch.
    /// @dev One division, rounded down; the numerator is below 2^56 · 2^128 · 2^32.
    /// @param bytes_ Receipted bytes.
    /// @param score_ Parts per million.
    /// @param slaFloorPpm Score below which nothing is paid.
    /// @param pricePerGib Token units.
    /// @return Token units, below 2^96.
    function reward(uint56 bytes_, uint32 score_, uint32 slaFloorPpm, uint128 pricePerGib)
        internal
        pure
        returns (uint128)
    {
        if (score_ < slaFloorPpm) return 0;
        uint256 amount = uint256(bytes_) * pricePerGib * score_ / (GIB * PPM);
        if (amount >= AMOUNT_END) revert AmountTooLarge(amount);
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint128(amount);
    }
}
