//! Committing ticket logs: when an epoch is over, its log is closed and its root goes to the chain.
//!
//! An epoch is over when both this machine's clock and the chain's newest block say so. Nothing is
//! remembered across restarts: every round asks the chain which of the epochs that aren't attested yet it
//! has, and commits the others, so repeating, crashing and reorganised chains all end the same way. What is to be
//! committed when is the [rules'](crate::rules::commitments).

use crate::chain::ledger::Ledger;
use crate::metrics::Metrics;
use crate::rules::commitments::{Commitments, Step, first_answered, last_over, step};
use crate::tickets::issuer::{CloseError, Issuer};
use crate::tickets::ticket_log::Seal;
use contracts::Agreed;
use contracts::ChainError;
use host::Clock;
use protocol::{B256, Epoch, MassOverflow};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// First pause after a failure; doubles up to [`BACKOFF_MAX`].
const BACKOFF_MIN: Duration = Duration::from_millis(500);
/// Well below any sensible commit window.
const BACKOFF_MAX: Duration = Duration::from_secs(15);
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
    state: Commitments,
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
            state: Commitments::default(),
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
        let (timeline, now) = (self.agreed.timeline(), self.clock.now_ms());
        self.state.pause(&timeline, self.first(), now)
    }

    /// The first epoch that we answer for.
    fn first(&self) -> Epoch {
        first_answered(&self.agreed.timeline(), self.seat.added_at)
    }

    /// Closes and commits what is over. Not cancel safe, but harmless to repeat.
    pub(crate) async fn round(&mut self) -> Result<(), CommitError> {
        let chain_now = self.ledger.now().await?;
        let now = chain_now.min(self.clock.now_ms() / 1000);
        let timeline = self.agreed.timeline();
        let Some(last) = last_over(&timeline, now) else {
            return Ok(());
        };
        // What can't be closed yet holds up none that is.
        let closed = self.issuer.close(last).await;
        let next = self.ledger.next_epoch().await?;
        self.state.attested(next);
        let first = next.max(self.first());
        let mut failed = None;
        for epoch in self.state.due(first, last, &timeline, chain_now) {
            let deadline = timeline.commit_until(epoch);
            // One that can't be sent holds up the others that have to be; of those that are late it is told that they are.
            if failed.is_some() && chain_now <= deadline {
                continue;
            }
            if let Err(error) = self.settle(epoch, deadline, chain_now).await {
                let is_late = chain_now > deadline;
                failed = failed.or(Some(error));
                if is_late {
                    break;
                }
            }
        }
        self.tell(first);
        closed?;
        failed.map_or(Ok(()), Err)
    }

    /// Makes known how far it has come; `first` is the first epoch that was looked at.
    fn tell(&self, first: Epoch) {
        let Progress {
            attested_below,
            committed_below,
        } = &*self.progress;
        attested_below.store(self.state.attested_below(), Ordering::Relaxed);
        committed_below.store(self.state.below(first), Ordering::Relaxed);
    }

    async fn settle(
        &mut self,
        epoch: Epoch,
        deadline: u64,
        chain_now: u64,
    ) -> Result<(), CommitError> {
        // One that couldn't be closed has tickets that nobody knows yet: it is never taken for an empty one.
        let Some(seal) = self.issuer.seal(epoch) else {
            return Ok(());
        };
        let ours = seal.root()?.hash();
        let issuer = self.seat.index;
        let on_chain = self.ledger.ticket_log(epoch, issuer).await?;
        match step(ours, on_chain, deadline, chain_now) {
            Step::Found => self.state.found(epoch, chain_now),
            Step::Foreign(root) => self.foreign(epoch, ours, root),
            Step::Missed => self.missed(epoch, seal, "the commit window has passed"),
            Step::Commit => self.commit(epoch, seal, ours, chain_now).await?,
        }
        Ok(())
    }

    async fn commit(
        &mut self,
        epoch: Epoch,
        seal: Seal,
        ours: B256,
        chain_now: u64,
    ) -> Result<(), CommitError> {
        match self.ledger.commit(epoch, self.seat.index, seal).await {
            Ok(()) => {
                self.metrics.commits.add(1);
                tracing::info!(epoch, tickets = seal.count, root = %ours, "ticket log committed");
                self.state.committed(epoch, chain_now);
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

    fn foreign(&mut self, epoch: Epoch, ours: B256, root: B256) {
        tracing::error!(
            epoch,
            %ours,
            on_chain = %root,
            "the chain holds another ticket log of ours than this data directory: another control plane \
             runs with the same key, or the directory was restored from an old copy; stop and find out which"
        );
        self.state.lost(epoch);
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
        self.state.lost(epoch);
    }
}

#[cfg(test)]
#[path = "commit_tests.rs"]
mod tests;
