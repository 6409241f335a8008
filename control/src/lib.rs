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
//! | module | |
//! |---|---|
//! | `control` | start, and the order in which everything ends |
//! | `core` | shared state; routing a client, replicating a collection |
//! | `http` | the public API, and the admin API at an address of its own |
//! | `admin_tokens` | who may use the latter, and for what |
//! | `join`, `membership`, `registry` | nodes: connections, load and orders, who is registered |
//! | `holders`, `sources` | who has which collection; where a node fills from |
//! | `orders` | what nodes are told until they confirm it; who is blocked, draining, revoked |
//! | `health`, `dial_back` | whether nodes deliver: what clients say, what the control plane sees |
//! | `gateways` | ordinary players: who serves them HTTP |
//! | `dns` | authoritative DNS |
//! | `overlay`, `reload`, `measured`, `explain` | where clients are; the decision is the crate `routing`'s |
//! | `status` | how the network is, for whoever may see it |
//! | `issuer`, `ticket_log`, `reasons` | tickets: one task, one file per epoch, and why each names its node |
//! | `commit`, `ledger` | ticket logs on chain |
//! | `quota`, `rate` | how much clients of one network may ask for |
//! | `funds`, `promises`, `bills` | what payers have left, and what is promised on it |
//! | `catalogue` | names, policies and manifests on disk |
//! | `access`, `by_token`, `token_usage` | whether a viewer may have a collection, and how much |
//! | `seal_keys` | keys to sealed content |
//! | `origins`, `origin_address` | content that stays at an HTTP(S) origin, and which origins may be asked |

mod access;
mod admin_tokens;
mod bills;
mod by_token;
mod catalogue;
mod client_network;
mod commit;
mod config;
mod control;
mod core;
mod dial_back;
mod dns;
mod explain;
mod funds;
mod gateways;
mod handed_in;
mod health;
mod holders;
mod http;
mod issuer;
mod join;
mod ledger;
mod measured;
mod membership;
mod metrics;
mod orders;
mod origin_address;
mod origins;
mod overlay;
mod promises;
mod quota;
mod rate;
mod reasons;
mod registry;
mod reload;
mod seal_keys;
mod sources;
mod start_error;
mod status;
#[cfg(test)]
mod testing;
mod ticket_log;
mod token_usage;

pub use admin_tokens::{AdminToken, Role, TokenFile, TokensError};
pub use catalogue::CatalogueError;
pub use config::{Config, ConfigError};
pub use control::{Control, Running, run};
pub use dns::{DnsConfig, DnsConfigError};
pub use orders::OrdersError;
pub use origins::OriginsError;
pub use overlay::OverlayError;
pub use quota::{NetworkQuota, PayerQuota};
pub use seal_keys::SealKeysError;
pub use start_error::StartError;
pub use ticket_log::LogError;

#[cfg(test)]
mod power_tests;
