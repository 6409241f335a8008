//! The node as a whole: start, accept loop, sealing loop, shutdown.

use crate::cache::Cache;
use crate::epoch::Segments;
use crate::give::{self, Asked, Budget};
use crate::member::{self, ControlLink};
use crate::peers::Peers;
use crate::receipt_log::{LogError, ReceiptLog};
use crate::refused::RefusedTickets;
use crate::session::{self, Refusal};
use crate::shared::{Issuers, Shared};
use crate::standing::Standing;
use crate::tally::Tally;
use crate::tickets::{TicketState, Tickets};
use crate::{clock, fetch};
use client::ControlApi;
use content::{OnDamage, Store, StoreError};
use contracts::{Chain, ChainConfig, ChainError};
use protocol::{
    ALPN_NODE, Code, Epoch, FetchReply, NodeId, Request, SLICE_BYTES, SessionReply, SigningKey,
    TicketId,
};
use quinn::{Connection, Endpoint, RecvStream, SendStream};
use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use transport::{BindError, PeerAuth, StreamError, read_frame, server_endpoint, write_frame};

/// Connections at a time; more are refused.
const CONNECTIONS: usize = 4096;
/// Time for a handshake, and for the first frame of a stream.
const FIRST_FRAME: Duration = Duration::from_secs(10);
/// A connection without a stream is closed when it was found so for the sixth time: after a minute or so.
const IDLE_LOOK: Duration = Duration::from_secs(10);
const IDLE_LOOKS_MAX: u32 = 5;
/// Segments being read at a time; each may be large.
const SEGMENT_READS: usize = 4;
/// How often epochs are looked at for sealing.
const SEAL_TICK: Duration = Duration::from_millis(250);
/// How long sessions may go on after the node was told to stop.
const DRAIN: Duration = Duration::from_secs(5);

/// How a node runs.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where cache, journal and segments stand.
    pub data_dir: PathBuf,
    /// The node's key: its id and its TLS identity.
    pub key: SigningKey,
    /// UDP address to serve at.
    pub listen: SocketAddr,
    /// `host:port` at which clients reach it; `None`: the address served at.
    pub public_address: Option<String>,
    /// URL of the control plane.
    pub control: String,
    /// The chain and the settlement contract.
    pub chain: ChainConfig,
    /// Most bytes of content to keep.
    pub cache_bytes: u64,
    /// Content bytes after which a client owes a receipt.
    pub receipt_interval: u64,
    /// Content bytes sent ahead of the last receipt: the most a client can take without signing.
    pub window: u64,
    /// Most sessions at once; more are sent elsewhere.
    pub sessions_max: u32,
    /// What the node's line carries, Mbit/s: it gets traffic in proportion.
    pub bandwidth_mbps: u32,
}

/// Why a node doesn't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The chain can't be reached or isn't the right one.
    #[error(transparent)]
    Chain(Box<ChainError>),
    /// The node isn't in the registry.
    #[error(
        "node {0} is not registered: run `quittance node init` with an account that can pay for it"
    )]
    NotRegistered(NodeId),
    /// The port is taken.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The cache can't be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal can't be used.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Segments can't be kept.
    #[error("{0}")]
    Segments(String),
    /// The window is smaller than the interval, or than what is sent at a time.
    #[error("the window ({window}) must be at least the receipt interval ({interval}) and 1 MiB")]
    Window {
        /// As configured.
        window: u64,
        /// As configured.
        interval: u64,
    },
    /// An address to listen at, but none to be reached at.
    #[error(
        "clients can't dial {0}: give the address at which they reach the node with --public-address HOST:PORT"
    )]
    PublicAddress(SocketAddr),
    /// Another process uses the folder.
    #[error("{0} is in use by another process: stop that node first")]
    InUse(PathBuf),
    /// A folder can't be made.
    #[error("cannot create {path}: {source}")]
    Dir {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The control plane's URL can't be used.
    #[error("{0}")]
    Control(String),
}

impl From<ChainError> for StartError {
    fn from(error: ChainError) -> Self {
        Self::Chain(Box::new(error))
    }
}

/// A started node.
pub struct Node {
    /// Held while the node lives: one process a folder.
    lock: File,
    shared: Arc<Shared>,
    endpoint: Endpoint,
    key: SigningKey,
    link: tokio::sync::watch::Sender<Option<Connection>>,
}

