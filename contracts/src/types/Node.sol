// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @notice A registered cache node. Its registry index is its place in every epoch tree.
/// @param key The node's ed25519 public key; it names the node everywhere off chain.
/// @param operator The account that registered it and may change where it is paid.
/// @param registeredAt Block time of the registration, seconds.
/// @param payout The account that receives its rewards.
struct Node {
    bytes32 key;
    address operator;
    uint64 registeredAt;
    address payout;
}
