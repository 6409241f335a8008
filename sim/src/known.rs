//! Faults that are known: invariants that today's rules break, the play that shows each, and who said it first.
//!
//! A listed one that holds is red, and so is one that breaks and isn't listed: what is mended is deleted here, and nothing
//! else breaks unseen. Each was found by its play alone; the reviews' numbers only say that it is the same fault.

use crate::checks::{Invariant, broken};
use crate::left::Left;
use crate::players::{Play, Stage};
use crate::run::{LASTS_MAX, Panics, folder, runtime};
use crate::shape::fits;
use crate::world::{Met, Network, Plan, World};
use anyhow::{Context, Result, ensure};
use tokio::time::timeout;

/// An invariant that a play breaks.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// The play's name.
    pub play: &'static str,
    /// The invariant.
    pub breaks: Invariant,
    /// Its cases, by what is said of each, in which `*` is anything: each is met, and no other is.
    pub shows: &'static [&'static str],
    /// What is wrong, in a sentence.
    pub says: &'static str,
}

/// What is said where no epoch is attested any more: of the epoch, and of a deposit that nothing is owed from.
const NOT_ATTESTED: &str = "epoch 0: it is due for * s and isn't attested";
const NOTHING_BACK: &str = "a payer has 0 of 1000 back: the vault pays by no epoch";
/// What is said where the one whole file that was watched isn't paid for: of who owes it, and of who earned it.
const NOTHING_BILLED: &str = "epoch 0: good tickets of payer 0 earned 499778427, it is billed 0";
const NOTHING_ARRIVED: &str = "epoch 0: good tickets of node 0 earned 499778427, 0 arrived";

