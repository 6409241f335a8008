//! A mirror of the chain's node registry: who may be a member.
//!
//! One task reads the chain: new nodes when somebody unknown shows up (at most once in
//! [`REFRESH_PAUSE`], whoever asks meanwhile shares the answer), all of them now and then, so that a
//! reorganised chain is followed.

use crate::ledger::Ledger;
use contracts::ChainError;
use protocol::NodeId;
use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Least time between two readings: strangers don't get to load the RPC node.
const REFRESH_PAUSE: Duration = Duration::from_secs(1);
/// Time after which everything is read again.
const RELOAD_INTERVAL: Duration = Duration::from_secs(300);
/// Longest that a stranger waits to be looked up.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(20);

/// Whether a node is registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Registered,
    Unknown,
    /// The chain couldn't be asked.
    Undecided,
}

#[derive(Debug, Clone, Copy, Default)]
struct Round {
    /// Requests that came before the latest reading began.
    served: u64,
    failed: bool,
}

/// The registered nodes, as far as they were read.
#[derive(Debug)]
pub(crate) struct Registry {
    nodes: RwLock<HashSet<NodeId>>,
    requested: AtomicU64,
    wanted: Notify,
    rounds: watch::Sender<Round>,
}

impl Registry {
    pub(crate) fn new() -> Self {
        Self {
            nodes: RwLock::default(),
            requested: AtomicU64::new(0),
            wanted: Notify::new(),
            rounds: watch::Sender::default(),
        }
    }

    fn knows(&self, node: &NodeId) -> bool {
        let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner);
        nodes.contains(node)
    }

    /// Whether a node is registered; if it isn't known, the chain is asked first. Cancel safe.
    pub(crate) async fn standing(&self, node: &NodeId) -> Standing {
        if self.knows(node) {
            return Standing::Registered;
        }
        let mut rounds = self.rounds.subscribe();
        let request = self.requested.fetch_add(1, Ordering::SeqCst) + 1;
        self.wanted.notify_one();
        let answered = rounds.wait_for(|round| round.served >= request);
        let failed = match timeout(LOOKUP_TIMEOUT, answered).await {
            Ok(Ok(round)) => round.failed,
            Ok(Err(_)) | Err(_) => true,
        };
        match (self.knows(node), failed) {
            (true, _) => Standing::Registered,
            (false, false) => Standing::Unknown,
            (false, true) => Standing::Undecided,
        }
    }

    /// Reads everything. For the start; later the task does.
    pub(crate) async fn load(&self, ledger: &impl Ledger) -> Result<(), ChainError> {
        let all = ledger.nodes_from(0).await?;
        let mut nodes = self.nodes.write().unwrap_or_else(PoisonError::into_inner);
        *nodes = all.into_iter().collect();
        Ok(())
    }

    async fn load_new(&self, ledger: &impl Ledger) -> Result<(), ChainError> {
        let known = {
            let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner);
            nodes.len() as u32
        };
        let new = ledger.nodes_from(known).await?;
        let mut nodes = self.nodes.write().unwrap_or_else(PoisonError::into_inner);
        nodes.extend(new);
        Ok(())
    }

    /// Keeps the mirror fresh until told to stop. Not fallible: what fails is tried again.
    pub(crate) async fn follow(&self, ledger: impl Ledger, stop: CancellationToken) {
        let mut reload_at = Instant::now() + RELOAD_INTERVAL;
        loop {
            let reload = tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep_until(reload_at) => true,
                () = self.wanted.notified() => false,
            };
            let served = self.requested.load(Ordering::SeqCst);
            let read = async {
                if reload {
                    self.load(&ledger).await
                } else {
                    self.load_new(&ledger).await
                }
            };
            let result = tokio::select! {
                () = stop.cancelled() => return,
                result = read => result,
            };
            if let Err(error) = &result {
                tracing::warn!(%error, "cannot read the node registry");
            }
            if reload {
                reload_at = Instant::now() + RELOAD_INTERVAL;
            }
            let failed = result.is_err();
            self.rounds.send_replace(Round { served, failed });
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(REFRESH_PAUSE) => {}
            }
        }
    }
}
