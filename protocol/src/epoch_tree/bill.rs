//! What an epoch says of one payer.

use super::leaf::EpochLeaf;
use crate::Address;
use crate::layout::{LayoutError, Reader};

/// Length of a bill leaf.
pub const BILL_LEAF_BYTES: usize = 60;

/// One payer's line in an epoch's attestation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BillLeaf {
    /// Payer index: the leaf's place.
    pub index: u32,
    /// The payer's account.
    pub payer: Address,
    /// 1 + place of its last charge in the charges tree; 0 if it has none.
    pub last: u32,
    /// Bill of this epoch, token units.
    pub bill: u128,
    /// Bills of all epochs so far, token units.
    pub cumulative: u128,
}

impl EpochLeaf for BillLeaf {
    type Bytes = [u8; BILL_LEAF_BYTES];
    const BYTES: usize = BILL_LEAF_BYTES;
    const MAGIC: &'static str = "QBIL";

    fn to_bytes(&self) -> Self::Bytes {
        let mut out = Vec::with_capacity(BILL_LEAF_BYTES);
        out.extend_from_slice(&self.index.to_be_bytes());
        out.extend_from_slice(self.payer.as_slice());
        out.extend_from_slice(&self.last.to_be_bytes());
        out.extend_from_slice(&self.bill.to_be_bytes());
        out.extend_from_slice(&self.cumulative.to_be_bytes());
        out.try_into()
            .expect("the fields add up to BILL_LEAF_BYTES")
    }

    fn from_bytes(bytes: &Self::Bytes) -> Self {
        let mut reader = Reader::new(bytes);
        let mut read = || {
            Ok::<_, LayoutError>(Self {
                index: reader.u32()?,
                payer: Address::from(reader.array::<20>()?),
                last: reader.u32()?,
                bill: reader.u128()?,
                cumulative: reader.u128()?,
            })
        };
        read().expect("BILL_LEAF_BYTES hold every field")
    }

    /// The cumulative bill.
    fn amount(&self) -> u128 {
        self.cumulative
    }

    fn may_stand(&self, place: u32, _: Option<&Self>) -> bool {
        self.index == place
    }
}
