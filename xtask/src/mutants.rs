//! Mutants: faults that are put into the rules, and syncs that are left out, one at a time, to see whether the world
//! finds them.
//!
//! Faults of rules are built in a copy of the checkout; a sync is left out by the world's disks. Both are judged by the
//! simulation alone: a mutant falls when a seed, a play or a story doesn't end as it does without it; a sync that is left
//! out, when a seed of power cuts doesn't. Outside CI: it takes an hour or two.

mod drawn;
mod judges;
mod outcomes;
mod scratch;
mod syncs;

use anyhow::{Result, bail, ensure};
use drawn::Mutant;
use judges::{Judges, Verdict};
use outcomes::{Judged, Kept, Outcome, Outcomes};
use scratch::Scratch;
use std::time::Instant;

/// What a developer asks for.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Mutations of rules that are drawn; those that don't compile are replaced by others.
    #[arg(long, default_value_t = 40)]
    count: usize,
    /// Another seed draws others.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Seeds of the world that judge, FIRST..END, beside all plays and stories.
    #[arg(long, default_value = "0..20")]
    seeds: String,
    /// Seeds of power cuts that judge syncs that are left out, FIRST..END.
    #[arg(long, default_value = "0..12")]
    power_cuts: String,
    /// Judge only those whose name contains this, however they were judged before.
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Judge all anew, also what an earlier run of the same tree has judged.
    #[arg(long)]
    anew: bool,
    /// Keep what an earlier run found, in whatever sources it did, and judge the rest anew: for whoever mended the checks.
    #[arg(long, conflicts_with = "anew")]
    survivors: bool,
    /// Print the outcomes as JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Only name what would be judged.
    #[arg(long)]
    list: bool,
}

/// Draws, builds and judges; prints a table and writes target/bench/sim-mutants.json, from which an interrupted run of
/// the same tree goes on.
///
/// # Errors
/// If the world isn't as it should be without mutants, a survivor has no reason in sim/mutants/README.md, or a tool fails.
pub(crate) fn mutants(options: &Options) -> Result<()> {
    let mut all = drawn::permanent()?;
    let stay = all.len();
    all.extend(drawn::draw(options.seed)?);
    if options.list {
        all.iter()
            .take(stay + options.count)
            .for_each(|mutant| println!("{}", mutant.name));
        return Ok(());
    }
    let scratch = Scratch::prepare()?;
    let of = format!(
        "draw {}, seeds {}, power cuts {}",
        options.seed, options.seeds, options.power_cuts
    );
    let kept = match (options.anew, options.survivors) {
        (true, _) => Kept::None,
        (false, true) => Kept::Found,
        (false, false) => Kept::Same,
    };
    let outcomes = Outcomes::open(scratch.key(), &of, kept);
    eprintln!("\nwithout a mutant");
    if let Some(why) = scratch.build()? {
        bail!("without a mutant it isn't built: {why}");
    }
    let judges = Judges::of(&scratch.program(), &["judges", &options.seeds])?;
    let power_cuts = Judges::of(&scratch.program(), &["power-cutters", &options.power_cuts])?;
    let mut going = Going {
        scratch,
        judges,
        outcomes,
    };
    going.syncs(power_cuts, options.only.as_deref())?;
    match &options.only {
        Some(only) => {
            for mutant in all.iter().filter(|mutant| mutant.name.contains(only)) {
                going.judge(mutant)?;
            }
        }
        None => going.all(all, stay + options.count)?,
    }
    // Whoever looks into one will look into more.
    if options.only.is_none() {
        going.scratch.remove()?;
    }
    match options.json {
        true => print!("{}", going.outcomes.json()),
        false => print!("{}", going.outcomes.table()),
    }
    going.outcomes.survivors_are_named()
}

/// A run that goes on.
struct Going {
    scratch: Scratch,
    judges: Judges,
    outcomes: Outcomes,
}

impl Going {
    /// Judges so many that compile, those of one file after each other: what was built stays for the next.
    fn all(&mut self, all: Vec<Mutant>, count: usize) -> Result<()> {
        let mut all = all.into_iter();
        let mut missing = count;
        while missing > 0 {
            let mut some: Vec<_> = all.by_ref().take(missing).collect();
            ensure!(!some.is_empty(), "there are fewer mutations than {count}");
            some.sort_by(|one, other| one.name.cmp(&other.name));
            missing = 0;
            for mutant in some {
                let outcome = match self.outcomes.of(&mutant.name) {
                    Some(outcome) => outcome,
                    None => self.judge(&mutant)?,
                };
                missing += usize::from(outcome == Outcome::NotBuilt);
            }
        }
        Ok(())
    }

    /// Leaves out each sync; one that the world never asks for survives.
    fn syncs(&mut self, mut power_cuts: Judges, only: Option<&str>) -> Result<()> {
        for sync in syncs::all(&power_cuts.syncs)? {
            let asked = only.map(|only| sync.name.contains(only));
            if asked == Some(false) || (asked.is_none() && self.outcomes.of(&sync.name).is_some()) {
                continue;
            }
            #[expect(clippy::disallowed_methods, reason = "how long it took is told")]
            let began = Instant::now();
            let verdict = match &sync.site {
                Some(site) => power_cuts.judge(&self.scratch.program(), &["--without-sync", site]),
                None => Verdict::Survived {
                    judges: Vec::new(),
                    changed: Vec::new(),
                },
            };
            let judged = Judged::new(&sync.name, verdict, began.elapsed());
            eprintln!("{}", judged.shown());
            self.outcomes.add(judged)?;
        }
        Ok(())
    }

    fn judge(&mut self, mutant: &Mutant) -> Result<Outcome> {
        #[expect(clippy::disallowed_methods, reason = "how long it took is told")]
        let began = Instant::now();
        self.scratch.apply(mutant)?;
        let verdict = match self.scratch.build() {
            Ok(None) => Ok(self.judges.judge(&self.scratch.program(), &[])),
            Ok(Some(why)) => Ok(Verdict::NotBuilt(why)),
            Err(error) => Err(error),
        };
        self.scratch.take_back(mutant)?;
        let judged = Judged::new(&mutant.name, verdict?, began.elapsed());
        eprintln!("{}", judged.shown());
        let outcome = judged.outcome;
        self.outcomes.add(judged)?;
        Ok(outcome)
    }
}
