//! The nodes: who is connected, how they are, what they are told to do, and which of them a client is sent to.
//!
//! Uses what is published, to say who fills what from whom. Never signs, issues or bills, and believes of a node only
//! what can be seen from outside.

pub(crate) mod dial_back;
pub(crate) mod health;
pub(crate) mod holders;
pub(crate) mod join;
pub(crate) mod measured;
pub(crate) mod membership;
pub(crate) mod orders;
pub(crate) mod overlay;
pub(crate) mod reload;
pub(crate) mod sources;
