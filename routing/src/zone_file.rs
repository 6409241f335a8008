//! The operator's zone file: the JSON of Apache Traffic Control's coverage zone files, and what that has no
//! word for beside it.
//!
//! ```json
//! { "coverageZones": {
//!     "eu-west": { "network": ["192.0.2.0/24"], "network6": ["2001:db8::/32"],
//!                  "coordinates": { "latitude": 48.9, "longitude": 2.4 },
//!                  "backupZones": { "list": ["eu-east"], "fallbackToClosestGroup": true },
//!                  "gateways": ["https://edge.example"] },
//!     "eu-east": { "network": [] } },
//!   "deepCoverageZones": {
//!     "isp-7": { "network": ["198.51.100.0/24"], "caches": ["0x…node id"],
//!                "backupZones": { "list": ["eu-west"] } } },
//!   "nodes": { "0x…node id": { "weight": 4, "capabilities": ["4k"] } } }
//! ```

use crate::limits::{CAPABILITIES_MAX, WEIGHT_MAX, ZONES_MAX};
use crate::place::Position;
use ipnet::{Ipv4Net, Ipv6Net};
use protocol::NodeId;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Longest name of a zone or capability.
const NAME_BYTES_MAX: usize = 128;

/// Why a zone file is refused, whole: half a file would send clients astray.
#[derive(Debug, thiserror::Error)]
pub enum ZoneFileError {
    /// Not JSON, or not of this shape.
    #[error("not a zone file: {0}")]
    Json(#[from] serde_json::Error),
    /// A name nobody could type.
    #[error("{0:?} is no name: 1 to {NAME_BYTES_MAX} letters, digits, `.`, `_` or `-`")]
    Name(String),
    /// More than fit an index.
    #[error("{0} zones are named; at most {ZONES_MAX} are possible")]
    TooManyZones(usize),
    /// The same name among coverage and deep coverage zones.
    #[error("zone {0} is named twice")]
    Twice(String),
    /// A network that isn't one.
    #[error("zone {zone}: {network:?} is not a network in CIDR notation")]
    Network {
        /// Where it stands.
        zone: String,
        /// As written.
        network: String,
    },
    /// Clients can't be in two zones.
    #[error("network {network} is in two zones, {first} and {second}")]
    Shared {
        /// Which.
        network: String,
        /// A zone that has it.
        first: String,
        /// Another.
        second: String,
    },
    /// Degrees out of range.
    #[error("zone {0}: latitude must be -90 to 90, longitude -180 to 180")]
    Coordinates(String),
    /// A backup that isn't there.
    #[error("zone {zone} names {backup} as a backup, which is no zone of this file")]
    Backup {
        /// Which zone.
        zone: String,
        /// As written.
        backup: String,
    },
    /// Not a node's id.
    #[error("zone file: {0:?} is not a node id of 64 hexadecimal digits")]
    Node(String),
    /// A node can't be in two zones.
    #[error("node {node} is in two zones, {first} and {second}")]
    NodeShared {
        /// Which.
        node: NodeId,
        /// A zone that has it.
        first: String,
        /// Another.
        second: String,
    },
    /// Out of range.
    #[error("node {0}: a weight is 1 to {WEIGHT_MAX}")]
    Weight(NodeId),
    /// More than fit a set.
    #[error("more than {CAPABILITIES_MAX} capabilities are named")]
    TooManyCapabilities,
    /// Not a URL that players could use.
    #[error("zone {zone}: gateway {url:?} must begin with http:// or https:// and have no query")]
    Gateway {
        /// Which zone.
        zone: String,
        /// As written.
        url: String,
    },
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct ZoneFile {
    // What Traffic Control's own files carry, for people.
    #[serde(default, rename = "revision")]
    _revision: serde_json::Value,
    #[serde(default, rename = "customerName")]
    _customer_name: serde_json::Value,
    #[serde(default)]
    pub(crate) coverage_zones: BTreeMap<String, ZoneEntry>,
    #[serde(default)]
    pub(crate) deep_coverage_zones: BTreeMap<String, ZoneEntry>,
    #[serde(default)]
    pub(crate) nodes: BTreeMap<String, NodeEntry>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct ZoneEntry {
    #[serde(default)]
    network: Vec<String>,
    #[serde(default)]
    network6: Vec<String>,
    pub(crate) coordinates: Option<Position>,
    pub(crate) backup_zones: Option<BackupZones>,
    #[serde(default)]
    caches: Vec<String>,
    #[serde(default)]
    pub(crate) gateways: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct BackupZones {
    #[serde(default)]
    pub(crate) list: Vec<String>,
    #[serde(default)]
    pub(crate) fallback_to_closest_group: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NodeEntry {
    #[serde(default)]
    pub(crate) weight: Option<u16>,
    #[serde(default)]
    pub(crate) capabilities: Vec<String>,
}

impl ZoneFile {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, ZoneFileError> {
        // Arrays would do for structs as well, and mean something else to every reader.
        let value: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(bytes)?;
        Ok(serde_json::from_value(value.into())?)
    }
}

impl ZoneEntry {
    pub(crate) fn networks4(&self, zone: &str) -> Result<Vec<Ipv4Net>, ZoneFileError> {
        parse_all(zone, &self.network)
    }

    pub(crate) fn networks6(&self, zone: &str) -> Result<Vec<Ipv6Net>, ZoneFileError> {
        parse_all(zone, &self.network6)
    }

    pub(crate) fn nodes(&self) -> Result<Vec<NodeId>, ZoneFileError> {
        self.caches.iter().map(|id| node_id(id)).collect()
    }

    pub(crate) fn check(&self, zone: &str) -> Result<(), ZoneFileError> {
        check_name(zone)?;
        if self.coordinates.is_some_and(|place| !place.is_valid()) {
            return Err(ZoneFileError::Coordinates(zone.to_owned()));
        }
        let odd = |url: &&String| {
            let schemes = ["http://", "https://"];
            let rest = schemes.iter().find_map(|scheme| url.strip_prefix(scheme));
            rest.is_none_or(|rest| rest.is_empty() || rest.contains(['?', '#', ' ', '\\']))
                || url.chars().any(char::is_control)
        };
        match self.gateways.iter().find(odd) {
            Some(url) => Err(ZoneFileError::Gateway {
                zone: zone.to_owned(),
                url: url.clone(),
            }),
            None => Ok(()),
        }
    }
}

pub(crate) fn node_id(text: &str) -> Result<NodeId, ZoneFileError> {
    let shown = || ZoneFileError::Node(text.chars().take(80).collect());
    text.parse().map_err(|_| shown())
}

pub(crate) fn check_name(name: &str) -> Result<(), ZoneFileError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(ZoneFileError::Name(name.chars().take(80).collect()))
}

fn parse_all<T: std::str::FromStr>(zone: &str, texts: &[String]) -> Result<Vec<T>, ZoneFileError> {
    let parse = |text: &String| {
        text.parse().map_err(|_| ZoneFileError::Network {
            zone: zone.to_owned(),
            network: text.chars().take(80).collect(),
        })
    };
    texts.iter().map(parse).collect()
}
