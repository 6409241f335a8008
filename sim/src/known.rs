//! Faults that are known: invariants that today's rules break, the play that shows each, and who said it first.
//!
//! A listed one that holds is red, and so is one that breaks and isn't listed: what is mended is deleted here, and nothing
//! else breaks unseen. Each was found by its play alone; the reviews' numbers only say that it is the same fault.

use crate::checks::{self, Entries, INVARIANTS};
use crate::players::{Play, Stage};
use crate::run::{LASTS_MAX, Panics, folder, runtime};
use crate::world::chain::Chain;
use crate::world::{Met, Network, Plan, World};
use anyhow::{Context, Result, ensure};
use contracts::Address;
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::time::timeout;

/// An invariant that a play breaks.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// The play's name.
    pub play: &'static str,
    /// The invariant's.
    pub breaks: &'static str,
    /// What is wrong, in a sentence.
    pub says: &'static str,
}

/// All of them, money before comfort.
pub const KNOWN: &[Known] = &[
    Known {
        play: "verifier lies",
        breaks: checks::NOTHING_ELSE,
        says: "a quorum attests hashes that nobody can look below, and takes every deposit (C-1)",
    },
    Known {
        play: "verifier lies",
        breaks: checks::TRUE,
        says: "what stands attested has no evidence anywhere, and stands for good (C-1)",
    },
    Known {
        play: "owner invents an issuer",
        breaks: checks::NOTHING_ELSE,
        says: "a new issuer's one ticket takes a deposit whose payer never heard of it (C-2)",
    },
    Known {
        play: "signs for nothing",
        breaks: checks::SIGNED,
        says: "honest nodes acknowledge receipts for bytes that were never sent (V2)",
    },
    Known {
        play: "signs for nothing",
        breaks: checks::NOTHING_ELSE,
        says: "payers pay for bytes that were never sent (V2)",
    },
    Known {
        play: "payer runs",
        breaks: checks::OWED,
        says: "a payer is served for an epoch and takes everything back before its end (H-1)",
    },
    Known {
        play: "issuer withholds its log",
        breaks: checks::LOCKED,
        says: "one root that nobody has the log of stops every epoch, and locks all money (H-2)",
    },
    Known {
        play: "verifier stalls",
        breaks: checks::LOCKED,
        says: "where a quorum is gone nothing is attested, and there is no way out (H-2)",
    },
    Known {
        play: "verifier invents probes",
        breaks: checks::OWN,
        says: "a probe that nobody signed takes a node's pay, and the audit says true (H-4)",
    },
    Known {
        play: "states failures",
        breaks: checks::OWN,
        says: "one receipt of no bytes and 128 failures takes a node's pay for the epoch (V1)",
    },
    Known {
        play: "issuer invents",
        breaks: checks::ACKNOWLEDGED,
        says: "a ticket that its log leaves out earns nothing, though its node served it (H-2)",
    },
    Known {
        play: "RPC leaves out logs",
        breaks: checks::BONDS,
        says: "a verifier that believes its RPC attests without what was forced, and loses its bond (T43)",
    },
    Known {
        play: "two-faced node",
        breaks: checks::AGREE,
        says: "each verifier judges by the segment that it alone was given (V5)",
    },
    Known {
        play: "two-faced node",
        breaks: checks::LOCKED,
        says: "with a quorum of two, one node that gives to one verifier only stops settlement (V5)",
    },
    Known {
        play: "reports healthy nodes",
        breaks: checks::REPORTS,
        says: "three requests from three networks take a node out that delivers (V3)",
    },
    Known {
        play: "two copies of one key",
        breaks: checks::ACKNOWLEDGED,
        says: "one copy's receipts are never handed in, and nobody says that there are two (U12)",
    },
    Known {
        play: "stays",
        breaks: checks::OUTLIVES,
        says: "a session holds its place when its ticket is over, for as long as its client likes (V7)",
    },
    Known {
        play: "doesn't sign",
        breaks: checks::AHEAD,
        says: "each new key has a window of its own, so whole files go unsigned (V12)",
    },
];

/// The seed of the world in which each shows itself.
pub const SEED: u64 = 1;

/// What came of a play.
#[derive(Debug)]
pub struct Played {
    /// Which players were met.
    pub met: Met,
    /// Invariants that broke, and how.
    pub broken: Vec<(&'static str, String)>,
    /// The trace's hash.
    pub trace: String,
    /// What is left of the world.
    pub left: Left,
}

/// What anybody can look at when a world is over.
#[derive(Debug)]
pub struct Left {
    /// The chain.
    pub chain: Chain,
    /// The time there, Unix seconds.
    pub now_s: u64,
    /// The settlement contract.
    pub settlement: Address,
    /// Evidence of the first epoch.
    pub evidence: PathBuf,
    /// Where all files of the world are; they go with it.
    pub folder: TempDir,
}

/// Plays in a seed's world, and holds all invariants against its books; blocks.
///
/// # Errors
/// If the machine has no runtime or folder for it, or the play didn't come to its deed.
pub fn play(play: &Play, seed: u64) -> Result<Played> {
    let folder = folder().context("no folder for a world")?;
    let runtime = runtime()?;
    let _in_place = disk::in_place();
    let panics = Panics::watched();
    let played = async {
        let mut world = World::new(seed, folder.path(), false);
        let plan = Plan {
            verifiers: play.verifiers,
            ..Plan::small()
        };
        let network = Network::start(&mut world, &plan).await?;
        let mut stage = Stage::new(world, network, play.name);
        (play.play)(&mut stage).await.context(play.name)?;
        if stage.books.enter(|books| books.epochs.is_empty()) {
            stage.closed().await?;
        }
        stage.enter_datagrams();
        let broken = stage.books.enter(|books| broken(books));
        let (chain, now_s) = stage.network.chain_at_rest();
        let (settlement, evidence) = (stage.network.chain.network().1, stage.evidence());
        let Stage { world, network, .. } = stage;
        let ends = network.ends.so_far();
        ensure!(ends.is_empty(), "ended by themselves: {ends:?}");
        network.end().await?;
        panics.none()?;
        let (_, trace) = world.trace().digest();
        let met = world.reach().counts();
        let left = Left {
            chain,
            now_s,
            settlement,
            evidence,
            folder,
        };
        Ok(Played {
            met,
            broken,
            trace,
            left,
        })
    };
    let played = runtime.block_on(async { timeout(LASTS_MAX, played).await });
    played.context("it stands still")?
}

fn broken(books: &Entries) -> Vec<(&'static str, String)> {
    let held = INVARIANTS.iter().map(|(name, holds)| (*name, holds(books)));
    held.filter_map(|(name, held)| Some((name, held.err()?)))
        .collect()
}

/// What a play broke that isn't listed, and what is listed for it and held; empty if it went as it is known to.
pub fn surprises(play: &Play, played: &Played) -> Vec<String> {
    let listed = |name| {
        let mut all = KNOWN.iter();
        all.any(|known| (known.play, known.breaks) == (play.name, name))
    };
    let unlisted = played.broken.iter().filter(|(name, _)| !listed(*name));
    let unlisted = unlisted.map(|(name, why)| format!("{}: broke \"{name}\": {why}", play.name));
    let of_play = KNOWN.iter().filter(|known| known.play == play.name);
    let held = of_play.filter(|known| played.broken.iter().all(|(name, _)| *name != known.breaks));
    let held = held.map(|known| {
        format!(
            "{}: \"{}\" held: mended, delete the line",
            play.name, known.breaks
        )
    });
    unlisted.chain(held).collect()
}
