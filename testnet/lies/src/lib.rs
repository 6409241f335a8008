//! Lies: one for each challenge that the contracts know, told about an epoch whose truth is at hand.
//!
//! A *liar* is a verifier that attests what isn't so ([`plants()`]), or an issuer that commits another log than it
//! signed ([`FalseLog`]). Both begin with what is honest and change one thing, and everything that follows from the
//! lie follows from it, so that nothing but the lie is there to be found.
//!
//! Participants: a [`Scene`] is the honest epoch with clients who sign whatever the liar likes; a [`Plant`] is a lie;
//! what it gives, [`Planted`], is posted by whoever plays the liar: the verifier's tests in one process, and
//! `quittance testnet --lie` among processes. Non-goals: finding lies, and a verifier or issuer that can lie: no
//! part of the network has code for it.

mod book;
mod logs;
mod plants;
mod scene;

pub use book::{Book, Part};
pub use logs::{FalseLog, ISSUER_LIES, says};
pub use plants::{Plant, Planted, plants};
pub use scene::{Cast, Colluder, Scene};
