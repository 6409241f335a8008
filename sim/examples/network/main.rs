//! Runs the whole world for some seeds: `network FIRST..END [--trace FOLDER]`, two at a time, each in a process of its
//! own. Every tenth seed runs twice: a trace that differs is a failure, as is a check. From twenty seeds on all plays and
//! named stories are told too, and what was to be met and never was is a failure.
//!
//! One of them alone is `once SEED`, `power-cuts SEED`, `play NUMBER` or `story FILE`, and prints a line of JSON. `network look`
//! with such a one tells it in words; `network shrink`, one that fails, or that meets what is named after it, shrinks it to a
//! short story. `network log SEED` tells what a seed's processes log, as RUST_LOG says.
//!
//! `network judges FIRST..END` and `network power-cutters FIRST..END` list such ones with their arguments, as JSON.
//!
//! Writes target/bench/sim-network.json.

mod jobs;
mod many;
mod shrinking;

use anyhow::{Context, Result, bail, ensure};
use jobs::{Job, WITHOUT_SYNC};
use quittance_sim::players::PLAYS;
use serde_json::json;
use std::ops::Range;
use std::path::Path;

/// How to use it.
const USAGE: &str =
    "usage: network FIRST..END [--trace FOLDER] | [look | shrink] once SEED | log SEED";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["judges", seeds] => judges(seeds),
        ["power-cutters", seeds] => {
            list(range(seeds)?.map(Job::PowerCuts));
            Ok(())
        }
        ["log", seed] => log(seed.parse()?),
        ["look", what, which] => shrinking::looked_at(&Job::read(what, which)?),
        ["shrink", what, which] => shrinking::shrunk(&Job::read(what, which)?, None),
        ["shrink", what, which, met] => shrinking::shrunk(&Job::read(what, which)?, Some(met)),
        [seeds] if seeds.contains("..") => many::many(range(seeds)?, None),
        [seeds, "--trace", folder] if seeds.contains("..") => {
            many::many(range(seeds)?, Some(Path::new(folder)))
        }
        [what, which] => tell(&Job::read(what, which)?, None, None),
        [what, which, "--trace", folder] => {
            tell(&Job::read(what, which)?, None, Some(Path::new(folder)))
        }
        [what, which, WITHOUT_SYNC, site] => tell(&Job::read(what, which)?, Some(site), None),
        _ => bail!(USAGE),
    }
}

/// One job in this process: prints what came of it, a line of JSON.
fn tell(job: &Job, without_sync: Option<&str>, traces: Option<&Path>) -> Result<()> {
    let told = job.run(without_sync, traces)?;
    println!("{}", serde_json::to_string(&told)?);
    Ok(())
}

/// All seeds and plays by turns, since they find different things, and then stories.
fn judges(seeds: &str) -> Result<()> {
    let seeds: Vec<_> = range(seeds)?.map(Job::Seed).collect();
    let plays: Vec<_> = (0..PLAYS.len()).map(Job::Play).collect();
    let turns = 0..seeds.len().max(plays.len());
    let turns = turns.flat_map(|turn| [seeds.get(turn), plays.get(turn)]);
    list(turns.flatten().cloned().chain(Job::stories()?));
    Ok(())
}

fn list(jobs: impl Iterator<Item = Job>) {
    let listed = jobs.map(|job| json!({"name": job.name(), "args": job.arguments()}));
    println!("{}", listed.collect::<serde_json::Value>());
}

/// One seed with its log, on stderr.
fn log(seed: u64) -> Result<()> {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter);
    subscriber.with_writer(std::io::stderr).init();
    let told = Job::Seed(seed).run(None, None)?;
    println!("{}", serde_json::to_string_pretty(&told)?);
    Ok(())
}

fn range(seeds: &str) -> Result<Range<u64>> {
    let ends = seeds.split_once("..").context("seeds are given as 0..20")?;
    let seeds = ends.0.parse()?..ends.1.parse()?;
    ensure!(!seeds.is_empty(), "there is no seed in {seeds:?}");
    Ok(seeds)
}
