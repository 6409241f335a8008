//! Fuzzing: `fuzz/` is built with coverage and without a sanitizer, which our Rust (no `unsafe`) has no need of, and
//! each target runs for some seconds, two at a time.

use crate::run::{cargo_command, root, show};
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;

/// What `cargo fuzz` sets, but for the sanitizers: stable Rust takes it.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=3 \
     -Cllvm-args=-sanitizer-coverage-trace-compares \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
     -Cllvm-args=-sanitizer-coverage-pc-table --cfg fuzzing";
/// Tells the binary which target is meant.
const VARIABLE: &str = "QUITTANCE_FUZZ";
/// Targets at a time.
const AT_A_TIME: usize = 2;
/// Longest input, and most memory.
const LIMITS: [&str; 2] = ["-max_len=65536", "-rss_limit_mb=2048"];

/// Runs one target, or all of them.
pub(crate) fn fuzz(target: Option<&str>, seconds: u32) -> Result<()> {
    let binary = build()?;
    let list = Command::new(&binary).env(VARIABLE, "list").output()?;
    let list = String::from_utf8(list.stdout)?;
    let all: Vec<_> = list.lines().collect();
    let chosen = match target {
        None => all,
        Some(name) => {
            ensure!(
                all.contains(&name),
                "no target {name:?}; there are: {}",
                all.join(", ")
            );
            vec![name]
        }
    };
    let place = root().join("target/fuzz");
    let seeds = place.join("seeds");
    let written = Command::new(&binary)
        .env(VARIABLE, format!("seeds={}", seeds.display()))
        .status()?;
    ensure!(written.success(), "the seeds can't be written");
    println!("{:<12} {:>12}", "target", "executions");
    let left = Mutex::new(chosen.into_iter());
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(name) = left.lock().ok().and_then(|mut left| left.next()) {
                    match one(&binary, name, seconds, &place) {
                        Ok(executions) => println!("{name:<12} {executions:>12}"),
                        Err(error) => {
                            eprintln!("{name}: {error:#}");
                            failed.lock().into_iter().for_each(|mut all| all.push(name));
                        }
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_default();
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(())
}

/// Builds the binary of all targets.
fn build() -> Result<PathBuf> {
    let host = host()?;
    let mut command = cargo_command();
    command
        .args([
            "build",
            "--locked",
            "--manifest-path",
            "fuzz/Cargo.toml",
            "--target-dir",
            "target/fuzz",
        ])
        // With a target named, the flags aren't those of build scripts and macros, which have no libFuzzer.
        .args(["--target", &host])
        .env("RUSTFLAGS", FLAGS);
    show(command)?;
    Ok(root()
        .join("target/fuzz")
        .join(host)
        .join("debug/quittance-fuzz"))
}

/// What this machine is to rustc.
fn host() -> Result<String> {
    let out = Command::new("rustc")
        .arg("-vV")
        .current_dir(root())
        .output()?;
    let text = String::from_utf8(out.stdout)?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc doesn't say its host")?.to_owned())
}

/// Runs a target; how many inputs it took.
fn one(binary: &Path, name: &str, seconds: u32, place: &Path) -> Result<u64> {
    let (corpus, crashes) = (place.join("corpus").join(name), place.join("crashes"));
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&crashes)?;
    let running: Child = Command::new(binary)
        .env(VARIABLE, name)
        .args(LIMITS)
        .args([
            format!("-max_total_time={seconds}"),
            "-print_final_stats=1".into(),
            "-timeout=10".into(),
        ])
        .arg(format!("-artifact_prefix={}/{name}-", crashes.display()))
        .args([corpus, place.join("seeds").join(name)])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let out = running.wait_with_output()?;
    let said = String::from_utf8_lossy(&out.stderr);
    if !out.status.success() {
        let written = said
            .lines()
            .find_map(|line| line.split_once("Test unit written to "));
        let input = written.map_or("(no input)", |(_, path)| path);
        let panicked = said
            .lines()
            .skip_while(|line| !line.contains("panicked at"));
        let why: Vec<_> = panicked.take(3).collect();
        let hex = fs::read(input).map(|bytes| hex(&bytes)).unwrap_or_default();
        bail!(
            "{}\n  input: {hex}\n  again: {VARIABLE}={name} {} {input}",
            why.join(" "),
            binary.display()
        );
    }
    let executions = said
        .lines()
        .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    executions
        .and_then(|count| count.trim().parse().ok())
        .context("libFuzzer doesn't say how many inputs it took")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