/// All of them, money before comfort.
pub const KNOWN: &[Known] = &[
    Known {
        play: "verifier lies",
        breaks: Invariant::NothingElse,
        shows: &["epoch 0: 1000000001000 are billed or paid, what came is worth 0"],
        says: "a quorum attests hashes that nobody can look below, and takes every deposit (C-1)",
    },
    Known {
        play: "verifier lies",
        breaks: Invariant::True,
        shows: &["epoch 0: nobody can judge it: [\"no source of evidence is given\"]"],
        says: "what stands attested has no evidence anywhere, and stands for good (C-1)",
    },
    Known {
        play: "verifier lies",
        breaks: Invariant::Deposits,
        shows: &["epoch 0: 1000000001000 arrived of 1000000001000, 1000000000000 were deposited"],
        says: "and what another payer has announced to take back is billed with it (C-1)",
    },
    Known {
        play: "verifier lies",
        breaks: Invariant::Locked,
        shows: &["a payer has 0 of 1000 back: nobody has the evidence of what the vault pays by"],
        says: "who is owed a deposit can't prove it by trees that nobody has (C-1)",
    },
    Known {
        play: "owner invents an issuer",
        breaks: Invariant::NothingElse,
        shows: &["epoch 0: 1000000 are billed or paid, what came is worth 0"],
        says: "a new issuer's one ticket takes a deposit whose payer never heard of it (C-2)",
    },
    Known {
        play: "signs for nothing",
        breaks: Invariant::Signed,
        shows: &[
            "TicketId(0/0/0): 536633 bytes are acknowledged, 0 came",
            "536633 bytes are acknowledged for 10.1.1.1, datagrams to it had *",
        ],
        says: "honest nodes acknowledge receipts for bytes that were never sent (V2)",
    },
    Known {
        play: "signs for nothing",
        breaks: Invariant::NothingElse,
        shows: &["epoch 0: 499778427 are billed or paid, what came is worth 0"],
        says: "payers pay for bytes that were never sent (V2)",
    },
    Known {
        play: "payer runs",
        breaks: Invariant::Owed,
        shows: &["epoch 0: payer 0 owes 499778427, 0 of 1000000000000 were left to bill"],
        says: "a payer is served for an epoch and takes everything back before its end (H-1)",
    },
    Known {
        play: "issuer withholds its log",
        breaks: Invariant::Locked,
        shows: &[NOT_ATTESTED, NOTHING_BACK],
        says: "one root that nobody has the log of stops every epoch, and locks all money (H-2)",
    },
    Known {
        play: "verifier stalls",
        breaks: Invariant::Locked,
        shows: &[NOT_ATTESTED, NOTHING_BACK],
        says: "where a quorum is gone nothing is attested, and there is no way out (H-2)",
    },
    Known {
        play: "verifier invents probes",
        breaks: Invariant::Own,
        shows: &[NOTHING_BILLED, NOTHING_ARRIVED],
        says: "a probe that nobody signed takes a node's pay, and the audit says true (H-4)",
    },
    Known {
        play: "states failures",
        breaks: Invariant::Own,
        shows: &[NOTHING_BILLED, NOTHING_ARRIVED],
        says: "one receipt of no bytes and 128 failures takes a node's pay for the epoch (V1)",
    },
    Known {
        play: "issuer invents",
        breaks: Invariant::Acknowledged,
        shows: &[
            "TicketId(0/0/1000000): 536633 bytes are acknowledged, 0 count in 0 records, and nothing of its node's",
        ],
        says: "a ticket that its log leaves out earns nothing, though its node served it (H-2)",
    },
    Known {
        play: "RPC leaves out logs",
        breaks: Invariant::Bonds,
        shows: &["misled verifier had 1000 at stake, and has 0"],
        says: "a verifier that believes its RPC attests without what was forced, and loses its bond (T43)",
    },
    Known {
        play: "two-faced node",
        breaks: Invariant::Agree,
        shows: &["epoch 0: 2 evidences"],
        says: "each verifier judges by the segment that it alone was given (V5)",
    },
    Known {
        play: "two-faced node",
        breaks: Invariant::Locked,
        shows: &[NOT_ATTESTED, NOTHING_BACK],
        says: "with a quorum of two, one node that gives to one verifier only stops settlement (V5)",
    },
    Known {
        play: "reports healthy nodes",
        breaks: Invariant::Reports,
        shows: &["a node delivers and was reported, and nobody is sent to it"],
        says: "three requests from three networks take a node out that delivers (V3)",
    },
    Known {
        play: "two copies of one key",
        breaks: Invariant::Acknowledged,
        shows: &["TicketId(0/0/*): 536633 bytes are acknowledged, 0 count in 0 records"],
        says: "one copy's receipts are never handed in, and nobody says that there are two (U12)",
    },
    Known {
        play: "stays",
        breaks: Invariant::Outlives,
        shows: &["TicketId(0/0/0): the session is open 30 s after its ticket's end"],
        says: "a session holds its place when its ticket is over, for as long as its client likes (V7)",
    },
    Known {
        play: "signs a little",
        breaks: Invariant::Ahead,
        shows: &[
            "TicketId(0/0/0): 3145725 bytes are unsigned, the window is 1048576",
            "10.1.1.0 has 3145725 bytes unsigned of one node, the window is 1048576",
        ],
        says: "what is unsigned is forgiven though nothing was broken off: a ticket is worth five windows (V12)",
    },
    Known {
        play: "doesn't sign",
        breaks: Invariant::Ahead,
        shows: &["10.1.1.0 has 2683165 bytes unsigned of one node, the window is 1048576"],
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
    /// Invariants that broke, and what is said of each case.
    pub broken: Vec<(Invariant, Vec<String>)>,
    /// The trace's hash.
    pub trace: String,
    /// What is left of the world.
    pub left: Left,
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
            file_bytes: play.file_bytes.unwrap_or(Plan::small().file_bytes),
            ..Plan::small()
        };
        let network = Network::start(&mut world, &plan).await?;
        let mut stage = Stage::new(world, network, play.name);
        stage.enter_bonds().await?;
        (play.play)(&mut stage).await.context(play.name)?;
        if stage.books.enter(|books| books.epochs.is_empty()) {
            stage.closed().await?;
        }
        stage.enter_bonds().await?;
        stage.enter_datagrams();
        let ends = stage.network.ends.so_far();
        ensure!(ends.is_empty(), "ended by themselves: {ends:?}");
        stage.left().await?;
        let broken = stage.books.enter(|books| broken(books));
        let mut left = Left::of(&stage.network, stage.evidence());
        let Stage { world, network, .. } = stage;
        network.end().await?;
        panics.none()?;
        let (_, trace) = world.trace().digest();
        let met = world.reach().counts();
        left.folder = Some(folder);
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

/// What a play broke that isn't listed, and what is listed for it and held; empty if it went as it is known to.
pub fn surprises(play: &Play, played: &Played) -> Vec<String> {
    let listed: Vec<_> = KNOWN
        .iter()
        .filter(|known| known.play == play.name)
        .collect();
    let cases = played.broken.iter();
    let cases = cases.flat_map(|(invariant, said)| said.iter().map(move |said| (invariant, said)));
    let is = |known: &Known, (invariant, said): (&Invariant, &String)| {
        let mut shows = known.shows.iter();
        known.breaks == *invariant && shows.any(|shape| fits(shape, said))
    };
    let unlisted = cases
        .clone()
        .filter(|case| !listed.iter().any(|known| is(known, *case)));
    let unlisted = unlisted
        .map(|(invariant, said)| format!("{}: broke \"{}\": {said}", play.name, invariant.name()));
    let shapes = listed
        .iter()
        .flat_map(|known| known.shows.iter().map(move |shape| (known, shape)));
    let held = shapes.filter(|(known, shape)| {
        let mut cases = cases.clone();
        !cases.any(|(invariant, said)| known.breaks == *invariant && fits(shape, said))
    });
    let held = held.map(|(known, shape)| {
        let name = known.breaks.name();
        format!(
            "{}: \"{name}\" held as to \"{shape}\": mended, delete the line",
            play.name
        )
    });
    unlisted.chain(held).collect()
}
