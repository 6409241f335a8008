//! What a token says, and why it isn't made or doesn't count.

use serde::Serialize;

/// What a token says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Claims {
    /// Who signed it.
    #[serde(rename = "iss", skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Unix time, seconds: from then on it counts no longer.
    #[serde(rename = "exp")]
    pub expires_at: u64,
    /// Before then it doesn't count yet.
    #[serde(rename = "nbf", skip_serializing_if = "Option::is_none")]
    pub not_before: Option<u64>,
    /// When it was made.
    #[serde(rename = "iat", skip_serializing_if = "Option::is_none")]
    pub issued_at: Option<u64>,
    /// What it is for, as `regex:…` or `hash:sha-256;…`.
    #[serde(rename = "cdniuc")]
    pub container: String,
    /// From where it may be used: an address or a network.
    #[serde(rename = "cdniip", skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// Most bytes that tickets may allow for it, all together.
    #[serde(rename = "quittance_bytes", skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Most clients that may have it in use at a time.
    #[serde(rename = "quittance_sessions", skip_serializing_if = "Option::is_none")]
    pub sessions: Option<u32>,
    /// Tells it from others that say the same.
    #[serde(rename = "quittance_id", skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// Why a token can't be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MakeError {
    /// No randomness.
    #[error("the system gives no randomness")]
    Random,
    /// Not a private key.
    #[error("not a private JWK of P-256 or Ed25519 whose halves fit each other")]
    Key,
    /// Its public half is wrong.
    #[error("{0}")]
    Public(String),
    /// Too long.
    #[error(
        "the token would be longer than {} bytes",
        protocol::VIEWER_TOKEN_BYTES_MAX
    )]
    TooLong,
}

/// Why a token doesn't count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefused {
    /// Not a JWT by an algorithm that is taken.
    #[error("the viewer's token is not a JWT that is signed by ES256 or EdDSA")]
    Header,
    /// A header that must be understood.
    #[error("the viewer's token has a critical header that isn't understood here")]
    Critical,
    /// No key of that name.
    #[error("the viewer's token is signed by no key of this collection")]
    Key,
    /// No name, and several keys.
    #[error("the viewer's token doesn't say by which key it is signed (kid)")]
    NoKid,
    /// Not signed by the key it names.
    #[error("the viewer's token isn't signed by the key that it names")]
    Signature,
    /// Claims that aren't what they are to be.
    #[error("the viewer's token has claims that can't be read")]
    Claims,
    /// A claim that would have to be understood.
    #[error("the viewer's token has the claim {0}, which isn't supported here")]
    Unsupported(&'static str),
    /// Of another issuer than the key, or the key has none.
    #[error("the viewer's token is of another issuer than its key")]
    Issuer,
    /// No end.
    #[error("the viewer's token doesn't say when it expires (exp)")]
    NoExpiry,
    /// Over.
    #[error("the viewer's token has expired")]
    Expired,
    /// Too far in the future.
    #[error("the viewer's token lasts longer than 366 days")]
    TooLong,
    /// Not yet.
    #[error("the viewer's token is not valid yet")]
    NotYet,
    /// The container.
    #[error("the viewer's token doesn't say what it is for by a cdniuc that is understood here")]
    Container,
    /// The network.
    #[error("the viewer's token is for another network than the one that you come from")]
    Network,
    /// Another collection or path.
    #[error(
        "the viewer's token isn't for all of this collection, and tickets are: it doesn't allow {0:?}"
    )]
    Path(String),
}

impl TokenRefused {
    /// Whether it is good for something, but not for this.
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Network | Self::Path(_))
    }
}
