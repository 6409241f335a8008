//! `cargo xtask bench routing`, second part: `POST /v1/route` with a ticket against a bare handler that signs
//! one ed25519 message, in one run, in turn, each in a process of its own.
//!
//! Requests per CPU second of the server's process are compared: what else the machine does matters little
//! then. The times are those of the asking side.
#![allow(clippy::print_stdout)]

use anyhow::{Context, Result, ensure};
use axum::body::Bytes;
use axum::routing::post;
use protocol::api::RouteRequest;
use protocol::{ClientKey, SigningKey, Tag, keccak256, sign};
use quittance_testnet::{Network, NetworkConfig};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Requests of one round, and how many at a time.
const REQUESTS: usize = 20_000;
const AT_A_TIME: usize = 64;
const ROUNDS: usize = 5;
/// How this program is told to be the bare server.
const BARE: &str = "--bare";

#[tokio::main]
async fn main() -> Result<()> {
    if std::env::args().any(|arg| arg == BARE) {
        return bare().await;
    }
    measure().await
}

/// Signs what it is sent, and answers the signature.
async fn bare() -> Result<()> {
    let handler = async |body: Bytes| {
        let key = SigningKey::from_bytes(&[7; 32]);
        let signature = sign(&key, Tag::Ticket, &keccak256(&body));
        signature.0.to_vec()
    };
    let app = axum::Router::new().route("/", post(handler));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}

/// Ends with this program.
struct Bare(Child);

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Bare {
    fn start() -> Result<(Self, String)> {
        let own = std::env::current_exe()?;
        let mut child = Command::new(own).arg(BARE).stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().context("its output is piped")?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        Ok((Self(child), format!("http://{}/", line.trim())))
    }
}

/// User and system time of a process.
fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, in parentheses, may hold anything.
    let (_, fields) = stat.rsplit_once(')').context("a stat line")?;
    let fields: Vec<_> = fields.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    Ok(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

struct Measured {
    per_cpu_second: f64,
    per_second: f64,
    p99_ms: f64,
}

async fn load(http: &reqwest::Client, url: &str, body: &Value, pid: u32) -> Result<Measured> {
    let body = Bytes::from(body.to_string());
    let (cpu, began) = (cpu_seconds(pid)?, Instant::now());
    let mut askers = JoinSet::new();
    for _ in 0..AT_A_TIME {
        let (http, url, body) = (http.clone(), url.to_owned(), body.clone());
        askers.spawn(async move {
            let mut times = Vec::with_capacity(REQUESTS / AT_A_TIME);
            for _ in 0..REQUESTS / AT_A_TIME {
                let began = Instant::now();
                let request = http.post(&url).header("content-type", "application/json");
                let answer = request.body(body.clone()).send().await?;
                let status = answer.status();
                let answer = answer.bytes().await?;
                ensure!(
                    status.is_success(),
                    "{status}: {}",
                    String::from_utf8_lossy(&answer)
                );
                times.push(began.elapsed());
            }
            Ok(times)
        });
    }
    let mut times: Vec<Duration> = Vec::with_capacity(REQUESTS);
    while let Some(done) = askers.join_next().await {
        times.extend(done??);
    }
    let (wall, cpu) = (began.elapsed().as_secs_f64(), cpu_seconds(pid)? - cpu);
    times.sort_unstable();
    Ok(Measured {
        per_cpu_second: times.len() as f64 / cpu,
        per_second: times.len() as f64 / wall,
        p99_ms: times[times.len() * 99 / 100].as_secs_f64() * 1e3,
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

async fn measure() -> Result<()> {
    let own = std::env::current_exe()?;
    let release = own
        .ancestors()
        .nth(2)
        .context("this program is in no folder")?;
    let dir = tempfile::Builder::new()
        .prefix("quittance-bench-")
        .tempdir()?;
    let config = NetworkConfig {
        nodes: 3,
        epoch_seconds: 3600,
        // All of them come from one network, more than any may ask for; they are counted all the same.
        control_config: "tickets_per_route = 1\nnetwork_tickets_per_second = 1000000\nnetwork_tickets_burst = 1000000\n".into(),
        ..NetworkConfig::new(release.join("quittance"), dir.path().join("network"))
    };
    fs::create_dir_all(&config.dir)?;
    let network = Network::start(config, &|step| eprintln!("{step}")).await?;
    let content = dir.path().join("content.bin");
    fs::write(&content, [7; 1000])?;
    network.publish(&content, "content").await?;
    let control = network.control.as_ref().and_then(|control| control.pid());
    let control = control.context("the control plane does not run")?;
    let (bare, bare_url) = Bare::start()?;
    let route_url = format!("{}/v1/route", network.control_url);
    let request = json!(RouteRequest::new("content", ClientKey::from([3; 32])));
    let http = reqwest::Client::new();
    // Neither side begins cold.
    load(&http, &route_url, &request, control).await?;
    load(&http, &bare_url, &request, bare.0.id()).await?;

    let (mut ratios, mut times) = (Vec::new(), Vec::new());
    println!(
        "\n{:>5}{:>34}{:>34}{:>8}",
        "round", "route per CPU s (per s, p99 ms)", "bare handler", "ratio"
    );
    for round in 1..=ROUNDS {
        let route = load(&http, &route_url, &request, control).await?;
        let bare = load(&http, &bare_url, &request, bare.0.id()).await?;
        let show = |one: &Measured| {
            format!(
                "{:.0} ({:.0}, {:.1})",
                one.per_cpu_second, one.per_second, one.p99_ms
            )
        };
        let ratio = route.per_cpu_second / bare.per_cpu_second;
        println!(
            "{round:>5}{:>34}{:>34}{ratio:>8.3}",
            show(&route),
            show(&bare)
        );
        ratios.push(ratio);
        times.push(route.p99_ms);
    }
    let (ratio, p99) = (median(ratios), median(times));
    println!("median ratio {ratio:.3}, p99 of a route {p99:.1} ms");
    let path = Path::new("target/bench/routing.json");
    let text = fs::read_to_string(path).unwrap_or_else(|_| "{}".into());
    let mut report: Value = serde_json::from_str(&text)?;
    report["route_ratio"] = json!(ratio);
    report["route_p99_ms"] = json!(p99);
    fs::write(path, format!("{report:#}\n"))?;
    network.stop().await
}
