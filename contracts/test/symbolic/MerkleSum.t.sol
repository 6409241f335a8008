// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {MerkleProofs} from "../../src/libraries/MerkleProofs.sol";
import {MerkleSum} from "../../src/libraries/MerkleSum.sol";
import {TestBase} from "../utils/TestBase.sol";

/// @notice The libraries' functions, callable.
contract Trees {
    function addValue(uint120 left, uint120 right) external pure returns (uint120) {
        return MerkleSum.addValue(left, right);
    }

    function addDelivery(uint120 left, uint120 right) external pure returns (uint120) {
        return MerkleSum.addDelivery(left, right);
    }

    function root(uint120 mass, uint256 count, bytes32 top) external pure returns (bytes32) {
        return MerkleSum.root(mass, count, top);
    }

    function walk(
        bytes32 leaf,
        uint120 mass,
        uint256 index,
        uint256 count,
        bytes calldata proof,
        bool delivery
    ) external pure returns (bytes32) {
        return delivery
            ? MerkleSum.deliveryRoot(leaf, mass, index, count, proof)
            : MerkleSum.valueRoot(leaf, mass, index, count, proof);
    }
}

/// @notice What halmos proves of Merkle-sum trees for all inputs, taking keccak-256 for a function without
/// collisions: `npm run halmos`. Sums and nodes in full; walks of up to two levels, which is every case of a
/// level's step.
/// @dev Forge passes these over: their names don't begin with `test`.
contract MerkleSumProof is TestBase {
    Trees internal immutable trees = new Trees();

    // ---- Sums ----

    /// @dev Exact where it fits, and refused where it doesn't.
    function check_addValue(uint120 left, uint120 right) public view {
        uint256 exact = uint256(left) + right;
        try trees.addValue(left, right) returns (uint120 sum) {
            assert(sum == exact);
        } catch {
            assert(exact >> 120 != 0);
        }
    }

    /// @dev The same of each lane.
    function check_addDelivery(uint120 left, uint120 right) public view {
        (uint256 bytes_, uint256 deliveries, uint256 within) = exactLanes(left, right);
        bool fits = bytes_ >> 56 == 0 && deliveries >> 32 == 0 && within >> 32 == 0;
        try trees.addDelivery(left, right) returns (uint120 sum) {
            assert(fits);
            assert(sum == bytes_ << 64 | deliveries << 32 | within);
        } catch {
            assert(!fits);
        }
    }

    function exactLanes(uint120 left, uint120 right) internal pure returns (uint256, uint256, uint256) {
        uint256 lane = type(uint32).max;
        return (
            uint256(left >> 64) + (right >> 64),
            (uint256(left >> 32) & lane) + ((right >> 32) & lane),
            (uint256(left) & lane) + (right & lane)
        );
    }

    /// @dev No wrapped sum passes for one.
    function check_addUp_value(uint120 left, uint120 right, uint120 sum) public pure {
        assert(MerkleProofs.addUp(left, right, sum, false) == (uint256(left) + right == sum));
    }

    function check_addUp_delivery(uint120 left, uint120 right, uint120 sum) public pure {
        (uint256 bytes_, uint256 deliveries, uint256 within) = exactLanes(left, right);
        bool exact = bytes_ == sum >> 64 && deliveries == (sum >> 32) & type(uint32).max
            && within == sum & type(uint32).max;
        assert(MerkleProofs.addUp(left, right, sum, true) == exact);
    }

    /// @dev What adds up is what adding gives, and nothing else.
    function check_addUp_isAdding(uint120 left, uint120 right, uint120 sum, bool delivery) public view {
        bool added;
        if (delivery) {
            try trees.addDelivery(left, right) returns (uint120 got) {
                added = got == sum;
            } catch {}
        } else {
            try trees.addValue(left, right) returns (uint120 got) {
                added = got == sum;
            } catch {}
        }
        assert(MerkleProofs.addUp(left, right, sum, delivery) == added);
    }

    // ---- Preimages ----

    /// @dev The assembly hashes the 96 bytes of SPEC section 6.
    function check_node_preimage(uint120 leftMass, bytes32 left, uint120 rightMass, bytes32 right)
        public
        pure
    {
        bytes32 hash = keccak256(abi.encodePacked(hex"01", leftMass, hex"00", rightMass, left, right));
        assert(MerkleSum.node(leftMass, left, rightMass, right) == hash);
    }

    /// @dev And nothing but these four makes that node.
    function check_node_isOne(
        uint120[2] memory leftMass,
        bytes32[2] memory left,
        uint120[2] memory rightMass,
        bytes32[2] memory right
    ) public pure {
        bytes32 first = MerkleSum.node(leftMass[0], left[0], rightMass[0], right[0]);
        bytes32 second = MerkleSum.node(leftMass[1], left[1], rightMass[1], right[1]);
        vm.assume(first == second);
        assert(leftMass[0] == leftMass[1] && left[0] == left[1]);
        assert(rightMass[0] == rightMass[1] && right[0] == right[1]);
    }

    function check_root_preimage(uint120 mass, uint256 count, bytes32 top) public view {
        bool sound = count <= 1 << 22 && (count != 0 || (mass == 0 && top == 0));
        try trees.root(mass, count, top) returns (bytes32 hash) {
            assert(sound);
            // forge-lint: disable-next-line(unsafe-typecast)
            assert(hash == keccak256(abi.encodePacked(hex"02", mass, bytes8(0), uint64(count), top)));
        } catch {
            assert(!sound);
        }
    }

    /// @dev Whoever knows a root knows its mass, count and top.
    function check_root_isOne(uint120[2] memory mass, uint256[2] memory count, bytes32[2] memory top)
        public
        view
    {
        vm.assume(count[0] != 0 && count[0] <= 1 << 22 && count[1] != 0 && count[1] <= 1 << 22);
        vm.assume(trees.root(mass[0], count[0], top[0]) == trees.root(mass[1], count[1], top[1]));
        assert(mass[0] == mass[1] && count[0] == count[1] && top[0] == top[1]);
    }

    // ---- Walks ----

    /// @dev A tree of one leaf is that leaf.
    function check_walk_none(bytes32 leaf, uint120 mass, bool delivery) public view {
        assert(trees.walk(leaf, mass, 0, 1, "", delivery) == trees.root(mass, 1, leaf));
    }

    /// @dev One level, either side: the sum is exact, or there is no root.
    function check_walk_one(
        bytes32 leaf,
        uint120 mass,
        bytes32 sibling,
        uint120 siblingMass,
        bool right,
        bool delivery
    ) public view {
        bytes memory proof = abi.encodePacked(sibling, siblingMass);
        try trees.walk(leaf, mass, right ? 1 : 0, 2, proof, delivery) returns (bytes32 got) {
            uint120 sum = delivery ? trees.addDelivery(mass, siblingMass) : trees.addValue(mass, siblingMass);
            bytes32 top = right
                ? MerkleSum.node(siblingMass, sibling, mass, leaf)
                : MerkleSum.node(mass, leaf, siblingMass, sibling);
            assert(got == trees.root(sum, 2, top));
        } catch {
            assert(!MerkleProofs.addUp(mass, siblingMass, total(mass, siblingMass, delivery), delivery));
        }
    }

    /// @dev The sum, wrapped.
    function total(uint120 left, uint120 right, bool delivery) internal pure returns (uint120) {
        unchecked {
            if (!delivery) return left + right;
            (uint256 bytes_, uint256 deliveries, uint256 within) = exactLanes(left, right);
            // forge-lint: disable-next-line(unsafe-typecast)
            return uint120(bytes_ << 64 | (deliveries & type(uint32).max) << 32 | within & type(uint32).max);
        }
    }

    /// @dev Two leaves that prove one root at one place of a tree of three or four are one leaf, with one mass and
    /// one proof: nothing can be forged.
    function check_walk_isOne(
        bytes32[2] memory leaf,
        uint120[2] memory mass,
        bytes32[4] memory siblings,
        uint120[4] memory masses,
        uint256 index,
        uint256 count
    ) public view {
        vm.assume((count == 3 || count == 4) && index < count);
        bytes memory first = abi.encodePacked(siblings[0], masses[0], siblings[1], masses[1]);
        bytes memory second = abi.encodePacked(siblings[2], masses[2], siblings[3], masses[3]);
        bytes32 root = trees.walk(leaf[0], mass[0], index, count, first, false);
        vm.assume(root == trees.walk(leaf[1], mass[1], index, count, second, false));
        assert(leaf[0] == leaf[1] && mass[0] == mass[1]);
        assert(siblings[0] == siblings[2] && masses[0] == masses[2]);
        assert(siblings[1] == siblings[3] && masses[1] == masses[3]);
    }

    /// @dev A leaf's mass never exceeds its root's, which is what a claim rests on.
    function check_walk_massIsPart(
        bytes32 leaf,
        uint120 mass,
        bytes32[2] memory siblings,
        uint120[2] memory masses,
        uint256 index,
        uint120 rootMass,
        bytes32 top
    ) public view {
        vm.assume(index < 4);
        bytes memory proof = abi.encodePacked(siblings[0], masses[0], siblings[1], masses[1]);
        vm.assume(trees.walk(leaf, mass, index, 4, proof, false) == trees.root(rootMass, 4, top));
        assert(mass <= rootMass && masses[0] <= rootMass && masses[1] <= rootMass);
        assert(uint256(mass) + masses[0] + masses[1] == rootMass);
    }
}
