// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @notice A control plane that issues tickets.
/// @param key Its newest ed25519 public key, with which it signs tickets; see `issuerKeyAt`.
/// @param committer The account that commits its ticket logs and holds its bond.
/// @param addedAt Block time it was added, seconds. It answers for the epochs that end later.
/// @param bond What it has at stake, token units.
/// @param unbondedAt When its bond may be withdrawn, Unix seconds; 0 unless that was announced.
struct Issuer {
    bytes32 key;
    address committer;
    uint64 addedAt;
    uint96 bond;
    uint64 unbondedAt;
}
