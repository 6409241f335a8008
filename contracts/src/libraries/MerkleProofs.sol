// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {MerkleSum} from "./MerkleSum.sol";

/// @notice An element of a tree.
/// @param hash Its hash.
/// @param mass The mass its parent, or for the uppermost one the root, states for it.
struct Element {
    bytes32 hash;
    uint120 mass;
}

/// @title Proofs about Merkle-sum trees beyond the inclusion of one leaf
/// @notice A walk from any element to the root shows that the tree has it there with that mass, whatever is
/// below. It only passes sums that are right. So of several wrong sums the uppermost can be shown.
library MerkleProofs {
    /// @notice There is no element so high, or so far to the right.
    error NoSuchElement(uint256 level, uint256 position, uint256 count);

    /// @notice The root of a tree of `count` leaves that has an element at that level and position.
    /// @param level 0 for leaves, and for the empty ones after them.
    /// @param proof Siblings from that level up, hash and mass, 47 bytes a level.
    /// @param delivery Whether masses are delivery masses, or else values.
    function rootFrom(
        Element memory element,
        uint256 level,
        uint256 position,
        uint256 count,
        bytes calldata proof,
        bool delivery
    ) internal pure returns (bytes32) {
        uint256 depth = MerkleSum.depth(count);
        if (level > depth || position >> (depth - level) != 0) revert NoSuchElement(level, position, count);
        _requireLevels(proof, depth - level);
        _climb(element, position, proof, delivery);
        return MerkleSum.root(element.mass, count, element.hash);
    }

    /// @notice The root of a tree of `count` leaves that has these two leaves at `index` and next to it.
    /// @param proof Siblings on the way of the left leaf to where the two ways meet, then those of the right
    /// leaf, both without the last, then the siblings of the common way. See {meeting}.
    function rootOfAdjacent(
        Element memory left,
        Element memory right,
        uint256 index,
        uint256 count,
        bytes calldata proof,
        bool delivery
    ) internal pure returns (bytes32) {
        if (index >= count || index + 1 == count) {
            revert MerkleSum.IndexOutOfRange(index + 1, count);
        }
        uint256 apart = meeting(index) - 1;
        uint256 depth = MerkleSum.depth(count);
        // Apart up to the children of the common parent, then the levels from it to the top.
        _requireLevels(proof, depth - 1 + apart);
        uint256 size = apart * MerkleSum.LEVEL_SIZE;
        _climb(left, index, proof[:size], delivery);
        _climb(right, index + 1, proof[size:2 * size], delivery);
        left.hash = MerkleSum.node(left.mass, left.hash, right.mass, right.hash);
        left.mass = _sum(left.mass, right.mass, delivery);
        _climb(left, index >> (apart + 1), proof[2 * size:], delivery);
        return MerkleSum.root(left.mass, count, left.hash);
    }

    /// @notice The level at which the ways of leaf `index` and the next one meet: one more than the number
    /// of ones that the index ends with.
    function meeting(uint256 index) internal pure returns (uint256 level) {
        level = 1;
        for (; index & 1 == 1; index >>= 1) {
            ++level;
        }
    }

    /// @notice Whether two masses add up to a third.
    /// @return Also false where the sum doesn't fit.
    function addUp(uint120 left, uint120 right, uint120 sum, bool delivery) internal pure returns (bool) {
        if (!delivery) return uint256(left) + right == sum;
        uint256 lane = type(uint32).max;
        return (left >> 64) + uint256(right >> 64) == sum >> 64
            && ((left >> 32) & lane) + ((right >> 32) & lane) == (sum >> 32) & lane
            && (left & lane) + (right & lane) == sum & lane;
    }

    /// @dev Replaces the element by its ancestor at the proof's upper end.
    function _climb(Element memory element, uint256 position, bytes calldata proof, bool delivery)
        private
        pure
    {
        (element.hash, element.mass) = delivery
            ? MerkleSum.climbDelivery(element.hash, element.mass, position, proof)
            : MerkleSum.climbValue(element.hash, element.mass, position, proof);
    }

    function _sum(uint120 left, uint120 right, bool delivery) private pure returns (uint120) {
        return delivery ? MerkleSum.addDelivery(left, right) : MerkleSum.addValue(left, right);
    }

    function _requireLevels(bytes calldata proof, uint256 levels) private pure {
        uint256 expected = levels * MerkleSum.LEVEL_SIZE;
        if (proof.length != expected) revert MerkleSum.WrongProofLength(proof.length, expected);
    }
}
