//! How a node runs, and why it doesn't start.

use crate::store::receipt_log::LogError;
use content::StoreError;
use contracts::{ChainConfig, ChainError};
use host::Host;
use protocol::{NodeId, SigningKey};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use transport::BindError;

/// How a node runs.
#[derive(Debug, Clone)]
pub struct Config {
    /// The machine that it runs on.
    pub host: Host,
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
        /// Bytes sent ahead of the last receipt, as configured.
        window: u64,
        /// Bytes after which a receipt is owed, as configured.
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
        /// The folder that was to be made.
        path: PathBuf,
        /// What the system says.
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
