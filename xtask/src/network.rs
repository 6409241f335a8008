//! The whole network in one process: many seeds, or one that is looked into.

use crate::run::{built, cargo, root, run};
use anyhow::Result;
use std::path::{Path, PathBuf};

/// How one goes on from a seed that fails.
const LOOKING_INTO: &str = "\
When a seed fails, it fails in any process and on any machine of the same sources:

  cargo xtask sim network --seed 34             runs it alone, and says in words what was started and what goes wrong
  cargo xtask sim network --seed 34 --shrink    leaves out what its failure doesn't need, and tells the story that is left

The story is written to target/bench/story-seed-34.json. With a name and a sentence of what it found it belongs in sim/stories:
there it is told in each run, with its own faults, whatever seeds draw later. --story tells one alone. A seed that doesn't
fail can be shrunk to what it meets: --met \"epoch: its log isn't committed\" (the table of reach has the words).";

/// What a developer asks for.
#[derive(Debug, clap::Args)]
#[command(after_help = LOOKING_INTO)]
pub(crate) struct Options {
    /// Seeds, FIRST..END; from twenty on with all plays and named stories.
    #[arg(long, default_value = "0..20")]
    seeds: String,
    /// Folder for the events of each seed, as text.
    #[arg(long, value_name = "FOLDER")]
    trace: Option<PathBuf>,
    /// One seed alone.
    #[arg(long, value_name = "SEED", conflicts_with_all = ["seeds", "trace"])]
    seed: Option<u64>,
    /// It is a seed of power cuts: those that judge syncs in cargo xtask sim mutants.
    #[arg(long, requires = "seed")]
    power_cuts: bool,
    /// Shrink it to a short story that ends the same.
    #[arg(long, requires = "seed")]
    shrink: bool,
    /// Shrink it to what meets this, as `kind: name` of the table of reach, instead of to its failure.
    #[arg(long, value_name = "WHAT", requires = "shrink")]
    met: Option<String>,
    /// Tell the story in this file.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seeds", "trace", "seed"])]
    story: Option<PathBuf>,
}

/// Runs `sim/examples/network`, as the tests build it.
///
/// # Errors
/// If something isn't as it should be.
pub(crate) fn network(options: &Options) -> Result<()> {
    cargo(&["build", "--workspace", "--example", "network"])?;
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let kind = if options.power_cuts {
        "power-cuts"
    } else {
        "once"
    };
    let arguments: Vec<String> = match (options.seed, &options.story) {
        (_, Some(story)) => vec![
            "look".into(),
            "story".into(),
            text(&std::path::absolute(story)?),
        ],
        (Some(seed), None) if options.shrink => {
            let seed = ["shrink".into(), kind.into(), seed.to_string()];
            seed.into_iter().chain(options.met.clone()).collect()
        }
        (Some(seed), None) => vec!["look".into(), kind.into(), seed.to_string()],
        (None, None) => {
            let trace = options.trace.as_deref();
            let trace = trace.map(|folder| ["--trace".into(), text(folder)]);
            let seeds = [options.seeds.clone()];
            seeds
                .into_iter()
                .chain(trace.into_iter().flatten())
                .collect()
        }
    };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    run(built("examples/network")?, &arguments, &root())
}
