//! What the chain says and is told: who is registered, what payers have, and the root of each epoch's ticket log.
//!
//! Uses the ticket logs. Never decides about a request: it keeps what is asked often in memory, and says when it
//! doesn't know.

pub(crate) mod bills;
pub(crate) mod commit;
pub(crate) mod funds;
pub(crate) mod ledger;
pub(crate) mod registry;
