//! What the node decides: plain functions and states that take facts and a time and give a decision.
//!
//! No file, socket, task, lock, clock or log line here; whoever asks carries out what is decided.

pub(crate) mod admission;
pub(crate) mod tickets;
