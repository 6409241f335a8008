//! What a network is, and who serves in it.

use crate::timeline::Timeline;
use crate::{Epoch, IssuerKey, Network, NodeId, RewardTerms, ServiceTargets};
use serde::{Deserialize, Serialize};

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
