//! The control plane's public HTTP API: JSON bodies, shared by those who serve and those who ask.

use crate::policy::Policy;
use crate::seal::SealKey;
use crate::ticket::SignedTicket;
use crate::timeline::Timeline;
use crate::viewer_token::ViewerToken;
use crate::{
    Address, B256, ClientKey, CollectionId, Epoch, IssuerKey, Network, NodeId, RewardTerms,
    UnixMillis,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a request must keep to count as within the service level. SPEC section 10.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceTargets {
    /// Most milliseconds to the first verified byte.
    pub ttfb_ms_max: u32,
    /// Least bytes per second, for requests of 1 MiB and more.
    pub throughput_min: u64,
}

/// `GET /v1/network`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkInfo {
    /// Chain and contract.
    pub network: Network,
    /// This control plane's key; nodes check its TLS by it.
    pub issuer: IssuerKey,
    /// Its index in the settlement contract.
    pub issuer_index: u32,
    /// `host:port` at which nodes join, over QUIC.
    pub join_address: String,
    /// Epoch now; `None` before the genesis.
    pub epoch: Option<Epoch>,
    /// Epochs and windows.
    pub timeline: Timeline,
    /// Prices.
    pub terms: RewardTerms,
    /// Service level.
    pub targets: ServiceTargets,
}

/// `POST /v1/route`: where to fetch a collection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteRequest {
    /// A collection's id or name.
    pub collection: String,
    /// The session key that will sign receipts.
    pub client: ClientKey,
    /// Nodes that failed this client.
    #[serde(default)]
    pub exclude: Vec<NodeId>,
    /// Round trips that this client measured.
    #[serde(default)]
    pub measured: Vec<MeasuredNode>,
    /// The viewer's, where the collection needs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub viewer_token: Option<ViewerToken>,
}

impl RouteRequest {
    /// A first request: nothing failed, nothing is measured.
    pub fn new(collection: impl Into<String>, client: ClientKey) -> Self {
        Self {
            collection: collection.into(),
            client,
            exclude: Vec::new(),
            measured: Vec::new(),
            viewer_token: None,
        }
    }
}

/// How far a node is from a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasuredNode {
    /// Which.
    pub node: NodeId,
    /// Microseconds there and back, smoothed.
    pub rtt_us: u32,
}

/// One node and the ticket for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoutedNode {
    /// Which.
    pub node: NodeId,
    /// `host:port`, QUIC.
    pub address: String,
    /// The grant.
    pub ticket: SignedTicket,
}

/// Nodes in the order in which to try them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteAnswer {
    /// The collection's id; its manifest is at `/v1/collections/{id}/manifest`.
    pub collection: CollectionId,
    /// Service level to measure against.
    pub targets: ServiceTargets,
    /// Best first; never empty.
    pub nodes: Vec<RoutedNode>,
    /// Opens it, if it is sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<SealKey>,
}

/// `GET /v1/explain?collection=…&from=…`: where a client would be sent, and why. No ticket is issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteExplanation {
    /// What would be delivered.
    pub collection: CollectionId,
    /// Address the client would come from.
    pub from: std::net::IpAddr,
    /// The client's zone.
    pub zone: String,
    /// Why it is in that zone, as a sentence.
    pub placed: String,
    /// The zone that was put first because it was measured clearly faster.
    pub measured_first: Option<String>,
    /// Over how many nodes of its first zone the collection is spread.
    pub spread: u32,
    /// Nodes in the order in which to try them.
    pub nodes: Vec<ExplainedNode>,
    /// Who was passed over, in the order in which they were looked at.
    pub passed_over: Vec<ExplainedPass>,
    /// How many more were than are listed.
    pub passed_over_more: u32,
    /// Whether every node had its share already, so that they take what they can.
    pub overloaded: bool,
    /// Why such a client would get no ticket all the same, if its country is against it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// A node that a client would be sent to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedNode {
    /// Which.
    pub node: NodeId,
    /// `host:port`, QUIC.
    pub address: String,
    /// Its zone.
    pub zone: String,
    /// Whole kilometres from the client, or from its zone, if both are on the map.
    pub distance_km: Option<u32>,
    /// Which of the collection's draws found it, from 0; none where a small zone was searched.
    pub draw: Option<u32>,
    /// Sessions it has.
    pub load: u32,
    /// Sessions it may have.
    pub bound: u32,
}

/// A node or zone that was passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedPass {
    /// Which node; none if it is the zone.
    pub node: Option<NodeId>,
    /// Its zone.
    pub zone: String,
    /// Why, as a sentence.
    pub why: String,
}

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

/// By whose rules a package is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PackageFormat {
    /// RFC 8216.
    Hls,
    /// ISO/IEC 23009-1.
    Dash,
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

/// A node in `GET /v1/nodes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeInfo {
    /// Which.
    pub node: NodeId,
    /// `host:port`, QUIC.
    pub address: String,
    /// Whether it gets traffic.
    pub healthy: bool,
    /// `available`, `draining`, `down`, `unproven` or `blocked`.
    pub standing: String,
    /// Why it gets no traffic, if that is known; a sentence.
    pub reason: Option<String>,
    /// Its zone.
    pub zone: String,
    /// Sessions that the control plane would give it at the moment.
    pub bound: u32,
    /// Sessions open at its last heartbeat.
    pub sessions: u32,
    /// Bytes in its cache.
    pub cached_bytes: u64,
    /// Milliseconds since its last heartbeat.
    pub heartbeat_age_ms: u64,
    /// Its software.
    pub version: String,
}

/// A ticket's [`ViewerToken::hash`] where there is no token.
pub const NO_VIEWER_TOKEN: B256 = B256::ZERO;
