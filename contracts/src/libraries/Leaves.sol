// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BillLeaf} from "../types/BillLeaf.sol";
import {ChargeLeaf} from "../types/ChargeLeaf.sol";
import {NodeLeaf} from "../types/NodeLeaf.sol";
import {MerkleSum} from "./MerkleSum.sol";
import {Rewards} from "./Rewards.sol";

/// @title Hashes and proofs of an epoch's leaves (SPEC section 7)
library Leaves {
    /// @notice Bytes of a tree's number of leaves and of a node leaf, which a packed claim begins with.
    uint256 internal constant PACKED_SIZE = 4 + 99;

    // Each of these writes the words of the fields over each other from the last to the first, so that of each
    // the low bytes remain: the packed encoding for a fifth of what `abi.encodePacked` takes. What the high bytes
    // hold of a field that nobody reads doesn't matter; reading a field checks them. Of the first field the tag
    // remains too, a zero.

    /// @notice Hash of a node leaf: of the 99 bytes of SPEC section 7, after a zero.
    function hash(NodeLeaf calldata leaf) internal pure returns (bytes32 hashed) {
        uint256 index = leaf.index;
        assembly ("memory-safe") {
            let memory_ := mload(0x40)
            mstore(add(memory_, 100), calldataload(add(leaf, 256))) // cumulative
            mstore(add(memory_, 84), calldataload(add(leaf, 224))) // reward
            mstore(add(memory_, 68), calldataload(add(leaf, 192))) // last
            mstore(add(memory_, 64), calldataload(add(leaf, 160))) // slaPpm
            mstore(add(memory_, 60), calldataload(add(leaf, 128))) // probesOk
            mstore(add(memory_, 56), calldataload(add(leaf, 96))) // probes
            mstore(add(memory_, 52), calldataload(add(leaf, 64))) // mass
            mstore(add(memory_, 37), calldataload(add(leaf, 32))) // node
            mstore(add(memory_, 5), index)
            hashed := keccak256(add(memory_, 32), 100)
        }
    }

    /// @notice Hash of a bill leaf: of the 60 bytes of SPEC section 7, after a zero.
    function hash(BillLeaf calldata leaf) internal pure returns (bytes32 hashed) {
        uint256 index = leaf.index;
        assembly ("memory-safe") {
            let memory_ := mload(0x40)
            mstore(add(memory_, 61), calldataload(add(leaf, 128))) // cumulative
            mstore(add(memory_, 45), calldataload(add(leaf, 96))) // bill
            mstore(add(memory_, 29), calldataload(add(leaf, 64))) // last
            mstore(add(memory_, 25), calldataload(add(leaf, 32))) // payer
            mstore(add(memory_, 5), index)
            hashed := keccak256(add(memory_, 32), 61)
        }
    }

    /// @notice Hash of a charge leaf: of the 122 bytes of SPEC section 7, after a zero.
    function hash(ChargeLeaf calldata leaf) internal pure returns (bytes32 hashed) {
        uint256 payer = leaf.payer;
        assembly ("memory-safe") {
            let memory_ := mload(0x40)
            mstore(add(memory_, 123), calldataload(add(leaf, 256))) // previous
            mstore(add(memory_, 119), calldataload(add(leaf, 224))) // served
            mstore(add(memory_, 104), calldataload(add(leaf, 192))) // earned
            mstore(add(memory_, 88), calldataload(add(leaf, 160))) // billed
            mstore(add(memory_, 72), calldataload(add(leaf, 128))) // amount
            mstore(add(memory_, 56), calldataload(add(leaf, 96))) // mass
            mstore(add(memory_, 41), calldataload(add(leaf, 64))) // segmentRoot
            mstore(add(memory_, 9), calldataload(add(leaf, 32))) // node
            mstore(add(memory_, 5), payer)
            hashed := keccak256(add(memory_, 32), 123)
        }
    }

    /// @notice What a packed claim begins with.
    /// @param packed At least {PACKED_SIZE} bytes: how many leaves the tree has (u32), then a node leaf's 99.
    /// @return count How many leaves the tree has.
    /// @return index The leaf's index.
    /// @return cumulative What it states.
    /// @return hashed Its hash.
    function unpack(bytes calldata packed)
        internal
        pure
        returns (uint256 count, uint32 index, uint256 cumulative, bytes32 hashed)
    {
        assembly ("memory-safe") {
            let head := calldataload(packed.offset)
            count := shr(224, head)
            index := and(shr(192, head), 0xffffffff)
            cumulative := shr(128, calldataload(add(packed.offset, 87)))
            let preimage := mload(0x40)
            mstore(preimage, 0)
            calldatacopy(add(preimage, 1), add(packed.offset, 4), 99)
            hashed := keccak256(preimage, 100)
        }
    }

    /// @notice The root of a nodes tree of `count` leaves that this leaf and its proof lead to.
    function rootOf(NodeLeaf calldata leaf, uint256 count, bytes calldata proof)
        internal
        pure
        returns (bytes32)
    {
        return MerkleSum.valueRoot(hash(leaf), mass(leaf.cumulative), leaf.index, count, proof);
    }

    /// @notice Where in a nodes tree of `count` leaves this leaf and a proof lead that may end below the top. See
    /// {MerkleSum.valueTop}.
    function topOf(NodeLeaf calldata leaf, uint256 count, bytes calldata proof)
        internal
        pure
        returns (bytes32 digest, uint256 place)
    {
        return MerkleSum.valueTop(hash(leaf), mass(leaf.cumulative), leaf.index, count, proof);
    }

    /// @notice The root of a bills tree of `count` leaves that this leaf and its proof lead to.
    function rootOf(BillLeaf calldata leaf, uint256 count, bytes calldata proof)
        internal
        pure
        returns (bytes32)
    {
        return MerkleSum.valueRoot(hash(leaf), mass(leaf.cumulative), leaf.index, count, proof);
    }

    /// @notice The root of a charges tree of `count` leaves that this leaf at `index` and its proof lead to.
    function rootOf(ChargeLeaf calldata leaf, uint256 index, uint256 count, bytes calldata proof)
        internal
        pure
        returns (bytes32)
    {
        return MerkleSum.valueRoot(hash(leaf), mass(leaf.amount), index, count, proof);
    }

    /// @notice The mass of a leaf that states such an amount.
    function mass(uint128 amount) internal pure returns (uint120) {
        if (amount >= Rewards.AMOUNT_END) revert Rewards.AmountTooLarge(amount);
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint120(amount);
    }
}
