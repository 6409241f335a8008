//! Runs the whole world for some seeds: `network FIRST..END [--trace FOLDER]`. Each seed runs twice, in this process
//! and in another: a trace that differs is a failure, as is a check.
//!
//! Writes target/bench/sim-network.json.

use anyhow::{Context, Result, bail, ensure};
use quittance_sim::{Course, Plan, run};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use tokio::time::Instant;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["once", seed] => once(seed.parse()?),
        ["log", seed] => log(seed.parse()?),
        [seeds] => many(seeds, None),
        [seeds, "--trace", folder] => many(seeds, Some(Path::new(folder))),
        _ => bail!("usage: network FIRST..END [--trace FOLDER]"),
    }
}

/// One seed in a process of its own: prints its trace's hash.
fn once(seed: u64) -> Result<()> {
    println!("{}", run(seed, &Plan::whole(), false)?.trace);
    Ok(())
}

/// One seed with what its processes log, as RUST_LOG says, on stderr.
fn log(seed: u64) -> Result<()> {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter);
    subscriber.with_writer(std::io::stderr).init();
    println!("{:?}", run(seed, &Plan::whole(), false)?);
    Ok(())
}

fn many(seeds: &str, traces: Option<&Path>) -> Result<()> {
    let ends = seeds.split_once("..").context("seeds are given as 0..20")?;
    let seeds: std::ops::Range<u64> = ends.0.parse()?..ends.1.parse()?;
    ensure!(
        !seeds.is_empty(),
        "there is no seed in {}..{}",
        ends.0,
        ends.1
    );
    let began = Instant::now();
    let (mut failed, mut simulated_s, mut hashes) = (0, 0, BTreeMap::new());
    for seed in seeds.clone() {
        let again = again(seed)?;
        let course = run(seed, &Plan::whole(), traces.is_some())?;
        let again = again.wait_with_output()?;
        let again = String::from_utf8_lossy(&again.stdout).trim().to_owned();
        simulated_s += course.lasted.as_secs();
        if let Some(folder) = traces {
            std::fs::create_dir_all(folder)?;
            std::fs::write(folder.join(format!("{seed}.trace")), &course.told)?;
        }
        failed += u32::from(!told(seed, &course, &again));
        hashes.insert(seed.to_string(), course.trace);
    }
    let wall_s = began.elapsed().as_secs_f64();
    let outcome = json!({
        "seeds": seeds.count(),
        "failed": failed,
        "simulated_hours": simulated_s as f64 / 3600.0,
        "wall_s": wall_s,
        "traces": hashes,
    });
    let path = PathBuf::from("target/bench/sim-network.json");
    std::fs::create_dir_all("target/bench")?;
    std::fs::write(&path, format!("{outcome:#}\n"))?;
    println!(
        "{} s simulated in {wall_s:.1} s; {}",
        simulated_s,
        path.display()
    );
    ensure!(
        failed == 0,
        "{failed} seeds failed: run one with --trace FOLDER to see its events"
    );
    Ok(())
}

fn again(seed: u64) -> Result<std::process::Child> {
    let child = Command::new(std::env::current_exe()?)
        .args(["once", &seed.to_string()])
        .stdout(std::process::Stdio::piped())
        .spawn();
    child.context("the same seed in another process")
}

/// Whether it went as it should.
fn told(seed: u64, course: &Course, again: &str) -> bool {
    let outcome = match &course.failure {
        Some(failure) => failure.clone(),
        None if course.trace != again => format!("another process has the trace {again}"),
        None => "as it should be".to_owned(),
    };
    println!(
        "seed {seed:>3}  {}  {} events  {} s  {outcome}",
        course.trace,
        course.events,
        course.lasted.as_secs()
    );
    outcome == "as it should be"
}
