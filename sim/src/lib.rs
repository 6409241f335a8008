//! A network in one process, on a clock that doesn't wait: the same seed gives the same course.
//!
//! There is no node, client, control plane, verifier or contract of its own here: the [`world`] starts the ones that
//! the binary starts and hands them their host; [`players`] use them, and some break the rules; [`checks`] look at what
//! came of it; [`known`] lists what gives way today; a [`story`] is told
//! again as it was. Nothing depends on this crate.

pub mod checks;
pub mod known;
pub mod players;
mod run;
pub mod story;
pub mod world;

pub use run::{Course, run, run_as, tell_story};
pub use story::Story;
pub use world::Plan;
