//! Who and what: 32-byte keys and hashes, the network, epochs, ticket ids.

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A string that is not the identity it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be {digits} hexadecimal digits, with or without 0x: {given:?}")]
pub struct IdError {
    what: &'static str,
    digits: usize,
    given: String,
}

fn parse_hex<const N: usize>(what: &'static str, text: &str) -> Result<[u8; N], IdError> {
    let mut bytes = [0u8; N];
    alloy_primitives::hex::decode_to_slice(text, &mut bytes).map_err(|_| IdError {
        what,
        digits: N * 2,
        given: text.chars().take(80).collect(),
    })?;
    Ok(bytes)
}

macro_rules! id32 {
    ($(#[$doc:meta])* $name:ident, $what:literal $(, telling from $from:expr)?) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub B256);

        impl $name {
            /// The 32 bytes.
            pub fn as_bytes(&self) -> &[u8; 32] {
                &self.0.0
            }

            /// Eight hexadecimal digits, the first that tell: for people, never for comparison.
            pub fn short(&self) -> String {
                let from = 0 $(+ $from)?;
                alloy_primitives::hex::encode(&self.0[from..from + 4])
            }
        }

        impl From<[u8; 32]> for $name {
            fn from(bytes: [u8; 32]) -> Self {
                Self(B256::from(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "0x{}", alloy_primitives::hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.short())
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Ok(Self::from(parse_hex::<32>($what, text)?))
            }
        }
    };
}

id32!(
    /// A cache node: its ed25519 public key, which is its TLS key too.
    NodeId, "a node id"
);
id32!(
    /// A client's ed25519 session key.
    ClientKey, "a client key"
);
id32!(
    /// An issuer's (control plane's) ed25519 public key.
    IssuerKey, "an issuer key"
);
id32!(
    /// BLAKE3 hash of one file's bytes.
    ContentHash, "a content hash"
);
id32!(
    /// A key to sealed content, by a name that tells nothing of it (SPEC section 8).
    SealKeyId, "a seal key id"
);
id32!(
    /// A collection: how much it holds, and the hash of its manifest (SPEC section 8).
    CollectionId, "a collection id", telling from CollectionId::SIZE_BYTES
);

impl CollectionId {
    /// Bytes that state the size; the hash's are after them.
    const SIZE_BYTES: usize = 7;

    /// The collection with a manifest of that hash, of `bytes` in all; `None` if that many are no mass.
    pub fn new(bytes: u64, manifest: &[u8; 32]) -> Option<Self> {
        let [0, size @ ..] = bytes.to_be_bytes() else {
            return None;
        };
        let mut id = *manifest;
        id[..Self::SIZE_BYTES].copy_from_slice(&size);
        id[Self::SIZE_BYTES..].copy_from_slice(&manifest[..32 - Self::SIZE_BYTES]);
        Some(Self::from(id))
    }

    /// Sum of the sizes of its files, below 2^56: more can't be delivered under one ticket.
    pub fn bytes(&self) -> u64 {
        let mut size = [0; 8];
        size[8 - Self::SIZE_BYTES..].copy_from_slice(&self.as_bytes()[..Self::SIZE_BYTES]);
        u64::from_be_bytes(size)
    }
}

/// Chain and settlement contract: the name of a network. 28 bytes when encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Network {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The settlement contract.
    pub settlement: Address,
}

/// Index of an epoch, counted from 0 at the genesis. Which seconds it covers depends on the lengths that were
/// agreed on up to it: [`Timeline`](crate::Timeline) knows.
pub type Epoch = u64;

/// Milliseconds since the Unix epoch.
pub type UnixMillis = u64;

/// Place of a ticket: which epoch, whose log, which entry. Ordered as its 16 bytes are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketId {
    /// Epoch the ticket is accounted in.
    pub epoch: Epoch,
    /// Index of the issuer in the settlement contract.
    pub issuer: u32,
    /// Index in that issuer's log of the epoch.
    pub index: u32,
}

