// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @notice What one payer owes one node for an epoch: a leaf of the charges tree (SPEC section 7).
/// @dev The running totals make every sum over a payer's or a node's charges provable from two leaves.
/// @param payer Payer index.
/// @param node Registry index.
/// @param segmentRoot Merkle-sum root of the node's valid records whose tickets name the payer.
/// @param mass Delivery mass of that segment.
/// @param amount What is owed for it, token units, below 2^96.
/// @param billed The payer's cumulative bill, this charge included.
/// @param earned The node's reward of this epoch, this charge included.
/// @param served Delivery mass of the node's charges of this epoch, this one included.
/// @param previous 1 + place of the node's previous charge; 0 if this is its first.
struct ChargeLeaf {
    uint32 payer;
    uint32 node;
    bytes32 segmentRoot;
    uint120 mass;
    uint128 amount;
    uint128 billed;
    uint128 earned;
    uint120 served;
    uint32 previous;
}
