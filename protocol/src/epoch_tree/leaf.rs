//! What the leaves of the three trees have in common.

use crate::mass::{MassOverflow, ValueMass};
use crate::merkle::{Element, leaf_hash};
use crate::money::AMOUNT_END;
use std::fmt;

/// A leaf of one of the three trees.
pub trait EpochLeaf: Copy + Eq + fmt::Debug {
    /// The fixed layout: `[u8; N]`.
    type Bytes: AsRef<[u8]> + for<'a> TryFrom<&'a [u8], Error: fmt::Debug>;
    /// Length of the fixed layout.
    const BYTES: usize;
    /// The mark of the tree's file.
    const MAGIC: &'static str;

    /// The fixed layout.
    fn to_bytes(&self) -> Self::Bytes;

    /// Any bytes are a leaf, if not a true one.
    fn from_bytes(bytes: &Self::Bytes) -> Self;

    /// What the tree adds up, token units.
    fn amount(&self) -> u128;

    /// Whether it may stand at this place, after that leaf.
    fn may_stand(&self, place: u32, before: Option<&Self>) -> bool;

    /// Its element in the tree.
    ///
    /// # Errors
    /// If its amount is 2^96 or more.
    fn leaf(&self) -> Result<Element<ValueMass>, MassOverflow> {
        Ok(Element {
            hash: leaf_hash(self.to_bytes().as_ref()),
            mass: amount_mass(self.amount())?,
        })
    }
}

/// Amounts are narrower than the lane that adds them up.
pub(super) fn amount_mass(amount: u128) -> Result<ValueMass, MassOverflow> {
    if amount >= AMOUNT_END {
        return Err(MassOverflow {
            lane: "amount",
            bits: 96,
        });
    }
    ValueMass::new(amount)
}
