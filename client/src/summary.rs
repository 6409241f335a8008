//! Totals for reports.

use protocol::{NodeId, Receipt, TicketId};
use std::collections::BTreeMap;

/// What one ticket's session came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionSummary {
    /// With which node.
    pub node: NodeId,
    /// Under which ticket.
    pub ticket: TicketId,
    /// Content bytes verified.
    pub bytes: u64,
    /// Requests that ended.
    pub deliveries: u32,
    /// Of these, within the service level.
    pub within: u32,
    /// The newest receipt that the node acknowledged.
    pub acked: Option<Receipt>,
}

/// What one node came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NodeTotals {
    /// Tickets used.
    pub sessions: u64,
    /// Content bytes verified.
    pub bytes: u64,
    /// Of these, bytes in receipts that the node acknowledged.
    pub bytes_acked: u64,
    /// Requests that ended.
    pub deliveries: u64,
    /// Of these, within the service level.
    pub within: u64,
    /// Times it could not be reached, refused, broke off, stalled or lied.
    pub faults: u64,
}

/// What a client came to so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// Fetches begun.
    pub requests: u64,
    /// Of these, fetches that ended in an error.
    pub requests_failed: u64,
    /// Content bytes verified.
    pub bytes: u64,
    /// Times a fetch went on with another node, or anew with the same, because of a fault.
    pub failovers: u64,
    /// By node.
    pub nodes: BTreeMap<NodeId, NodeTotals>,
}

impl Summary {
    pub(crate) fn add(&mut self, session: &SessionSummary) {
        let node = self.nodes.entry(session.node).or_default();
        node.sessions += 1;
        node.bytes += session.bytes;
        node.bytes_acked += session.acked.map_or(0, |receipt| receipt.bytes);
        node.deliveries += u64::from(session.deliveries);
        node.within += u64::from(session.within);
        self.bytes += session.bytes;
    }
}
