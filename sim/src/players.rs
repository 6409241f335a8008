//! Who uses the network: programs over the real client and node code. Some keep the rules.
//!
//! Those who break them are a file each, whose head says what one does, what a false statement costs it, and who pays
//! today. A player is met only where it did its deed.

mod equivocates;
mod forces_garbage;
mod invents_issuer;
mod invents_probes;
mod lying_verifier;
mod payer_runs;
mod reports_healthy;
mod rpc_leaves_out;
mod serves_rot;
mod shut;
mod signs_for_nothing;
mod signs_past_log;
mod signs_too_much;
mod stage;
mod stalls;
mod states_failures;
mod stays;
mod twin_node;
mod two_faced_node;
mod unsigned;
mod viewer;
mod wire;
mod withholds_log;

pub use stage::{Own, Stage};
pub use viewer::Viewer;
pub use wire::{RECEIPT_REFUSED, Said, Session, Wire};

use anyhow::Result;
use std::pin::Pin;

/// A play under way.
pub type Playing<'a> = Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// What players do in a network.
#[derive(Clone, Copy)]
pub struct Play {
    /// Its name.
    pub name: &'static str,
    /// Verifiers of its network.
    pub verifiers: usize,
    /// What is played, from before the genesis on.
    pub play: for<'a> fn(&'a mut Stage) -> Playing<'a>,
}

/// All of them.
pub const PLAYS: &[Play] = &[
    Play {
        name: "signs for nothing",
        verifiers: 1,
        play: |stage| Box::pin(signs_for_nothing::play(stage)),
    },
    Play {
        name: "states failures",
        verifiers: 1,
        play: |stage| Box::pin(states_failures::play(stage)),
    },
    Play {
        name: "doesn't sign",
        verifiers: 1,
        play: |stage| Box::pin(unsigned::play(stage)),
    },
    Play {
        name: "signs too much",
        verifiers: 1,
        play: |stage| Box::pin(signs_too_much::play(stage)),
    },
    Play {
        name: "stays",
        verifiers: 1,
        play: |stage| Box::pin(stays::play(stage)),
    },
    Play {
        name: "reports healthy nodes",
        verifiers: 1,
        play: |stage| Box::pin(reports_healthy::play(stage)),
    },
    Play {
        name: "payer runs",
        verifiers: 1,
        play: |stage| Box::pin(payer_runs::play(stage)),
    },
    Play {
        name: "issuer withholds its log",
        verifiers: 1,
        play: |stage| Box::pin(withholds_log::play(stage)),
    },
    Play {
        name: "verifier lies",
        verifiers: 1,
        play: |stage| Box::pin(lying_verifier::play(stage)),
    },
    Play {
        name: "two-faced node",
        verifiers: 2,
        play: |stage| Box::pin(two_faced_node::play(stage)),
    },
    Play {
        name: "RPC leaves out logs",
        verifiers: 1,
        play: |stage| Box::pin(rpc_leaves_out::play(stage)),
    },
    Play {
        name: "owner invents an issuer",
        verifiers: 1,
        play: |stage| Box::pin(invents_issuer::play(stage)),
    },
    Play {
        name: "verifier invents probes",
        verifiers: 1,
        play: |stage| Box::pin(invents_probes::play(stage)),
    },
    Play {
        name: "verifier stalls",
        verifiers: 2,
        play: |stage| Box::pin(stalls::play(stage)),
    },
    Play {
        name: "issuer invents",
        verifiers: 1,
        play: |stage| Box::pin(signs_past_log::play(stage)),
    },
    Play {
        name: "two copies of one key",
        verifiers: 1,
        play: |stage| Box::pin(twin_node::play(stage)),
    },
    Play {
        name: "node serves rot",
        verifiers: 1,
        play: |stage| Box::pin(serves_rot::play(stage)),
    },
    Play {
        name: "node forces garbage",
        verifiers: 1,
        play: |stage| Box::pin(forces_garbage::play(stage)),
    },
    Play {
        name: "issuer equivocates",
        verifiers: 1,
        play: |stage| Box::pin(equivocates::play(stage)),
    },
];
