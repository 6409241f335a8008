//! What every part of the node looks at.

use crate::clock::now_ms;
use crate::rules::admission::Admission;
use crate::rules::tickets::Tickets;
use crate::store::cache::Cache;
use crate::store::receipt_log::ReceiptLog;
use crate::store::refused::RefusedTickets;
use crate::store::segments::Segments;
use crate::store::standing::Standing;
use crate::wire::counts::Tally;
use crate::wire::give::Budget;
use client::ControlApi;
use contracts::{Chain, ChainError};
use protocol::{Epoch, IssuerKey, Network, NodeId, Timeline};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// How often the chain is asked at most about issuers.
const ISSUERS_AGE: Duration = Duration::from_secs(5);
/// Epochs whose keys are kept: this one, and those whose last tickets may still be used.
const EPOCHS_KEPT: usize = 4;

/// What every part of the node looks at.
pub(crate) struct Shared {
    pub(crate) id: NodeId,
    pub(crate) network: Network,
    pub(crate) window: u64,
    pub(crate) receipt_interval: u64,
    pub(crate) public_address: String,
    pub(crate) control: ControlApi,
    pub(crate) cache: Arc<Cache>,
    pub(crate) log: ReceiptLog,
    pub(crate) tickets: Tickets,
    pub(crate) segments: Segments,
    pub(crate) refused: RefusedTickets,
    pub(crate) standing: Standing,
    pub(crate) segment_reads: Semaphore,
    pub(crate) chain: Chain,
    pub(crate) issuers: Mutex<Issuers>,
    pub(crate) admission: Admission,
    pub(crate) bandwidth_mbps: u32,
    pub(crate) receipts: AtomicU64,
    /// What other nodes' fills may take.
    pub(crate) gives: Budget,
    pub(crate) tally: Tally,
}

/// The keys that issuers' tickets are signed with, as the chain states them.
#[derive(Debug)]
pub(crate) struct Issuers {
    /// By epoch and issuer. An issuer may rotate its key until an epoch begins; for one that has begun the answer stays.
    keys: BTreeMap<Epoch, Keys>,
    asked: Instant,
}

type Keys = HashMap<u32, IssuerKey>;

impl Issuers {
    /// Asks the chain.
    pub(crate) async fn ask(chain: &Chain) -> Result<Self, ChainError> {
        let epoch = epoch_now(&chain.timeline());
        let keys = issuer_keys(chain, epoch).await?;
        Ok(Self {
            keys: BTreeMap::from([(epoch, keys)]),
            asked: Instant::now(),
        })
    }

    /// A key of exactly that epoch.
    fn of(&self, epoch: Epoch, index: u32) -> Option<IssuerKey> {
        self.keys.get(&epoch)?.get(&index).copied()
    }

    /// The newest that is known from before.
    fn older(&self, epoch: Epoch, index: u32) -> Option<IssuerKey> {
        let mut earlier = self.keys.range(..epoch).rev();
        earlier.find_map(|(_, keys)| keys.get(&index).copied())
    }

    fn keep(&mut self, epoch: Epoch, keys: Keys) {
        self.keys.insert(epoch, keys);
        while self.keys.len() > EPOCHS_KEPT {
            self.keys.pop_first();
        }
    }
}

/// The epoch by this machine's clock; the first before the genesis.
fn epoch_now(timeline: &Timeline) -> Epoch {
    timeline.epoch_at_ms(now_ms()).unwrap_or_default()
}

impl Shared {
    /// When the network's epochs are.
    pub(crate) fn timeline(&self) -> Timeline {
        self.chain.timeline()
    }

    fn epoch_now(&self) -> Epoch {
        epoch_now(&self.timeline())
    }

    pub(crate) fn is_sealed(&self, epoch: Epoch) -> bool {
        self.segments.is_sealed(epoch) || self.segments.is_due(epoch)
    }

    pub(crate) fn count_receipt(&self) {
        self.receipts.fetch_add(1, Ordering::Relaxed);
    }

    fn issuers(&self) -> MutexGuard<'_, Issuers> {
        self.issuers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key that an issuer's tickets of an epoch are signed with, as the chain states it. The chain is asked once
    /// an epoch, and now and then about an issuer it didn't know. While it can't be asked, or is being asked, the
    /// key of the epoch before is taken: few issuers ever rotate theirs.
    pub(crate) async fn issuer(&self, index: u32, epoch: Epoch) -> Option<IssuerKey> {
        let now = self.epoch_now();
        {
            let mut issuers = self.issuers();
            if let Some(key) = issuers.of(epoch, index) {
                return Some(key);
            }
            // Nobody can be sure of a key that may yet be rotated, but for clocks that are a little apart.
            let is_sensible = epoch <= now.saturating_add(1);
            if !is_sensible || issuers.asked.elapsed() < ISSUERS_AGE {
                return issuers.older(epoch, index);
            }
            issuers.asked = Instant::now();
        }
        match issuer_keys(&self.chain, epoch).await {
            Ok(keys) if epoch <= now => self.issuers().keep(epoch, keys),
            Ok(keys) => return keys.get(&index).copied(),
            Err(error) => tracing::warn!(%error, "cannot ask the chain for issuers' keys"),
        }
        let issuers = self.issuers();
        let key = issuers.of(epoch, index);
        key.or_else(|| issuers.older(epoch, index))
    }

    /// The key of an issuer now.
    pub(crate) async fn issuer_now(&self, index: u32) -> Option<IssuerKey> {
        self.issuer(index, self.epoch_now()).await
    }
}

async fn issuer_keys(chain: &Chain, epoch: Epoch) -> Result<Keys, ChainError> {
    let mut keys = Keys::new();
    for issuer in chain.issuers().await? {
        let key = chain.issuer_key_at(issuer.index, epoch).await?;
        keys.insert(issuer.index, IssuerKey(key));
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_an_epoch_s() {
        let key = |byte| IssuerKey::from([byte; 32]);
        let mut issuers = Issuers {
            keys: BTreeMap::from([(4, Keys::from([(0, key(1))]))]),
            asked: Instant::now(),
        };
        assert_eq!(issuers.of(5, 0), None, "it may have been rotated");
        assert_eq!(issuers.older(5, 0), Some(key(1)));
        issuers.keep(5, Keys::from([(0, key(2)), (1, key(3))]));
        assert_eq!(
            (issuers.of(4, 0), issuers.of(5, 0)),
            (Some(key(1)), Some(key(2)))
        );
        assert_eq!(
            (issuers.older(5, 0), issuers.older(5, 1)),
            (Some(key(1)), None)
        );
        for epoch in 6..20 {
            issuers.keep(epoch, Keys::new());
        }
        assert_eq!(issuers.keys.len(), EPOCHS_KEPT);
        assert_eq!(issuers.older(20, 0), None);
    }
}
