//! The three trees of an epoch: what each node earned, what each payer owes, and which charges it is made
//! of. SPEC section 7.
//!
//! They differ in their leaves; file, order and root are the same rules, [`EpochLeaf`] and [`EpochTree`].

mod bill;
mod charge;
mod leaf;
mod node;

pub use bill::{BILL_LEAF_BYTES, BillLeaf};
pub use charge::{CHARGE_LEAF_BYTES, ChargeLeaf};
pub use leaf::EpochLeaf;
pub use node::{NODE_LEAF_BYTES, NodeLeaf};

use crate::attestation::EpochRoots;
use crate::layout::{LayoutError, Put, RECORDS_MAX, Reader};
use crate::mass::{MassOverflow, ValueMass};
use crate::merkle::{Element, Root, TreeTop, level_below_top};
use crate::{Epoch, Network};
use leaf::amount_mass;

/// Length of the file's header.
const HEADER_BYTES: usize = 48;

/// All leaves of one tree of an epoch, as a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochTree<L> {
    /// The network.
    pub network: Network,
    /// The epoch.
    pub epoch: Epoch,
    /// The leaves, each at its place.
    pub leaves: Vec<L>,
}

/// What every node delivered and earned: leaf i is registry index i.
pub type NodeTree = EpochTree<NodeLeaf>;
/// What every payer owes: leaf i is payer index i.
pub type BillTree = EpochTree<BillLeaf>;
/// What every payer owes every node for the epoch: by payer index, then by registry index.
pub type ChargeTree = EpochTree<ChargeLeaf>;

impl<L: EpochLeaf> EpochTree<L> {
    /// Longest file: [`RECORDS_MAX`] leaves.
    pub const BYTES_MAX: usize = HEADER_BYTES + RECORDS_MAX as usize * L::BYTES;

    /// The file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_BYTES + self.leaves.len() * L::BYTES);
        out.put_header(L::MAGIC);
        out.extend_from_slice(&[0; 2]);
        out.put_network(&self.network);
        out.extend_from_slice(&self.epoch.to_be_bytes());
        out.extend_from_slice(&(self.leaves.len() as u32).to_be_bytes());
        for leaf in &self.leaves {
            out.extend_from_slice(leaf.to_bytes().as_ref());
        }
        out
    }

    /// # Errors
    /// If layout or length are wrong, or a leaf is not at its place.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LayoutError> {
        let tree = Self::from_bytes_unordered(bytes)?;
        let mut before = None;
        for (place, leaf) in (0u32..).zip(&tree.leaves) {
            if !leaf.may_stand(place, before) {
                return Err(LayoutError::Range("index"));
            }
            before = Some(leaf);
        }
        Ok(tree)
    }

    /// As [`Self::from_bytes`], for who wants to see what is wrong with the leaves' places.
    ///
    /// # Errors
    /// If layout or length are wrong.
    pub fn from_bytes_unordered(bytes: &[u8]) -> Result<Self, LayoutError> {
        let mut reader = Reader::new(bytes);
        reader.header(L::MAGIC)?;
        reader.reserved()?;
        let network = reader.network()?;
        let epoch = reader.u64()?;
        let count = reader.exact_count(L::BYTES, RECORDS_MAX)?;
        let mut leaves = Vec::with_capacity(count as usize);
        for _ in 0..count {
            let bytes = L::Bytes::try_from(reader.take(L::BYTES)?).expect("take gives L::BYTES");
            leaves.push(L::from_bytes(&bytes));
        }
        Ok(Self {
            network,
            epoch,
            leaves,
        })
    }

    /// The root: its mass is the sum of all leaves' amounts.
    ///
    /// # Errors
    /// If an amount or the sum is 2^96 or more.
    pub fn root(&self) -> Result<Root<ValueMass>, MassOverflow> {
        let mut top = TreeTop::default();
        for leaf in &self.leaves {
            top.push(leaf.leaf()?)?;
        }
        let root = top.finish()?;
        amount_mass(root.mass().amount())?;
        Ok(root)
    }

    /// All elements so many levels below the top, empty ones too, 47 bytes each; `None` if the tree has no such
    /// level. What proofs may end at, see `RewardVault.shortenProofs`.
    ///
    /// # Errors
    /// If an amount or a sum is too large for its lane.
    pub fn below_top(&self, levels: u32) -> Result<Option<Vec<u8>>, MassOverflow> {
        let leaves = self.leaves.iter().map(EpochLeaf::leaf);
        let level = level_below_top(leaves.collect::<Result<_, _>>()?, levels)?;
        Ok(level.map(|level| level.into_iter().flat_map(Element::to_bytes).collect()))
    }
}

/// The three trees of one epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochTrees {
    /// What the nodes earned.
    pub nodes: NodeTree,
    /// What the payers owe.
    pub bills: BillTree,
    /// What both are made of.
    pub charges: ChargeTree,
}

impl EpochTrees {
    /// The roots to attest.
    ///
    /// # Errors
    /// If an amount or a sum is 2^96 or more.
    pub fn roots(&self) -> Result<EpochRoots, MassOverflow> {
        Ok(EpochRoots {
            nodes: self.nodes.root()?,
            bills: self.bills.root()?,
            charges: self.charges.root()?,
        })
    }
}

#[cfg(test)]
mod tests;
