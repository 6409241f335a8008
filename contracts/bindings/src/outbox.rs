//! What an account has in the air, and what is to be done about it.
//!
//! An account sends one transaction after another. One that isn't mined is given to the pools again, since pools forget,
//! and replaced at the same nonce by one that offers more, up to a cap; so nothing that comes after it stands behind it
//! for ever. What is in the air is on disk before it is sent ([`Outbox`]): whoever is restarted goes on with it, and
//! nothing is sent twice.
//!
//! Here are the rules and the record; [`chain`](crate::chain) asks and sends.

mod fees;
mod flight;
mod record;
mod urgency;

pub use fees::{CAP, Fees};
pub(crate) use flight::{Flight, Order, Seen, Step, step};
pub(crate) use record::{InTheAir, Turn};
pub use record::{Outbox, OutboxError};
pub(crate) use urgency::{Alarm, alarm, patience};
