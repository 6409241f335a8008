//! What payers have left, read from the chain now and then, and what is promised on it.
//!
//! The ticket log's task asks [`Cover::promise`] before it numbers anything, so that what is promised is what the
//! logs hold: they are read again after a restart, those that are open by the task, those that are closed and
//! not attested yet by [`Funds::read`].

use crate::chain::bills::Bills;
use crate::chain::ledger::Ledger;
use crate::tickets::issuer::{Cover, Issuer};
use crate::tickets::promises::{ByPayer, PromiseError, Promised, Promises, Reading};
use crate::tickets::quota::PayerQuota;
use crate::tickets::ticket_log::LogError;
use contracts::Agreed;
use contracts::ChainError;
use host::Clock;
use host::watch;
use protocol::{Address, Epoch};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Time after which the chain is read again.
const READ_INTERVAL: Duration = Duration::from_secs(15);
/// Least time between two readings, whoever is refused.
const READ_PAUSE: Duration = Duration::from_secs(1);
/// Longest that a request waits for a reading.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// Why funds can't be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FundsError {
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Shared by who issues and who reads the chain.
#[derive(Debug)]
pub(crate) struct Funds {
    promises: Mutex<Promises>,
    /// Whose deposits are read.
    watched: Mutex<BTreeSet<Address>>,
    requested: AtomicU64,
    wanted: Notify,
    /// Requests that came before the latest reading began.
    served: watch::Sender<u64>,
}

impl Funds {
    pub(crate) fn new(quota: PayerQuota, cover_percent: u32) -> Self {
        Self {
            promises: Mutex::new(Promises::new(quota, cover_percent)),
            watched: Mutex::default(),
            requested: AtomicU64::new(0),
            wanted: Notify::new(),
            served: watch::Sender::default(),
        }
    }

    fn promises(&self) -> MutexGuard<'_, Promises> {
        // It is consistent at every step at which something could panic.
        self.promises.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees to it that if a payer seems not to have enough left for so many tickets, the chain was asked a moment
    /// ago: it may have deposited. Cancel safe.
    pub(crate) async fn prepare(&self, epoch: Epoch, payer: Address, more: Promised) {
        let checked = self.promises().check(epoch, payer, more);
        if !matches!(
            checked,
            Err(PromiseError::Unknown(_) | PromiseError::Short { .. })
        ) {
            return;
        }
        self.watch([payer]);
        let mut served = self.served.subscribe();
        let request = self.requested.fetch_add(1, Ordering::SeqCst) + 1;
        self.wanted.notify_one();
        // Whoever issues finds out what came of it.
        let _ = timeout(READ_TIMEOUT, served.wait_for(|served| *served >= request)).await;
    }

    /// Has these payers' deposits read from now on.
    pub(crate) fn watch(&self, payers: impl IntoIterator<Item = Address>) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.extend(payers);
    }

    /// What a payer has left, if the chain was asked, and how much of it must cover the tickets that are out.
    pub(crate) fn of(&self, payer: Address) -> (Option<u128>, u128) {
        self.promises().of(payer)
    }

    /// The chain says this.
    pub(crate) fn learn(&self, reading: Reading) {
        self.promises().learn(reading);
    }

    /// Reads chain and closed logs.
    pub(crate) async fn read<L: Ledger>(&self, source: &mut Source<L>) -> Result<(), FundsError> {
        let ledger = &source.ledger;
        // First of all: what is attested after this counts twice for a moment, and not for nothing.
        let next = ledger.next_epoch().await?;
        self.hold_closed(next, &source.issuer).await?;
        let now = source
            .agreed
            .timeline()
            .epoch_at_ms(source.clock.now_ms())
            .unwrap_or(0);
        let mut prices = BTreeMap::new();
        let oldest = self.promises().oldest().unwrap_or(now);
        for epoch in (oldest.min(now)..=now.saturating_add(1))
            .rev()
            .take(PRICES_MAX)
        {
            let price = match source.prices.get(&epoch) {
                // That of an epoch that has begun stays.
                Some(price) if epoch <= now => *price,
                _ => ledger.price_at(epoch).await?,
            };
            prices.insert(epoch, price);
        }
        source.prices.clone_from(&prices);
        let billed = source.bills.billed(ledger, next).await?;
        self.watch(self.promises().payers());
        let watched: Vec<_> = {
            let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
            watched.iter().copied().collect()
        };
        let mut left = BTreeMap::new();
        for payer in watched {
            let deposit = ledger.deposit_of(payer).await?;
            left.insert(payer, deposit.saturating_sub(billed.most(&payer)));
        }
        self.learn(Reading { next, prices, left });
        Ok(())
    }

    /// Takes up the logs of epochs that aren't attested and that nobody holds: those closed before the start, and
    /// those whose attestation was overturned.
    async fn hold_closed(&self, next: Epoch, issuer: &Arc<Issuer>) -> Result<(), FundsError> {
        for epoch in issuer.closed_from(next) {
            if self.promises().holds(epoch) {
                continue;
            }
            let issuer = issuer.clone();
            let sum = move || -> Result<ByPayer, LogError> {
                let mut sums = ByPayer::new();
                let mut log = issuer.read(epoch)?;
                while let Some(ticket) = log.as_mut().map_or(Ok(None), |log| log.next_ticket())? {
                    let one = Promised {
                        tickets: 1,
                        bytes: ticket.bytes_max.into(),
                    };
                    sums.entry(ticket.payer).or_default().add(one);
                }
                Ok(sums)
            };
            self.hold(epoch, disk::run(sum).await?);
        }
        Ok(())
    }

    /// Reads again and again until told to stop. Not fallible: what fails is tried again, and until then what was
    /// read holds, on which ever more is promised and nothing let go of.
    pub(crate) async fn follow<L: Ledger>(&self, mut source: Source<L>, stop: CancellationToken) {
        loop {
            let at = Instant::now() + READ_INTERVAL;
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep_until(at) => {}
                () = self.wanted.notified() => {}
            }
            let request = self.requested.load(Ordering::SeqCst);
            let result = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                result = self.read(&mut source) => result,
            };
            if let Err(error) = result {
                tracing::warn!(%error, "cannot read what payers have left");
            }
            self.served.send_replace(request);
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = sleep(READ_PAUSE) => {}
            }
        }
    }
}

impl Cover for Funds {
    fn hold(&self, epoch: Epoch, tickets: ByPayer) {
        self.promises().hold(epoch, tickets);
    }

    fn promise(
        &self,
        epoch: Epoch,
        tickets: &mut dyn Iterator<Item = (Address, u64)>,
    ) -> Result<(), PromiseError> {
        self.promises().promise(epoch, tickets)
    }
}

/// Epochs whose price is asked for, the newest first; older ones have the oldest of these.
const PRICES_MAX: usize = 256;

/// Where it is all read.
pub(crate) struct Source<L> {
    ledger: L,
    issuer: Arc<Issuer>,
    bills: Bills,
    agreed: Agreed,
    clock: Clock,
    prices: BTreeMap<Epoch, u128>,
}

impl<L> Source<L> {
    pub(crate) fn new(
        ledger: L,
        issuer: Arc<Issuer>,
        bills: Bills,
        agreed: Agreed,
        clock: Clock,
    ) -> Self {
        Self {
            ledger,
            issuer,
            bills,
            agreed,
            clock,
            prices: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
#[path = "funds_tests.rs"]
mod tests;
