// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @notice What a network agrees on once and for all.
/// @param genesis Start of epoch 0, Unix seconds.
/// @param epochLength Seconds an epoch lasts.
/// @param ticketTail Seconds after its epoch's end that a ticket may still be used.
/// @param commitWindow Seconds after an epoch's end in which issuers commit their ticket logs.
/// @param challengeWindow Seconds an attestation stands open to challenge before it becomes active.
/// @param slaFloorPpm Score below which nothing is paid, parts per million.
/// @param ttfbMsMax Time to first byte that is still within the service level, milliseconds.
/// @param throughputMin Throughput that is still within the service level, bytes per second.
/// @param pricePerGib Price of 2^30 delivered bytes at full score, token units.
struct Parameters {
    uint64 genesis;
    uint32 epochLength;
    uint32 ticketTail;
    uint32 commitWindow;
    uint32 challengeWindow;
    uint32 slaFloorPpm;
    uint32 ttfbMsMax;
    uint64 throughputMin;
    uint128 pricePerGib;
}
