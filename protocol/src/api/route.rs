//! Where to fetch a collection, and why there.

use crate::seal::SealKey;
use crate::ticket::SignedTicket;
use crate::viewer_token::ViewerToken;
use crate::{ClientKey, CollectionId, NodeId, ServiceTargets};
use serde::{Deserialize, Serialize};

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
