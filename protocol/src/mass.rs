//! Masses: what a Merkle-sum tree adds up. SPEC section 6.

use std::fmt;

/// A lane of a mass would not fit its width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sum of {lane} does not fit its {bits} bits")]
pub struct MassOverflow {
    /// Which lane.
    pub lane: &'static str,
    /// Its width.
    pub bits: u32,
}

/// What a tree adds up: 15 bytes, added lane by lane, every lane checked.
pub trait Mass: Copy + Eq + fmt::Debug {
    /// The mass of nothing.
    const ZERO: Self;

    /// Sum of both.
    ///
    /// # Errors
    /// If a lane doesn't fit its width.
    fn checked_add(self, other: Self) -> Result<Self, MassOverflow>;

    /// The big-endian layout.
    fn to_bytes(self) -> [u8; 15];

    /// Every 15 bytes are a mass.
    fn from_bytes(bytes: [u8; 15]) -> Self;
}

/// `bytes (u56) ‖ deliveries (u32) ‖ within (u32)`; in a ticket log `max bytes ‖ tickets ‖ 0`.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct DeliveryMass {
    bytes: u64,
    deliveries: u32,
    within: u32,
}

impl DeliveryMass {
    /// Bound of the byte lane, exclusive.
    pub const BYTES_END: u64 = 1 << 56;

    /// # Errors
    /// If `bytes` is 2^56 or more.
    pub fn new(bytes: u64, deliveries: u32, within: u32) -> Result<Self, MassOverflow> {
        if bytes >= Self::BYTES_END {
            return Err(MassOverflow {
                lane: "bytes",
                bits: 56,
            });
        }
        Ok(Self {
            bytes,
            deliveries,
            within,
        })
    }

    /// Content bytes.
    pub fn bytes(self) -> u64 {
        self.bytes
    }

    /// Requests that ended.
    pub fn deliveries(self) -> u32 {
        self.deliveries
    }

    /// Of these, within the service level.
    pub fn within(self) -> u32 {
        self.within
    }
}

impl fmt::Debug for DeliveryMass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} B, {} of {} within",
            self.bytes, self.within, self.deliveries
        )
    }
}

impl Mass for DeliveryMass {
    const ZERO: Self = Self {
        bytes: 0,
        deliveries: 0,
        within: 0,
    };

    fn checked_add(self, other: Self) -> Result<Self, MassOverflow> {
        let deliveries = self
            .deliveries
            .checked_add(other.deliveries)
            .ok_or(MassOverflow {
                lane: "deliveries",
                bits: 32,
            })?;
        let within = self.within.checked_add(other.within).ok_or(MassOverflow {
            lane: "within",
            bits: 32,
        })?;
        // Both are below 2^56, so the u64 sum can't wrap; `new` checks the lane.
        Self::new(self.bytes + other.bytes, deliveries, within)
    }

    fn to_bytes(self) -> [u8; 15] {
        let mut out = [0; 15];
        out[..7].copy_from_slice(&self.bytes.to_be_bytes()[1..]);
        out[7..11].copy_from_slice(&self.deliveries.to_be_bytes());
        out[11..].copy_from_slice(&self.within.to_be_bytes());
        out
    }

    fn from_bytes(b: [u8; 15]) -> Self {
        Self {
            bytes: u64::from_be_bytes([0, b[0], b[1], b[2], b[3], b[4], b[5], b[6]]),
            deliveries: u32::from_be_bytes([b[7], b[8], b[9], b[10]]),
            within: u32::from_be_bytes([b[11], b[12], b[13], b[14]]),
        }
    }
}

/// `amount (u120)` in the token's smallest unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ValueMass(u128);

impl ValueMass {
    /// Bound of the lane, exclusive.
    pub const END: u128 = 1 << 120;

    /// # Errors
    /// If `amount` is 2^120 or more.
    pub fn new(amount: u128) -> Result<Self, MassOverflow> {
        if amount >= Self::END {
            return Err(MassOverflow {
                lane: "amount",
                bits: 120,
            });
        }
        Ok(Self(amount))
    }

    /// The amount.
    pub fn amount(self) -> u128 {
        self.0
    }
}

impl Mass for ValueMass {
    const ZERO: Self = Self(0);

    fn checked_add(self, other: Self) -> Result<Self, MassOverflow> {
        // Both are below 2^120, so the u128 sum can't wrap; `new` checks the lane.
        Self::new(self.0 + other.0)
    }

    fn to_bytes(self) -> [u8; 15] {
        let mut out = [0; 15];
        out.copy_from_slice(&self.0.to_be_bytes()[1..]);
        out
    }

    fn from_bytes(bytes: [u8; 15]) -> Self {
        let mut wide = [0; 16];
        wide[1..].copy_from_slice(&bytes);
        Self(u128::from_be_bytes(wide))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_lane_refuses_to_wrap() {
        let most = DeliveryMass::from_bytes([0xff; 15]);
        for one in [(1, 0, 0), (0, 1, 0), (0, 0, 1)] {
            let one = DeliveryMass::new(one.0, one.1, one.2).unwrap();
            assert!(most.checked_add(one).is_err());
        }
        assert!(DeliveryMass::new(1 << 56, 0, 0).is_err());
        let most = ValueMass::from_bytes([0xff; 15]);
        assert!(most.checked_add(ValueMass::new(1).unwrap()).is_err());
        assert_eq!(most.amount(), (1 << 120) - 1);
    }

    proptest! {
        #[test]
        fn bytes_round_trip(bytes: [u8; 15]) {
            prop_assert_eq!(DeliveryMass::from_bytes(bytes).to_bytes(), bytes);
            prop_assert_eq!(ValueMass::from_bytes(bytes).to_bytes(), bytes);
        }
    }
}
