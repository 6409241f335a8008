// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Parameters, Version} from "../types/Parameters.sol";

/// @title What a network agreed on, and what follows from that alone
/// @notice Parameters come in versions, each from some epoch on, announced before it begins. What an epoch is
/// judged by never changes once it has begun.
interface ITerms {
    /// @notice Other parameters are agreed on from that epoch on.
    event VersionScheduled(uint64 indexed firstEpoch, uint64 start, Parameters parameters);

    /// @notice An epoch must last.
    error ZeroEpochLength();

    /// @notice A window that must last is zero.
    error ZeroWindow();

    /// @notice Logs could be committed when attesting has begun.
    error CommitWindowTooLong(uint32 commitWindow, uint256 max);

    /// @notice The challenge window is longer than the attestations are remembered.
    error ChallengeWindowTooLong(uint32 challengeWindow, uint256 max);

    /// @notice Those who vote could be changed before what they attested is settled.
    error ChangeDelayTooShort(uint32 changeDelay, uint256 min);

    /// @notice The score floor is above one million ppm.
    error SlaFloorTooHigh(uint32 slaFloorPpm);

    /// @notice At this price a single charge could exceed what a tree can hold.
    error PriceTooHigh(uint96 pricePerGib, uint96 max);

    /// @notice The genesis, or the start of an epoch, doesn't fit 64 bits.
    error TooLate(uint256 time);

    /// @notice That epoch isn't after the newest version's first.
    error VersionOutOfOrder(uint64 firstEpoch, uint64 newest);

    /// @notice A version is announced `changeDelay` before it begins.
    error VersionTooSoon(uint256 start, uint256 earliest);

    /// @notice No version has that index.
    error UnknownVersion(uint256 index, uint256 count);

    /// @notice No epoch is at a time before the genesis.
    error BeforeGenesis(uint256 time, uint256 genesis);

    /// @notice Agrees on other parameters from an epoch on. Only the owner may.
    function schedule(uint64 firstEpoch, Parameters calldata parameters) external;

    /// @notice Start of epoch 0, Unix seconds.
    function genesis() external view returns (uint64);

    /// @notice Seconds between the announcement of a change and its effect.
    function changeDelay() external view returns (uint32);

    /// @notice Number of versions.
    function versionCount() external view returns (uint256);

    /// @notice The version of that index, oldest first.
    function versionAt(uint256 index) external view returns (Version memory);

    /// @notice The version that an epoch is judged by.
    function parametersAt(uint64 epoch) external view returns (Version memory);

    /// @notice First second of an epoch, Unix.
    function epochStart(uint64 epoch) external view returns (uint256);

    /// @notice First second after an epoch, Unix.
    function epochEnd(uint64 epoch) external view returns (uint256);

    /// @notice The epoch at a time.
    function epochAt(uint256 time) external view returns (uint64);

    /// @notice What a node registered now has to stake, token units.
    function nodeStake() external view returns (uint96);

    /// @notice Seconds that whoever leaves still answers for what it did: until the last epoch that it could
    /// have acted in is settled, and a whole challenge window more.
    function unbonding() external view returns (uint256);

    /// @notice Score of a node in an epoch, parts per million: the lower of what clients and what probes saw.
    function score(uint32 deliveries, uint32 within, uint32 probes, uint32 probesOk)
        external
        pure
        returns (uint32);

    /// @notice What bytes delivered in an epoch are worth at a score, token units.
    function reward(uint64 epoch, uint56 bytes_, uint32 scorePpm) external view returns (uint128);
}
