//! What is published, and how it is.

use crate::policy::Policy;
use crate::{Address, CollectionId, UnixMillis};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A collection in `GET /v1/collections`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionSummary {
    /// Its id.
    pub collection: CollectionId,
    /// The name it was published under.
    pub name: String,
    /// Files.
    pub files: u32,
    /// Bytes of all files.
    pub bytes: u64,
    /// Who pays for its delivery.
    pub payer: Address,
    /// Who may have it.
    #[serde(default, skip_serializing_if = "Policy::is_open")]
    pub policy: Policy,
    /// Whether nodes hold it sealed.
    #[serde(default)]
    pub sealed: bool,
    /// The streaming packages in it, as its publisher found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kind: Vec<Package>,
}

/// `GET /v1/collections/{name}/versions`, oldest first: what was published under a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// What it is.
    #[serde(flatten)]
    pub summary: CollectionSummary,
    /// When it was published, Unix milliseconds.
    pub published_at_ms: UnixMillis,
    /// Whether it is what the name stands for now.
    pub current: bool,
    /// Of the current one, if it is a file that stays at an origin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<OriginState>,
}

/// An origin, as fills find it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginState {
    /// Scheme, host and port.
    pub origin: String,
    /// Why the last fill from it failed, if it did.
    pub trouble: Option<String>,
}

/// A streaming package in a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// Which playlists it has.
    pub format: PackageFormat,
    /// Media playlists of HLS, representations of DASH.
    pub renditions: u32,
    /// Segments of all of them.
    pub segments: u32,
}

/// `HLS package, 3 renditions, 120 segments`.
impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = match self.format {
            PackageFormat::Hls => "HLS",
            PackageFormat::Dash => "DASH",
        };
        let counted = |count: u32, what: &str| match count {
            1 => format!("1 {what}"),
            count => format!("{count} {what}s"),
        };
        let renditions = counted(self.renditions, "rendition");
        let segments = counted(self.segments, "segment");
        write!(f, "{format} package, {renditions}, {segments}")
    }
}

/// By whose rules a package is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PackageFormat {
    /// RFC 8216.
    Hls,
    /// ISO/IEC 23009-1.
    Dash,
}

/// `POST /v1/seal-keys`: the key to seal what will be published under a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealKeyRequest {
    /// The name.
    pub name: String,
    /// Whether it must be one that nothing was published with.
    #[serde(default)]
    pub fresh: bool,
}

/// `POST /v1/collections`: puts contents that were uploaded before under a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishRequest {
    /// A stable name: letters, digits, `.`, `_`, `-`.
    pub name: String,
    /// The manifest's bytes, hexadecimal.
    pub manifest: alloy_primitives::Bytes,
    /// Who pays; the control plane's own payer if absent.
    #[serde(default)]
    pub payer: Option<Address>,
    /// Who may have it, in all versions; as it was for that name if absent, everybody if it is new.
    #[serde(default)]
    pub policy: Option<Policy>,
    /// The streaming packages in it, one of a format at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kind: Vec<Package>,
}
