//! The verifier as a process: one epoch after another, from the chain's word that it is due to the
//! chain's word that it is attested.
//!
//! Every turn starts from the chain: the epoch to be attested next is the only one worked on. What was
//! prepared for it is on disk before it is attested, and is used again after a restart if it still is what
//! chain and evidence give. So a crash at any point costs a turn, and nothing is attested twice: the
//! contract takes one vote of each verifier and epoch.
//!
//! Shutdown: stop the turn, finish HTTP answers under way, return.

mod backoff;
mod outcome;
mod shortener;
mod turn;

use crate::Answer;
use crate::chain::{EpochFacts, agreed_facts};
use crate::config::Config;
use crate::evidence::{Evidence, EvidenceSource, EvidenceStore, StoreError};
use crate::gather::Gatherer;
use crate::http::Server;
use crate::judge::Previous;
use crate::recheck::check;
use crate::report::{AttestedEpoch, ServiceError};
use crate::serve::{SharedStatus, serve};
use backoff::Backoff;
use contracts::{Chain, ChainConfig, ChainError, Outbox};
use disk::LockError;
use outcome::judge_and_write;
use protocol::{B256, Epoch, EpochRoots, Statement};
use shortener::Shortener;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use turn::{Turn, TurnError};

/// Nodes get so long even if the deadline passed while the verifier was away.
const GRACE_MAX: Duration = Duration::from_secs(10);

/// Why a verifier can't start, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The data directory is in use.
    #[error("{0} is in use by another verifier; give each its own data directory")]
    InUse(PathBuf),
    /// The data directory can't be used.
    #[error("cannot use {path}: {source}")]
    DataDir {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Evidence can't be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The HTTP address can't be had.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// No QUIC socket.
    #[error(transparent)]
    Quic(#[from] transport::BindError),
    /// The chain isn't what the configuration says.
    #[error(transparent)]
    Chain(Box<ChainError>),
}

/// An epoch that is judged and whose evidence is on disk.
struct Prepared {
    facts: EpochFacts,
    roots: EpochRoots,
    evidence: B256,
}

/// Runs a verifier until shutdown.
///
/// # Errors
/// If it can't start: data directory, addresses, or a chain that isn't the configured one. Once it runs,
/// everything is tried again.
pub fn run(config: Config, shutdown: CancellationToken) -> Answer<'static, Result<(), RunError>> {
    Box::pin(async move {
        let data_dir = &config.data_dir;
        // One verifier for each data directory.
        let _lock = config
            .host
            .disk
            .lock(data_dir)
            .map_err(|error| match error {
                LockError::InUse(path) => RunError::InUse(path),
                LockError::Disk(error) => RunError::DataDir {
                    path: error.path,
                    source: error.source,
                },
            })?;
        let store = EvidenceStore::open(&config.host.disk, data_dir.join("evidence"))?;
        let address = config.listen;
        let listen = |source| RunError::Listen { address, source };
        let listener = config.host.sockets.listen(address).map_err(listen)?;
        let gatherer = Gatherer::new(&config.host, config.controls.clone())?;
        let status = SharedStatus::default();
        // Also ends the server if this function fails or is dropped.
        let stop_serving = shutdown.child_token();
        let _guard = stop_serving.clone().drop_guard();
        let bound = listener.local_addr().unwrap_or(address);
        let server = serve(
            listener,
            store.clone(),
            status.clone(),
            stop_serving.clone(),
        );
        let server = tokio::spawn(server);
        info!(address = %bound, "serving evidence");

        let Some(chain) = connect(&config, &status, &shutdown).await? else {
            return Ok(());
        };
        let (chain_id, settlement) = chain.network();
        info!(chain_id, %settlement, account = %config.key.address(), "verifying");
        status.update(|status| {
            (status.chain_id, status.settlement) = (chain_id, settlement);
            status.account = config.key.address();
        });
        let (from, interval) = (config.shorten_from, config.poll_interval);
        let mut shortener = Shortener::new(chain.clone(), store.clone(), from);
        let mut service = Service {
            config,
            chain,
            store,
            gatherer,
            status,
            prepared: None,
        };
        tokio::join!(
            service.turns(&shutdown),
            shortener.turns(interval, &shutdown)
        );
        stop_serving.cancel();
        if let Err(error) = server.await {
            warn!(%error, "the HTTP server failed");
        }
        Ok(())
    })
}

