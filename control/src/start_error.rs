//! Why a control plane doesn't start.

use crate::chain::funds::FundsError;
use crate::config::ConfigError;
use crate::contents::catalogue::CatalogueError;
use crate::contents::origins::OriginsError;
use crate::contents::seal_keys::SealKeysError;
use crate::http::admin_tokens::TokensError;
use crate::nodes::orders::OrdersError;
use crate::nodes::overlay::OverlayError;
use crate::tickets::ticket_log::LogError;
use content::StoreError;
use contracts::ChainError;
use disk::DiskError;
use protocol::{Address, IssuerKey};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use transport::BindError;

/// Why a control plane didn't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting can't be.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The chain can't be asked, or is another one.
    #[error(transparent)]
    Chain(Box<ChainError>),
    /// The key isn't an issuer's.
    #[error(
        "issuer key {key} is not registered in settlement contract {settlement} on chain {chain_id}; its owner adds it with `quittance contracts add-issuer`, or gives it to an issuer with `rotate-issuer-key`"
    )]
    NotAnIssuer {
        /// Our public key.
        key: IssuerKey,
        /// The settlement contract that was asked.
        settlement: Address,
        /// Where it stands.
        chain_id: u64,
    },
    /// The key is an issuer's, but not yet.
    #[error(
        "issuer key {key} is that of issuer {issuer} from a later epoch on than {epoch}, which is now; until then run with the key before it"
    )]
    KeyOfLater {
        /// Our public key.
        key: IssuerKey,
        /// The issuer's index.
        issuer: u32,
        /// The epoch now.
        epoch: u64,
    },
    /// Another account commits for the issuer.
    #[error(
        "ticket logs of issuer {issuer} are committed by account {committer}; the configured key is that of {account}"
    )]
    NotCommitter {
        /// Our index in the settlement contract.
        issuer: u32,
        /// The account that may commit, as registered.
        committer: Address,
        /// The account of the key that is configured.
        account: Address,
    },
    /// Whoever is to pay has never deposited: no verifier would count a receipt for its tickets.
    #[error(
        "account {payer} is to pay for deliveries and never deposited into vault {vault} on chain {chain_id}: run `quittance contracts fund` with its key, or name another payer"
    )]
    NotAPayer {
        /// The account that is configured to pay.
        payer: Address,
        /// Where it must deposit.
        vault: Address,
        /// Where that stands.
        chain_id: u64,
    },
    /// Another process works there.
    #[error("{} is in use by another control plane: stop it, or choose another data directory", .0.display())]
    InUse(PathBuf),
    /// Zone file or location database can't be used.
    #[error(transparent)]
    Overlay(#[from] OverlayError),
    /// The data directory can't be used.
    #[error(transparent)]
    File(#[from] DiskError),
    /// The catalogue is damaged.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// What stays at origins is damaged.
    #[error(transparent)]
    Origins(#[from] OriginsError),
    /// Keys to sealed content are damaged, or not there.
    #[error(transparent)]
    SealKeys(#[from] SealKeysError),
    /// The content store is damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The list of orders is damaged.
    #[error(transparent)]
    Orders(#[from] OrdersError),
    /// The list of admin tokens is damaged.
    #[error(transparent)]
    Tokens(#[from] TokensError),
    /// A ticket log is damaged.
    #[error(transparent)]
    TicketLog(#[from] LogError),
    /// The HTTP address can't be had.
    #[error("cannot listen on TCP {address}: {source}")]
    Listen {
        /// Where it was to listen.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The DNS address can't be had.
    #[error(
        "cannot listen on {address} for DNS, UDP and TCP (ports below 1024 need a privilege): {source}"
    )]
    ListenDns {
        /// Where it was to listen.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The QUIC address can't be had.
    #[error(transparent)]
    Bind(#[from] BindError),
}

impl From<FundsError> for StartError {
    fn from(error: FundsError) -> Self {
        match error {
            FundsError::Chain(error) => error.into(),
            FundsError::Log(error) => error.into(),
        }
    }
}

impl From<ChainError> for StartError {
    fn from(error: ChainError) -> Self {
        Self::Chain(Box::new(error))
    }
}
