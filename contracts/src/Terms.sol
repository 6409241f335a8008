// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";

import {ITerms} from "./interfaces/ITerms.sol";
import {Rewards} from "./libraries/Rewards.sol";
import {Parameters, Version} from "./types/Parameters.sol";

/// @title What a network agreed on, and what follows from that alone
abstract contract Terms is ITerms, Ownable2Step {
    /// @dev How many attestations a settlement contract remembers.
    uint64 internal constant HISTORY = 1024;

    /// @dev A segment states less than 2^56 bytes, so at up to this price a charge, at most 2^56 · 2^70 / 2^30,
    /// fits 96 bits.
    uint96 private constant PRICE_PER_GIB_MAX = (1 << 70) - 1;

    /// @inheritdoc ITerms
    uint64 public immutable genesis;

    /// @inheritdoc ITerms
    uint32 public immutable changeDelay;

    /// @dev What is looked at first, in a place of its own: with the others it would take a look at their number.
    Version private _newest;

    /// @dev Those before, by first epoch, ascending. There are few: each costs the owner a transaction and a delay.
    Version[] private _earlier;

    constructor(address owner, uint64 genesis_, uint32 changeDelay_, Parameters memory first) Ownable(owner) {
        if (genesis_ > type(uint40).max) revert TooLate(genesis_);
        _requireSound(first, changeDelay_);
        genesis = genesis_;
        changeDelay = changeDelay_;
        _newest = Version({firstEpoch: 0, start: genesis_, parameters: first});
        emit VersionScheduled(0, genesis_, first);
    }

    /// @inheritdoc ITerms
    function schedule(uint64 firstEpoch, Parameters calldata parameters) external onlyOwner {
        _requireSound(parameters, changeDelay);
        Version storage newest = _newest;
        if (firstEpoch <= newest.firstEpoch) revert VersionOutOfOrder(firstEpoch, newest.firstEpoch);
        uint256 start = _start(newest, firstEpoch);
        if (start > type(uint40).max) revert TooLate(start);
        uint256 earliest = block.timestamp + changeDelay;
        if (start < earliest) revert VersionTooSoon(start, earliest);
        _earlier.push(newest);
        // Checked above.
        // forge-lint: disable-next-line(unsafe-typecast)
        _newest = Version({firstEpoch: firstEpoch, start: uint64(start), parameters: parameters});
        // forge-lint: disable-next-line(unsafe-typecast)
        emit VersionScheduled(firstEpoch, uint64(start), parameters);
    }

    // ---- Views ----

    /// @inheritdoc ITerms
    function versionCount() external view returns (uint256) {
        return _earlier.length + 1;
    }

    /// @inheritdoc ITerms
    function versionAt(uint256 index) external view returns (Version memory) {
        uint256 earlier = _earlier.length;
        if (index > earlier) revert UnknownVersion(index, earlier + 1);
        return index == earlier ? _newest : _earlier[index];
    }

    /// @inheritdoc ITerms
    function parametersAt(uint64 epoch) external view returns (Version memory) {
        return _versionOf(epoch);
    }

    /// @inheritdoc ITerms
    function epochStart(uint64 epoch) external view returns (uint256) {
        return _start(_versionOf(epoch), epoch);
    }

    /// @inheritdoc ITerms
    function epochEnd(uint64 epoch) external view returns (uint256) {
        return _end(_versionOf(epoch), epoch);
    }

    /// @inheritdoc ITerms
    function epochAt(uint256 time) external view returns (uint64) {
        if (time < genesis) revert BeforeGenesis(time, genesis);
        Version storage version = _versionAt(time);
        uint256 epoch = version.firstEpoch + (time - version.start) / version.parameters.epochLength;
        if (epoch > type(uint64).max) revert TooLate(time);
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint64(epoch);
    }

    /// @inheritdoc ITerms
    function nodeStake() external view returns (uint96) {
        return _versionAt(block.timestamp).parameters.nodeStake;
    }

    /// @inheritdoc ITerms
    /// @dev Of the version that holds now and of those before it, back to the one whose epochs are all settled, the
    /// longest: whoever leaves may have acted in any of them.
    function unbonding() public view returns (uint256 longest) {
        uint256 i = _earlier.length;
        Version storage version = _newest;
        while (i != 0 && version.start > block.timestamp) {
            version = _earlier[--i];
        }
        while (true) {
            uint256 settling = _settlingTime(version.parameters);
            if (settling > longest) longest = settling;
            if (i == 0 || _isSettled(version.firstEpoch - 1)) return longest;
            version = _earlier[--i];
        }
    }

    /// @inheritdoc ITerms
    function score(uint32 deliveries, uint32 within, uint32 probes, uint32 probesOk)
        external
        pure
        returns (uint32)
    {
        return Rewards.score(deliveries, within, probes, probesOk);
    }

    /// @inheritdoc ITerms
    function reward(uint64 epoch, uint56 bytes_, uint32 scorePpm) external view returns (uint128) {
        Version storage version = _versionOf(epoch);
        return
            Rewards.reward(bytes_, scorePpm, version.parameters.slaFloorPpm, version.parameters.pricePerGib);
    }

    // ---- Inside ----

    /// @dev Whether an epoch, and so every one before it, is attested for good.
    function _isSettled(uint64 epoch) internal view virtual returns (bool);

    function _settlingTime(Parameters memory p) private pure returns (uint256) {
        return uint256(p.epochLength) + p.ticketTail + p.forceWindow + 2 * uint256(p.challengeWindow);
    }

    /// @dev From the newest on: what is asked for is mostly now.
    function _versionOf(uint64 epoch) internal view returns (Version storage version) {
        version = _newest;
        if (version.firstEpoch <= epoch) return version;
        uint256 i = _earlier.length;
        do {
            version = _earlier[--i];
        } while (version.firstEpoch > epoch);
    }

    /// @dev The first one, if none has begun.
    function _versionAt(uint256 time) internal view returns (Version storage version) {
        version = _newest;
        if (version.start <= time) return version;
        uint256 i = _earlier.length;
        while (i != 0 && version.start > time) {
            version = _earlier[--i];
        }
    }

    function _start(Version storage version, uint64 epoch) internal view returns (uint256) {
        // Of numbers of 64, 64 and 32 bits, and the epoch isn't below the first.
        unchecked {
            return version.start + uint256(epoch - version.firstEpoch) * version.parameters.epochLength;
        }
    }

    function _end(Version storage version, uint64 epoch) internal view returns (uint256) {
        unchecked {
            return version.start + (uint256(epoch - version.firstEpoch) + 1) * version.parameters.epochLength;
        }
    }

    function _requireSound(Parameters memory p, uint32 delay) private pure {
        if (p.epochLength == 0) revert ZeroEpochLength();
        if (p.commitWindow == 0 || p.challengeWindow == 0) revert ZeroWindow();
        uint256 settling = uint256(p.ticketTail) + p.forceWindow;
        if (p.commitWindow > settling) revert CommitWindowTooLong(p.commitWindow, settling);
        // At one attestation an epoch, the ring then never waits for a challenge window.
        uint256 windowMax = uint256(HISTORY - 2) * p.epochLength;
        if (p.challengeWindow > windowMax) revert ChallengeWindowTooLong(p.challengeWindow, windowMax);
        uint256 delayMin = settling + p.challengeWindow + 1;
        if (delay < delayMin) revert ChangeDelayTooShort(delay, delayMin);
        if (p.slaFloorPpm > Rewards.PPM) revert SlaFloorTooHigh(p.slaFloorPpm);
        if (p.pricePerGib > PRICE_PER_GIB_MAX) revert PriceTooHigh(p.pricePerGib, PRICE_PER_GIB_MAX);
    }
}
