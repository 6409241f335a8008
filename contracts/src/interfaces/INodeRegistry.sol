// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title The list of nodes
interface INodeRegistry {
    /// @notice The key of a node by the newest rotation at or before a time.
    function keyAt(uint32 index, uint256 time) external view returns (bytes32);

    /// @notice Whether so many nodes were registered before a time.
    function countWas(uint32 nodes, uint256 timestamp) external view returns (bool);
}
