//! Runs the whole world for some seeds: `network FIRST..END [--trace FOLDER]`, two at a time, each in a process of its
//! own. Every tenth seed runs twice: a trace that differs is a failure, as is a check. From twenty seeds on all plays are
//! played too, and what was to be met and never was is a failure.
//!
//! `network judges FIRST..END` lists what can be run in a process of its own, as JSON: with which arguments, each.
//!
//! `network log SEED` runs one and tells what its processes log, as RUST_LOG says.
//!
//! Writes target/bench/sim-network.json.

use anyhow::{Context, Result, bail, ensure};
use quittance_sim::known::{self, KNOWN, SEED};
use quittance_sim::players::PLAYS;
use quittance_sim::world::{Met, Plan, Reach, Table};
use quittance_sim::{Course, run};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};
use tokio::time::Instant;

/// Seeds at a time: a world is one thread.
const AT_ONCE: usize = 2;
/// What reach counts plays under.
const PLAYERS: &str = "player";
/// Seeds of which one runs again.
const AGAIN_EACH: u64 = 10;
/// Seeds from which on everything that is to be met has to be: two rounds of faults.
const REACHED_BY: usize = 20;

/// What is run in a process of its own.
#[derive(Clone, Copy, Debug)]
enum Job {
    Seed(u64),
    /// The place of a play in the table.
    Play(usize),
}

impl Job {
    /// `seed 7`, or a play's name.
    fn name(self) -> String {
        match self {
            Self::Seed(seed) => format!("seed {seed}"),
            Self::Play(number) => PLAYS[number].name.to_owned(),
        }
    }

    /// What its process is started with.
    fn arguments(self) -> [String; 2] {
        match self {
            Self::Seed(seed) => ["once".to_owned(), seed.to_string()],
            Self::Play(number) => ["play".to_owned(), number.to_string()],
        }
    }
}

/// What came of it, as its process tells.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Told {
    /// `seed 7`, or a play's name.
    name: String,
    trace: String,
    events: u64,
    lasted_s: f64,
    failure: Option<String>,
    reach: Met,
}

impl Told {
    fn of(seed: u64, course: Course) -> Self {
        Self {
            name: format!("seed {seed}"),
            trace: course.trace,
            events: course.events,
            lasted_s: course.lasted.as_secs_f64(),
            failure: course.failure,
            reach: course.reach,
        }
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["once", seed] => once(seed.parse()?, None),
        ["once", seed, folder] => once(seed.parse()?, Some(Path::new(folder))),
        ["play", number] => play(number.parse()?),
        ["judges", seeds] => judges(seeds),
        ["log", seed] => log(seed.parse()?),
        [seeds] => many(seeds, None),
        [seeds, "--trace", folder] => many(seeds, Some(Path::new(folder))),
        _ => bail!("usage: network FIRST..END [--trace FOLDER] | log SEED"),
    }
}

/// One seed in this process: prints what came of it, a line of JSON.
fn once(seed: u64, traces: Option<&Path>) -> Result<()> {
    let course = run(seed, &Plan::whole(), traces.is_some())?;
    if let Some(folder) = traces {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join(format!("{seed}.trace")), &course.told)?;
    }
    println!("{}", serde_json::to_string(&Told::of(seed, course))?);
    Ok(())
}

/// One play in this process: prints what came of it, a line of JSON.
fn play(number: usize) -> Result<()> {
    let play = PLAYS.get(number).context("there is no such play")?;
    let declared = Reach::default();
    declared.declare(PLAYERS, play.name);
    let mut told = Told {
        name: play.name.to_owned(),
        reach: declared.counts(),
        ..Told::default()
    };
    match known::play(play, SEED) {
        Ok(played) => {
            let surprises = known::surprises(play, &played);
            told.failure = (!surprises.is_empty()).then(|| surprises.join("; "));
            told.reach.extend(played.met);
            told.trace = played.trace;
        }
        Err(error) => told.failure = Some(format!("{error:#}")),
    }
    println!("{}", serde_json::to_string(&told)?);
    Ok(())
}

/// All seeds and plays by turns, since they find different things.
fn judges(seeds: &str) -> Result<()> {
    let seeds: Vec<_> = range(seeds)?.map(Job::Seed).collect();
    let plays: Vec<_> = (0..PLAYS.len()).map(Job::Play).collect();
    let turns = 0..seeds.len().max(plays.len());
    let judges = turns.flat_map(|turn| [seeds.get(turn), plays.get(turn)]);
    let judges = judges
        .flatten()
        .map(|job| json!({"name": job.name(), "args": job.arguments()}));
    println!("{}", judges.collect::<serde_json::Value>());
    Ok(())
}

