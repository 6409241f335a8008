//! What the control plane decides: plain functions that take facts and a time and give a decision.
//!
//! No file, socket, task, lock, clock or log line here; whoever asks carries out what is decided.

pub(crate) mod publication;
