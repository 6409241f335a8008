//! Mirrors of what is registered on the chain: nodes, which may be members, and payers, who may be billed.
//!
//! One task a mirror reads the chain: new entries when somebody unknown shows up (at most once in
//! [`REFRESH_PAUSE`], whoever asks meanwhile shares the answer), all of them now and then, so that a
//! reorganised chain is followed.

use crate::chain::ledger::Ledger;
use contracts::ChainError;
use host::watch;
use protocol::{Address, NodeId};
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Least time between two readings: strangers don't get to load the RPC node.
const REFRESH_PAUSE: Duration = Duration::from_secs(1);
/// Time after which everything is read again.
const RELOAD_INTERVAL: Duration = Duration::from_secs(300);
/// Longest that a stranger waits to be looked up.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(20);

/// What a mirror holds: entries of a list on chain that only grows.
pub(crate) trait Registered: Copy + Ord + Debug + Send + Sync + 'static {
    /// What the list is called.
    const LIST: &'static str;

    /// The entries from index `first` on.
    fn read(
        ledger: &impl Ledger,
        first: u32,
    ) -> impl Future<Output = Result<Vec<Self>, ChainError>> + Send;
}

impl Registered for NodeId {
    const LIST: &'static str = "node registry";

    async fn read(ledger: &impl Ledger, first: u32) -> Result<Vec<Self>, ChainError> {
        ledger.nodes_from(first).await
    }
}

/// A payer's account.
impl Registered for Address {
    const LIST: &'static str = "vault's list of payers";

    async fn read(ledger: &impl Ledger, first: u32) -> Result<Vec<Self>, ChainError> {
        ledger.payers_from(first).await
    }
}

/// Whether a node or payer is registered.
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

/// What is registered, as far as it was read.
#[derive(Debug)]
pub(crate) struct Registry<T> {
    known: RwLock<BTreeSet<T>>,
    requested: AtomicU64,
    wanted: Notify,
    rounds: watch::Sender<Round>,
}

/// Why an account can't pay for deliveries: a verifier would refuse every receipt for its tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PayerError {
    #[error(
        "account {0} is to pay and never deposited into the vault: it must run `quittance contracts fund` first"
    )]
    Unknown(Address),
    #[error("the chain can't be asked at the moment whether account {0} can pay")]
    Undecided(Address),
}

impl Registry<Address> {
    /// Whether an account is registered as a payer. Cancel safe.
    pub(crate) async fn check_payer(&self, payer: Address) -> Result<(), PayerError> {
        match self.standing(&payer).await {
            Standing::Registered => Ok(()),
            Standing::Unknown => Err(PayerError::Unknown(payer)),
            Standing::Undecided => Err(PayerError::Undecided(payer)),
        }
    }
}

impl<T: Registered> Registry<T> {
    pub(crate) fn new() -> Self {
        Self {
            known: RwLock::default(),
            requested: AtomicU64::new(0),
            wanted: Notify::new(),
            rounds: watch::Sender::default(),
        }
    }

    /// With these to begin with.
    #[cfg(test)]
    pub(crate) fn of(known: impl IntoIterator<Item = T>) -> Self {
        Self {
            known: RwLock::new(known.into_iter().collect()),
            ..Self::new()
        }
    }

    pub(crate) fn knows(&self, one: &T) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.contains(one)
    }

    /// All that is known.
    pub(crate) fn all(&self) -> Vec<T> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().copied().collect()
    }

    /// Whether somebody is registered; if that isn't known, the chain is asked first. Cancel safe.
    pub(crate) async fn standing(&self, one: &T) -> Standing {
        if self.knows(one) {
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
        match (self.knows(one), failed) {
            (true, _) => Standing::Registered,
            (false, false) => Standing::Unknown,
            (false, true) => Standing::Undecided,
        }
    }

    /// Reads everything. For the start; later the task does.
    pub(crate) async fn load(&self, ledger: &impl Ledger) -> Result<(), ChainError> {
        let all = T::read(ledger, 0).await?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        *known = all.into_iter().collect();
        Ok(())
    }

    async fn load_new(&self, ledger: &impl Ledger) -> Result<(), ChainError> {
        let count = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            known.len() as u32
        };
        let new = T::read(ledger, count).await?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.extend(new);
        Ok(())
    }

    /// Keeps the mirror fresh until told to stop. Not fallible: what fails is tried again.
    pub(crate) async fn follow(&self, ledger: impl Ledger, stop: CancellationToken) {
        let mut reload_at = Instant::now() + RELOAD_INTERVAL;
        loop {
            let reload = tokio::select! {
                biased;
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
                biased;
                () = stop.cancelled() => return,
                result = read => result,
            };
            if let Err(error) = &result {
                tracing::warn!(%error, "cannot read the {}", T::LIST);
            }
            if reload {
                reload_at = Instant::now() + RELOAD_INTERVAL;
            }
            let failed = result.is_err();
            self.rounds.send_replace(Round { served, failed });
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = sleep(REFRESH_PAUSE) => {}
            }
        }
    }
}
