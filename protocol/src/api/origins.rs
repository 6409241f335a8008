//! Content that stays at an HTTP(S) origin: where it is, and how it is told that it is still the same.

use crate::ids::SealKeyId;
use crate::seal::SealNonce;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a content is, as `PUT /v1/origins/{hash}` takes it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OriginSource {
    /// Its URL, http or https. May hold a secret.
    pub url: String,
    /// Length in bytes.
    pub size: u64,
    /// What a server says of the same bytes; none if it says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validator: Option<OriginValidator>,
    /// How it is sealed on its way to nodes, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<OriginSeal>,
}

/// Without the URL.
impl fmt::Debug for OriginSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OriginSource")
            .field("size", &self.size)
            .field("validator", &self.validator)
            .field("seal", &self.seal)
            .finish_non_exhaustive()
    }
}

/// RFC 9110, section 8.8.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OriginValidator {
    /// A strong `ETag`, with its quotes.
    Etag(String),
    /// `Last-Modified`.
    LastModified(String),
}

/// A key and the nonce of the one content that it seals so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OriginSeal {
    /// Which key.
    pub key: SealKeyId,
    /// The nonce.
    pub nonce: SealNonce,
}
