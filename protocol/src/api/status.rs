//! How a network is, as its control plane sees it: `GET /v1/status` of the admin API. SPEC section 12.
//!
//! What nodes say of themselves is in it as they say it: it is for people, and decides nothing.

use super::OrderSummary;
use crate::{Address, Epoch, Network, NodeId, UnixMillis};
use serde::{Deserialize, Serialize};

/// Everything at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NetworkStatus {
    /// The moment.
    pub at: UnixMillis,
    /// The control plane's software.
    pub version: String,
    /// Milliseconds since it started.
    pub uptime_ms: u64,
    /// Chain and contract.
    pub network: Network,
    /// Its index in the settlement contract.
    pub issuer_index: u32,
    /// Where the clock stands.
    pub epochs: EpochStatus,
    /// In the order of the zone file, those without nodes, too.
    pub zones: Vec<ZoneStatus>,
    /// Nodes in the chain's registry, whether they joined or not.
    pub nodes_registered: u32,
    /// Members, and those that left within the hour.
    pub nodes_known: u32,
    /// Of these, those that get traffic.
    pub nodes_available: u32,
    /// At most some thousand; those that get no traffic first if there are more.
    pub nodes: Vec<NodeStatus>,
    /// What is delivered.
    pub traffic: TrafficStatus,
    /// What nodes take into their caches.
    pub fills: FillStatus,
    /// Orders that some node has yet to confirm.
    pub orders_outstanding: u32,
    /// The newest of them.
    pub orders: Vec<OutstandingOrder>,
    /// By epoch, the newest first.
    pub tickets: Vec<TicketStatus>,
    /// Who pays for what is published.
    pub payers: Vec<PayerStatus>,
    /// Names that something is published under.
    pub collections: u32,
}

/// Where the clock stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochStatus {
    /// The epoch now; `None` before the genesis.
    pub now: Option<Epoch>,
    /// Milliseconds to its end, or to the genesis.
    pub left_ms: u64,
    /// All epochs below are attested.
    pub attested_below: Epoch,
    /// The ticket log of every epoch below is on the chain, or has missed its window.
    pub committed_below: Epoch,
    /// Epochs whose commit window passed without our log, since the control plane started.
    pub missed: u64,
}

/// A zone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ZoneStatus {
    /// Its name in the zone file.
    pub name: String,
    /// Degrees north, if its operator said where it is.
    pub latitude: Option<f64>,
    /// Degrees east.
    pub longitude: Option<f64>,
    /// Nodes in it.
    pub nodes: u32,
    /// Those that get traffic.
    pub available: u32,
    /// Sessions of these.
    pub load: u64,
    /// Sessions that they may have at the moment.
    pub bound: u64,
    /// Bytes of content a second that they deliver.
    pub bytes_per_s: u64,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// Which.
    pub node: NodeId,
    /// `host:port`, QUIC.
    pub address: String,
    /// `available`, `draining`, `down`, `unproven` or `blocked`.
    pub standing: String,
    /// Why it gets no traffic, if it gets none; a sentence.
    pub reason: Option<String>,
    /// Its zone.
    pub zone: String,
    /// Sessions open at its last heartbeat.
    pub sessions: u32,
    /// Sessions that the control plane would give it at the moment.
    pub bound: u32,
    /// Bytes in its cache.
    pub cached_bytes: u64,
    /// Bytes it may still cache.
    pub free_bytes: u64,
    /// Milliseconds since its last heartbeat.
    pub heartbeat_age_ms: u64,
    /// Its software, as it says.
    pub version: String,
    /// Bytes of content a second that it delivers.
    pub bytes_per_s: u64,
    /// Requests a second that it answers.
    pub requests_per_s: u64,
    /// Contents on their way into its cache, or waiting for their turn.
    pub filling: u32,
    /// Orders that it has yet to confirm.
    pub orders_outstanding: u32,
}

/// What is delivered: by what nodes say they sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrafficStatus {
    /// Sessions open at all nodes.
    pub sessions: u64,
    /// Bytes of content a second, over the last interval.
    pub bytes_per_s: u64,
    /// Requests a second, over the last interval.
    pub requests_per_s: u64,
    /// Bytes since the control plane started.
    pub bytes: u64,
    /// Requests since then.
    pub requests: u64,
    /// Milliseconds between two points of the history.
    pub interval_ms: u64,
    /// The last minutes, the oldest first.
    pub history: Vec<TrafficPoint>,
}

/// An interval of the past.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrafficPoint {
    /// Its end.
    pub at: UnixMillis,
    /// Bytes a second in it.
    pub bytes_per_s: u64,
    /// Requests a second in it.
    pub requests_per_s: u64,
    /// Tickets issued in it.
    pub tickets: u64,
}

/// What nodes take into their caches, by what they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FillStatus {
    /// Contents on their way, or waiting for their turn.
    pub running: u64,
    /// Contents that came whole, since the control plane started.
    pub done: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// An order that some node has yet to confirm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutstandingOrder {
    /// What it is.
    #[serde(flatten)]
    pub summary: OrderSummary,
    /// Some of the nodes that have yet to confirm it.
    pub waiting_for: Vec<NodeId>,
}

/// An epoch's tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketStatus {
    /// Which epoch.
    pub epoch: Epoch,
    /// Issued here.
    pub issued: u32,
    /// Tickets, of any issuer, for which nodes say they hold a receipt.
    pub redeemed: u64,
    /// Whether the epoch's log takes no more.
    pub closed: bool,
}

/// An account that pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayerStatus {
    /// Which.
    pub account: Address,
    /// Whether it has deposited: without, nothing is delivered at its expense.
    pub registered: bool,
    /// Token units that it has left in the vault: deposited, neither billed nor announced to be withdrawn. `None`
    /// while that isn't known.
    #[serde(with = "crate::decimal::option")]
    pub left: Option<u128>,
    /// Token units of these that must be there for the tickets that are out.
    #[serde(with = "crate::decimal")]
    pub promised: u128,
    /// Names of which the latest version is at its expense.
    pub collections: u32,
    /// Bytes of these.
    pub bytes: u64,
}
