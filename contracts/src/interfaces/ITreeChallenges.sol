// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Roots} from "../types/Attestation.sol";
import {BillProof, ChargePair, ChargeProof, ElementProof, NodeProof, RootOpening} from "../types/Proofs.sol";
import {IChallenge} from "./IChallenge.sol";

/// @title Challenges of the trees' form
/// @notice Each overturns the epoch if what is shown is a lie, and otherwise says what it found instead.
interface ITreeChallenges is IChallenge {
    /// @notice The tree isn't one of an epoch.
    error NotAnEpochTree();

    /// @notice The preimage isn't what belongs there: see {wrongShape}.
    error ShapeIsWrong();

    /// @notice The preimage is what belongs there.
    error ShapeIsRight();

    /// @notice The element has the mass that is stated for it.
    error SumIsRight(uint120 mass);

    /// @notice There is a leaf, or none, as the count says.
    error CountIsRight(uint256 position, uint256 count);

    /// @notice Not what the segment root is the hash of.
    error NotThePreimage(bytes32 hash, bytes32 segmentRoot);

    /// @notice The charge states its segment's mass.
    error SegmentIsRight(uint120 mass, uint256 count);

    /// @notice The two charges are in order.
    error ChargesInOrder(uint32 place);

    /// @notice The leaf has its place as index and the key or account of it.
    error IdentityIsRight(uint32 place);

    /// @notice That many there were.
    error NumberIsRight(uint32 count);

    /// @notice Payer and node of the charge are in their trees.
    error ChargeIsOfSomebody(uint32 payer, uint32 node);

    /// @notice An element whose mass isn't the sum of its children's, or doesn't fit; or a leaf with another
    /// mass than it states. Of several on a path only the uppermost can be shown.
    /// @param preimage What the element is the hash of.
    function wrongSum(
        uint64 epoch,
        Roots calldata roots,
        ElementProof calldata element,
        bytes calldata preimage,
        bytes32 salt
    ) external;

    /// @notice An element whose preimage isn't a leaf of that tree at level 0, or no node above: among other
    /// things a tree of another depth than its count gives.
    function wrongShape(
        uint64 epoch,
        Roots calldata roots,
        ElementProof calldata element,
        bytes calldata preimage,
        bytes32 salt
    ) external;

    /// @notice An empty element below the count or above the leaves, or one at or after the count that isn't.
    /// @param hash The element's.
    function wrongCount(
        uint64 epoch,
        Roots calldata roots,
        ElementProof calldata element,
        bytes32 hash,
        bytes32 salt
    ) external;

    /// @notice A charge whose segment root is zero, or the hash of something else than a tree of 1 to 2^22
    /// leaves with the charge's mass.
    /// @param preimage What the segment root is the hash of; passed over where it is zero.
    function segmentRootMismatch(
        uint64 epoch,
        Roots calldata roots,
        ChargeProof calldata charge,
        bytes calldata preimage,
        bytes32 salt
    ) external;

    /// @notice Two neighbouring charges that don't increase by (payer, node).
    function chargesOutOfOrder(uint64 epoch, Roots calldata roots, ChargePair calldata pair, bytes32 salt)
        external;

    /// @notice A node leaf with another index than its place, or another key than the node had.
    function wrongNode(uint64 epoch, Roots calldata roots, NodeProof calldata node, bytes32 salt) external;

    /// @notice A bill leaf with another index than its place, or another account than the payer's.
    function wrongPayer(uint64 epoch, Roots calldata roots, BillProof calldata bill, bytes32 salt) external;

    /// @notice A nodes tree with more or fewer leaves than nodes were registered before the epoch's end.
    function wrongNodeCount(uint64 epoch, Roots calldata roots, RootOpening calldata nodes, bytes32 salt)
        external;

    /// @notice A bills tree with more or fewer leaves than payers were registered before the epoch's end.
    function wrongPayerCount(uint64 epoch, Roots calldata roots, RootOpening calldata bills, bytes32 salt)
        external;

    /// @notice A charge whose payer or node is beyond its tree.
    function chargeOfNobody(
        uint64 epoch,
        Roots calldata roots,
        ChargeProof calldata charge,
        RootOpening calldata nodes,
        RootOpening calldata bills,
        bytes32 salt
    ) external;
}
