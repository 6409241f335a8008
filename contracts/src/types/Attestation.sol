// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @notice The verifiers' statement for one epoch. Two words of storage.
/// @param root Root of the epoch tree.
/// @param total Mass of the root: the sum of all cumulative rewards, token units.
/// @param nodes Number of leaves: the nodes registered before the epoch's end.
/// @param attestedAt Block time at which the quorum was reached, seconds.
/// @param epoch The epoch it is for.
struct Attestation {
    bytes32 root;
    uint120 total;
    uint32 nodes;
    uint40 attestedAt;
    uint64 epoch;
}

/// @notice Where an epoch stands.
enum Status {
    /// Not attested.
    None,
    /// Attested, and open to challenge.
    Pending,
    /// Attested for good: rewards can be claimed with it.
    Active,
    /// Was active; the contract has let go of it, and its event remains.
    Archived
}
