// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @notice What a network agrees on for some epochs.
/// @dev In three words of storage; what attesting reads is in the first.
/// @param epochLength Seconds an epoch lasts.
/// @param ticketTail Seconds after its epoch's end that a ticket may still be used.
/// @param commitWindow Seconds after an epoch's end in which issuers commit their ticket logs.
/// @param forceWindow Seconds after the ticket tail in which nodes may force commitments and nobody attests.
/// @param challengeWindow Seconds an attestation stands open to challenge before it becomes active.
/// @param verifierBond What a verifier must have at stake to vote, token units.
/// @param slaFloorPpm Score below which nothing is paid, parts per million.
/// @param ttfbMsMax Time to first byte that is still within the service level, milliseconds.
/// @param throughputMin Throughput that is still within the service level, bytes per second.
/// @param pricePerGib Price of 2^30 delivered bytes at full score, token units.
/// @param issuerBond What an issuer has at stake, token units.
/// @param nodeStake What a node has at stake, token units.
struct Parameters {
    uint32 epochLength;
    uint32 ticketTail;
    uint32 commitWindow;
    uint32 forceWindow;
    uint32 challengeWindow;
    uint96 verifierBond;
    uint32 slaFloorPpm;
    uint32 ttfbMsMax;
    uint64 throughputMin;
    uint96 pricePerGib;
    uint96 issuerBond;
    uint96 nodeStake;
}

/// @notice Parameters, and the epochs they are for: from `firstEpoch` to the next version's.
/// @param firstEpoch The first epoch they are for.
/// @param start When that epoch starts, Unix seconds.
struct Version {
    uint64 firstEpoch;
    uint64 start;
    Parameters parameters;
}
