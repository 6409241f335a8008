//! Amounts as decimal strings in JSON, whose numbers lose what is above 2^53:
//! `#[serde(with = "protocol::decimal")]`.

use serde::{Deserialize, Deserializer, Serializer};

/// For amounts that may be absent: `#[serde(with = "protocol::decimal::option")]`.
pub mod option {
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes the decimal string, or null.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(amount: &Option<u128>, to: S) -> Result<S::Ok, S::Error> {
        match amount {
            Some(amount) => super::serialize(amount, to),
            None => to.serialize_none(),
        }
    }

    /// Reads the decimal string, or null.
    ///
    /// # Errors
    /// If it is no number, or above 2^128.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u128>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        let parsed = text.map(|text| text.parse()).transpose();
        parsed.map_err(serde::de::Error::custom)
    }
}

/// Writes the decimal string.
///
/// # Errors
/// The serializer's.
pub fn serialize<S: Serializer>(amount: &u128, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(amount)
}

/// Reads the decimal string.
///
/// # Errors
/// If it is no number, or above 2^128.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
    String::deserialize(deserializer)?
        .parse()
        .map_err(serde::de::Error::custom)
}