impl Node {
    /// Opens everything and binds the port; serves nobody yet.
    ///
    /// # Errors
    /// What is in the way. Nothing is left half-written.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        if config.public_address.is_none() && config.listen.ip().is_unspecified() {
            return Err(StartError::PublicAddress(config.listen));
        }
        let lock = lock(&config.data_dir)?;
        let (window, interval) = (config.window, config.receipt_interval);
        if window < interval || window < SLICE_BYTES {
            return Err(StartError::Window { window, interval });
        }
        let id = NodeId::from(config.key.verifying_key().to_bytes());
        let chain = Chain::connect(&config.chain).await?;
        if chain.index_of(id.0).await?.is_none() {
            return Err(StartError::NotRegistered(id));
        }
        let network = chain.network_id();
        let endpoint = server_endpoint(
            config.listen,
            &config.key,
            &[ALPN_NODE],
            PeerAuth::Anonymous,
        )?;
        let manifests = config.data_dir.join("manifests");
        std::fs::create_dir_all(&manifests).map_err(|source| StartError::Dir {
            path: manifests.clone(),
            source,
        })?;
        let store = Store::open(
            &config.data_dir.join("cache"),
            config.cache_bytes,
            OnDamage::Discard,
        )?;
        let segments_dir = config.data_dir.join("segments");
        let segments = Segments::open(segments_dir, network, id, chain.agreed().clone())
            .map_err(|error| StartError::Segments(error.to_string()))?;
        let log = ReceiptLog::open(&config.data_dir.join("receipts"), |epoch| {
            segments.is_sealed(epoch)
        })?;
        let public_address = match config.public_address {
            Some(address) => address,
            None => endpoint.local_addr().unwrap_or(config.listen).to_string(),
        };
        let control = ControlApi::new(&config.control)
            .map_err(|error| StartError::Control(error.to_string()))?;
        let issuers = Issuers::ask(&chain).await?;
        let (link, control_link) = ControlLink::new();
        let peers = Peers::new(endpoint.clone(), config.key.clone());
        let refused = RefusedTickets::open(&config.data_dir).map_err(|source| {
            let path = config.data_dir.join(crate::refused::FILE);
            StartError::Dir { path, source }
        })?;
        let standing = Standing::open(&config.data_dir).map_err(|source| {
            let path = config.data_dir.join(crate::standing::FILE);
            StartError::Dir { path, source }
        })?;
        let shared = Shared {
            id,
            network,
            window,
            receipt_interval: interval,
            public_address,
            control,
            cache: Arc::new(Cache::new(store, manifests, control_link, peers)),
            log,
            tickets: Tickets::default(),
            segments,
            refused,
            standing,
            segment_reads: Semaphore::new(SEGMENT_READS),
            chain,
            issuers: Mutex::new(issuers),
            sessions: AtomicU32::new(0),
            sessions_max: config.sessions_max,
            bandwidth_mbps: config.bandwidth_mbps,
            receipts: AtomicU64::new(0),
            gives: Budget::new(config.bandwidth_mbps),
            tally: Tally::default(),
        };
        Ok(Self {
            lock,
            shared: Arc::new(shared),
            endpoint,
            key: config.key,
            link,
        })
    }

    /// The node's id.
    pub fn id(&self) -> NodeId {
        self.shared.id
    }

    /// The address it is bound to.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.endpoint.local_addr().ok()
    }

    /// Serves until told to stop, then shuts down in order.
    ///
    /// # Errors
    /// If the receipt journal fails: a node that can't keep receipts doesn't go on.
    pub async fn run(self, stop: CancellationToken) -> Result<(), LogError> {
        let Self {
            lock,
            shared,
            endpoint,
            key,
            link,
        } = self;
        let mut tasks = JoinSet::new();
        tasks.spawn(member::run(
            shared.clone(),
            endpoint.clone(),
            link,
            key,
            stop.clone(),
        ));
        let (chain, stopping) = (shared.chain.clone(), stop.clone());
        tasks.spawn(async move {
            let _ = stopping.run_until_cancelled(chain.follow()).await;
        });
        let sealing = tokio::spawn(seal_task(shared.clone(), stop.clone()));

        let connections = Arc::new(Semaphore::new(CONNECTIONS));
        let mut serving = JoinSet::new();
        loop {
            let incoming = tokio::select! {
                incoming = endpoint.accept() => incoming,
                Some(_) = serving.join_next() => continue,
                () = stop.cancelled() => break,
            };
            let Some(incoming) = incoming else { break };
            let Ok(permit) = connections.clone().try_acquire_owned() else {
                incoming.refuse();
                continue;
            };
            // Under load only who can receive at its address gets a place.
            let busy = connections.available_permits() < CONNECTIONS / 2;
            if busy && !incoming.remote_address_validated() {
                let _ = incoming.retry();
                continue;
            }
            let shared = shared.clone();
            serving.spawn(async move {
                let _permit = permit;
                match timeout(FIRST_FRAME, incoming).await {
                    Ok(Ok(connection)) => serve_connection(shared, connection).await,
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
        drop(lock);
        tracing::info!(
            receipts = shared.receipts.load(Ordering::Relaxed),
            "node stopped"
        );
        sealing.await.unwrap_or(Err(LogError::Stopped))
    }
}

/// Takes the folder for this process; the system lets go of it however the process ends.
fn lock(data_dir: &Path) -> Result<File, StartError> {
    let path = data_dir.join("lock");
    let failed = |source| StartError::Dir {
        path: path.clone(),
        source,
    };
    std::fs::create_dir_all(data_dir).map_err(failed)?;
    let file = File::create(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StartError::InUse(data_dir.to_owned())),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Tickets whose sessions are open on one connection.
type Sessions = Arc<Mutex<HashMap<TicketId, Arc<TicketState>>>>;

async fn serve_connection(shared: Arc<Shared>, connection: Connection) {
    let sessions = Sessions::default();
    let mut streams = JoinSet::new();
    // A connection on which nothing goes on takes the place of one that has something to do.
    let mut looks = interval(IDLE_LOOK);
    let mut idle_looks = 0;
    loop {
        tokio::select! {
            stream = connection.accept_bi() => match stream {
                Ok((send, recv)) => {
                    let (shared, connection) = (shared.clone(), connection.clone());
                    streams.spawn(serve_stream(shared, connection, sessions.clone(), send, recv));
                }
                Err(error) => {
                    tracing::debug!(%error, "connection ended");
                    break;
                }
            },
            Some(_) = streams.join_next() => {}
            _ = looks.tick() => {
                idle_looks = if streams.is_empty() { idle_looks + 1 } else { 0 };
                if idle_looks > IDLE_LOOKS_MAX {
                    connection.close(Code::Done.to_u16().into(), b"nothing goes on here");
                }
            }
        }
    }
    streams.shutdown().await;
}

async fn serve_stream(
    shared: Arc<Shared>,
    connection: Connection,
    sessions: Sessions,
    mut send: SendStream,
    mut recv: RecvStream,
) {
    let served = async {
        match timeout(FIRST_FRAME, read_frame::<Request>(&mut recv)).await {
            Err(_) => {
                let _ = send.reset(Code::Malformed.to_u16().into());
                Ok(())
            }
            Ok(Err(StreamError::Frame(error))) => {
                tracing::debug!(%error, "malformed request");
                let _ = send.reset(Code::Malformed.to_u16().into());
                Ok(())
            }
            Ok(Err(error)) => Err(error),
            Ok(Ok(request)) => {
                serve_request(
                    &shared,
                    &connection,
                    &sessions,
                    request,
                    &mut send,
                    &mut recv,
                )
                .await
            }
        }
    };
    if let Err(error) = served.await {
        tracing::debug!(%error, "stream broke");
        if let StreamError::Frame(_) = error {
            let _ = send.reset(Code::Malformed.to_u16().into());
        }
    }
}

async fn serve_request(
    shared: &Shared,
    connection: &Connection,
    sessions: &Sessions,
    request: Request,
    send: &mut SendStream,
    recv: &mut RecvStream,
) -> Result<(), StreamError> {
    let open = |ticket: TicketId| {
        sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&ticket)
            .cloned()
    };
    match request {
        Request::Session { ticket, binding } => {
            let state = match session::open(shared, connection, *ticket, &binding).await {
                Ok(state) => state,
                Err(Refusal(code, detail)) => {
                    tracing::info!(%code, %detail, "session refused");
                    write_frame(send, &SessionReply::refused(code, detail)).await?;
                    let _ = send.finish();
                    return Ok(());
                }
            };
            let id = state.ticket().ticket().id;
            let taken = {
                let mut sessions = sessions.lock().unwrap_or_else(PoisonError::into_inner);
                let taken = sessions.contains_key(&id);
                if !taken {
                    sessions.insert(id, state.clone());
                }
                taken
            };
            if taken {
                let why = "the ticket has a session on this connection";
                write_frame(send, &SessionReply::refused(Code::TooMany, why)).await?;
                let _ = send.finish();
                return Ok(());
            }
            let others = shared.sessions.fetch_add(1, Ordering::Relaxed);
            let ended = if others < shared.sessions_max {
                let ended = tokio::select! {
                    ended = session::run(shared, &state, send, recv) => Some(ended),
                    () = state.revoked() => None,
                };
                match ended {
                    Some(ended) => ended,
                    None => {
                        let why = "the control plane took the ticket back";
                        let reply = SessionReply::refused(Code::TicketRevoked, why);
                        let told = write_frame(send, &reply).await;
                        let _ = send.finish();
                        told
                    }
                }
            } else {
                let why = format!("the node has its {} sessions", shared.sessions_max);
                let reply = SessionReply::refused(Code::TooMany, why);
                write_frame(send, &reply).await
            };
            shared.sessions.fetch_sub(1, Ordering::Relaxed);
            sessions
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&id);
            ended
        }
        Request::Fetch {
            ticket,
            content,
            offset,
            length,
        } => match open(ticket) {
            Some(state) if clock::now_ms() <= state.ticket().ticket().expires_at => {
                fetch::serve(shared, &state, content, offset, length, send).await
            }
            Some(_) => refuse_fetch(send, Code::TicketExpired, "the ticket has expired").await,
            None => {
                refuse_fetch(send, Code::NoSession, "open a session for the ticket first").await
            }
        },
        Request::Fill {
            grant,
            binding,
            content,
            offset,
            length,
        } => {
            let asked = Asked {
                grant: *grant,
                binding,
                content,
                offset,
                length,
            };
            give::serve(shared, connection, asked, send).await
        }
        Request::Segment { epoch } => serve_segment(shared, epoch, send).await,
    }
}

async fn serve_segment(
    shared: &Shared,
    epoch: Epoch,
    send: &mut SendStream,
) -> Result<(), StreamError> {
    let Ok(_permit) = shared.segment_reads.try_acquire() else {
        return refuse_fetch(send, Code::TooMany, "too many segments are being read").await;
    };
    match shared.segments.bytes(epoch, &shared.log).await {
        Ok(Some(bytes)) => {
            let size = bytes.len() as u64;
            write_frame(send, &FetchReply::Ok { size }).await?;
            send.write_chunk(bytes.into()).await?;
            let _ = send.finish();
            Ok(())
        }
        Ok(None) => refuse_fetch(send, Code::NotSealed, "the epoch isn't sealed yet").await,
        Err(error) => {
            tracing::error!(epoch, %error, "segment can't be given");
            refuse_fetch(send, Code::Internal, "the segment can't be read").await
        }
    }
}

async fn refuse_fetch(send: &mut SendStream, code: Code, why: &str) -> Result<(), StreamError> {
    write_frame(send, &FetchReply::refused(code, why)).await?;
    let _ = send.finish();
    Ok(())
}

/// Seals every epoch that is due, oldest first.
async fn seal_task(shared: Arc<Shared>, stop: CancellationToken) -> Result<(), LogError> {
    let mut ticks = interval(SEAL_TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.cancelled() => return Ok(()),
        }
        if shared.segments.wants_chain_time() {
            match shared.chain.now().await {
                Ok(seconds) => shared.segments.set_chain_time(seconds),
                Err(error) => tracing::warn!(%error, "cannot ask the chain for its time"),
            }
        }
        let open = match shared.log.open_epochs().await {
            Ok(open) => open,
            Err(error) => {
                // A node that can't keep receipts must not look healthy.
                stop.cancel();
                return Err(error);
            }
        };
        for epoch in open
            .into_iter()
            .filter(|epoch| shared.segments.is_due(*epoch))
        {
            match shared.segments.seal(epoch, &shared.log).await {
                Ok(()) => shared.tickets.forget(epoch),
                Err(error) => tracing::error!(epoch, %error, "cannot seal"),
            }
        }
    }
}
