// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {MerkleSum} from "../../src/libraries/MerkleSum.sol";
import {NodeLeaves} from "../../src/libraries/NodeLeaves.sol";
import {Rewards} from "../../src/libraries/Rewards.sol";
import {NodeLeaf} from "../../src/types/NodeLeaf.sol";

/// @notice The libraries' internal functions, callable.
contract Exposed {
    function addDelivery(uint120 left, uint120 right) external pure returns (uint120) {
        return MerkleSum.addDelivery(left, right);
    }

    function addValue(uint120 left, uint120 right) external pure returns (uint120) {
        return MerkleSum.addValue(left, right);
    }

    function root(uint120 mass, uint256 count, bytes32 top) external pure returns (bytes32) {
        return MerkleSum.root(mass, count, top);
    }

    function depth(uint256 count) external pure returns (uint256) {
        return MerkleSum.depth(count);
    }

    function deliveryRoot(bytes32 leaf, uint120 mass, uint256 index, uint256 count, bytes calldata proof)
        external
        pure
        returns (bytes32)
    {
        return MerkleSum.deliveryRoot(leaf, mass, index, count, proof);
    }

    function valueRoot(bytes32 leaf, uint120 mass, uint256 index, uint256 count, bytes calldata proof)
        external
        pure
        returns (bytes32)
    {
        return MerkleSum.valueRoot(leaf, mass, index, count, proof);
    }

    function encode(NodeLeaf calldata leaf) external pure returns (bytes memory) {
        return NodeLeaves.encode(leaf);
    }

    function hash(NodeLeaf calldata leaf) external pure returns (bytes32) {
        return NodeLeaves.hash(leaf);
    }

    function rootOf(NodeLeaf calldata leaf, uint256 count, bytes calldata proof)
        external
        pure
        returns (bytes32)
    {
        return NodeLeaves.rootOf(leaf, count, proof);
    }

    function score(uint32 deliveries, uint32 within, uint32 probes, uint32 probesOk)
        external
        pure
        returns (uint32)
    {
        return Rewards.score(deliveries, within, probes, probesOk);
    }

    function reward(uint56 bytes_, uint32 score_, uint32 floor, uint128 price)
        external
        pure
        returns (uint128)
    {
        return Rewards.reward(bytes_, score_, floor, price);
    }
}
