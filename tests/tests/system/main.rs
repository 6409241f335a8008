//! The system tests: real processes on a real chain, faults injected.
//!
//! One program, so that it is linked once and no more than two networks run at a time.

#![allow(missing_docs)]

mod admin;
mod challenges;
mod cli;
mod cookbook;
mod crash;
mod delivery;
mod dns;
mod fills;
mod gateway;
mod lies;
mod orders;
mod origins;
mod owners;
mod packages;
mod parameters;
mod prove;
mod quorum;
mod quotas;
mod receipts;
mod rotation;
mod routing;
mod sealed;
mod shortening;
mod status;
mod viewers;
mod why;
mod window;
