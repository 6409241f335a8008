// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @notice What an epoch says of one node: a leaf of the nodes tree (SPEC section 7).
/// @param index Registry index, and place in the tree.
/// @param node The ed25519 public key the node had in the epoch.
/// @param mass Delivery mass of all its valid records: bytes (u56), deliveries (u32), within (u32).
/// @param probes Probes made.
/// @param probesOk Probes answered within the service level.
/// @param slaPpm Score, parts per million.
/// @param last 1 + place of its last charge in the charges tree; 0 if it has none.
/// @param reward Reward of this epoch, token units, below 2^96.
/// @param cumulative Reward of all epochs up to this one, token units, below 2^96.
struct NodeLeaf {
    uint32 index;
    bytes32 node;
    uint120 mass;
    uint32 probes;
    uint32 probesOk;
    uint32 slaPpm;
    uint32 last;
    uint128 reward;
    uint128 cumulative;
}
