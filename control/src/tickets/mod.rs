//! Tickets: numbered, on disk before they leave, and counted against what payers, networks and tokens may have.
//!
//! Uses no other wing. Never asks chain or nodes: what is to be covered, it asks through a port.

pub(crate) mod issuer;
pub(crate) mod quota;
pub(crate) mod reasons;
pub(crate) mod ticket_log;
pub(crate) mod token_usage;

pub(crate) use crate::rules::promises;
