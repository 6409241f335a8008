// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BillLeaf} from "../types/BillLeaf.sol";
import {ChargeLeaf} from "../types/ChargeLeaf.sol";
import {NodeLeaf} from "../types/NodeLeaf.sol";
import {MerkleSum} from "./MerkleSum.sol";
import {Rewards} from "./Rewards.sol";

/// @title Encoding and proofs of an epoch's leaves (SPEC section 7)
library Leaves {
    /// @notice The 99 bytes of a node leaf.
    function encode(NodeLeaf calldata leaf) internal pure returns (bytes memory) {
        return abi.encodePacked(
            leaf.index,
            leaf.node,
            leaf.mass,
            leaf.probes,
            leaf.probesOk,
            leaf.slaPpm,
            leaf.last,
            leaf.reward,
            leaf.cumulative
        );
    }

    /// @notice The 60 bytes of a bill leaf.
    function encode(BillLeaf calldata leaf) internal pure returns (bytes memory) {
        return abi.encodePacked(leaf.index, leaf.payer, leaf.last, leaf.bill, leaf.cumulative);
    }

    /// @notice The 122 bytes of a charge leaf.
    function encode(ChargeLeaf calldata leaf) internal pure returns (bytes memory) {
        return abi.encodePacked(
            leaf.payer,
            leaf.node,
            leaf.segmentRoot,
            leaf.mass,
            leaf.amount,
            leaf.billed,
            leaf.earned,
            leaf.served,
            leaf.previous
        );
    }

    /// @notice The root of a nodes tree of `count` leaves that this leaf and its proof lead to.
    function rootOf(NodeLeaf calldata leaf, uint256 count, bytes calldata proof)
        internal
        pure
        returns (bytes32)
    {
        return _root(encode(leaf), leaf.cumulative, leaf.index, count, proof);
    }

    /// @notice The root of a bills tree of `count` leaves that this leaf and its proof lead to.
    function rootOf(BillLeaf calldata leaf, uint256 count, bytes calldata proof)
        internal
        pure
        returns (bytes32)
    {
        return _root(encode(leaf), leaf.cumulative, leaf.index, count, proof);
    }

    /// @notice The root of a charges tree of `count` leaves that this leaf at `index` and its proof lead to.
    function rootOf(ChargeLeaf calldata leaf, uint256 index, uint256 count, bytes calldata proof)
        internal
        pure
        returns (bytes32)
    {
        return _root(encode(leaf), leaf.amount, index, count, proof);
    }

    function _root(bytes memory content, uint256 mass, uint256 index, uint256 count, bytes calldata proof)
        private
        pure
        returns (bytes32)
    {
        if (mass >= Rewards.AMOUNT_END) revert Rewards.AmountTooLarge(mass);
        bytes32 hash = keccak256(bytes.concat(bytes1(0), content));
        // forge-lint: disable-next-line(unsafe-typecast)
        return MerkleSum.valueRoot(hash, uint120(mass), index, count, proof);
    }
}