/// Connects, however long the RPC node is away; `None` on shutdown.
async fn connect(
    config: &Config,
    status: &SharedStatus,
    shutdown: &CancellationToken,
) -> Result<Option<Chain>, RunError> {
    let outbox = Outbox::new(&config.host.disk, &config.data_dir.join("outbox"));
    let mut chain = ChainConfig::new(&config.host.http, &config.rpc, config.settlement)
        .with_key(config.key.clone())
        .with_outbox(outbox);
    chain.chain_id = config.chain_id;
    chain.fee_cap = config.fee_cap;
    let mut backoff = Backoff::new(config.poll_interval);
    loop {
        let connected = tokio::select! {
            biased;
            () = shutdown.cancelled() => return Ok(None),
            connected = Chain::connect(&chain) => connected,
        };
        match connected {
            Ok(chain) => return Ok(Some(chain)),
            Err(error) if error.is_retryable() => {
                warn!(%error, "no chain yet");
                failed(status, None, &error.to_string());
            }
            Err(error) => return Err(RunError::Chain(Box::new(error))),
        }
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return Ok(None),
            () = sleep(backoff.next()) => {}
        }
    }
}

fn failed(status: &SharedStatus, epoch: Option<Epoch>, message: &str) {
    status.update(|status| {
        let times = match &status.last_error {
            Some(last) if last.message == message => last.times.saturating_add(1),
            _ => 1,
        };
        let message = message.to_owned();
        status.last_error = Some(ServiceError {
            epoch,
            message,
            times,
        });
    });
}

struct Service {
    config: Config,
    chain: Chain,
    store: EvidenceStore,
    gatherer: Gatherer,
    status: SharedStatus,
    prepared: Option<Prepared>,
}

