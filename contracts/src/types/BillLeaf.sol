// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @notice What an epoch says of one payer: a leaf of the bills tree (SPEC section 7).
/// @param index Payer index, and place in the tree.
/// @param payer The payer's account.
/// @param last 1 + place of its last charge in the charges tree; 0 if it has none.
/// @param bill Bill of this epoch, token units, below 2^96.
/// @param cumulative Bill of all epochs up to this one, token units, below 2^96.
struct BillLeaf {
    uint32 index;
    address payer;
    uint32 last;
    uint128 bill;
    uint128 cumulative;
}
