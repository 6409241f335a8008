// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {INodeRegistry} from "./INodeRegistry.sol";
import {IRewardVault} from "./IRewardVault.sol";
import {ISettlement} from "./ISettlement.sol";

/// @title What all challenges share
/// @notice A challenge shows one lie from proven facts. Who wants the bounty commits to the call in an earlier
/// block, so that nobody who sees it can take it over; without that it works too, and the treasury gets all.
/// Every challenge takes a salt as its last argument, which keeps the commitment from being guessed.
interface IChallenge {
    /// @notice Somebody will challenge.
    event Committed(bytes32 indexed commitment, uint256 blockNumber);

    /// @notice That commitment is there already.
    error AlreadyCommitted(bytes32 commitment, uint256 blockNumber);

    /// @notice What is shown isn't in the tree.
    error NotInTree(bytes32 computed, bytes32 root);

    /// @notice The roots aren't those attested for the epoch.
    error NotAttestedRoots(uint64 epoch, bytes32 digest, bytes32 attested);

    /// @notice Which of the contracts of challenges it is, such as `MoneyChallenges`.
    function name() external view returns (string memory);

    /// @notice Commits to a call of this contract.
    /// @param commitment `keccak256(abi.encode(challenger, keccak256(call data)))`.
    function commit(bytes32 commitment) external;

    /// @notice The block that has a commitment; 0 if none.
    function committedIn(bytes32 commitment) external view returns (uint256 blockNumber);

    /// @notice Whose attestations are challenged.
    function settlement() external view returns (ISettlement);

    /// @notice The settlement's nodes.
    function registry() external view returns (INodeRegistry);

    /// @notice The settlement's payers.
    function vault() external view returns (IRewardVault);
}
