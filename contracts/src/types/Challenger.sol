// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @notice What is known of an account that challenges. One word of storage, which its commitment pays for, so that
/// the bounty finds it there.
/// @param bounty What it may withdraw, token units.
/// @param committedIn The block that has its newest commitment; 0 if it never made one.
/// @param commitment The upper 120 bits of that commitment.
struct Challenger {
    uint96 bounty;
    uint40 committedIn;
    bytes15 commitment;
}

/// @notice Who receives what is slashed and no challenger gets, and what it may withdraw, token units. One word of
/// storage, never empty, so that a challenge doesn't pay for a new one.
struct Treasury {
    address account;
    uint96 due;
}
