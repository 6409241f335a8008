//! The node as a whole: start, accept loop, sealing loop, shutdown.

use crate::config::{Config, StartError};
use crate::rules::admission::Admission;
use crate::rules::arrivals::{Arrival, meet};
use crate::rules::budget::Budget;
use crate::rules::counts::Tally;
use crate::rules::settings::{Unfit, check};
use crate::rules::tickets::Identity;
use crate::store::cache::Cache;
use crate::store::open::{self, Stores};
use crate::store::receipt_log::LogError;
use crate::wire::connection::{self, Desk};
use crate::wire::fills::Fills;
use crate::wire::give::Giver;
use crate::wire::issuers::Issuers;
use crate::wire::link::ControlLink;
use crate::wire::member::{self, Membership};
use crate::wire::orders::Ordered;
use crate::wire::peers::Peers;
use crate::wire::serve::Delivery;
use crate::wire::session::{Door, Receipts, Terms};
use crate::wire::tickets::Tickets;
use client::ControlApi;
use contracts::Chain;
use disk::Lock;
use protocol::{ALPN_NODE, Code, NodeId, SigningKey};
use quinn::{Connection, Endpoint};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use transport::{PeerAuth, server_endpoint};

/// Connections at a time; more are refused.
const CONNECTIONS: usize = 4096;
/// Time for a handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Segments being read at a time; each may be large.
const SEGMENT_READS: usize = 4;
/// How often epochs are looked at for sealing.
const SEAL_TICK: Duration = Duration::from_millis(250);
/// How long sessions may go on after the node was told to stop.
const DRAIN: Duration = Duration::from_secs(5);

/// A started node.
pub struct Node {
    /// Held while the node lives: one process a folder.
    lock: Lock,
    me: Identity,
    chain: Chain,
    desk: Arc<Desk>,
    membership: Membership,
    endpoint: Endpoint,
    key: SigningKey,
    link: host::watch::Sender<Option<Connection>>,
}

