// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ISettlement} from "./interfaces/ISettlement.sol";
import {Rewards} from "./libraries/Rewards.sol";
import {Parameters} from "./types/Parameters.sol";

/// @title What a network agreed on, and what follows from that alone
/// @notice Parameters never change; another set of them is another network.
abstract contract Terms is ISettlement {
    /// @dev How many attestations a settlement contract remembers.
    uint64 internal constant HISTORY = 1024;

    /// @dev A segment states less than 2^56 bytes, so at up to this price a reward, at most
    /// 2^56 · 2^94 / 2^30, fits 120 bits and no epoch can get stuck.
    uint128 private constant PRICE_PER_GIB_MAX = (1 << 94) - 1;

    uint64 internal immutable GENESIS;
    uint32 internal immutable EPOCH_LENGTH;
    uint32 internal immutable TICKET_TAIL;
    uint32 internal immutable COMMIT_WINDOW;
    uint32 internal immutable CHALLENGE_WINDOW;
    uint32 private immutable SLA_FLOOR_PPM;
    uint32 private immutable TTFB_MS_MAX;
    uint64 private immutable THROUGHPUT_MIN;
    uint128 private immutable PRICE_PER_GIB;

    constructor(Parameters memory terms) {
        if (terms.epochLength == 0) revert ZeroEpochLength();
        if (terms.commitWindow == 0 || terms.challengeWindow == 0) revert ZeroWindow();
        // At one attestation an epoch, the ring then never waits for a challenge window.
        uint256 windowMax = uint256(HISTORY - 2) * terms.epochLength;
        if (terms.challengeWindow > windowMax) {
            revert ChallengeWindowTooLong(terms.challengeWindow, windowMax);
        }
        if (terms.slaFloorPpm > Rewards.PPM) revert SlaFloorTooHigh(terms.slaFloorPpm);
        if (terms.pricePerGib > PRICE_PER_GIB_MAX) {
            revert PriceTooHigh(terms.pricePerGib, PRICE_PER_GIB_MAX);
        }
        GENESIS = terms.genesis;
        EPOCH_LENGTH = terms.epochLength;
        TICKET_TAIL = terms.ticketTail;
        COMMIT_WINDOW = terms.commitWindow;
        CHALLENGE_WINDOW = terms.challengeWindow;
        SLA_FLOOR_PPM = terms.slaFloorPpm;
        TTFB_MS_MAX = terms.ttfbMsMax;
        THROUGHPUT_MIN = terms.throughputMin;
        PRICE_PER_GIB = terms.pricePerGib;
    }

    /// @inheritdoc ISettlement
    function parameters() external view returns (Parameters memory) {
        return Parameters({
            genesis: GENESIS,
            epochLength: EPOCH_LENGTH,
            ticketTail: TICKET_TAIL,
            commitWindow: COMMIT_WINDOW,
            challengeWindow: CHALLENGE_WINDOW,
            slaFloorPpm: SLA_FLOOR_PPM,
            ttfbMsMax: TTFB_MS_MAX,
            throughputMin: THROUGHPUT_MIN,
            pricePerGib: PRICE_PER_GIB
        });
    }

    /// @inheritdoc ISettlement
    function epochAt(uint256 timestamp) external view returns (uint256) {
        if (timestamp < GENESIS) revert BeforeGenesis(timestamp, GENESIS);
        return (timestamp - GENESIS) / EPOCH_LENGTH;
    }

    /// @inheritdoc ISettlement
    function epochStart(uint64 epoch) public view returns (uint256) {
        return GENESIS + uint256(epoch) * EPOCH_LENGTH;
    }

    /// @inheritdoc ISettlement
    function epochEnd(uint64 epoch) public view returns (uint256) {
        return epochStart(epoch) + EPOCH_LENGTH;
    }

    /// @inheritdoc ISettlement
    function score(uint32 deliveries, uint32 within, uint32 probes, uint32 probesOk)
        external
        pure
        returns (uint32)
    {
        return Rewards.score(deliveries, within, probes, probesOk);
    }

    /// @inheritdoc ISettlement
    function reward(uint56 bytes_, uint32 scorePpm) external view returns (uint128) {
        return Rewards.reward(bytes_, scorePpm, SLA_FLOOR_PPM, PRICE_PER_GIB);
    }
}
