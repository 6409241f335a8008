//! Committing ticket logs: when an epoch is over, its log is closed and its root goes to the chain.
//!
//! An epoch is over when both this machine's clock and the chain's newest block say so. Nothing is
//! remembered across restarts: every round asks the chain which of the epochs that aren't attested yet it
//! has, and commits the others, so repeating, crashing and reorganised chains all end the same way. A log
//! that the chain holds is asked for again until it is [`SETTLED_AFTER`] old.

use crate::chain::ledger::Ledger;
use crate::metrics::Metrics;
use crate::tickets::issuer::{CloseError, Issuer};
use crate::tickets::ticket_log::Seal;
use contracts::Agreed;
use contracts::ChainError;
use host::Clock;
use protocol::{B256, Epoch, MassOverflow};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Longest time between two looks at the chain.
const LOOK_INTERVAL_MAX: Duration = Duration::from_secs(15);
/// Shortest, as when the clock says that an epoch is over and the chain doesn't yet.
const LOOK_INTERVAL_MIN: Duration = Duration::from_millis(500);
/// First pause after a failure; doubles up to [`BACKOFF_MAX`].
const BACKOFF_MIN: Duration = Duration::from_millis(500);
/// Well below any sensible commit window.
const BACKOFF_MAX: Duration = Duration::from_secs(15);
/// Chain seconds after which a commitment counts as beyond any reorganisation.
const SETTLED_AFTER: u64 = 600;
/// Epochs looked at in one round; what is beyond comes in the next.
const EPOCHS_PER_ROUND: usize = 256;

/// Why a round of committing failed. All of it is tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommitError {
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Close(#[from] CloseError),
    #[error(transparent)]
    Mass(#[from] MassOverflow),
}

/// What is known of an epoch that needs no more looking at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// On chain, first seen at this chain time, seconds.
    Committed { seen_at: u64 },
    /// The window passed without it, or another root stands there.
    Lost,
}

/// How far committing has come, for whoever asks meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    attested_below: AtomicU64,
    committed_below: AtomicU64,
}

impl Progress {
    /// Below which epoch all are attested, and below which our log of all is on chain or has missed its window.
    pub(crate) fn below(&self) -> (Epoch, Epoch) {
        let load = |epoch: &AtomicU64| epoch.load(Ordering::Relaxed);
        (load(&self.attested_below), load(&self.committed_below))
    }
}

/// Our place among the issuers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seat {
    pub(crate) index: u32,
    /// When we were added, chain seconds: for epochs that had ended by then we don't answer.
    pub(crate) added_at: u64,
}

/// Commits every epoch's log.
pub(crate) struct Committer<L> {
    pub(crate) ledger: L,
    pub(crate) issuer: Arc<Issuer>,
    pub(crate) seat: Seat,
    pub(crate) agreed: Agreed,
    pub(crate) clock: Clock,
    pub(crate) metrics: Arc<Metrics>,
    outcomes: BTreeMap<Epoch, Outcome>,
    /// All epochs below are attested.
    attested_below: Epoch,
    progress: Arc<Progress>,
}

