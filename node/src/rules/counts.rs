//! What the node has done since it started, for its control plane's status.

use protocol::{Counts, Epoch};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters; none ever goes down.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    requests: AtomicU64,
    sent_bytes: AtomicU64,
}

impl Tally {
    /// A request for content is being answered.
    pub(crate) fn answered(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Bytes of content are on their way to a client.
    pub(crate) fn sent(&self, bytes: u64) {
        self.sent_bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Contents that came whole into the cache.
#[derive(Debug, Default)]
pub(crate) struct Filled {
    contents: AtomicU64,
    bytes: AtomicU64,
}

impl Filled {
    pub(crate) fn add(&self, bytes: u64) {
        self.contents.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// All of it. `filling`: contents on their way in; `kept`: tickets with a receipt, of each epoch whose segment isn't written.
pub(crate) fn counts(
    tally: &Tally,
    filled: &Filled,
    filling: u32,
    kept: BTreeMap<Epoch, u64>,
) -> Counts {
    let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    Counts {
        sent_bytes: value(&tally.sent_bytes),
        requests: value(&tally.requests),
        fills: value(&filled.contents),
        filled_bytes: value(&filled.bytes),
        filling,
        redeemed: redeemed(kept),
    }
}

/// The newest that a frame has room for, the oldest of them first.
fn redeemed(kept: BTreeMap<Epoch, u64>) -> Vec<(Epoch, u32)> {
    let surplus = kept.len().saturating_sub(Counts::EPOCHS_MAX);
    let newest = kept.into_iter().skip(surplus);
    let counted = newest.map(|(epoch, count)| (epoch, u32::try_from(count).unwrap_or(u32::MAX)));
    counted.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_was_done_is_told_and_never_less() {
        let (tally, filled) = (Tally::default(), Filled::default());
        tally.answered();
        tally.answered();
        tally.sent(1_000);
        tally.sent(24);
        filled.add(500);
        filled.add(0);
        let told = counts(&tally, &filled, 3, BTreeMap::from([(7, 9)]));
        let expected = Counts {
            sent_bytes: 1_024,
            requests: 2,
            fills: 2,
            filled_bytes: 500,
            filling: 3,
            redeemed: vec![(7, 9)],
        };
        assert_eq!(told, expected);
        assert_eq!(
            counts(&tally, &filled, 3, BTreeMap::from([(7, 9)])),
            expected
        );
    }

    #[test]
    fn the_newest_epochs_are_told_of_the_oldest_first() {
        let kept = (1..=6).map(|epoch| (epoch, epoch * 10)).collect();
        assert_eq!(redeemed(kept), [(3, 30), (4, 40), (5, 50), (6, 60)]);
        assert_eq!(redeemed(BTreeMap::from([(1, u64::MAX)])), [(1, u32::MAX)]);
    }

    proptest! {
        #[test]
        fn no_more_epochs_are_told_of_than_fit(
            kept in prop::collection::btree_map(any::<u64>(), any::<u64>(), 0..12),
        ) {
            let told = redeemed(kept.clone());
            prop_assert_eq!(told.len(), kept.len().min(Counts::EPOCHS_MAX));
            prop_assert!(told.is_sorted());
            let newest = kept.keys().next_back();
            prop_assert_eq!(told.last().map(|(epoch, _)| epoch), newest);
        }
    }
}
