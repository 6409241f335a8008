// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {TreeKind} from "../types/Proofs.sol";
import {MerkleProofs} from "./MerkleProofs.sol";

/// @title Preimages of elements (SPEC sections 6 and 7)
/// @notice Says whether what was hashed is what belongs there. Takes any bytes.
library Elements {
    /// @notice Whether the masses in a tree are delivery masses.
    function isDelivery(TreeKind tree) internal pure returns (bool) {
        return tree >= TreeKind.Segment;
    }

    /// @notice Bytes of a leaf's content.
    function leafSize(TreeKind tree) internal pure returns (uint256) {
        if (tree == TreeKind.Nodes) return 99;
        if (tree == TreeKind.Bills) return 60;
        if (tree == TreeKind.Charges) return 122;
        return tree == TreeKind.Segment ? 140 : 216;
    }

    /// @notice Whether a preimage has the form of its level: a leaf of the tree at 0, a node above.
    function isFormed(bytes calldata preimage, TreeKind tree, uint256 level) internal pure returns (bool) {
        if (level == 0) return preimage.length == 1 + leafSize(tree) && preimage[0] == 0;
        return preimage.length == 96 && preimage[0] == 0x01 && preimage[16] == 0;
    }

    /// @notice Whether an element is empty just where the count of leaves says.
    /// @dev Above the leaves even what is over empty ones is a hash.
    function isCounted(uint256 level, uint256 position, uint256 count, bytes32 hash, uint120 mass)
        internal
        pure
        returns (bool)
    {
        if (level == 0 && position >= count) return hash == 0 && mass == 0;
        return hash != 0;
    }

    /// @notice Whether a formed preimage has the mass that is stated for the element.
    function hasMass(bytes calldata preimage, TreeKind tree, uint256 level, uint120 mass)
        internal
        pure
        returns (bool)
    {
        if (level == 0) return massOf(preimage[1:], tree) == mass;
        uint120 left = uint120(bytes15(preimage[1:16]));
        uint120 right = uint120(bytes15(preimage[17:32]));
        return MerkleProofs.addUp(left, right, mass, isDelivery(tree));
    }

    /// @notice The mass that a leaf's content states; more than 120 bits where it is none.
    function massOf(bytes calldata content, TreeKind tree) internal pure returns (uint256) {
        if (tree == TreeKind.Nodes) return uint128(bytes16(content[83:99]));
        if (tree == TreeKind.Bills) return uint128(bytes16(content[44:60]));
        if (tree == TreeKind.Charges) return uint128(bytes16(content[55:71]));
        if (tree == TreeKind.Segment) {
            // Bytes (u64), deliveries and within (u32) stand side by side.
            return uint128(bytes16(content[52:68]));
        }
        // A ticket is one delivery at most, and none of it is within yet.
        return uint256(uint64(bytes8(content[192:200]))) << 64 | 1 << 32;
    }
}