/// What a node does, to be awaited. Boxed: the body of an `async fn` is compiled in every crate that awaits it, and all
/// of a node is below these; so it is compiled here alone.
pub type Running<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl Node {
    /// Opens everything and binds the port; serves nobody yet.
    ///
    /// # Errors
    /// What is in the way. Nothing is left half-written.
    pub fn start(config: Config) -> Running<Result<Self, StartError>> {
        Box::pin(async move {
            let (listen, window, interval) =
                (config.listen, config.window, config.receipt_interval);
            let has_address = config.public_address.is_some();
            check(has_address, listen.ip(), window, interval).map_err(|unfit| match unfit {
                Unfit::Address => StartError::PublicAddress(listen),
                Unfit::Window => StartError::Window { window, interval },
            })?;
            let lock = open::lock(&config.host.disk, &config.data_dir)?;
            let id = NodeId::from(config.key.verifying_key().to_bytes());
            let chain = Chain::connect(&config.chain).await?;
            if chain.index_of(id.0).await?.is_none() {
                return Err(StartError::NotRegistered(id));
            }
            let network = chain.network_id();
            let endpoint = server_endpoint(
                &config.host,
                config.listen,
                &config.key,
                &[ALPN_NODE],
                PeerAuth::Anonymous,
            )?;
            let (host, data_dir) = (config.host.clone(), config.data_dir.clone());
            let (cache_bytes, agreed) = (config.cache_bytes, chain.agreed().clone());
            let stores = move || Stores::open(&host, &data_dir, cache_bytes, network, id, agreed);
            let stores = disk::run(stores).await?;
            let public_address = match config.public_address {
                Some(address) => address,
                None => endpoint.local_addr().unwrap_or(config.listen).to_string(),
            };
            let control = ControlApi::over(&config.host.http, &config.control)
                .map_err(|error| StartError::Control(error.to_string()))?;
            let me = Identity { network, node: id };
            let issuers = Arc::new(Issuers::ask(chain.clone(), config.host.clock.clone()).await?);
            let (link, control_link) = ControlLink::new();
            let peers = Peers::new(endpoint.clone(), config.key.clone());
            let Stores {
                manifests,
                content,
                segments,
                log,
                refused,
                standing,
            } = stores;
            let cache = Arc::new(Cache::new(&config.host.disk, content, manifests));
            let fills = Arc::new(Fills::new(cache, control_link, peers));
            let (segments, standing) = (Arc::new(segments), Arc::new(standing));
            let admission = Arc::new(Admission::new(config.sessions_max));
            let (tickets, tally) = (Arc::new(Tickets::default()), Arc::new(Tally::default()));
            let membership = Membership {
                network,
                public_address,
                bandwidth_mbps: config.bandwidth_mbps,
                control,
                issuers: issuers.clone(),
                admission: admission.clone(),
                log: log.clone(),
                tally: tally.clone(),
                orders: Ordered {
                    clock: config.host.clock.clone(),
                    fills: fills.clone(),
                    standing: standing.clone(),
                    tickets: tickets.clone(),
                },
            };
            let giver = Giver::new(
                me,
                config.host.clock.clone(),
                issuers.clone(),
                fills.clone(),
                admission.clone(),
                Budget::new(config.bandwidth_mbps),
            );
            let door = Door {
                me,
                clock: config.host.clock,
                terms: Terms {
                    window,
                    receipt_interval: interval,
                },
                issuers,
                segments: segments.clone(),
                standing,
                admission,
                tickets,
                refused,
                receipts: Receipts {
                    log,
                    taken: AtomicU64::new(0),
                },
            };
            let desk = Desk {
                door,
                delivery: Delivery { fills, tally },
                giver,
                segments,
                segment_reads: Semaphore::new(SEGMENT_READS),
            };
            Ok(Self {
                lock,
                me,
                chain,
                desk: Arc::new(desk),
                membership,
                endpoint,
                key: config.key,
                link,
            })
        })
    }

    /// The node's id.
    pub fn id(&self) -> NodeId {
        self.me.node
    }

    /// The address it is bound to.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.endpoint.local_addr().ok()
    }

    /// Serves until told to stop, then shuts down in order.
    ///
    /// # Errors
    /// If the receipt journal fails: a node that can't keep receipts doesn't go on.
    pub fn run(self, stop: CancellationToken) -> Running<Result<(), LogError>> {
        Box::pin(async move {
            let Self {
                lock,
                me: _,
                chain,
                desk,
                membership,
                endpoint,
                key,
                link,
            } = self;
            let mut tasks = JoinSet::new();
            tasks.spawn(member::run(
                membership,
                endpoint.clone(),
                link,
                key,
                stop.clone(),
            ));
            let (following, stopping) = (chain.clone(), stop.clone());
            tasks.spawn(async move {
                let _ = stopping.run_until_cancelled(following.follow()).await;
            });
            let sealing = tokio::spawn(seal_task(chain, desk.clone(), stop.clone()));

            let connections = Arc::new(Semaphore::new(CONNECTIONS));
            let mut serving = JoinSet::new();
            loop {
                let incoming = tokio::select! {
                    biased;
                    () = stop.cancelled() => break,
                    Some(_) = serving.join_next() => continue,
                    incoming = endpoint.accept() => incoming,
                };
                let Some(incoming) = incoming else { break };
                let taken = CONNECTIONS - connections.available_permits();
                let permit = match meet(taken, CONNECTIONS, incoming.remote_address_validated()) {
                    Arrival::Enter => connections.clone().try_acquire_owned(),
                    Arrival::Prove => {
                        let _ = incoming.retry();
                        continue;
                    }
                    Arrival::Refuse => {
                        incoming.refuse();
                        continue;
                    }
                };
                let permit = permit.expect("only this loop takes places");
                let desk = desk.clone();
                serving.spawn(async move {
                    let _permit = permit;
                    match timeout(HANDSHAKE, incoming).await {
                        Ok(Ok(connection)) => connection::hold(desk, connection).await,
                        Ok(Err(error)) => tracing::debug!(%error, "handshake failed"),
                        Err(_) => tracing::debug!("handshake timed out"),
                    }
                });
            }

            // No more connections; those that are there get a moment to end by themselves.
            endpoint.set_server_config(None);
            let drained = timeout(DRAIN, async {
                while serving.join_next().await.is_some() {}
            })
            .await;
            if drained.is_err() {
                tracing::info!("sessions ended by shutdown");
            }
            endpoint.close(
                Code::ShuttingDown.to_u16().into(),
                b"the node is shutting down",
            );
            serving.shutdown().await;
            while tasks.join_next().await.is_some() {}
            endpoint.wait_idle().await;
            let sealed = sealing.await.unwrap_or(Err(LogError::Stopped));
            desk.door.receipts.log.close().await;
            drop(lock);
            tracing::info!(
                receipts = desk.door.receipts.taken.load(Ordering::Relaxed),
                "node stopped"
            );
            sealed
        })
    }
}

/// Seals every epoch that is due, oldest first.
async fn seal_task(chain: Chain, desk: Arc<Desk>, stop: CancellationToken) -> Result<(), LogError> {
    let (segments, log) = (&desk.segments, &desk.door.receipts.log);
    let mut ticks = interval(SEAL_TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            _ = ticks.tick() => {}
        }
        if segments.wants_chain_time() {
            match chain.now().await {
                Ok(seconds) => segments.set_chain_time(seconds),
                Err(error) => tracing::warn!(%error, "cannot ask the chain for its time"),
            }
        }
        let open = match log.open_epochs().await {
            Ok(open) => open,
            Err(error) => {
                // A node that can't keep receipts must not look healthy.
                stop.cancel();
                return Err(error);
            }
        };
        for epoch in segments.due(open) {
            match segments.seal(epoch, log).await {
                Ok(()) => desk.door.tickets.forget(epoch),
                Err(error) => tracing::error!(epoch, %error, "cannot seal"),
            }
        }
    }
}
