// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @notice An account that has funded.
/// @param account The account.
/// @param registeredAt Block time of its first deposit, seconds.
struct Payer {
    address account;
    uint64 registeredAt;
}
