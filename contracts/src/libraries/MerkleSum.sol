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

    /// @notice Where adding two value masses carries to if the sum is none: to the bit above the one lane.
    uint256 internal constant VALUE_CARRIES = 1 << 120;

    /// @notice The same of delivery masses, whose lanes are bytes (u56), deliveries (u32) and within (u32): the
    /// bits above each.
    uint256 internal constant DELIVERY_CARRIES = 1 << 120 | 1 << 64 | 1 << 32;

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
        return _add(left, right, DELIVERY_CARRIES);
    }

    /// @notice Sum of two value masses, one lane.
    function addValue(uint120 left, uint120 right) internal pure returns (uint120) {
        return _add(left, right, VALUE_CARRIES);
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
    function root(uint120 mass, uint256 count, bytes32 top) internal pure returns (bytes32 hash) {
        if (count > COUNT_MAX) revert TooManyLeaves(count);
        if (count == 0 && (top != 0 || mass != 0)) revert NotEmpty(top, mass);
        uint256 head = (uint256(2) << 248) | (uint256(mass) << 128) | count;
        // As above: the tag, the mass, the count in 16 bytes, the top.
        assembly ("memory-safe") {
            let preimage := mload(0x40)
            mstore(preimage, head)
            mstore(add(preimage, 32), top)
            hash := keccak256(preimage, 64)
        }
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
        _requirePlace(index, count, proof);
        (leaf, mass) = climbDelivery(leaf, mass, index, proof);
        return root(mass, count, leaf);
    }

    /// @notice The root that a leaf of a tree of value masses proves.
    function valueRoot(bytes32 leaf, uint120 mass, uint256 index, uint256 count, bytes calldata proof)
        internal
        pure
        returns (bytes32)
    {
        _requirePlace(index, count, proof);
        (leaf, mass) = climbValue(leaf, mass, index, proof);
        return root(mass, count, leaf);
    }

    /// @notice As {valueRoot}, with a proof that may end below the top: where such an element's own digest is
    /// known, see {root}.
    /// @return digest Of the element where the proof ends: its mass, the tree's count, and its hash.
    /// @return place Where that is: 0 at the top, else what {placeOf} says.
    function valueTop(bytes32 leaf, uint120 mass, uint256 index, uint256 count, bytes calldata proof)
        internal
        pure
        returns (bytes32 digest, uint256 place)
    {
        if (index >= count) revert IndexOutOfRange(index, count);
        unchecked {
            // That nothing is lost is what is checked.
            // slither-disable-next-line divide-before-multiply
            uint256 levels = proof.length / LEVEL_SIZE;
            uint256 last = count - 1;
            if (last >> levels != 0) place = placeOf(levels, index >> levels);
            if (levels * LEVEL_SIZE != proof.length || (levels != 0 && last >> (levels - 1) == 0)) {
                revert WrongProofLength(proof.length, depth(count) * LEVEL_SIZE);
            }
        }
        (leaf, mass) = climbValue(leaf, mass, index, proof);
        digest = root(mass, count, leaf);
    }

    /// @notice A number for each element below the top; never 0.
    /// @param level 0 for leaves.
    /// @param position How many are left of it on its level.
    function placeOf(uint256 level, uint256 position) internal pure returns (uint256) {
        unchecked {
            return ((level + 1) << 32) | position;
        }
    }

    /// @notice The ancestor of an element of a tree of value masses, as many levels up as the proof has.
    /// @param hash The element's hash.
    /// @param mass Its mass.
    /// @param position How many are left of it on its level: bit j tells on which side the way up stands j
    /// levels higher.
    /// @param proof Siblings, {LEVEL_SIZE} bytes a level; the caller checks the length.
    /// @return The ancestor's hash and mass.
    function climbValue(bytes32 hash, uint120 mass, uint256 position, bytes calldata proof)
        internal
        pure
        returns (bytes32, uint120)
    {
        uint256 sum = mass;
        // What {node} does, once a level of every proof, in the memory's first three words: elsewhere it would be
        // most of what a claim costs beside its calldata and the token's transfer. Sums only grow, so that they
        // fit is seen at the end.
        assembly ("memory-safe") {
            let free := mload(0x40)
            let end := add(proof.offset, proof.length)
            let level := proof.offset
            if lt(level, end) {
                for {} 1 {} {
                    let other := shr(136, calldataload(add(level, 32)))
                    switch and(position, 1)
                    case 0 {
                        mstore(0, or(or(shl(248, 1), shl(128, sum)), other))
                        mstore(32, hash)
                        mstore(64, calldataload(level))
                    }
                    default {
                        mstore(0, or(or(shl(248, 1), shl(128, other)), sum))
                        mstore(32, calldataload(level))
                        mstore(64, hash)
                    }
                    hash := keccak256(0, 96)
                    sum := add(sum, other)
                    position := shr(1, position)
                    level := add(level, 47)
                    if iszero(lt(level, end)) { break }
                }
            }
            mstore(64, free)
        }
        if (sum > type(uint120).max) _revertOverflow(mass, proof, VALUE_CARRIES);
        // forge-lint: disable-next-line(unsafe-typecast)
        return (hash, uint120(sum));
    }

    /// @notice The same in a tree of delivery masses.
    function climbDelivery(bytes32 hash, uint120 mass, uint256 position, bytes calldata proof)
        internal
        pure
        returns (bytes32, uint120)
    {
        uint256 sum = mass;
        uint256 carried = 0;
        // As above. All that is carried anywhere is noted, and looked at when done.
        assembly ("memory-safe") {
            let free := mload(0x40)
            let end := add(proof.offset, proof.length)
            let level := proof.offset
            if lt(level, end) {
                for {} 1 {} {
                    let other := shr(136, calldataload(add(level, 32)))
                    switch and(position, 1)
                    case 0 {
                        mstore(0, or(or(shl(248, 1), shl(128, sum)), other))
                        mstore(32, hash)
                        mstore(64, calldataload(level))
                    }
                    default {
                        mstore(0, or(or(shl(248, 1), shl(128, other)), sum))
                        mstore(32, calldataload(level))
                        mstore(64, hash)
                    }
                    hash := keccak256(0, 96)
                    other := xor(sum, other)
                    sum := add(sum, xor(sum, other))
                    carried := or(carried, xor(sum, other))
                    position := shr(1, position)
                    level := add(level, 47)
                    if iszero(lt(level, end)) { break }
                }
            }
            mstore(64, free)
        }
        if (carried & DELIVERY_CARRIES != 0) _revertOverflow(mass, proof, DELIVERY_CARRIES);
        // forge-lint: disable-next-line(unsafe-typecast)
        return (hash, uint120(sum));
    }

    /// @dev A lane's sum is too large just if the addition carries out of it: if the bit above it isn't what the
    /// two bits there give by themselves.
    function _add(uint256 left, uint256 right, uint256 carries) private pure returns (uint120) {
        unchecked {
            // Below 2^121.
            uint256 sum = left + right;
            // Both are masses.
            // forge-lint: disable-next-line(unsafe-typecast)
            if ((left ^ right ^ sum) & carries != 0) revert MassOverflow(uint120(left), uint120(right));
            // forge-lint: disable-next-line(unsafe-typecast)
            return uint120(sum);
        }
    }

    /// @dev Some sum on the way up doesn't fit: says which.
    function _revertOverflow(uint120 mass, bytes calldata proof, uint256 carries) private pure {
        for (uint256 from = 32; from < proof.length; from += LEVEL_SIZE) {
            mass = _add(mass, uint120(bytes15(proof[from:from + 15])), carries);
        }
    }

    /// @dev There is such a leaf, and the proof has as many levels as the tree. Cheaper than {depth}.
    function _requirePlace(uint256 index, uint256 count, bytes calldata proof) private pure {
        if (index >= count) revert IndexOutOfRange(index, count);
        unchecked {
            // That nothing is lost is what is checked.
            // slither-disable-next-line divide-before-multiply
            uint256 levels = proof.length / LEVEL_SIZE;
            uint256 last = count - 1;
            bool right = levels * LEVEL_SIZE == proof.length && last >> levels == 0
                && (levels == 0 || last >> (levels - 1) != 0);
            if (!right) revert WrongProofLength(proof.length, depth(count) * LEVEL_SIZE);
        }
    }
}
