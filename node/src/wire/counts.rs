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
    let surplus = kept.len().saturating_sub(Counts::EPOCHS_MAX);
    let redeemed = kept.into_iter().skip(surplus);
    let redeemed = redeemed.map(|(epoch, count)| (epoch, u32::try_from(count).unwrap_or(u32::MAX)));
    Counts {
        sent_bytes: value(&tally.sent_bytes),
        requests: value(&tally.requests),
        fills: value(&filled.contents),
        filled_bytes: value(&filled.bytes),
        filling,
        redeemed: redeemed.collect(),
    }
}
