//! Orders: what an operator has nodes do. SPEC section 9.

use crate::{B256, ClientKey, CollectionId, NodeId, TicketId, UnixMillis};
use serde::{Deserialize, Serialize};

/// Names an order of one control plane; later orders have higher numbers.
pub type OrderId = u64;

/// Longest path or pattern of a purge.
pub const PATTERN_BYTES_MAX: usize = 1024;

/// What is to be done. Order of variants and fields is the wire format: append, never reorder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Fill the cache with a collection.
    Push {
        /// Which.
        collection: CollectionId,
    },
    /// Drop content of a collection from the cache.
    Purge {
        /// Which.
        collection: CollectionId,
        /// What of it.
        paths: Paths,
    },
    /// Take no new sessions.
    Drain,
    /// Take new sessions again.
    Resume,
    /// End what is granted, and refuse it from now on.
    Revoke {
        /// Whose tickets.
        what: Revoked,
        /// Tickets issued later aren't meant.
        issued_until: UnixMillis,
        /// By then all that are meant have expired.
        until: UnixMillis,
    },
    /// No client is sent to the node. The control plane's own; nodes don't hear of it.
    Block,
    /// Clients may be sent to the node again. The control plane's own; nodes don't hear of it.
    Unblock,
}

/// Which files of a collection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Paths {
    /// All of them.
    All,
    /// The file at this path.
    Path(String),
    /// Files whose path fits: `?` is one character but `/`, `*` any number of them, `**` any number of
    /// any characters.
    Glob(String),
}

impl Paths {
    /// Whether a file is meant.
    pub fn matches(&self, path: &str) -> bool {
        match self {
            Self::All => true,
            Self::Path(wanted) => wanted == path,
            Self::Glob(pattern) => glob_matches(pattern, path),
        }
    }

    /// Whether path or pattern are as short as they must be, and say something.
    pub fn is_well_formed(&self) -> bool {
        match self {
            Self::All => true,
            Self::Path(text) | Self::Glob(text) => (1..=PATTERN_BYTES_MAX).contains(&text.len()),
        }
    }
}

/// One row of a table, so that no pattern takes longer than its length times the path's.
fn glob_matches(pattern: &str, path: &str) -> bool {
    let path: Vec<char> = path.chars().collect();
    // Whether the pattern so far fits the first n characters.
    let mut fits = vec![false; path.len() + 1];
    fits[0] = true;
    let mut pattern = pattern.chars().peekable();
    while let Some(piece) = pattern.next() {
        if piece == '*' {
            let mut deep = false;
            while pattern.next_if_eq(&'*').is_some() {
                deep = true;
            }
            for n in 0..path.len() {
                let goes_on = fits[n] && (deep || path[n] != '/');
                fits[n + 1] = fits[n + 1] || goes_on;
            }
        } else {
            for n in (0..path.len()).rev() {
                let one = path[n] == piece || (piece == '?' && path[n] != '/');
                fits[n + 1] = fits[n] && one;
            }
            fits[0] = false;
        }
    }
    fits[path.len()]
}

/// Whose tickets are revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Revoked {
    /// One ticket.
    Ticket(TicketId),
    /// All of a client key's.
    Client(ClientKey),
    /// All for a node.
    Node(NodeId),
    /// All that were issued on a viewer's token, by its hash.
    Token(B256),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_fit_what_they_should() {
        for (pattern, path, fits) in [
            ("a.ts", "a.ts", true),
            ("a.ts", "b.ts", false),
            ("*.ts", "a.ts", true),
            ("*.ts", "hls/a.ts", false),
            ("**.ts", "hls/a.ts", true),
            ("**/*.ts", "hls/720/a.ts", true),
            ("hls/**", "hls/720/a.ts", true),
            ("hls/**", "hlz/720/a.ts", false),
            ("hls/*/a?.ts", "hls/720/a1.ts", true),
            ("hls/*/a?.ts", "hls/720/a12.ts", false),
            ("?", "/", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("ü*", "über", true),
        ] {
            let paths = Paths::Glob(pattern.into());
            assert_eq!(paths.matches(path), fits, "{pattern:?} {path:?}");
        }
    }

    #[test]
    fn a_nasty_glob_takes_no_longer_than_others() {
        let pattern = "*a".repeat(PATTERN_BYTES_MAX / 2);
        assert!(!Paths::Glob(pattern).matches(&"a".repeat(500)));
    }
}
