//! All of them, two at a time.

use crate::jobs::{Job, Told};
use anyhow::{Result, ensure};
use quittance_sim::known::KNOWN;
use quittance_sim::players::PLAYS;
use quittance_sim::world::Table;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use tokio::time::Instant;

/// Seeds at a time: a world is one thread.
const AT_ONCE: usize = 2;
/// Seeds of which one runs again.
const AGAIN_EACH: u64 = 10;
/// Seeds from which on everything that is to be met has to be: two rounds of faults.
const REACHED_BY: usize = 20;
/// What came of the last run.
const OUTCOME: &str = "target/bench/sim-network.json";
/// What came of the last run of mutants.
const MUTANTS: &str = "target/bench/sim-mutants.json";

/// Runs seeds; if they are many also all plays and stories, and then everything has to be met.
pub(crate) fn many(seeds: Range<u64>, traces: Option<&Path>) -> Result<()> {
    let began = Instant::now();
    let mut jobs: Vec<Job> = seeds.clone().map(Job::Seed).collect();
    let is_whole = jobs.len() >= REACHED_BY;
    if is_whole {
        jobs.extend((0..PLAYS.len()).map(Job::Play));
        jobs.extend(Job::stories()?);
    }
    let (mut failed, mut simulated_s, mut stories) = (0, 0.0, 0);
    let (mut reach, mut hashes) = (Table::default(), BTreeMap::new());
    for (job, told) in all(jobs, traces)? {
        simulated_s += told.lasted_s;
        failed += u32::from(told.failure.is_some());
        match job {
            Job::Seed(seed) => drop(hashes.insert(seed.to_string(), told.trace)),
            // Reach is what seeds and plays meet, without being told to.
            Job::Story(_) => {
                stories += 1;
                continue;
            }
            Job::Play(_) | Job::PowerCuts(_) | Job::Trial(_) => {}
        }
        reach.add(&told.reach);
    }
    let wall_s = began.elapsed().as_secs_f64();
    let zeros = reach.zeros();
    let mutants = mutants();
    let outcome = json!({
        "seeds": seeds.count(),
        "stories": stories,
        "failed": failed,
        "simulated_hours": simulated_s / 3600.0,
        "wall_s": wall_s,
        "known": KNOWN.len(),
        "reach_zero": zeros,
        "mutants": mutants["mutants"],
        "mutants_found": mutants["mutants_found"],
        "reach": reach,
        "traces": hashes,
    });
    std::fs::create_dir_all("target/bench")?;
    std::fs::write(OUTCOME, format!("{outcome:#}\n"))?;
    print!("{}", reach.shown());
    println!("{simulated_s:.0} s simulated in {wall_s:.1} s; {OUTCOME}");
    ensure!(
        failed == 0,
        "{failed} of these failed: run a seed with --trace FOLDER to see its events, with log, or have it shrunk"
    );
    ensure!(
        zeros.is_empty() || !is_whole,
        "never met: {}",
        zeros.join(", ")
    );
    Ok(())
}

/// What came of mutants when they were judged last, if they were.
fn mutants() -> Value {
    let written = std::fs::read(MUTANTS).unwrap_or_default();
    serde_json::from_slice(&written).unwrap_or_default()
}

/// All jobs, some at a time; says of each what came of it.
fn all(jobs: Vec<Job>, traces: Option<&Path>) -> Result<Vec<(Job, Told)>> {
    let jobs = Mutex::new(jobs.into_iter());
    let outcomes = Mutex::new(Vec::new());
    let work = || -> Result<()> {
        loop {
            let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(job) = job else {
                return Ok(());
            };
            let told = outcome(&job, traces)?;
            println!(
                "{:<24}  {:<16}  {:>6} events  {:>4.0} s  {}",
                told.name,
                told.trace,
                told.events,
                told.lasted_s,
                told.failure.as_deref().unwrap_or("as it should be")
            );
            let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
            outcomes.push((job, told));
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
fn outcome(job: &Job, traces: Option<&Path>) -> Result<Told> {
    let mut told = job.in_process(traces)?;
    let tenth = matches!(job, Job::Seed(seed) if seed % AGAIN_EACH == 0);
    if tenth || told.failure.is_some() {
        let again = job.in_process(None)?.trace;
        if again != told.trace {
            let as_before = told.failure.map(|failure| format!("{failure}; "));
            let as_before = as_before.unwrap_or_default();
            told.failure = Some(format!("{as_before}another process has the trace {again}"));
        }
    }
    Ok(told)
}
