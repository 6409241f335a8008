//! Who uses the network: programs over the real client and node code. Some keep the rules.
//!
//! Those who break them are a file each, whose head says what one does, what a false statement costs it, and who pays
//! today. A player is met only where it did its deed.

mod equivocates;
mod forces_garbage;
mod half_served;
mod invents_issuer;
mod invents_probes;
mod invents_receipts;
mod lying_verifier;
mod payer_runs;
mod reports_healthy;
mod rpc_leaves_out;
mod serves_rot;
mod shut;
mod signs_a_little;
mod signs_for_nothing;
mod signs_past_log;
mod signs_too_much;
mod stage;
mod stalls;
mod states_failures;
mod stays;
mod takes_a_long_file;
mod twin_node;
mod two_faced_node;
mod unsigned;
mod viewer;
mod wire;
mod withholds_log;

pub use stage::{Own, Stage};
pub use viewer::Viewer;
pub use wire::{RECEIPT_REFUSED, Refused, Said, Session, Wire};

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
    /// Length of the published file, bytes; `None` for that of a small world.
    pub file_bytes: Option<usize>,
    /// What is played, from before the genesis on.
    pub play: for<'a> fn(&'a mut Stage) -> Playing<'a>,
}

impl Play {
    const fn of(name: &'static str, play: for<'a> fn(&'a mut Stage) -> Playing<'a>) -> Self {
        Self {
            name,
            verifiers: 1,
            file_bytes: None,
            play,
        }
    }

    const fn with_verifiers(self, verifiers: usize) -> Self {
        Self { verifiers, ..self }
    }

    const fn with_file(self, bytes: usize) -> Self {
        Self {
            file_bytes: Some(bytes),
            ..self
        }
    }
}

/// Three windows: more than a node sends ahead, whatever is under way besides.
const LONG: usize = 3 << 20;

/// All of them.
pub const PLAYS: &[Play] = &[
    Play::of("signs for nothing", |stage| {
        Box::pin(signs_for_nothing::play(stage))
    }),
    Play::of("states failures", |stage| {
        Box::pin(states_failures::play(stage))
    }),
    Play::of("doesn't sign", |stage| Box::pin(unsigned::play(stage))),
    Play::of("takes a long file", |stage| {
        Box::pin(takes_a_long_file::play(stage))
    })
    .with_file(LONG),
    Play::of("signs a little", |stage| {
        Box::pin(signs_a_little::play(stage))
    })
    .with_file(LONG),
    Play::of("signs too much", |stage| {
        Box::pin(signs_too_much::play(stage))
    }),
    Play::of("stays", |stage| Box::pin(stays::play(stage))),
    Play::of("reports healthy nodes", |stage| {
        Box::pin(reports_healthy::play(stage))
    }),
    Play::of("payer runs", |stage| Box::pin(payer_runs::play(stage))),
    Play::of("issuer withholds its log", |stage| {
        Box::pin(withholds_log::play(stage))
    }),
    Play::of("verifier lies", |stage| {
        Box::pin(lying_verifier::play(stage))
    }),
    Play::of("two-faced node", |stage| {
        Box::pin(two_faced_node::play(stage))
    })
    .with_verifiers(2),
    Play::of("RPC leaves out logs", |stage| {
        Box::pin(rpc_leaves_out::play(stage))
    }),
    Play::of("owner invents an issuer", |stage| {
        Box::pin(invents_issuer::play(stage))
    }),
    Play::of("verifier invents probes", |stage| {
        Box::pin(invents_probes::play(stage))
    }),
    Play::of("verifier stalls", |stage| Box::pin(stalls::play(stage))).with_verifiers(2),
    Play::of("issuer invents", |stage| {
        Box::pin(signs_past_log::play(stage))
    }),
    Play::of("two copies of one key", |stage| {
        Box::pin(twin_node::play(stage))
    }),
    Play::of("node serves rot", |stage| Box::pin(serves_rot::play(stage))),
    Play::of("node forces garbage", |stage| {
        Box::pin(forces_garbage::play(stage))
    }),
    Play::of("issuer equivocates", |stage| {
        Box::pin(equivocates::play(stage))
    }),
    Play::of("is served badly", |stage| {
        Box::pin(half_served::play(stage))
    }),
    Play::of("node invents receipts", |stage| {
        Box::pin(invents_receipts::play(stage))
    }),
];
