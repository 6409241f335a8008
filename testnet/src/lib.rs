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

pub use lie::{
    BountyLine, LieLine, LieOptions, LieReport, Standing, Who, Witness, lie_help, run_lies,
};
pub use network::{Network, NetworkConfig, NodeSlot, Published, PublishedFile, VerifierSlot};
pub use options::Options;
pub use process::Process;
pub use report::Report;
pub use run::run;
pub use toolchain::Toolchain;
