//! A whole network on one machine: real anvil, real processes, real traffic.
//!
//! [`Network`] starts and ends the processes; [`run()`] is `quittance testnet`, which drives them through
//! publish, deliver, prove, attest, pay and audit, and judges the outcome; [`run_lies()`] is the same with a liar
//! among them. The system tests use
//! [`Network`] too, and break it on purpose.

mod audit;
mod clock;
mod lie;
mod network;
mod options;
mod process;
mod report;
mod run;
mod steps;
mod traffic;

use std::pin::Pin;

pub use lie::{
    BountyLine, LieLine, LieOptions, LieReport, Standing, Who, Witness, lie_help, run_lies,
};
pub use network::{Network, NetworkConfig, NodeSlot, Published, PublishedFile, VerifierSlot};
pub use options::Options;
pub use process::Process;
pub use report::Report;
pub use run::run;
pub use toolchain::Toolchain;

/// What is done with a network, to be awaited. Boxed: the body of an `async fn` is compiled in every crate that awaits
/// it, and what is below these is large; so it is compiled here alone.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = anyhow::Result<T>> + 'a>>;
