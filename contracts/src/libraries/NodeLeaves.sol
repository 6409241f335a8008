// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {NodeLeaf} from "../types/NodeLeaf.sol";
import {MerkleSum} from "./MerkleSum.sol";
import {Rewards} from "./Rewards.sol";

/// @title Encoding of node leaves (SPEC section 7)
library NodeLeaves {
    /// @notice The 127 bytes of a leaf.
    function encode(NodeLeaf calldata leaf) internal pure returns (bytes memory) {
        return abi.encodePacked(
            leaf.index,
            leaf.node,
            leaf.segmentRoot,
            leaf.mass,
            leaf.probes,
            leaf.probesOk,
            leaf.slaPpm,
            leaf.reward,
            leaf.cumulative
        );
    }

    /// @notice The leaf's hash in the epoch tree.
    function hash(NodeLeaf calldata leaf) internal pure returns (bytes32) {
        return keccak256(bytes.concat(bytes1(0), encode(leaf)));
    }

    /// @notice The root of an epoch tree of `count` leaves that this leaf and its proof lead to.
    function rootOf(NodeLeaf calldata leaf, uint256 count, bytes calldata proof)
        internal
        pure
        returns (bytes32)
    {
        uint256 amount = leaf.cumulative;
        if (amount >= Rewards.AMOUNT_END) revert Rewards.AmountTooLarge(amount);
        // forge-lint: disable-next-line(unsafe-typecast)
        return MerkleSum.valueRoot(hash(leaf), uint120(amount), leaf.index, count, proof);
    }
}
