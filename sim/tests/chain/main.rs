//! The simulated chain: what it answers, and that it is the chain that anvil is.

mod anvil;
mod blocks;
mod course;
mod harness;
mod logs;
mod replay;
mod sending;
mod shapes;
