//! A network in one process, on a clock that doesn't wait: the same seed gives the same course.
//!
//! There is no node, client, control plane, verifier or contract of its own here: the [`world`] starts the ones that
//! the binary starts and hands them their host; [`players`] use them, and some break the rules; [`checks`] look at what
//! came of it; [`known`] lists what gives way today; a [`story`] is told
//! again as it was. Nothing depends on this crate.

pub mod checks;
mod course;
mod excused;
pub mod known;
mod left;
pub mod players;
mod run;
mod shape;
pub mod story;
pub mod world;

pub use left::Left;
pub use run::{Course, run, run_and_look, run_as, tell_story};
pub use story::Story;
pub use world::Plan;
