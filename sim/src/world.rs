//! What stands around the processes of a network.

pub mod chain;
