//! The client of a Quittance network: route, fetch, verify, sign.
//!
//! Participants: the *control plane* ([`ControlApi`]) says which nodes hold a collection and grants a
//! ticket for each; a *node* streams content under a ticket's session; this client hands on only what it
//! verified, signs for exactly that, and goes elsewhere with the rest when a node fails.
//!
//! Goals: no byte reaches a [`Sink`] unverified; no receipt states a byte that wasn't verified, nor more
//! than its ticket grants; a fetch survives nodes that die, lie, stall or refuse, and tickets that end;
//! at full speed signing costs next to nothing. Non-goals: caching, and writing content back.
//!
//! Where things are: [`Client`] ties the parts together; `pool` keeps a session per collection and finds
//! the next node; `session` owns a ticket's receipts; `transfer` is one request; `file` and `sink` are
//! where bytes go, `sealed` and `opening` open them; `gateway` is HTTP for ordinary players.

mod clock;
mod config;
mod control_api;
mod fault;
mod fetch;
mod file;
mod gateway;
mod ledger;
mod opening;
mod pool;
mod recent;
mod sealed;
mod service_level;
mod session;
mod sink;
mod statistics;
mod summary;
mod tally;
mod transfer;

pub use config::ClientConfig;
pub use control_api::{Answer, ApiError, ControlApi};
pub use fault::{Attempt, Fault};
pub use fetch::{Client, Collection, FetchError, Fetched, SetupError};
pub use file::{FileError, Progress};
pub use gateway::{Gateway, GatewayConfig, GatewayError};
pub use pool::Way;
pub use service_level::keeps_targets;
pub use sink::{ChannelSink, Discard, Sink, WriterSink};
pub use summary::{NodeTotals, SessionSummary, Summary};

pub use content::Group;
