//! What players and people ask that the control plane answers from what it knows: names in DNS, HTTP gateways and
//! why a client is sent where it is.
//!
//! Uses every wing below it. Never issues a ticket, and keeps nothing on disk.

pub(crate) mod dns;
pub(crate) mod explain;
pub(crate) mod gateways;