impl Service {
    async fn turns(&mut self, shutdown: &CancellationToken) {
        let mut backoff = Backoff::new(self.config.poll_interval);
        loop {
            let turn = tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                turn = self.turn() => turn,
            };
            let pause = match turn {
                Ok(turn) => {
                    backoff.reset();
                    self.status.update(|status| status.last_error = None);
                    match turn {
                        Turn::Done => continue,
                        Turn::Waiting(what) => {
                            self.status.update(|status| status.doing = what);
                            self.config.poll_interval
                        }
                    }
                }
                Err(error) => {
                    let epoch = self.status.snapshot().epochs_attested;
                    error!(epoch, %error, "trying again");
                    failed(&self.status, Some(epoch), &error.to_string());
                    backoff.next()
                }
            };
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                () = sleep(pause) => {}
            }
        }
    }

    /// Not cancel safe in one point, which is harmless: a transaction may be on its way, and the next turn
    /// finds it on chain.
    async fn turn(&mut self) -> Result<Turn, TurnError> {
        // Whatever begins before the next turn was announced before this one.
        self.chain.refresh().await?;
        let epoch = self.chain.next_epoch().await?;
        self.note_attested(epoch).await?;
        if self
            .prepared
            .as_ref()
            .is_none_or(|prepared| prepared.facts.epoch != epoch)
        {
            self.prepared = None;
            if let Some(waiting) = self.not_due(epoch).await? {
                return Ok(Turn::Waiting(waiting));
            }
            let facts = agreed_facts(&self.chain, epoch).await?;
            self.status
                .update(|status| status.doing = format!("judging epoch {epoch}"));
            self.prepared = Some(self.prepare(facts).await?);
        }
        self.attest(epoch).await
    }

    async fn note_attested(&self, next: Epoch) -> Result<(), TurnError> {
        let known = self.status.snapshot();
        let Some(last) = next.checked_sub(1) else {
            return Ok(());
        };
        if known.last.is_some_and(|known| known.epoch == last) {
            return Ok(());
        }
        let attestation = self.chain.attestation(last).await?;
        self.status.update(|status| {
            status.epochs_attested = next;
            status.last = attestation.map(|attested| AttestedEpoch {
                epoch: last,
                digest: attested.digest,
                total: attested.total.to_string(),
            });
        });
        Ok(())
    }

    /// What is still waited for before an epoch can be judged.
    async fn not_due(&self, epoch: Epoch) -> Result<Option<String>, TurnError> {
        let due = self.chain.timeline().attest_from(epoch);
        let now = self.chain.now().await?;
        // No log is committed, by its issuer or by force, from then on.
        let waiting = due.checked_sub(now).filter(|left| *left > 0);
        Ok(waiting.map(|left| format!("epoch {epoch} is due in {left} s")))
    }

    async fn prepare(&self, facts: EpochFacts) -> Result<Prepared, TurnError> {
        let epoch = facts.epoch;
        let facts = Arc::new(facts);
        if let Some((roots, evidence)) = self.prepared_before(&facts).await? {
            info!(epoch, %evidence, "using the evidence written before");
            let facts = Arc::unwrap_or_clone(facts);
            return Ok(Prepared {
                facts,
                roots,
                evidence,
            });
        }
        let previous = self.previous(&facts).await?;
        let logs = self.gatherer.ticket_logs(&facts).await?;
        let deadline = self.segment_deadline(epoch).await?;
        let segments = self.gatherer.segments(&facts, &logs, deadline).await;
        let (store, judged) = (self.store.clone(), facts.clone());
        let (roots, evidence, nodes) =
            disk::try_run(move || judge_and_write(&store, &judged, logs, segments, previous))
                .await??;
        info!(epoch, nodes = %roots.nodes.hash(), %evidence, "judged");
        self.status.update(|status| {
            (status.judged_epoch, status.nodes) = (Some(epoch), nodes);
        });
        let facts = Arc::unwrap_or_clone(facts);
        Ok(Prepared {
            facts,
            roots,
            evidence,
        })
    }

    /// Evidence of an earlier run, if it still is what follows from the chain.
    async fn prepared_before(
        &self,
        facts: &Arc<EpochFacts>,
    ) -> Result<Option<(EpochRoots, B256)>, TurnError> {
        let epoch = facts.epoch;
        if !self.store.contains(epoch) {
            return Ok(None);
        }
        let read = self
            .store
            .source(epoch)
            .read(facts.network, epoch, None)
            .await;
        let faults = match read {
            Ok((evidence, hash)) => {
                let facts = facts.clone();
                let checked = disk::try_run(move || check(&facts, &evidence)).await?;
                match checked.judgement {
                    Some(judgement) if checked.faults.is_empty() => {
                        self.status.update(|status| {
                            (status.judged_epoch, status.nodes) = (Some(epoch), checked.nodes);
                        });
                        return Ok(Some((judgement.roots, hash)));
                    }
                    _ => checked.faults,
                }
            }
            Err(error) => vec![error.to_string()],
        };
        warn!(
            epoch,
            ?faults,
            "the evidence written before no longer holds"
        );
        Ok(None)
    }

    /// The trees before: our own if they are the attested ones, or else another verifier's.
    async fn previous(&self, facts: &EpochFacts) -> Result<Option<Previous>, TurnError> {
        let Some(epoch) = facts.epoch.checked_sub(1) else {
            return Ok(None);
        };
        let own = self.store.contains(epoch).then(|| self.store.source(epoch));
        let http = &self.config.host.http;
        let peers = self.config.peers.iter();
        let peers = peers.map(|base| Server::new(http, base));
        let sources = own.into_iter().chain(peers.map(EvidenceSource::Verifier));
        let attested = facts.previous.map(|roots| (roots.nodes, roots.bills));
        let mut details = Vec::new();
        for source in sources {
            match source.read(facts.network, epoch, None).await {
                Ok((Evidence { trees, .. }, _)) => {
                    let previous = Previous {
                        nodes: trees.nodes,
                        bills: trees.bills,
                    };
                    if facts.previous.is_some() && previous.hashes() == attested {
                        return Ok(Some(previous));
                    }
                    details.push(format!("{source} is not the attested one"));
                }
                Err(error) => details.push(error.to_string()),
            }
        }
        if details.is_empty() {
            details.push("there is none here, and no other verifiers are configured".into());
        }
        let detail = details.join("; ");
        Err(TurnError::Previous { epoch, detail })
    }

    async fn segment_deadline(&self, epoch: Epoch) -> Result<Instant, TurnError> {
        let now = Duration::from_secs(self.chain.now().await?);
        let due = self.chain.timeline().attest_from(epoch);
        let deadline = Duration::from_secs(due).saturating_add(self.config.segment_deadline);
        let grace = GRACE_MAX.min(self.config.segment_deadline);
        Ok(Instant::now() + deadline.saturating_sub(now).max(grace))
    }

    async fn attest(&mut self, epoch: Epoch) -> Result<Turn, TurnError> {
        let Some(prepared) = &self.prepared else {
            return Ok(Turn::Done);
        };
        // A reorganisation may have taken back what was judged by.
        if agreed_facts(&self.chain, epoch).await? != prepared.facts {
            self.prepared = None;
            return Err(TurnError::Changed(epoch));
        }
        let statement = Statement {
            epoch,
            trees: prepared.roots,
            evidence: prepared.evidence,
        };
        let sent = self.chain.attest(&(&statement).into()).await;
        match sent {
            Ok(sent) => {
                let digest = statement.roots().digest();
                info!(epoch, tx = %sent.tx, gas = sent.gas_used, %digest, "posted");
                let calls = self.chain.runway().map(|runway| runway.calls);
                self.status.update(|status| {
                    status.posted += 1;
                    status.account_calls = calls;
                });
                Ok(Turn::Done)
            }
            Err(error) => match error.revert().map(|revert| revert.name.as_str()) {
                // Attested meanwhile: by others, or by ourselves before a restart.
                Some("NotNextEpoch") => Ok(Turn::Waiting(format!("epoch {epoch} is attested"))),
                Some("AlreadyVoted") => Ok(Turn::Waiting(format!(
                    "voted for epoch {epoch}, waiting for others"
                ))),
                _ => Err(error.into()),
            },
        }
    }
}

#[cfg(test)]
mod tests;
