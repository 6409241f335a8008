//! What every part of the node looks at.

use crate::cache::Cache;
use crate::epoch::Segments;
use crate::receipt_log::ReceiptLog;
use crate::refused::RefusedTickets;
use crate::tickets::Tickets;
use client::ControlApi;
use contracts::{Chain, ChainError};
use protocol::{Epoch, IssuerKey, Network, NodeId, Timeline};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// How often the chain is asked at most about an issuer it didn't know.
const ISSUERS_AGE: Duration = Duration::from_secs(5);

/// What every part of the node looks at.
pub(crate) struct Shared {
    pub(crate) id: NodeId,
    pub(crate) network: Network,
    pub(crate) timeline: Timeline,
    pub(crate) window: u64,
    pub(crate) receipt_interval: u64,
    pub(crate) public_address: String,
    pub(crate) control: ControlApi,
    pub(crate) cache: Arc<Cache>,
    pub(crate) log: ReceiptLog,
    pub(crate) tickets: Tickets,
    pub(crate) segments: Segments,
    pub(crate) refused: RefusedTickets,
    pub(crate) segment_reads: Semaphore,
    pub(crate) chain: Chain,
    pub(crate) issuers: Mutex<Issuers>,
    pub(crate) sessions: AtomicU32,
    pub(crate) receipts: AtomicU64,
}

#[derive(Debug)]
pub(crate) struct Issuers {
    keys: HashMap<u32, IssuerKey>,
    asked: Instant,
}

impl Issuers {
    /// Asks the chain.
    pub(crate) async fn ask(chain: &Chain) -> Result<Self, ChainError> {
        let keys = issuer_keys(chain).await?;
        Ok(Self {
            keys,
            asked: Instant::now(),
        })
    }
}

impl Shared {
    pub(crate) fn is_sealed(&self, epoch: Epoch) -> bool {
        self.segments.is_sealed(epoch) || self.segments.is_due(epoch)
    }

    pub(crate) fn sessions(&self) -> u32 {
        self.sessions.load(Ordering::Relaxed)
    }

    pub(crate) fn count_receipt(&self) {
        self.receipts.fetch_add(1, Ordering::Relaxed);
    }

    fn issuers(&self) -> MutexGuard<'_, Issuers> {
        self.issuers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An issuer's key as the chain states it; asks again now and then for one it didn't know.
    pub(crate) async fn issuer(&self, index: u32) -> Option<IssuerKey> {
        {
            let mut issuers = self.issuers();
            if let Some(key) = issuers.keys.get(&index) {
                return Some(*key);
            }
            if issuers.asked.elapsed() < ISSUERS_AGE {
                return None;
            }
            issuers.asked = Instant::now();
        }
        match issuer_keys(&self.chain).await {
            Ok(keys) => self.issuers().keys = keys,
            Err(error) => tracing::warn!(%error, "cannot ask the chain for issuers"),
        }
        self.issuers().keys.get(&index).copied()
    }
}

async fn issuer_keys(chain: &Chain) -> Result<HashMap<u32, IssuerKey>, ChainError> {
    let issuers = chain.issuers().await?;
    Ok(issuers
        .iter()
        .map(|issuer| (issuer.index, issuer.issuer_key()))
        .collect())
}
