//! `cargo xtask bench delivery`: our delivery against raw quinn, in one run, in turn, in separate
//! processes on loopback.
#![allow(clippy::print_stdout)]

use anyhow::{Context, Result, ensure};
use clap::Parser;
use quittance_testnet::{Network, NetworkConfig};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tokio::time::Instant;

/// What one side of one round took.
#[derive(Debug, Clone, Copy, Serialize)]
struct Measured {
    gbit_per_s: f64,
    server_cpu_s_per_gib: f64,
    client_cpu_s_per_gib: f64,
}

#[derive(Debug, Serialize)]
struct Round {
    /// Published with `--open`, handed to nowhere.
    ours: Measured,
    raw: Measured,
    /// The same, written to a file.
    written: Measured,
    /// As `publish` seals it: opened, and written to a file.
    sealed: Measured,
}

/// `target/bench/delivery.json`.
#[derive(Debug, Serialize)]
struct Outcome {
    mib: u64,
    /// Ours over raw, median of the rounds' ratios; 1 is as fast as raw.
    ratio_throughput: f64,
    /// CPU of both sides together, ours over raw, median of the rounds' ratios.
    ratio_cpu: f64,
    /// Sealed over open, both written to a file, likewise.
    sealed_ratio_throughput: f64,
    sealed_ratio_cpu: f64,
    /// Peak memory of the node.
    node_rss_mb: f64,
    rounds: Vec<Round>,
}

/// Verified and receipted delivery against raw quinn; `cargo xtask bench delivery` builds what it needs.
#[derive(Debug, Parser)]
struct Args {
    /// Rounds of each, taken in turn.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// MiB to deliver.
    #[arg(long, default_value_t = 1024)]
    mib: u64,
}

/// Names of the content as it is, and sealed.
const OPEN: &str = "content";
const SEALED: &str = "sealed";

/// The top of the checkout.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[tokio::main]
async fn main() -> Result<()> {
    let Args { rounds, mib } = Args::parse();
    ensure!(
        rounds >= 1 && mib >= 1,
        "--rounds and --mib must be at least 1"
    );
    measure(rounds, mib).await
}

async fn measure(rounds: usize, mib: u64) -> Result<()> {
    // This program stands in `release/examples`, wherever cargo was told to build.
    let own = std::env::current_exe()?;
    let release = own
        .ancestors()
        .nth(2)
        .context("this program is in no folder")?;
    let dir = tempfile::Builder::new()
        .prefix("quittance-bench-")
        .tempdir()?;
    let content = dir.path().join("content.bin");
    write_content(&content, mib)?;

    let config = NetworkConfig {
        nodes: 1,
        // One epoch holds the whole benchmark.
        epoch_seconds: 3600,
        ..NetworkConfig::new(release.join("quittance"), dir.path().join("network"))
    };
    fs::create_dir_all(&config.dir)?;
    let network = Network::start(config, &|step| eprintln!("{step}")).await?;
    eprintln!("publishing {mib} MiB");
    // As it is: what is compared with raw QUIC is delivery.
    network.publish_with(&content, OPEN, &["--open"]).await?;
    network.publish_with(&content, SEALED, &[]).await?;
    let node = network.nodes[0]
        .process
        .as_ref()
        .and_then(|node| node.pid());
    let node = node.context("the node does not run")?;

    let mut raw = RawServer::start(&release.join("examples/raw"), mib << 20)?;
    // Neither side begins cold: the node fills its cache here.
    eprintln!("warming up");
    ours(&network, OPEN, None, node, mib)?;
    ours(&network, SEALED, None, node, mib)?;
    raw.fetch(mib)?;
    let file = dir.path().join("got.bin");

    let mut measured = Vec::with_capacity(rounds);
    println!(
        "{:>5} {:>24} {:>20} {:>7} {:>20} {:>20} {:>7}",
        "round",
        "Gbit/s (CPU s/GiB): ours",
        "raw quinn",
        "ratio",
        "ours to a file",
        "and sealed",
        "ratio"
    );
    for number in 1..=rounds {
        let round = Round {
            ours: ours(&network, OPEN, None, node, mib)?,
            raw: raw.fetch(mib)?,
            written: ours(&network, OPEN, Some(&file), node, mib)?,
            sealed: ours(&network, SEALED, Some(&file), node, mib)?,
        };
        println!(
            "{number:>5} {:>24} {:>20} {:>7.3} {:>20} {:>20} {:>7.3}",
            show(&round.ours),
            show(&round.raw),
            throughput(&round.ours, &round.raw),
            show(&round.written),
            show(&round.sealed),
            throughput(&round.sealed, &round.written)
        );
        measured.push(round);
    }
    let outcome = Outcome {
        mib,
        ratio_throughput: median(&measured, |it| throughput(&it.ours, &it.raw)),
        ratio_cpu: median(&measured, |it| cpu(&it.ours, &it.raw)),
        sealed_ratio_throughput: median(&measured, |it| throughput(&it.sealed, &it.written)),
        sealed_ratio_cpu: median(&measured, |it| cpu(&it.sealed, &it.written)),
        node_rss_mb: peak_rss_mb(node)?,
        rounds: measured,
    };
    println!(
        "median: {:.3} of raw quinn's throughput, {:.3} of its CPU; sealed {:.3} and {:.3} of open; node's peak memory \
         {:.1} MB",
        outcome.ratio_throughput,
        outcome.ratio_cpu,
        outcome.sealed_ratio_throughput,
        outcome.sealed_ratio_cpu,
        outcome.node_rss_mb
    );
    let target = root().join("target/bench");
    fs::create_dir_all(&target)?;
    fs::write(
        target.join("delivery.json"),
        serde_json::to_string_pretty(&outcome)?,
    )?;
    drop(raw);
    network.stop().await
}

