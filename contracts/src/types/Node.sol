// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @notice A registered cache node. Its registry index is its place in every epoch's nodes tree.
/// @param key The node's newest ed25519 public key; it names the node everywhere off chain.
/// @param operator The account that registered it and answers for it.
/// @param registeredAt Block time of the registration, seconds.
/// @param stake What it has at stake, token units.
/// @param exitAt When its stake may be withdrawn, Unix seconds; 0 unless its operator announced the exit.
struct Node {
    bytes32 key;
    address operator;
    uint64 registeredAt;
    uint96 stake;
    uint64 exitAt;
}