impl<L: Ledger> Committer<L> {
    pub(crate) fn new(
        ledger: L,
        issuer: Arc<Issuer>,
        seat: Seat,
        agreed: Agreed,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            ledger,
            issuer,
            seat,
            agreed,
            clock,
            metrics,
            outcomes: BTreeMap::new(),
            attested_below: 0,
            progress: Arc::default(),
        }
    }

    /// How far it has come.
    pub(crate) fn progress(&self) -> Arc<Progress> {
        self.progress.clone()
    }

    /// Runs until told to stop; a commitment under way is finished first.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut backoff = BACKOFF_MIN;
        while !stop.is_cancelled() {
            let pause = match self.round().await {
                Ok(()) => {
                    backoff = BACKOFF_MIN;
                    self.pause()
                }
                Err(error) => {
                    self.metrics.commit_failures.add(1);
                    let again_in = backoff;
                    tracing::warn!(%error, ?again_in, "cannot commit ticket logs; trying again");
                    backoff = (backoff * 2).min(BACKOFF_MAX);
                    again_in
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = sleep(pause) => {}
            }
        }
    }

    /// Time until there may be something to do.
    fn pause(&self) -> Duration {
        let now = self.clock.now_ms();
        let timeline = self.agreed.timeline();
        let end = match timeline.epoch_at_ms(now) {
            // The epoch that has just ended by the clock may not have by the chain.
            Some(epoch) if self.is_waiting(epoch) => return LOOK_INTERVAL_MIN,
            Some(epoch) => timeline.end(epoch),
            None => timeline.genesis(),
        };
        let left = Duration::from_millis(end.saturating_mul(1000).saturating_sub(now));
        left.clamp(LOOK_INTERVAL_MIN, LOOK_INTERVAL_MAX)
    }

    fn is_waiting(&self, current: Epoch) -> bool {
        current.checked_sub(1).is_some_and(|epoch| {
            epoch >= self.attested_below.max(self.first_answered())
                && !self.outcomes.contains_key(&epoch)
        })
    }

    /// Closes and commits what is over. Not cancel safe, but harmless to repeat.
    pub(crate) async fn round(&mut self) -> Result<(), CommitError> {
        let chain_now = self.ledger.now().await?;
        let now = chain_now.min(self.clock.now_ms() / 1000);
        let Some(last) = self.last_over(now) else {
            return Ok(());
        };
        self.issuer.close(last).await?;
        let next = self.ledger.next_epoch().await?;
        self.attested_below = next;
        self.outcomes = self.outcomes.split_off(&next);
        let first = next.max(self.first_answered());
        // What can still be committed comes before what can only be looked at.
        let (urgent, late): (Vec<_>, Vec<_>) = (first..=last)
            .filter(|epoch| match self.outcomes.get(epoch) {
                None => true,
                Some(Outcome::Lost) => false,
                Some(Outcome::Committed { seen_at }) => chain_now < seen_at + SETTLED_AFTER,
            })
            .partition(|epoch| chain_now <= self.deadline(*epoch));
        for epoch in urgent.into_iter().chain(late).take(EPOCHS_PER_ROUND) {
            self.settle(epoch, chain_now).await?;
        }
        self.tell(first);
        Ok(())
    }

    /// Makes known how far it has come; `first` is the first epoch that was looked at.
    fn tell(&self, first: Epoch) {
        let mut below = first;
        while self.outcomes.contains_key(&below) {
            below += 1;
        }
        let Progress {
            attested_below,
            committed_below,
        } = &*self.progress;
        attested_below.store(self.attested_below, Ordering::Relaxed);
        committed_below.store(below, Ordering::Relaxed);
    }

    /// The last epoch that had ended at a time, Unix seconds.
    fn last_over(&self, now: u64) -> Option<Epoch> {
        self.agreed
            .timeline()
            .epoch_at_ms(now.saturating_mul(1000))?
            .checked_sub(1)
    }

    /// The first epoch that we answer for: the one that hadn't ended when we were added.
    fn first_answered(&self) -> Epoch {
        let added_ms = self.seat.added_at.saturating_mul(1000);
        self.agreed.timeline().epoch_at_ms(added_ms).unwrap_or(0)
    }

    async fn settle(&mut self, epoch: Epoch, chain_now: u64) -> Result<(), CommitError> {
        // `round` has closed it, so there is a seal.
        let seal = self.issuer.seal(epoch).unwrap_or(Seal::EMPTY);
        let ours = seal.root()?.hash();
        let issuer = self.seat.index;
        if let Some(root) = self.ledger.ticket_log(epoch, issuer).await? {
            self.found(epoch, ours, root, chain_now);
            return Ok(());
        }
        let deadline = self.deadline(epoch);
        if chain_now > deadline {
            self.missed(epoch, seal, "the commit window has passed");
            return Ok(());
        }
        match self.ledger.commit(epoch, issuer, seal).await {
            Ok(()) => {
                self.metrics.commits.add(1);
                tracing::info!(epoch, tickets = seal.count, root = %ours, "ticket log committed");
                self.outcomes
                    .insert(epoch, Outcome::Committed { seen_at: chain_now });
                Ok(())
            }
            Err(error) => match error.revert().map(|revert| revert.name.as_str()) {
                // Ours, from before a restart, or mined while we waited: the next round compares.
                Some("AlreadyCommitted") => Ok(()),
                Some("CommitWindowOver") => {
                    self.missed(epoch, seal, "the commit window has passed");
                    Ok(())
                }
                _ => Err(error.into()),
            },
        }
    }

    fn deadline(&self, epoch: Epoch) -> u64 {
        self.agreed.timeline().commit_until(epoch)
    }

    fn found(&mut self, epoch: Epoch, ours: B256, root: B256, chain_now: u64) {
        if root == ours {
            let outcome = Outcome::Committed { seen_at: chain_now };
            self.outcomes.entry(epoch).or_insert(outcome);
            return;
        }
        tracing::error!(
            epoch,
            %ours,
            on_chain = %root,
            "the chain holds another ticket log of ours than this data directory: another control plane \
             runs with the same key, or the directory was restored from an old copy; stop and find out which"
        );
        self.outcomes.insert(epoch, Outcome::Lost);
    }

    fn missed(&mut self, epoch: Epoch, seal: Seal, why: &str) {
        self.metrics.commits_missed.add(1);
        if seal.count == 0 {
            tracing::info!(epoch, why, "an empty ticket log was not committed");
        } else {
            tracing::warn!(
                epoch,
                tickets = seal.count,
                "a ticket log is not on chain and can't be any more ({why}): what its tickets earned \
                 won't be paid"
            );
        }
        self.outcomes.insert(epoch, Outcome::Lost);
    }
}

#[cfg(test)]
#[path = "commit_tests.rs"]
mod tests;
