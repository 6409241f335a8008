// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Merkle-sum trees (SPEC section 6)
/// @notice An element is a hash with a mass of 15 bytes. The masses of two children stand in their
/// parent's preimage, and count and mass in the root's, so that a root states how much there is.
/// @dev Leaf, node and root preimages begin with different tags and none can pass for another: a leaf
/// begins with 0x00, a node is 96 bytes from 0x01, a root 64 bytes from 0x02.
library MerkleSum {
    /// @notice Bytes of a level of a proof: the sibling's hash, then its mass.
    uint256 internal constant LEVEL_SIZE = 47;

    /// @notice Most leaves of a tree.
    uint256 internal constant COUNT_MAX = 1 << 22;

    /// @notice First value that doesn't fit the byte lane of a delivery mass.
    uint256 internal constant BYTES_END = 1 << 56;

    /// @dev Largest value of the other two lanes.
    uint256 private constant LANE_MASK = type(uint32).max;

    /// @notice A mass and the one to add to it don't fit their lanes.
    error MassOverflow(uint120 mass, uint120 other);

    /// @notice A leaf's index isn't below the count.
    error IndexOutOfRange(uint256 index, uint256 count);

    /// @notice A proof's length isn't that of the tree's depth.
    error WrongProofLength(uint256 length, uint256 expected);

    /// @notice A tree without leaves has neither a top nor a mass.
    error NotEmpty(bytes32 top, uint120 mass);

    /// @notice More leaves than a tree may have.
    error TooManyLeaves(uint256 count);

    /// @notice Sum of two delivery masses, lane by lane: bytes (u56), deliveries (u32), within (u32).
    function addDelivery(uint120 left, uint120 right) internal pure returns (uint120) {
        unchecked {
            // Below 2^57 and 2^33 each, so none of these sums can wrap.
            uint256 bytes_ = (uint256(left) >> 64) + (right >> 64);
            uint256 deliveries = ((left >> 32) & LANE_MASK) + ((right >> 32) & LANE_MASK);
            uint256 within = (left & LANE_MASK) + (right & LANE_MASK);
            if (bytes_ >= BYTES_END || deliveries > LANE_MASK || within > LANE_MASK) {
                revert MassOverflow(left, right);
            }
            // forge-lint: disable-next-line(unsafe-typecast)
            return uint120((bytes_ << 64) | (deliveries << 32) | within);
        }
    }

    /// @notice Sum of two value masses, one lane.
    function addValue(uint120 left, uint120 right) internal pure returns (uint120 sum) {
        unchecked {
            sum = left + right;
        }
        if (sum < left) revert MassOverflow(left, right);
    }

    /// @notice Hash of an inner node.
    function node(uint120 leftMass, bytes32 left, uint120 rightMass, bytes32 right)
        internal
        pure
        returns (bytes32 hash)
    {
        uint256 head = (uint256(1) << 248) | (uint256(leftMass) << 128) | rightMass;
        // The packed encoding, in the free memory without taking it: a proof hashes once a level.
        assembly ("memory-safe") {
            let preimage := mload(0x40)
            mstore(preimage, head)
            mstore(add(preimage, 32), left)
            mstore(add(preimage, 64), right)
            hash := keccak256(preimage, 96)
        }
    }

    /// @notice The root of a tree.
    function root(uint120 mass, uint256 count, bytes32 top) internal pure returns (bytes32) {
        if (count > COUNT_MAX) revert TooManyLeaves(count);
        if (count == 0 && (top != 0 || mass != 0)) revert NotEmpty(top, mass);
        // forge-lint: disable-next-line(unsafe-typecast)
        return keccak256(abi.encodePacked(uint8(2), mass, uint64(0), uint64(count), top));
    }

    /// @notice Levels of a tree: ⌈log2 count⌉, and 0 for the empty one.
    function depth(uint256 count) internal pure returns (uint256) {
        return Math.log2(count, Math.Rounding.Ceil);
    }

    /// @notice The root that a leaf of a tree of delivery masses proves.
    function deliveryRoot(bytes32 leaf, uint120 mass, uint256 index, uint256 count, bytes calldata proof)
        internal
        pure
        returns (bytes32)
    {
        return _walk(leaf, mass, index, count, proof, addDelivery);
    }

    /// @notice The root that a leaf of a tree of value masses proves.
    function valueRoot(bytes32 leaf, uint120 mass, uint256 index, uint256 count, bytes calldata proof)
        internal
        pure
        returns (bytes32)
    {
        return _walk(leaf, mass, index, count, proof, addValue);
    }

    /// @dev From the leaf to the root. Bit j of the index tells on which side the walk stands at level j.
    function _walk(
        bytes32 hash,
        uint120 mass,
        uint256 index,
        uint256 count,
        bytes calldata proof,
        function(uint120, uint120) pure returns (uint120) add
    ) private pure returns (bytes32) {
        if (index >= count) {
            revert IndexOutOfRange(index, count);
        }
        uint256 expected = depth(count) * LEVEL_SIZE;
        if (proof.length != expected) revert WrongProofLength(proof.length, expected);
        for (uint256 offset = 0; offset < expected; offset += LEVEL_SIZE) {
            bytes32 sibling;
            uint120 siblingMass;
            // The length is checked above; slices would check each level again.
            assembly ("memory-safe") {
                sibling := calldataload(add(proof.offset, offset))
                siblingMass := shr(136, calldataload(add(add(proof.offset, offset), 32)))
            }
            hash = index & 1 == 0
                ? node(mass, hash, siblingMass, sibling)
                : node(siblingMass, sibling, mass, hash);
            mass = add(mass, siblingMass);
            index >>= 1;
        }
        return root(mass, count, hash);
    }
}
