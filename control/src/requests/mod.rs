//! What clients and players ask: where to fetch, and why there; names in DNS; and which HTTP gateway is near.
//!
//! Uses every wing below it, and is the one place where they meet for a ticket. Never keeps anything on disk.

pub(crate) mod dns;
pub(crate) mod explain;
pub(crate) mod gateways;
pub(crate) mod route;
