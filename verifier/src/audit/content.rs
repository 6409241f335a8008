//! What the leaves of each kind of tree are: how long, and which mass they state. SPEC section 6.

use protocol::{
    BILL_LEAF_BYTES, BillLeaf, CHARGE_LEAF_BYTES, ChargeLeaf, DeliveryMass, EpochLeaf, Mass,
    NODE_LEAF_BYTES, NodeLeaf, RECORD_BYTES, Record, TICKET_BYTES, Ticket, ValueMass,
};
use std::io;

/// A kind of leaf.
pub(super) trait Content: Sized {
    /// What its tree adds up.
    type Mass: Mass;
    /// Bytes of a content.
    const BYTES: usize;

    /// The leaf with this content; any bytes of that length are one.
    fn from_content(content: &[u8]) -> Option<Self>;

    /// The mass it states; `None` if that fits no mass.
    fn mass(&self) -> Option<Self::Mass>;
}

/// Contents of a tree's leaves, as often as they are wanted.
pub(super) trait Leaves {
    /// How many there are.
    fn count(&self) -> u32;

    /// Gives each content in order.
    fn visit(&self, each: &mut dyn FnMut(&[u8])) -> io::Result<()>;
}

macro_rules! epoch_leaf {
    ($($leaf:ident, $bytes:ident;)*) => {$(
        impl Content for $leaf {
            type Mass = ValueMass;
            const BYTES: usize = $bytes;

            fn from_content(content: &[u8]) -> Option<Self> {
                Some(<Self as EpochLeaf>::from_bytes(content.try_into().ok()?))
            }

            /// Below 2^120. That it is below 2^96 too, sums say that the contract has bounded.
            fn mass(&self) -> Option<ValueMass> {
                ValueMass::new(self.amount()).ok()
            }
        }
    )*};
}
epoch_leaf! {
    NodeLeaf, NODE_LEAF_BYTES;
    BillLeaf, BILL_LEAF_BYTES;
    ChargeLeaf, CHARGE_LEAF_BYTES;
}

impl Content for Record {
    type Mass = DeliveryMass;
    const BYTES: usize = RECORD_BYTES;

    fn from_content(content: &[u8]) -> Option<Self> {
        Some(Self::from_bytes(content.try_into().ok()?))
    }

    fn mass(&self) -> Option<DeliveryMass> {
        Record::mass(self).ok()
    }
}

impl Content for Ticket {
    type Mass = DeliveryMass;
    const BYTES: usize = TICKET_BYTES;

    fn from_content(content: &[u8]) -> Option<Self> {
        Some(Self::from_bytes(content.try_into().ok()?))
    }

    fn mass(&self) -> Option<DeliveryMass> {
        DeliveryMass::new(self.bytes_max, 1, 0).ok()
    }
}

impl<L: EpochLeaf> Leaves for [L] {
    fn count(&self) -> u32 {
        u32::try_from(self.len()).unwrap_or(u32::MAX)
    }

    fn visit(&self, each: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        for leaf in self {
            each(leaf.to_bytes().as_ref());
        }
        Ok(())
    }
}

/// Records that are held.
pub(super) struct Held<'a>(pub(super) &'a [Record]);

impl Leaves for Held<'_> {
    fn count(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    fn visit(&self, each: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        for record in self.0 {
            each(&record.to_bytes());
        }
        Ok(())
    }
}
