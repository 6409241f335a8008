//! What the node decides: plain functions and states that take facts and a time and give a decision.
//!
//! No file, socket, task, lock, clock or log line here; whoever asks carries out what is decided.

pub(crate) mod admission;
pub(crate) mod arrivals;
pub(crate) mod budget;
pub(crate) mod counts;
pub(crate) mod grants;
pub(crate) mod idle;
pub(crate) mod issuers;
pub(crate) mod kept_orders;
pub(crate) mod memory;
pub(crate) mod orders;
pub(crate) mod pause;
pub(crate) mod purge;
pub(crate) mod receipts;
pub(crate) mod refusal;
pub(crate) mod sealing;
pub(crate) mod settings;
pub(crate) mod sources;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod tickets;
pub(crate) mod window;
