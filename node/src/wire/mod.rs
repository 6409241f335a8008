//! What the node hears and says: connections of clients and nodes, membership, fills.

pub(crate) mod connection;
pub(crate) mod fills;
pub(crate) mod give;
pub(crate) mod issuers;
pub(crate) mod link;
pub(crate) mod member;
pub(crate) mod orders;
pub(crate) mod peers;
pub(crate) mod serve;
pub(crate) mod session;
pub(crate) mod tickets;
