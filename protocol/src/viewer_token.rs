//! A viewer's token as it travels: its text, and what names it. What it says, the control plane reads.

use crate::B256;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Longest token.
pub const VIEWER_TOKEN_BYTES_MAX: usize = 4096;
/// What carries a token in a URL (RFC 9246).
pub const URI_SIGNING_PACKAGE: &str = "URISigningPackage";
/// A ticket's [`ViewerToken::hash`] where there is no token.
pub const NO_VIEWER_TOKEN: B256 = B256::ZERO;

/// A JWS in compact form (RFC 7515) that nobody has checked yet.
///
/// Whoever has it may watch, so it is in no log: what is printed of it is its hash.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ViewerToken(String);

/// Not a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ViewerTokenError {
    /// Too long.
    #[error("a viewer's token has at most {VIEWER_TOKEN_BYTES_MAX} bytes")]
    TooLong,
    /// Other characters, or another number of parts.
    #[error("a viewer's token is a signed JWT: three parts in base64url with dots between them")]
    Form,
}

impl ViewerToken {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is signed: all but the signature.
    pub fn signed_part(&self) -> &str {
        let end = self.0.rfind('.').expect("it has three parts");
        &self.0[..end]
    }

    /// BLAKE3 of what is signed. Tickets name a token by it, and revocations. Without the signature, since an
    /// ECDSA signature can be made into another valid one by anybody.
    pub fn hash(&self) -> B256 {
        B256::from(*blake3::hash(self.signed_part().as_bytes()).as_bytes())
    }
}

impl FromStr for ViewerToken {
    type Err = ViewerTokenError;

    fn from_str(text: &str) -> Result<Self, ViewerTokenError> {
        text.to_owned().try_into()
    }
}

impl TryFrom<String> for ViewerToken {
    type Error = ViewerTokenError;

    fn try_from(text: String) -> Result<Self, ViewerTokenError> {
        if text.len() > VIEWER_TOKEN_BYTES_MAX {
            return Err(ViewerTokenError::TooLong);
        }
        let is_base64url = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let is_part = |part: &str| !part.is_empty() && part.bytes().all(is_base64url);
        match text.split('.').count() == 3 && text.split('.').all(is_part) {
            true => Ok(Self(text)),
            false => Err(ViewerTokenError::Form),
        }
    }
}

impl From<ViewerToken> for String {
    fn from(token: ViewerToken) -> Self {
        token.0
    }
}

impl fmt::Debug for ViewerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ViewerToken").field(&self.hash()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tokens_are_named_by_what_is_signed_and_never_shown() {
        let token: ViewerToken = "aa.bb.cc".parse().unwrap();
        let other: ViewerToken = "aa.bb.dd".parse().unwrap();
        assert_eq!(token.hash(), other.hash());
        assert_eq!(token.hash().0, *blake3::hash(b"aa.bb").as_bytes());
        let shown = format!("{token:?}");
        assert!(!shown.contains("aa.bb"), "{shown}");
        for wrong in [
            "", "a", "a.b", "a..b", "a.b.c.d", "a.b.c=", "a.b.c\n", "a.b.ü", "..",
        ] {
            assert_eq!(
                wrong.parse::<ViewerToken>(),
                Err(ViewerTokenError::Form),
                "{wrong}"
            );
        }
        let long = format!("a.b.{}", "c".repeat(VIEWER_TOKEN_BYTES_MAX));
        assert_eq!(long.parse::<ViewerToken>(), Err(ViewerTokenError::TooLong));
    }

    proptest! {
        #[test]
        fn any_text_is_a_token_or_not(text: String) {
            if let Ok(token) = text.parse::<ViewerToken>() {
                prop_assert_eq!(token.as_str(), text);
                let _ = token.hash();
            }
        }
    }
}
