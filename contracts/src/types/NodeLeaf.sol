// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @notice What an epoch says of one node: a leaf of the epoch tree (SPEC section 7).
/// @param index Registry index, and place in the tree.
/// @param node The node's ed25519 public key.
/// @param segmentRoot Merkle-sum root of its receipts; zero if it handed in nothing that counts.
/// @param mass Delivery mass of the segment: bytes (u56), deliveries (u32), within (u32).
/// @param probes Probes made.
/// @param probesOk Probes answered within the service level.
/// @param slaPpm Score, parts per million.
/// @param reward Reward of this epoch, token units, below 2^120.
/// @param cumulative Reward of all epochs up to this one, token units, below 2^120.
struct NodeLeaf {
    uint32 index;
    bytes32 node;
    bytes32 segmentRoot;
    uint120 mass;
    uint32 probes;
    uint32 probesOk;
    uint32 slaPpm;
    uint128 reward;
    uint128 cumulative;
}
