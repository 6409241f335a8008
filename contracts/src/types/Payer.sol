// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @notice An account that has funded.
/// @param account The account.
/// @param registeredAt Block time of its first deposit, seconds.
struct Payer {
    address account;
    uint64 registeredAt;
}

/// @notice What a payer takes back.
/// @param amount Token units; 0 if nothing is announced.
/// @param announcedAt Block time of the announcement, seconds.
struct Withdrawal {
    uint96 amount;
    uint64 announcedAt;
}

/// @notice How a node is paid. One word of storage, which a claim reads and writes.
/// @param payout The account that receives its rewards.
/// @param claimed All that it was paid so far, token units.
struct Account {
    address payout;
    uint96 claimed;
}

/// @notice The epoch by which nodes and payers are paid.
/// @param nodesRoot Root of its nodes tree; 0 before the first.
/// @param billsRoot Root of its bills tree.
/// @param epoch The epoch.
/// @param total All that nodes have earned by it, paid or not, token units.
/// @param levels How many levels the proofs of claims may lack at the upper end.
struct Settled {
    bytes32 nodesRoot;
    bytes32 billsRoot;
    uint64 epoch;
    uint96 total;
    uint8 levels;
}