impl TicketId {
    /// `epoch (u64) ‖ issuer (u32) ‖ index (u32)`.
    pub fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.epoch.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.issuer.to_be_bytes());
        bytes[12..].copy_from_slice(&self.index.to_be_bytes());
        bytes
    }

    /// Every 16 bytes are a ticket id.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let joined = u128::from_be_bytes(bytes);
        Self {
            epoch: (joined >> 64) as u64,
            issuer: (joined >> 32) as u32,
            index: joined as u32,
        }
    }
}

impl fmt::Display for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{}", alloy_primitives::hex::encode(self.to_bytes()))
    }
}

impl fmt::Debug for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TicketId({}/{}/{})", self.epoch, self.issuer, self.index)
    }
}

/// A string that is no ticket id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a ticket id is 32 hexadecimal digits, with or without 0x, or EPOCH:ISSUER:INDEX as in 5:0:17: {given:?}"
)]
pub struct TicketIdError {
    given: String,
}

/// Its 16 bytes in hexadecimal digits, or `epoch:issuer:index` in decimal ones.
impl FromStr for TicketId {
    type Err = TicketIdError;
    fn from_str(text: &str) -> Result<Self, TicketIdError> {
        if let Ok(bytes) = parse_hex::<16>("a ticket id", text) {
            return Ok(Self::from_bytes(bytes));
        }
        let parts: Vec<_> = text.split(':').collect();
        let read = || match parts[..] {
            [epoch, issuer, index] => Some(Self {
                epoch: decimal(epoch)?,
                issuer: decimal(issuer)?,
                index: decimal(index)?,
            }),
            _ => None,
        };
        read().ok_or_else(|| TicketIdError {
            given: text.chars().take(80).collect(),
        })
    }
}

/// A number in digits alone: no sign, no space.
fn decimal<N: FromStr>(text: &str) -> Option<N> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

impl Serialize for TicketId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        alloy_primitives::FixedBytes::<16>(self.to_bytes()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TicketId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from_bytes(
            alloy_primitives::FixedBytes::<16>::deserialize(deserializer)?.0,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticket_ids_order_as_their_bytes() {
        let ids = [
            (0, 0, 1),
            (0, 1, 0),
            (1, 0, 0),
            (1, 0, u32::MAX),
            (u64::MAX, 0, 0),
        ]
        .map(|(epoch, issuer, index)| TicketId {
            epoch,
            issuer,
            index,
        });
        for pair in ids.windows(2) {
            assert!(pair[0] < pair[1]);
            assert!(pair[0].to_bytes() < pair[1].to_bytes());
            assert_eq!(TicketId::from_bytes(pair[1].to_bytes()), pair[1]);
            assert_eq!(pair[1].to_string().parse::<TicketId>().unwrap(), pair[1]);
            let TicketId {
                epoch,
                issuer,
                index,
            } = pair[1];
            let told = format!("{epoch}:{issuer}:{index}");
            assert_eq!(told.parse::<TicketId>().unwrap(), pair[1]);
        }
    }

    #[test]
    fn what_is_no_ticket_id_is_told_both_forms() {
        for wrong in [
            "",
            "5",
            "5:0",
            "5:0:1:2",
            "5:0:-1",
            "5:+0:1",
            "5:0: 1",
            "5:0:4294967296",
            "18446744073709551616:0:0",
            "0x12",
            "00000000000000050000000000000017ff",
        ] {
            let error = wrong.parse::<TicketId>().unwrap_err().to_string();
            assert!(
                error.contains("32 hexadecimal digits") && error.contains("5:0:17"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_wrong_id_says_what_it_should_be() {
        let error = "0x12".parse::<NodeId>().unwrap_err();
        assert!(
            error
                .to_string()
                .contains("a node id must be 64 hexadecimal digits"),
            "{error}"
        );
    }
}
