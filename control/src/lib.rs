//! The control plane of a Quittance network: what there is, who serves it, and who may have it.
//!
//! Participants: *publishers* upload contents and put them under names; *nodes* join over QUIC, send
//! heartbeats and fill their caches; *clients* ask where to fetch and get a signed ticket per node;
//! *verifiers* and *auditors* read the ticket logs; the *chain* says who may join, and is told the root
//! of each epoch's ticket log.
//!
//! Goals: a ticket that left is on disk first and in the log that is committed; nothing that was
//! acknowledged is lost by a kill or a power cut; what is damaged is named, never dropped; every queue,
//! body and wait is bounded. Non-goals: TLS for HTTP (a reverse proxy's), several processes on one data
//! directory (it is locked).
//!
//! In the data directory: `store/` contents, `catalogue/` manifests and names, `seal-keys.json`, `origins/`
//! outboards of what is elsewhere, `tickets/` logs, `orders.json`, `admin-tokens.json`, `lock`.
//!
//! A request passes the wings from the top down, and a wing uses only those below it:
//!
//! | wing | |
//! |---|---|
//! | `http` | the public API, and the admin API at an address of its own, with who may use it |
//! | `requests` | routes and their tickets, and why a client is sent where it is; DNS and gateways |
//! | `viewers` | whether a viewer may have a collection |
//! | `nodes` | who is connected and healthy, what they are told, where clients go; the decision is the crate `routing`'s |
//! | `chain` | who is registered and has funds, and commitments of ticket logs |
//! | `tickets` | the issuer and its logs, and what tickets count against |
//! | `contents` | catalogue, seal keys and origins |
//!
//! `rules` decide and do nothing else; the wings carry out what is decided. Beside them: `control` starts and ends all,
//! `core` is what HTTP handlers are given, `status` says how the network is.

mod chain;
mod config;
mod contents;
mod control;
mod core;
mod http;
mod metrics;
mod nodes;
mod requests;
mod rules;
mod start_error;
mod status;
#[cfg(test)]
mod testing;
mod tickets;
mod viewers;

pub use config::{Config, ConfigError};
pub use contents::catalogue::CatalogueError;
pub use contents::origins::OriginsError;
pub use contents::seal_keys::SealKeysError;
pub use control::{Control, Running, run};
pub use http::admin_tokens::{AdminToken, Role, TokenFile, TokensError};
pub use nodes::orders::OrdersError;
pub use nodes::overlay::OverlayError;
pub use rules::dns::{DnsConfig, DnsConfigError};
pub use rules::promises::PayerQuota;
pub use start_error::StartError;
pub use tickets::quota::NetworkQuota;
pub use tickets::ticket_log::LogError;

#[cfg(test)]
mod power_tests;
