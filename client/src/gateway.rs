//! The gateway: HTTP on this machine, so that ordinary players play any collection.
//!
//! Participants: a *player* (a browser, ffmpeg, VLC, curl) asks for `/{collection name or id}/{path}`; the
//! gateway routes, fetches, verifies and signs as any client does, and hands on what it verified.
//!
//! Goals: no unverified byte leaves; a player notices neither a node that dies nor a ticket that ends; what a
//! playlist asks for next is there before it is asked for; one fetch serves all who ask for the same; memory
//! is bounded whatever players, playlists and nodes do. Non-goals: a cache on disk, TLS (a proxy's work),
//! several ranges in one response (such a request gets the whole file).
//!
//! Bounds: [`CONNECTIONS_MAX`] connections, each with 256 KiB on its way at most;
//! the cache's own; 4 prefetches at a time; heads of 16 KiB.
//!
//! Where things are: `answer` is a request, `source` where bytes come from, `cache`
//! memory, `playlist` what comes next; `conditional`, `cors` read requests (and `formats` what stands in them).

mod answer;
mod cache;
mod conditional;
mod cors;
mod metrics;
mod page;
mod playlist;
mod refusal;
mod shared;
mod source;

use crate::config::ClientConfig;
use crate::control_api::Answer;
use crate::fetch::{Client, SetupError};
use crate::summary::Summary;
use axum::Router;
use cache::Cache;
use cors::Origins;
use futures::future::BoxFuture;
use host::{Host, Listener};
use listener::Bounds;
use metrics::Metrics;
use playlist::Orders;
use shared::{HEAD_BYTES_MAX, Lookups, Shared};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections at once; more wait in the system's queue.
const CONNECTIONS_MAX: usize = 512;
const BOUNDS: Bounds = Bounds {
    connections: CONNECTIONS_MAX,
    head: Duration::from_secs(20),
    // Below, a head is refused with a reason.
    head_bytes: 4 * HEAD_BYTES_MAX,
    // Paused players take nothing, and cost little.
    stall: Duration::from_secs(600),
    drain: Duration::from_secs(5),
};
/// Players whose next files are fetched at a time.
const AHEAD_MAX: usize = 4;
/// A player's buffer is a few seconds: a node that says nothing for so long is left.
const STALL_TIMEOUT: Duration = Duration::from_secs(3);
/// Likewise one that can't be reached.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Fetches end within this once they are told to.
const TASKS_TIMEOUT: Duration = Duration::from_secs(1);

/// Settings of a [`Gateway`].
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// How to fetch. [`GatewayConfig::on`] waits for nodes for 3 s, less than a player's buffer lasts.
    pub client: ClientConfig,
    /// TCP address. 127.0.0.1:8480 unless told: who else may reach it watches at this client's key.
    pub listen: SocketAddr,
    /// Bytes of memory for files. 64 MiB unless told; a file may take a quarter of it.
    pub cache_bytes: u64,
    /// Files fetched after the one that a playlist's player asked for. 2 unless told.
    pub ahead: usize,
    /// Origins whose pages may read, as `https://host`; any if there are none.
    pub origins: Vec<String>,
}

impl GatewayConfig {
    /// Ordinary settings on this host, and a fresh key of its randomness.
    pub fn on(host: Host, control: impl Into<String>) -> Self {
        let mut client = ClientConfig::on(host, control);
        client.stall_timeout = STALL_TIMEOUT;
        client.connect_timeout = CONNECT_TIMEOUT;
        Self {
            client,
            listen: ([127, 0, 0, 1], 8480).into(),
            cache_bytes: 64 << 20,
            ahead: 2,
            origins: Vec::new(),
        }
    }
}

/// Why a gateway can't begin.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// Its client can't.
    #[error(transparent)]
    Client(#[from] SetupError),
    /// The address can't be listened at.
    #[error("cannot listen at {address}: {source}")]
    Listen {
        /// As configured.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// A gateway that listens.
#[derive(Debug)]
pub struct Gateway {
    listener: Listener,
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Gateway {
    /// Listens; requests wait until [`Gateway::run`]. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If the control plane's URL is none, or the system gives no socket.
    pub fn bind(config: GatewayConfig) -> Answer<'static, Self, GatewayError> {
        Box::pin(async move {
            let sockets = config.client.host.sockets.clone();
            let client = Client::new(config.client)?;
            let address = config.listen;
            let failed = |source| GatewayError::Listen { address, source };
            let listener = sockets.listen(address).map_err(failed)?;
            let address = listener.local_addr().map_err(failed)?;
            let shared = Shared {
                client,
                cache: Arc::new(Cache::new(config.cache_bytes)),
                orders: Orders::default(),
                origins: Origins::new(config.origins),
                metrics: Metrics::default(),
                lookups: Lookups::default(),
                ahead: config.ahead,
                ahead_turns: Arc::new(Semaphore::new(AHEAD_MAX)),
                connections: Arc::default(),
                tasks: TaskTracker::new(),
                stopped: CancellationToken::new(),
            };
            Ok(Self {
                listener,
                address,
                shared: Arc::new(shared),
            })
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until told to stop. Then: no new connections; open responses have five seconds; fetches end;
    /// what was verified is signed for.
    pub fn run(self, stop: CancellationToken) -> BoxFuture<'static, Summary> {
        Box::pin(async move {
            let Self {
                listener, shared, ..
            } = self;
            let app = Router::new()
                .fallback(answer::answer)
                .with_state(Arc::clone(&shared));
            listener::serve(listener, app, BOUNDS, shared.connections.clone(), stop).await;
            shared.stopped.cancel();
            shared.tasks.close();
            if timeout(TASKS_TIMEOUT, shared.tasks.wait()).await.is_err() {
                tracing::warn!("fetches were still under way when the gateway ended");
            }
            shared.client.finish().await
        })
    }
}
