//! URI containers (RFC 9246, section 2.1.15): which URIs a token is for.

use super::said::TokenRefused;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use regex_lite::{Regex, RegexBuilder};
use ring::digest::{SHA256, digest};

/// Longest container.
const CONTAINER_BYTES_MAX: usize = 1024;
/// Most memory that a compiled expression takes.
const REGEX_BYTES_MAX: usize = 1 << 20;
/// Deepest nesting of one.
const REGEX_DEPTH_MAX: u32 = 32;

/// Which URIs are meant. Ours are `/name/path in the collection`, without scheme and host, since content is at
/// many places, and unescaped; an id may stand for the name.
#[derive(Debug, Clone)]
pub(super) enum Container {
    /// All of a URI fits the expression.
    Regex(Regex),
    /// The SHA-256 of a URI (RFC 6920).
    Hash([u8; 32]),
}

impl Container {
    pub(super) fn parse(text: &str) -> Result<Self, TokenRefused> {
        let wrong = || TokenRefused::Container;
        if text.len() > CONTAINER_BYTES_MAX {
            return Err(wrong());
        }
        if let Some(hash) = text.strip_prefix("hash:sha-256;") {
            let mut bytes = [0; 32];
            let read = URL_SAFE_NO_PAD.decode_slice(hash, &mut bytes);
            return match read {
                Ok(32) => Ok(Self::Hash(bytes)),
                _ => Err(wrong()),
            };
        }
        let pattern = text.strip_prefix("regex:").ok_or_else(wrong)?;
        let compile = |pattern: &str| {
            RegexBuilder::new(pattern)
                .size_limit(REGEX_BYTES_MAX)
                .nest_limit(REGEX_DEPTH_MAX)
                .build()
                .map_err(|_| wrong())
        };
        // Alone first: `a)|(b` must not become something else between brackets.
        compile(pattern)?;
        Ok(Self::Regex(compile(&format!(r"\A(?:{pattern})\z"))?))
    }

    /// Whether a URI is meant.
    fn means(&self, uri: &str) -> bool {
        match self {
            Self::Regex(regex) => regex.is_match(uri),
            Self::Hash(wanted) => digest(&SHA256, uri.as_bytes()).as_ref() == wanted,
        }
    }

    /// The first path of a collection that isn't meant, by any of the collection's names. A hash of `/name/`
    /// means all of them.
    pub(super) fn first_other<'a>(
        &self,
        names: &[&str],
        paths: impl IntoIterator<Item = &'a str>,
    ) -> Option<&'a str> {
        if let Self::Hash(_) = self
            && names.iter().any(|name| self.means(&format!("/{name}/")))
        {
            return None;
        }
        let meant = |path: &str| {
            names
                .iter()
                .any(|name| self.means(&format!("/{name}/{path}")))
        };
        paths.into_iter().find(|path| !meant(path))
    }
}

/// The container of everything in a collection, by its name or id.
pub fn whole_collection(name: &str) -> String {
    format!("regex:/{}/.*", name.replace('.', r"\."))
}
