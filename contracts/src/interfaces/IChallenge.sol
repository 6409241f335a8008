// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {INodeRegistry} from "./INodeRegistry.sol";
import {IRewardVault} from "./IRewardVault.sol";
import {ISettlement} from "./ISettlement.sol";

/// @title What all challenges share
/// @notice A challenge shows one lie from proven facts. Who wants the bounty commits to the call in an earlier
/// block, at the settlement, so that nobody who sees it can take it over; without that it works too, and the treasury gets all.
/// Every challenge takes a salt as its last argument, which keeps the commitment from being guessed.
interface IChallenge {
    /// @notice What is shown isn't in the tree.
    error NotInTree(bytes32 computed, bytes32 root);

    /// @notice The roots aren't those attested for the epoch.
    error NotAttestedRoots(uint64 epoch, bytes32 digest, bytes32 attested);

    /// @notice Which of the contracts of challenges it is, such as `MoneyChallenges`.
    function name() external view returns (string memory);

    /// @notice Whose attestations are challenged.
    function settlement() external view returns (ISettlement);

    /// @notice The settlement's nodes.
    function registry() external view returns (INodeRegistry);

    /// @notice The settlement's payers.
    function vault() external view returns (IRewardVault);
}