fn show(measured: &Measured) -> String {
    let Measured {
        gbit_per_s,
        server_cpu_s_per_gib,
        client_cpu_s_per_gib,
    } = measured;
    format!("{gbit_per_s:.2} ({server_cpu_s_per_gib:.2} + {client_cpu_s_per_gib:.2})")
}

fn throughput(one: &Measured, other: &Measured) -> f64 {
    one.gbit_per_s / other.gbit_per_s
}

fn cpu(one: &Measured, other: &Measured) -> f64 {
    let sum = |m: &Measured| m.server_cpu_s_per_gib + m.client_cpu_s_per_gib;
    sum(one) / sum(other)
}

fn median(rounds: &[Round], ratio: impl Fn(&Round) -> f64) -> f64 {
    let mut values: Vec<_> = rounds.iter().map(ratio).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Bytes that don't compress and have no pattern.
fn write_content(path: &Path, mib: u64) -> Result<()> {
    use std::io::Write;
    let mut file = File::create(path)?;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut block = vec![0u8; 1 << 20];
    for _ in 0..mib {
        for word in block.chunks_exact_mut(8) {
            // xorshift64
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            word.copy_from_slice(&state.to_le_bytes());
        }
        file.write_all(&block)?;
    }
    Ok(())
}

/// What a fetching process says.
#[derive(Debug, Deserialize)]
struct Fetched {
    bytes: u64,
    duration_ms: u64,
}

/// Runs a fetching process to its end; its report is the last line of stderr or all of stdout.
fn fetch(mut command: Command, server: u32, mib: u64) -> Result<Measured> {
    let server_before = cpu_seconds(server)?;
    let children_before = children_cpu_seconds()?;
    let began = Instant::now();
    let out = command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()?;
    let wall = began.elapsed();
    let said = String::from_utf8_lossy(&out.stderr);
    ensure!(out.status.success(), "a fetch failed: {}", said.trim());
    let (server_cpu, client_cpu) = (
        cpu_seconds(server)? - server_before,
        children_cpu_seconds()? - children_before,
    );
    let fetched: Fetched = serde_json::from_slice(&out.stdout).context("no report of the fetch")?;
    ensure!(fetched.bytes == mib << 20, "{} bytes came", fetched.bytes);
    // The process's own clock, without its start; never better than what was seen from outside.
    let seconds = (fetched.duration_ms as f64 / 1000.0).min(wall.as_secs_f64());
    let gib = mib as f64 / 1024.0;
    Ok(Measured {
        gbit_per_s: (fetched.bytes * 8) as f64 / seconds / 1e9,
        server_cpu_s_per_gib: server_cpu / gib,
        client_cpu_s_per_gib: client_cpu / gib,
    })
}

/// `quittance get` of a collection's file, verified and receipted, handed to nowhere or written to a file.
fn ours(
    network: &Network,
    collection: &str,
    to: Option<&Path>,
    node: u32,
    mib: u64,
) -> Result<Measured> {
    let mut command = Command::new(&network.config.binary);
    command.args(["get", &format!("{collection}/content.bin"), "--json"]);
    command.args(["--control", &network.control_url]);
    match to {
        Some(file) => {
            // What is there already wouldn't be fetched.
            if file.exists() {
                fs::remove_file(file)?;
            }
            command.arg("-o").arg(file)
        }
        None => command.arg("--discard"),
    };
    fetch(command, node, mib)
}

struct RawServer {
    child: Child,
    program: PathBuf,
    address: String,
    key: String,
}

impl RawServer {
    fn start(program: &Path, bytes: u64) -> Result<Self> {
        let mut child = Command::new(program)
            .args(["serve", &bytes.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let stdout = child.stdout.take().context("no stdout")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let (address, key) = line.trim().split_once(' ').context("no address")?;
        let (address, key) = (address.to_owned(), key.to_owned());
        Ok(Self {
            child,
            program: program.to_owned(),
            address,
            key,
        })
    }

    fn fetch(&mut self, mib: u64) -> Result<Measured> {
        let mut command = Command::new(&self.program);
        command.args(["fetch", &self.address, &self.key]);
        fetch(command, self.child.id(), mib)
    }
}

impl Drop for RawServer {
    fn drop(&mut self) {
        // It holds nothing worth a farewell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Clock ticks a second of /proc, a constant of Linux's interface.
const TICKS: f64 = 100.0;

/// Fields of `/proc/PID/stat` after the name, which may hold spaces.
fn stat(pid: &str) -> Result<Vec<u64>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))
        .context("CPU time is read from /proc: this benchmark needs Linux")?;
    let (_, rest) = text
        .rsplit_once(") ")
        .context("/proc/PID/stat has no name")?;
    Ok(rest
        .split(' ')
        .map(|field| field.parse().unwrap_or(0))
        .collect())
}

/// User and system time of a process.
fn cpu_seconds(pid: u32) -> Result<f64> {
    let fields = stat(&pid.to_string())?;
    Ok((fields[11] + fields[12]) as f64 / TICKS)
}

/// User and system time of our children that have ended.
fn children_cpu_seconds() -> Result<f64> {
    let fields = stat("self")?;
    Ok((fields[13] + fields[14]) as f64 / TICKS)
}

fn peak_rss_mb(pid: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: f64 = line
        .and_then(|line| line.trim().strip_suffix(" kB"))
        .context("no VmHWM")?
        .trim()
        .parse()?;
    Ok(kib * 1024.0 / 1e6)
}
