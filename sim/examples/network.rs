//! Runs the whole world for some seeds: `network FIRST..END [--trace FOLDER]`, two at a time, each in a process of its
//! own. Every tenth seed runs twice: a trace that differs is a failure, as is a check, and as is, from twenty seeds on,
//! what was to be met and never was.
//!
//! `network log SEED` runs one and tells what its processes log, as RUST_LOG says.
//!
//! Writes target/bench/sim-network.json.

use anyhow::{Context, Result, bail, ensure};
use quittance_sim::world::{Met, Plan, Table};
use quittance_sim::{Course, run};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};
use tokio::time::Instant;

/// Seeds at a time: a world is one thread.
const AT_ONCE: usize = 2;
/// Seeds of which one runs again.
const AGAIN_EACH: u64 = 10;
/// Seeds from which on everything that is to be met has to be: two rounds of faults.
const REACHED_BY: usize = 20;

/// What came of a seed, as its process tells it.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    seed: u64,
    trace: String,
    events: u64,
    lasted_s: f64,
    failure: Option<String>,
    reach: Met,
}

impl Told {
    fn of(seed: u64, course: Course) -> Self {
        Self {
            seed,
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

/// One seed with its log, on stderr.
fn log(seed: u64) -> Result<()> {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter);
    subscriber.with_writer(std::io::stderr).init();
    let told = Told::of(seed, run(seed, &Plan::whole(), false)?);
    println!("{}", serde_json::to_string_pretty(&told)?);
    Ok(())
}

fn many(seeds: &str, traces: Option<&Path>) -> Result<()> {
    let ends = seeds.split_once("..").context("seeds are given as 0..20")?;
    let seeds: std::ops::Range<u64> = ends.0.parse()?..ends.1.parse()?;
    ensure!(!seeds.is_empty(), "there is no seed in {seeds:?}");
    let began = Instant::now();
    let outcomes = all(seeds.clone(), traces)?;
    let (mut failed, mut simulated_s) = (0, 0.0);
    let (mut reach, mut hashes) = (Table::default(), BTreeMap::new());
    for told in outcomes {
        simulated_s += told.lasted_s;
        failed += u32::from(told.failure.is_some());
        reach.add(&told.reach);
        hashes.insert(told.seed.to_string(), told.trace);
    }
    let wall_s = began.elapsed().as_secs_f64();
    let zeros = reach.zeros();
    let outcome = json!({
        "seeds": seeds.clone().count(),
        "failed": failed,
        "simulated_hours": simulated_s / 3600.0,
        "wall_s": wall_s,
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
        "{failed} seeds failed: run one with --trace FOLDER to see its events, or with log"
    );
    ensure!(
        zeros.is_empty() || seeds.count() < REACHED_BY,
        "never met: {}",
        zeros.join(", ")
    );
    Ok(())
}

/// All seeds, some at a time; says of each what came of it.
fn all(seeds: std::ops::Range<u64>, traces: Option<&Path>) -> Result<Vec<Told>> {
    let next = Mutex::new(seeds);
    let outcomes = Mutex::new(Vec::new());
    let work = || -> Result<()> {
        loop {
            let seed = next.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(seed) = seed else {
                return Ok(());
            };
            let told = outcome(seed, traces)?;
            let well = told.failure.as_deref().unwrap_or("as it should be");
            println!(
                "seed {seed:>3}  {}  {} events  {:.0} s  {well}",
                told.trace, told.events, told.lasted_s
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
    let mut outcomes = outcomes
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    outcomes.sort_by_key(|told: &Told| told.seed);
    Ok(outcomes)
}

/// A seed in a process of its own; every tenth in two.
fn outcome(seed: u64, traces: Option<&Path>) -> Result<Told> {
    let mut told = in_process(seed, traces)?;
    if seed % AGAIN_EACH == 0 && told.failure.is_none() {
        let again = in_process(seed, None)?.trace;
        if again != told.trace {
            told.failure = Some(format!("another process has the trace {again}"));
        }
    }
    Ok(told)
}

fn in_process(seed: u64, traces: Option<&Path>) -> Result<Told> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["once", &seed.to_string()]);
    if let Some(folder) = traces {
        command.arg(folder);
    }
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let output = child.context("a seed's process")?.wait_with_output()?;
    let Output {
        status,
        stdout,
        stderr,
    } = output;
    let told = serde_json::from_slice(&stdout);
    // One that aborts or is killed tells nothing.
    Ok(told.unwrap_or_else(|_| Told {
        seed,
        trace: String::new(),
        events: 0,
        lasted_s: 0.0,
        failure: Some(format!("{status}: {}", String::from_utf8_lossy(&stderr))),
        reach: Met::new(),
    }))
}
