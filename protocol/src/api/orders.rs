//! Orders as they are asked for, and what became of them.

use crate::orders::{Order, OrderId, Paths, Revoked};
use crate::{NodeId, UnixMillis};
use serde::{Deserialize, Serialize};

/// `POST /v1/orders`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderRequest {
    /// What is to be done.
    pub order: OrderAsk,
    /// By which nodes.
    #[serde(default)]
    pub nodes: Vec<NodeId>,
    /// By the nodes of which zones.
    #[serde(default)]
    pub zones: Vec<String>,
}

/// An order as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum OrderAsk {
    /// [`Order::Push`].
    Push {
        /// A collection's id or name.
        collection: String,
    },
    /// [`Order::Purge`]; by all registered nodes where none are named.
    Purge {
        /// A collection's id or name.
        collection: String,
        /// What of it.
        paths: Paths,
    },
    /// [`Order::Drain`].
    Drain,
    /// [`Order::Resume`].
    Resume,
    /// [`Order::Block`].
    Block,
    /// [`Order::Unblock`].
    Unblock,
    /// [`Order::Revoke`]; by whoever may hold such tickets.
    Revoke(Revoked),
}

/// An order in `GET /v1/orders`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderSummary {
    /// Its number.
    pub id: OrderId,
    /// What is to be done.
    pub order: Order,
    /// When it was given.
    pub created_at: UnixMillis,
    /// Nodes that have yet to confirm it.
    pub outstanding: u32,
    /// Nodes that did.
    pub confirmed: u32,
    /// Nodes that need no longer do it.
    pub moot: u32,
    /// What went wrong last at one of those that have yet to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// `GET /v1/orders/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderStatus {
    /// What it is.
    #[serde(flatten)]
    pub summary: OrderSummary,
    /// Each node's state, in order of their ids.
    pub nodes: Vec<OrderedNode>,
}

/// What became of an order at one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderedNode {
    /// Which.
    pub node: NodeId,
    /// What became of it.
    pub state: OrderState,
    /// Since when.
    pub at: UnixMillis,
    /// What went wrong last; the node tries again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// How far an order is at one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// The node has yet to confirm it: it is told until it does, whenever it is connected.
    Outstanding,
    /// It is done.
    Confirmed,
    /// A later order undid it, or what it revoked has expired.
    Moot,
}
