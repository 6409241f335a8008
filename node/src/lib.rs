//! The cache node: serves verified content over QUIC, takes receipts for it, seals them by epoch.
//!
//! Participants: *clients* bring tickets, fetch, and sign receipts; the *control plane*, to which the
//! node dials out, sends orders and is where the cache is filled from; *verifiers* fetch sealed
//! segments; the *chain* says who issues tickets and when epochs end.
//!
//! Invariants: a receipt is acknowledged only when it is on disk; nothing is sent further than a window
//! ahead of the last receipt; nothing is served that wasn't verified on its way in; an epoch that is
//! sealed takes no more receipts, and sealing it again gives the same bytes.
//!
//! Shutdown, in order: accept no more, end sessions, flush receipts, close.

mod config;
mod rules;
mod server;
mod store;
mod wire;

pub use config::{Config, StartError};
pub use server::{Node, Running};
pub use store::held::{HeldError, held_tickets};
pub use store::receipt_log::{LogError, ReceiptLog, Sealing};
