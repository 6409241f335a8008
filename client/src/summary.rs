//! Totals for reports.

use crate::ledger::Ledger;
use protocol::{NodeId, Receipt, TicketId};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

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
    fn add(&mut self, session: &SessionSummary) {
        let node = self.nodes.entry(session.node).or_default();
        node.sessions += 1;
        node.bytes += session.bytes;
        node.bytes_acked += session.acked.map_or(0, |receipt| receipt.bytes);
        node.deliveries += u64::from(session.deliveries);
        node.within += u64::from(session.within);
        self.bytes += session.bytes;
    }
}

/// Totals of sessions that are over, and the ledgers of those that aren't.
#[derive(Debug, Default)]
pub(crate) struct Statistics {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    past: Summary,
    live: Vec<Arc<Ledger>>,
}

impl Statistics {
    fn with<T>(&self, work: impl FnOnce(&mut Inner) -> T) -> T {
        work(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts from now on what this session comes to.
    pub(crate) fn opened(&self, ledger: &Arc<Ledger>) {
        self.with(|inner| {
            let Inner { past, live } = inner;
            // Nobody else holds it: it can't change any more.
            live.retain(|ledger| {
                let over = Arc::strong_count(ledger) == 1;
                if over {
                    past.add(&ledger.summary());
                }
                !over
            });
            live.push(Arc::clone(ledger));
        });
    }

    pub(crate) fn request_began(&self) {
        self.with(|inner| inner.past.requests += 1);
    }

    pub(crate) fn request_failed(&self) {
        self.with(|inner| inner.past.requests_failed += 1);
    }

    pub(crate) fn fault(&self, node: NodeId) {
        self.with(|inner| {
            inner.past.failovers += 1;
            inner.past.nodes.entry(node).or_default().faults += 1;
        });
    }

    pub(crate) fn summary(&self) -> Summary {
        self.with(|inner| {
            let mut summary = inner.past.clone();
            for ledger in &inner.live {
                summary.add(&ledger.summary());
            }
            summary
        })
    }

    /// Sessions that are open or being settled.
    pub(crate) fn sessions(&self) -> Vec<SessionSummary> {
        self.with(|inner| inner.live.iter().map(|ledger| ledger.summary()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::tests::ticket;

    #[test]
    fn a_session_counts_once_while_it_lives_and_after() {
        let statistics = Statistics::default();
        let first = Arc::new(Ledger::new(ticket(1 << 20), 1));
        statistics.opened(&first);
        let mut grant = first.reserve(&(0..100)).unwrap();
        grant.verified(100);
        grant.delivered(true);
        assert_eq!(statistics.summary().bytes, 100);
        drop((grant, first));
        statistics.opened(&Arc::new(Ledger::new(ticket(1), 1)));
        let summary = statistics.summary();
        let node = summary.nodes.values().next().unwrap();
        assert_eq!((summary.bytes, node.sessions, node.within), (100, 2, 1));
        assert_eq!(statistics.sessions().len(), 1);
    }
}
