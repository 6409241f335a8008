//! Counting as it goes on: sessions while they live and after.

use crate::ledger::Ledger;
use crate::summary::{SessionSummary, Summary};
use host::Mutex;
use protocol::NodeId;
use std::sync::Arc;

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
        work(&mut self.inner.lock())
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
