//! How much of a zone's traffic each collection has, in a bounded window.

use protocol::CollectionId;
use std::collections::BTreeMap;

/// Requests remembered; older ones count half for each time that so many new ones came.
const WINDOW: u32 = 1 << 14;
/// A node that shares in a collection gets at most one part in so many of its mean load by it.
const SHARE_OF_NODE: u64 = 2;

/// Recent requests by collection. Memory is bounded: no more entries than [`WINDOW`].
#[derive(Debug, Default)]
pub(crate) struct Demand {
    counts: BTreeMap<CollectionId, u32>,
    total: u32,
}

impl Demand {
    pub(crate) fn note(&mut self, collection: CollectionId) {
        *self.counts.entry(collection).or_default() += 1;
        self.total += 1;
        if self.total >= WINDOW {
            self.total = 0;
            let total = &mut self.total;
            self.counts.retain(|_, count| {
                *count /= 2;
                *total += *count;
                *count > 0
            });
        }
    }

    /// Over how many of so many nodes a collection's requests have to be spread. Rounded down: one that is
    /// asked for rarely has 0.
    pub(crate) fn spread(&self, collection: &CollectionId, nodes: u32) -> u32 {
        let Some(count) = self.counts.get(collection) else {
            return 0;
        };
        // A few requests say nothing about a share.
        if self.total < WINDOW / 16 {
            return 0;
        }
        let spread = SHARE_OF_NODE * u64::from(*count) * u64::from(nodes) / u64::from(self.total);
        u32::try_from(spread).unwrap_or(u32::MAX).min(nodes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collection(n: u32) -> CollectionId {
        let mut id = [0; 32];
        id[..4].copy_from_slice(&n.to_be_bytes());
        CollectionId::from(id)
    }

    #[test]
    fn what_half_the_requests_ask_for_is_spread_over_all() {
        let mut demand = Demand::default();
        for n in 0..100_000 {
            demand.note(collection(if n % 2 == 0 { 0 } else { n }));
        }
        assert_eq!(demand.spread(&collection(0), 1000), 1000);
        assert_eq!(demand.spread(&collection(77_777), 100), 0);
        assert_eq!(demand.spread(&collection(200_000), 1000), 0);
        assert!(demand.counts.len() < WINDOW as usize);
    }

    #[test]
    fn the_first_requests_say_nothing_yet() {
        let mut demand = Demand::default();
        demand.note(collection(0));
        assert_eq!(demand.spread(&collection(0), 1000), 0);
    }
}
