//! What one payer owes one node for an epoch.

use super::leaf::EpochLeaf;
use crate::B256;
use crate::layout::{LayoutError, Reader};
use crate::mass::{DeliveryMass, Mass};

/// Length of a charge leaf.
pub const CHARGE_LEAF_BYTES: usize = 122;

/// What one payer owes one node. The running totals make each sum over a payer's or a node's charges
/// provable from two leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChargeLeaf {
    /// Payer index.
    pub payer: u32,
    /// Registry index.
    pub node: u32,
    /// Root of the node's valid records whose tickets name the payer.
    pub segment_root: B256,
    /// Sum over these records.
    pub mass: DeliveryMass,
    /// What is owed for them, token units.
    pub amount: u128,
    /// The payer's bills of all epochs, up to and with this charge, token units.
    pub billed: u128,
    /// The node's reward of this epoch, up to and with this charge, token units.
    pub earned: u128,
    /// Sum over the node's charges of this epoch, up to and with this one.
    pub served: DeliveryMass,
    /// 1 + place of the node's charge before; 0 if this is its first.
    pub previous: u32,
}

impl EpochLeaf for ChargeLeaf {
    type Bytes = [u8; CHARGE_LEAF_BYTES];
    const BYTES: usize = CHARGE_LEAF_BYTES;
    const MAGIC: &'static str = "QCHG";

    fn to_bytes(&self) -> Self::Bytes {
        let mut out = Vec::with_capacity(CHARGE_LEAF_BYTES);
        out.extend_from_slice(&self.payer.to_be_bytes());
        out.extend_from_slice(&self.node.to_be_bytes());
        out.extend_from_slice(self.segment_root.as_slice());
        out.extend_from_slice(&self.mass.to_bytes());
        out.extend_from_slice(&self.amount.to_be_bytes());
        out.extend_from_slice(&self.billed.to_be_bytes());
        out.extend_from_slice(&self.earned.to_be_bytes());
        out.extend_from_slice(&self.served.to_bytes());
        out.extend_from_slice(&self.previous.to_be_bytes());
        out.try_into()
            .expect("the fields add up to CHARGE_LEAF_BYTES")
    }

    fn from_bytes(bytes: &Self::Bytes) -> Self {
        let mut reader = Reader::new(bytes);
        let mut read = || {
            Ok::<_, LayoutError>(Self {
                payer: reader.u32()?,
                node: reader.u32()?,
                segment_root: reader.b256()?,
                mass: DeliveryMass::from_bytes(reader.array()?),
                amount: reader.u128()?,
                billed: reader.u128()?,
                earned: reader.u128()?,
                served: DeliveryMass::from_bytes(reader.array()?),
                previous: reader.u32()?,
            })
        };
        read().expect("CHARGE_LEAF_BYTES hold every field")
    }

    fn amount(&self) -> u128 {
        self.amount
    }

    /// By payer, then by node, strictly increasing.
    fn may_stand(&self, _: u32, before: Option<&Self>) -> bool {
        before.is_none_or(|before| (before.payer, before.node) < (self.payer, self.node))
    }
}
