// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @notice A control plane that issues tickets.
/// @param key Its ed25519 public key, with which it signs tickets.
/// @param committer The account that commits its ticket logs.
/// @param addedAt Block time it was added, seconds. It answers for the epochs that end later.
struct Issuer {
    bytes32 key;
    address committer;
    uint64 addedAt;
}
