//! What challenges show of trees: leaves, elements, roots, with what leads to them.

use alloy::primitives::B256;
use protocol::{ChargeLeaf, Proof, Record, Roots};

/// 15 bytes of mass as SPEC section 6 lays them out, whatever the lanes are.
pub type MassBytes = [u8; 15];

/// A leaf of an epoch's tree, shown to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown<L> {
    /// The leaf.
    pub leaf: L,
    /// Where it stands, whatever it says itself.
    pub place: u32,
    /// Leaves of the tree, as its root states.
    pub count: u32,
    /// Siblings from the bottom up.
    pub proof: Proof,
}

/// Two neighbouring leaves, shown to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownPair<L> {
    /// The leaf at `place`.
    pub left: L,
    /// The one after it.
    pub right: L,
    /// Where the left one stands.
    pub place: u32,
    /// Leaves of the tree, as its root states.
    pub count: u32,
    /// Siblings on the way of the left leaf to where the ways meet, then on the right one's, both without the
    /// last, then those on the common way.
    pub proof: Proof,
}

/// A record in the segment of a charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownRecord {
    /// The charge.
    pub charge: Shown<ChargeLeaf>,
    /// The record in its segment.
    pub record: Shown<Record>,
}

/// Two neighbouring records in the segment of a charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownRecords {
    /// The charge.
    pub charge: Shown<ChargeLeaf>,
    /// The records in its segment.
    pub records: ShownPair<Record>,
}

/// What a root stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RootOpening {
    /// Mass of the uppermost element, as the root states.
    pub mass: MassBytes,
    /// Number of leaves, as the root states.
    pub count: u32,
    /// Hash of the uppermost element.
    pub top: B256,
}

/// What the epoch before says of a node or payer, by its index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Earlier<L> {
    /// There is no epoch before, or it doesn't matter here.
    Nothing,
    /// This leaf.
    Leaf {
        /// What was attested for the epoch before.
        roots: Roots,
        /// Its leaf; the place is the index asked for.
        shown: Shown<L>,
    },
    /// Nothing: its tree was too short.
    Beyond {
        /// What was attested for the epoch before.
        roots: Roots,
        /// The tree's root.
        root: RootOpening,
    },
}

/// Which of the trees that an attestation stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tree {
    /// The nodes tree.
    Nodes,
    /// The bills tree.
    Bills,
    /// The charges tree.
    Charges,
    /// The segment of a charge.
    Segment(Box<Shown<ChargeLeaf>>),
}

/// An element of a tree by its place, with what leads from it to the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElementPath {
    /// 0 for leaves.
    pub level: u8,
    /// How many are left of it on its level.
    pub position: u32,
    /// Leaves of the tree, as its root states.
    pub count: u32,
    /// What its parent, or the root, states for it.
    pub mass: MassBytes,
    /// Siblings from its level up.
    pub proof: Proof,
}
