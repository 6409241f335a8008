// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {INodeRegistry} from "./interfaces/INodeRegistry.sol";
import {MerkleSum} from "./libraries/MerkleSum.sol";
import {Node} from "./types/Node.sol";

/// @title The list of cache nodes
contract NodeRegistry is INodeRegistry {
    mapping(uint32 index => Node) private _nodes;

    /// @dev Meaningful only where the node of that index has the key; index 0 needs no sentinel then.
    mapping(bytes32 key => uint32 index) private _indexes;

    /// @inheritdoc INodeRegistry
    uint32 public count;

    /// @inheritdoc INodeRegistry
    function register(bytes32 key, address payout) external returns (uint32 index) {
        if (key == 0) revert ZeroKey();
        if (payout == address(0)) revert ZeroPayout();
        uint32 known = _indexes[key];
        if (_nodes[known].key == key) revert AlreadyRegistered(key, known);
        index = count;
        if (index == MerkleSum.COUNT_MAX) revert RegistryFull(index);
        count = index + 1;
        _nodes[index] =
            Node({key: key, operator: msg.sender, registeredAt: uint64(block.timestamp), payout: payout});
        _indexes[key] = index;
        emit NodeRegistered(index, key, msg.sender, payout);
    }

    /// @inheritdoc INodeRegistry
    function setPayout(uint32 index, address payout) external {
        if (index >= count) revert UnknownIndex(index, count);
        if (_nodes[index].operator != msg.sender) revert NotOperator(index, msg.sender);
        if (payout == address(0)) revert ZeroPayout();
        _nodes[index].payout = payout;
        emit PayoutSet(index, payout);
    }

    /// @inheritdoc INodeRegistry
    function nodeAt(uint32 index) external view returns (Node memory node) {
        node = _nodes[index];
        // A registered node has a key; asking the node itself saves reading the count.
        if (node.key == 0) revert UnknownIndex(index, count);
    }

    /// @inheritdoc INodeRegistry
    function page(uint32 first, uint32 limit) external view returns (Node[] memory nodes) {
        uint32 left = first < count ? count - first : 0;
        nodes = new Node[](limit < left ? limit : left);
        for (uint32 i = 0; i < nodes.length; ++i) {
            nodes[i] = _nodes[first + i];
        }
    }

    /// @inheritdoc INodeRegistry
    function indexOf(bytes32 key) external view returns (uint32 index) {
        index = _indexes[key];
        if (key == 0 || _nodes[index].key != key) revert UnknownNode(key);
    }

    /// @inheritdoc INodeRegistry
    /// @dev Registration times never decrease along the list, so the two nodes at the border decide.
    function countWas(uint32 nodes, uint256 timestamp) external view returns (bool) {
        return (nodes == 0 || _registeredBefore(nodes - 1, timestamp)) && !_registeredBefore(nodes, timestamp);
    }

    /// @dev Of a node that isn't there the time reads 0, which no block has.
    function _registeredBefore(uint32 index, uint256 timestamp) private view returns (bool) {
        uint64 registeredAt = _nodes[index].registeredAt;
        return registeredAt != 0 && registeredAt < timestamp;
    }
}
