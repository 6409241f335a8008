//! The receiving end of a content's bytes, over any stream: parents and groups, each verified as it comes.
//! SPEC section 9, "Body".
//!
//! A crate of its own, without tokio and quinn, because these are strangers' bytes: its fuzz target builds in
//! seconds (`fuzz/`). Non-goals: files, and the sending end, which are `quittance-content`'s.

mod body;
mod geometry;

pub use body::{Body, BodyError, Group, Item};
pub use geometry::{RangeError, check_range, chunk_ranges, slices, tree};
