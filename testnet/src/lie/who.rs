//! Who tells which lie.

use contracts::challenge::{Contract, Kind};
use serde::{Serialize, Serializer};
use std::fmt;

/// Who tells a lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// A verifier, in what it attests.
    Verifier,
    /// An issuer, in what it signs and commits.
    Issuer,
    /// A node, in what it forces.
    Node,
}

impl Who {
    /// Who tells the lies that a challenge shows.
    pub fn tells(kind: Kind) -> Self {
        match (kind, kind.contract()) {
            (Kind::ForcedInvalid, _) => Self::Node,
            (_, Contract::IssuerChallenges) => Self::Issuer,
            _ => Self::Verifier,
        }
    }

    pub(super) fn article(self) -> &'static str {
        match self {
            Self::Issuer => "an",
            Self::Verifier | Self::Node => "a",
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Verifier => "verifier",
            Self::Issuer => "issuer",
            Self::Node => "node",
        })
    }
}

impl Serialize for Who {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

pub(super) fn says(kind: Kind) -> &'static str {
    lies::says(kind).unwrap_or("lies")
}
