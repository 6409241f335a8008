//! What the control plane decides: plain functions that take facts and a time and give a decision.
//!
//! No file, socket, task, lock, clock or log line here; whoever asks carries out what is decided.

pub(crate) mod access;
pub(crate) mod batch;
pub(crate) mod client_network;
pub(crate) mod closed_logs;
pub(crate) mod commitments;
pub(crate) mod dns;
pub(crate) mod filling;
pub(crate) mod gateways;
pub(crate) mod health;
pub(crate) mod holders;
pub(crate) mod issuing;
pub(crate) mod looks;
pub(crate) mod measured;
pub(crate) mod order_list;
pub(crate) mod orders;
pub(crate) mod promises;
pub(crate) mod publication;
pub(crate) mod rate;
pub(crate) mod routing;
pub(crate) mod standing;
pub(crate) mod tokens;
pub(crate) mod viewers;
