// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Roots} from "./Attestation.sol";
import {BillLeaf} from "./BillLeaf.sol";
import {ChargeLeaf} from "./ChargeLeaf.sol";
import {NodeLeaf} from "./NodeLeaf.sol";

// What a challenger shows. In each, `place` is where the leaf stands in its tree, whatever the leaf says of
// itself, `count` the tree's number of leaves, and `proof` the siblings, 47 bytes a level.

/// @notice A leaf of the nodes tree.
struct NodeProof {
    NodeLeaf leaf;
    uint32 place;
    uint32 count;
    bytes proof;
}

/// @notice A leaf of the bills tree.
struct BillProof {
    BillLeaf leaf;
    uint32 place;
    uint32 count;
    bytes proof;
}

/// @notice A leaf of the charges tree.
struct ChargeProof {
    ChargeLeaf leaf;
    uint32 place;
    uint32 count;
    bytes proof;
}

/// @notice Two neighbours in the charges tree: at `place`, and the next.
/// @param proof As `MerkleProofs.rootOfAdjacent` takes it.
struct ChargePair {
    ChargeLeaf left;
    ChargeLeaf right;
    uint32 place;
    uint32 count;
    bytes proof;
}

/// @notice A record in the segment of a charge.
struct RecordProof {
    ChargeProof charge;
    bytes record;
    uint32 place;
    uint32 count;
    bytes proof;
}

/// @notice Two neighbours in the segment of a charge.
/// @param proof As `MerkleProofs.rootOfAdjacent` takes it.
struct RecordPair {
    ChargeProof charge;
    bytes left;
    bytes right;
    uint32 place;
    uint32 count;
    bytes proof;
}

/// @notice What a root stands for.
struct RootOpening {
    uint120 mass;
    uint32 count;
    bytes32 top;
}

/// @notice What the epoch before says of a node: its leaf, or, where the tree before is too short, that tree's
/// root opened. Epoch 0 has nothing before it; everything here is then passed over.
/// @param roots What was attested for the epoch before.
/// @param root Its nodes root, opened. Only the count matters if it has the leaf.
struct EarlierNode {
    Roots roots;
    RootOpening root;
    NodeLeaf leaf;
    bytes proof;
}

/// @notice What the epoch before says of a payer, as {EarlierNode}.
struct EarlierBill {
    Roots roots;
    RootOpening root;
    BillLeaf leaf;
    bytes proof;
}

/// @notice A tree, by what its leaves are.
enum TreeKind {
    Nodes,
    Bills,
    Charges,
    /// Records; the segment of a charge.
    Segment,
    /// Tickets; an issuer's log.
    Log
}

/// @notice An element of an epoch's tree.
/// @param tree The tree; not {TreeKind.Log}.
/// @param charge For a segment, whose; otherwise passed over.
/// @param level 0 for leaves.
/// @param position How many are left of it on its level.
/// @param count Leaves of the tree, as its root states.
/// @param mass What its parent, or the root, states for it.
struct ElementProof {
    TreeKind tree;
    ChargeProof charge;
    uint8 level;
    uint32 position;
    uint32 count;
    uint120 mass;
    bytes proof;
}

/// @notice An element of an issuer's ticket log; fields as {ElementProof}'s.
struct LogProof {
    uint8 level;
    uint32 position;
    uint32 count;
    uint120 mass;
    bytes proof;
}