/// One seed with its log, on stderr.
fn log(seed: u64) -> Result<()> {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter);
    subscriber.with_writer(std::io::stderr).init();
    let told = Told::of(seed, run(seed, &Plan::whole(), false)?);
    println!("{}", serde_json::to_string_pretty(&told)?);
    Ok(())
}

fn range(seeds: &str) -> Result<Range<u64>> {
    let ends = seeds.split_once("..").context("seeds are given as 0..20")?;
    let seeds = ends.0.parse()?..ends.1.parse()?;
    ensure!(!seeds.is_empty(), "there is no seed in {seeds:?}");
    Ok(seeds)
}

fn many(seeds: &str, traces: Option<&Path>) -> Result<()> {
    let seeds = range(seeds)?;
    let began = Instant::now();
    let mut jobs: Vec<Job> = seeds.clone().map(Job::Seed).collect();
    let is_whole = jobs.len() >= REACHED_BY;
    if is_whole {
        jobs.extend((0..PLAYS.len()).map(Job::Play));
    }
    let outcomes = all(jobs, traces)?;
    let (mut failed, mut simulated_s) = (0, 0.0);
    let (mut reach, mut hashes) = (Table::default(), BTreeMap::new());
    for told in outcomes {
        simulated_s += told.lasted_s;
        failed += u32::from(told.failure.is_some());
        reach.add(&told.reach);
        if let Some(seed) = told.name.strip_prefix("seed ") {
            hashes.insert(seed.to_owned(), told.trace);
        }
    }
    let wall_s = began.elapsed().as_secs_f64();
    let zeros = reach.zeros();
    let outcome = json!({
        "seeds": seeds.clone().count(),
        "failed": failed,
        "simulated_hours": simulated_s / 3600.0,
        "wall_s": wall_s,
        "known": KNOWN.len(),
        "reach_zero": zeros,
        "reach": reach,
        "traces": hashes,
    });
    let path = Path::new("target/bench/sim-network.json");
    std::fs::create_dir_all("target/bench")?;
    std::fs::write(path, format!("{outcome:#}\n"))?;
    print!("{}", reach.shown());
    println!(
        "{simulated_s:.0} s simulated in {wall_s:.1} s; {}",
        path.display()
    );
    ensure!(
        failed == 0,
        "{failed} of these failed: run a seed with --trace FOLDER to see its events, or with log"
    );
    ensure!(
        zeros.is_empty() || !is_whole,
        "never met: {}",
        zeros.join(", ")
    );
    Ok(())
}

/// All jobs, some at a time; says of each what came of it.
fn all(jobs: Vec<Job>, traces: Option<&Path>) -> Result<Vec<Told>> {
    let jobs = Mutex::new(jobs.into_iter());
    let outcomes = Mutex::new(Vec::new());
    let work = || -> Result<()> {
        loop {
            let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(job) = job else {
                return Ok(());
            };
            let told = outcome(job, traces)?;
            println!(
                "{:<24}  {:<16}  {:>6} events  {:>4.0} s  {}",
                told.name,
                told.trace,
                told.events,
                told.lasted_s,
                told.failure.as_deref().unwrap_or("as it should be")
            );
            let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
            outcomes.push(told);
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| {
            let worked = worker.join();
            worked.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    })?;
    Ok(outcomes
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner))
}

/// A job in a process of its own; every tenth seed, and whatever failed, in two.
fn outcome(job: Job, traces: Option<&Path>) -> Result<Told> {
    let mut told = in_process(job, traces)?;
    let tenth = matches!(job, Job::Seed(seed) if seed % AGAIN_EACH == 0);
    if tenth || told.failure.is_some() {
        let again = in_process(job, None)?.trace;
        if again != told.trace {
            let as_before = told.failure.map(|failure| format!("{failure}; "));
            let as_before = as_before.unwrap_or_default();
            told.failure = Some(format!("{as_before}another process has the trace {again}"));
        }
    }
    Ok(told)
}

fn in_process(job: Job, traces: Option<&Path>) -> Result<Told> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(job.arguments());
    if matches!(job, Job::Seed(_)) {
        command.args(traces);
    }
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Output {
        status,
        stdout,
        stderr,
    } = child.context("its process")?.wait_with_output()?;
    let told = serde_json::from_slice(&stdout);
    // One that aborts or is killed tells nothing.
    Ok(told.unwrap_or_else(|_| Told {
        name: job.name(),
        failure: Some(format!("{status}: {}", String::from_utf8_lossy(&stderr))),
        ..Told::default()
    }))
}
