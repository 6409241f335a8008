// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Node} from "../types/Node.sol";

/// @title The list of cache nodes
/// @notice Anyone registers a node. Indexes are dense, 0, 1, 2, …, and never change hands, so that the
/// nodes of an epoch are exactly the first so many of the list.
interface INodeRegistry {
    /// @notice A node was registered.
    event NodeRegistered(uint32 indexed index, bytes32 indexed key, address indexed operator, address payout);

    /// @notice A node is paid elsewhere from now on.
    event PayoutSet(uint32 indexed index, address payout);

    /// @notice The key is registered already.
    error AlreadyRegistered(bytes32 key, uint32 index);

    /// @notice The caller is not the node's operator.
    error NotOperator(uint32 index, address caller);

    /// @notice The list is full: an epoch tree has room for no more leaves.
    error RegistryFull(uint32 count);

    /// @notice No node has that index.
    error UnknownIndex(uint32 index, uint32 count);

    /// @notice No node has that key.
    error UnknownNode(bytes32 key);

    /// @notice A node needs a key.
    error ZeroKey();

    /// @notice A node needs an account to be paid to.
    error ZeroPayout();

    /// @notice Registers a node; the caller becomes its operator.
    /// @param key The node's ed25519 public key.
    /// @param payout The account that receives its rewards.
    /// @return index Its index for good.
    function register(bytes32 key, address payout) external returns (uint32 index);

    /// @notice Changes where a node is paid. Only its operator.
    function setPayout(uint32 index, address payout) external;

    /// @notice Number of nodes.
    function count() external view returns (uint32);

    /// @notice The node of that index.
    function nodeAt(uint32 index) external view returns (Node memory);

    /// @notice The nodes of the indexes from `first` on, `limit` of them or as many as there are.
    function page(uint32 first, uint32 limit) external view returns (Node[] memory);

    /// @notice The index of the node with that key.
    function indexOf(bytes32 key) external view returns (uint32);

    /// @notice Whether exactly `nodes` nodes were registered before `timestamp`.
    /// @param timestamp Unix seconds. Past ones have an answer that stays.
    function countWas(uint32 nodes, uint256 timestamp) external view returns (bool);
}
