//! Keys to sealed content, and what files are sealed by. SPEC section 8, "Sealed collections".
//!
//! What they do to bytes is the crate `seal`'s, which nodes don't have.

use crate::ids::SealKeyId;
use alloy_primitives::{FixedBytes, hex};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use zeroize::{Zeroize, Zeroizing};

/// From which a key's name is derived.
const KEY_ID_CONTEXT: &str = "quittance 2026 seal key id";

/// Opens a sealed collection. Shown nowhere, wiped when dropped.
#[derive(Clone)]
pub struct SealKey(Zeroizing<[u8; 32]>);

impl SealKey {
    /// Any 32 bytes that nobody can guess.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The secret.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What the key is called where everybody may look.
    pub fn id(&self) -> SealKeyId {
        blake3::derive_key(KEY_ID_CONTEXT, self.as_bytes()).into()
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(…)")
    }
}

impl PartialEq for SealKey {
    fn eq(&self, other: &Self) -> bool {
        // In constant time.
        blake3::Hash::from(*self.0) == blake3::Hash::from(*other.0)
    }
}

impl Eq for SealKey {}

/// Hexadecimal with `0x`.
impl Serialize for SealKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = Zeroizing::new(hex::encode_prefixed(self.as_bytes()));
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for SealKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let mut bytes = [0; 32];
        // The message of another error would repeat a part of the key.
        hex::decode_to_slice(text.as_str(), &mut bytes)
            .map_err(|_| D::Error::custom("a key has 64 hexadecimal digits"))?;
        let key = Self::from_bytes(bytes);
        bytes.zeroize();
        Ok(key)
    }
}

/// What makes the keystream of a file its own: no two contents may have the same under one key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SealNonce(pub [u8; Self::BYTES]);

impl SealNonce {
    /// Its length.
    pub const BYTES: usize = 16;
}

/// Hexadecimal with `0x`.
impl Serialize for SealNonce {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        FixedBytes(self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SealNonce {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        FixedBytes::deserialize(deserializer).map(|bytes| Self(bytes.0))
    }
}

impl fmt::Debug for SealNonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealNonce({})", hex::encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_written_for_its_reader_only() {
        let key = SealKey::from_bytes([0xab; 32]);
        assert_eq!(format!("{key:?}"), "SealKey(…)");
        let text = format!("\"0x{}\"", "ab".repeat(32));
        assert_eq!(serde_json::to_string(&key).unwrap(), text);
        assert_eq!(serde_json::from_str::<SealKey>(&text).unwrap(), key);
        let short = text.replace("ab\"", "\"");
        let error = serde_json::from_str::<SealKey>(&short).unwrap_err();
        assert!(!error.to_string().contains("abab"), "{error}");
        assert_ne!(key.id(), SealKey::from_bytes([0xac; 32]).id());
    }
}
