// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @notice A whole Merkle-sum tree, level by level from the leaves up.
struct Tree {
    bytes32[][] hashes;
    uint120[][] masses;
    uint256 count;
}

/// @notice Builds trees from SPEC section 6, written apart from the library under test.
library Trees {
    function build(bytes32[] memory leaves, uint120[] memory masses, bool delivery)
        internal
        pure
        returns (Tree memory tree)
    {
        tree.count = leaves.length;
        uint256 width = 1;
        uint256 levels = 1;
        while (width < leaves.length) {
            width *= 2;
            levels += 1;
        }
        tree.hashes = new bytes32[][](levels);
        tree.masses = new uint120[][](levels);
        tree.hashes[0] = new bytes32[](width);
        tree.masses[0] = new uint120[](width);
        for (uint256 i = 0; i < leaves.length; ++i) {
            tree.hashes[0][i] = leaves[i];
            tree.masses[0][i] = masses[i];
        }
        for (uint256 level = 1; level < levels; ++level) {
            width /= 2;
            tree.hashes[level] = new bytes32[](width);
            tree.masses[level] = new uint120[](width);
            for (uint256 i = 0; i < width; ++i) {
                bytes memory left = abi.encodePacked(hex"01", tree.masses[level - 1][2 * i]);
                bytes memory right = abi.encodePacked(hex"00", tree.masses[level - 1][2 * i + 1]);
                tree.hashes[level][i] = keccak256(
                    bytes.concat(
                        left, right, tree.hashes[level - 1][2 * i], tree.hashes[level - 1][2 * i + 1]
                    )
                );
                tree.masses[level][i] =
                    sum(tree.masses[level - 1][2 * i], tree.masses[level - 1][2 * i + 1], delivery);
            }
        }
    }

    function sum(uint120 a, uint120 b, bool delivery) internal pure returns (uint120) {
        if (!delivery) return a + b;
        (uint56 aBytes, uint32 aDeliveries, uint32 aWithin) = lanes(a);
        (uint56 bBytes, uint32 bDeliveries, uint32 bWithin) = lanes(b);
        return mass(aBytes + bBytes, aDeliveries + bDeliveries, aWithin + bWithin);
    }

    function mass(uint56 bytes_, uint32 deliveries, uint32 within) internal pure returns (uint120) {
        return uint120(bytes15(abi.encodePacked(bytes_, deliveries, within)));
    }

    function lanes(uint120 m) internal pure returns (uint56, uint32, uint32) {
        return (uint56(m >> 64), uint32(m >> 32), uint32(m));
    }

    function top(Tree memory tree) internal pure returns (bytes32) {
        return tree.hashes[tree.hashes.length - 1][0];
    }

    function total(Tree memory tree) internal pure returns (uint120) {
        return tree.masses[tree.masses.length - 1][0];
    }

    function root(Tree memory tree) internal pure returns (bytes32) {
        return rootOf(total(tree), tree.count, top(tree));
    }

    function rootOf(uint120 total_, uint256 count, bytes32 top_) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(hex"02", total_, bytes8(0), uint64(count), top_));
    }

    function proof(Tree memory tree, uint256 index) internal pure returns (bytes memory packed) {
        for (uint256 level = 0; level + 1 < tree.hashes.length; ++level) {
            packed = abi.encodePacked(packed, tree.hashes[level][index ^ 1], tree.masses[level][index ^ 1]);
            index /= 2;
        }
    }

    /// @dev All elements of a level, as proofs have them.
    function elements(Tree memory tree, uint256 level) internal pure returns (bytes memory packed) {
        for (uint256 i = 0; i < tree.hashes[level].length; ++i) {
            packed = abi.encodePacked(packed, tree.hashes[level][i], tree.masses[level][i]);
        }
    }

    /// @dev A proof that ends on that level.
    function proofTo(Tree memory tree, uint256 index, uint256 level)
        internal
        pure
        returns (bytes memory cut)
    {
        bytes memory whole = proof(tree, index);
        cut = new bytes(level * 47);
        for (uint256 i = 0; i < cut.length; ++i) {
            cut[i] = whole[i];
        }
    }
}
