//! A world to run a network in: what stands around it, as values that one thread owns and a seed repeats.
//!
//! There is no node, client, control plane or contract of its own here: the world starts the ones that the binary
//! starts, and is the rest. Nothing depends on this crate.

pub mod world;
