//! `quittance testnet`: publish, deliver, prove, attest, pay, audit; and judge the outcome.

use crate::Answer;
use crate::audit::audit_epoch;
use crate::clock::now_ms;
use crate::network::{Network, NetworkConfig, Published};
use crate::options::Options;
use crate::report::{AuditLine, ChainLine, ClaimLine, ContentLine, Report};
use crate::steps::Steps;
use crate::traffic::traffic;
use anyhow::{Context, Result, anyhow, bail, ensure};
use contracts::{Address, B256, Chain, Status};
use protocol::{Epoch, NodeId, Timeline};
use serde::Deserialize;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use toolchain::Toolchain;

/// Clients begin nothing new so close to the last epoch's end: what they fetch belongs to that epoch.
const LAST_REQUEST: Duration = Duration::from_millis(2500);
/// How long attestation may take after the last epoch's tickets have ended.
const ATTEST: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(250);
/// The HLS package that is published by default.
const HLS: [(&str, &[u8]); 4] = [
    ("index.m3u8", include_bytes!("../content/index.m3u8")),
    ("segment-0.ts", include_bytes!("../content/segment-0.ts")),
    ("segment-1.ts", include_bytes!("../content/segment-1.ts")),
    ("segment-2.ts", include_bytes!("../content/segment-2.ts")),
];

/// What `quittance node claim --json` says.
#[derive(Debug, Deserialize)]
struct Claimed {
    node: NodeId,
    payout: Address,
    amount: String,
    tx: Option<B256>,
}

/// Runs the whole thing. Prints the report to stdout, everything else to stderr.
///
/// # Errors
/// If a part fails, or a byte or a number disagrees; the folder of the run is then kept and named.
pub fn run(options: Options, stop: CancellationToken) -> Answer<'static, ()> {
    Box::pin(async move {
        ensure!(options.nodes >= 1, "--nodes must be at least 1");
        ensure!(options.clients >= 1, "--clients must be at least 1");
        ensure!(options.epochs >= 1, "--epochs must be at least 1");
        ensure!(
            options.epoch_seconds >= 5,
            "--epoch-seconds must be at least 5"
        );
        for path in &options.content {
            fs::metadata(path)
                .with_context(|| format!("cannot read --content {}", path.display()))?;
        }
        let (data, json) = (options.data.clone(), options.json.clone());
        in_folder(data.as_deref(), json.as_deref(), async |dir, steps| {
            drive(&options, dir, steps, &stop).await
        })
        .await
    })
}

/// Gives a run its folder, and keeps it only if the run fails or was told where it is.
pub(crate) async fn in_folder(
    data: Option<&Path>,
    json: Option<&Path>,
    drive: impl AsyncFnOnce(&Path, &Steps) -> Result<()>,
) -> Result<()> {
    // A report that can't be written is better known before than after.
    if let Some(path) = json {
        File::create(path).with_context(|| format!("cannot write --json {}", path.display()))?;
    }
    // Before anything is made: a machine without Node.js gets one sentence and nothing to clear away.
    disk::run(Toolchain::ensure).await?;
    let (dir, temporary) = match data {
        Some(dir) => {
            fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
            let taken = fs::read_dir(dir)?.next().is_some();
            ensure!(
                !taken,
                "--data {} is not empty: a run needs a folder of its own",
                dir.display()
            );
            (dir.canonicalize()?, false)
        }
        None => (
            tempfile::Builder::new()
                .prefix("quittance-testnet-")
                .tempdir()?
                .keep(),
            true,
        ),
    };
    let steps = Steps::new();
    steps.step(&format!("everything of this run is in {}", dir.display()));
    let outcome = drive(&dir, &steps).await;
    steps.clear();
    match outcome {
        Ok(()) if temporary => {
            fs::remove_dir_all(&dir).with_context(|| format!("cannot remove {}", dir.display()))
        }
        Ok(()) => Ok(()),
        Err(error) => Err(error.context(format!(
            "the run failed; its logs are in {}",
            dir.join("logs").display()
        ))),
    }
}

async fn drive(
    options: &Options,
    dir: &Path,
    steps: &Steps,
    stop: &CancellationToken,
) -> Result<()> {
    let config = NetworkConfig {
        nodes: options.nodes,
        epoch_seconds: options.epoch_seconds,
        ..NetworkConfig::new(options.binary.clone(), dir.to_owned())
    };
    let report_step = |text: &str| steps.step(text);
    let mut network = tokio::select! {
        biased;
        () = stop.cancelled() => bail!("stopped before the end"),
        started = Network::start(config, &report_step) => started?,
    };
    let report = tokio::select! {
        biased;
        () = stop.cancelled() => Err(anyhow!("stopped before the end")),
        report = deliver_and_settle(options, dir, steps, &mut network) => report,
    };
    let report = match report {
        Ok(report) => report,
        Err(error) => {
            // What went wrong matters more than how the rest ends.
            let _ = network.stop().await;
            return Err(error);
        }
    };

    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&report)?;
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    steps.clear();
    show(&report);
    let wrong = report.disagreements();
    ensure!(wrong.is_empty(), "these disagree: {}", wrong.join("; "));
    if options.stay {
        show_stay(
            &network,
            report.epochs.first().map_or(0, |epoch| epoch.epoch),
        );
        stop.cancelled().await;
    }
    network.stop().await
}

#[allow(clippy::print_stdout)]
fn show(report: &Report) {
    println!("{report}");
}

#[allow(clippy::print_stdout)]
pub(crate) fn show_stay(network: &Network, epoch: Epoch) {
    let deployment = &network.deployment;
    println!("\nThe network stays up; Ctrl-C ends it.");
    println!(
        "  chain          {}  (chain id {})",
        network.rpc, deployment.chain_id
    );
    println!("  settlement     {}", deployment.settlement);
    println!("  control plane  {}", network.control_url);
    println!(
        "  admin API      {}  (token in {})",
        network.admin_url,
        network.token_path().display()
    );
    println!("  verifier       {}", network.verifier_url);
    for node in &network.nodes {
        println!("  node           {}  {}", node.address, node.id.short());
    }
    println!("Try:");
    println!(
        "  cast call --rpc-url {} {} 'attestation(uint64)((bytes32,uint96,uint40,uint40,uint64))' {epoch}",
        network.rpc, deployment.settlement
    );
}

async fn deliver_and_settle(
    options: &Options,
    dir: &Path,
    steps: &Steps,
    network: &mut Network,
) -> Result<Report> {
    let chain = network.chain().await?;
    let timeline = chain.timeline();

    let mut collections = Vec::new();
    for path in contents(options, dir)? {
        let name = collection_name(&path, collections.len());
        steps.step(&format!("publishing {}", path.display()));
        collections.push(network.publish(&path, &name).await?);
    }

    let first = first_epoch(&timeline, steps).await?;
    let last = first + options.epochs - 1;
    let traffic_end = Duration::from_secs(timeline.end(last)) - LAST_REQUEST;
    steps.step(&format!(
        "{} clients fetch during epochs {first} to {last}",
        options.clients
    ));
    let deliveries = traffic(options, dir, steps, network, &collections, traffic_end).await?;
    network.check()?;
    // A fetch that took longer than expected ends in a later epoch: it is reported too.
    let last = timeline.epoch_at_ms(now_ms()).unwrap_or(last).max(last);

    steps.step(&format!(
        "epochs {first} to {last}: sealing, committing, verifying, attesting"
    ));
    settle(network, &chain, &timeline, last, steps).await?;

    steps.step("claiming rewards");
    let claims = claim_all(network).await?;

    steps.step("auditing from the chain");
    let mut audit = AuditLine {
        epochs: 0,
        receipts: 0,
        ok: true,
    };
    let mut epochs = Vec::new();
    for epoch in first..=last {
        let (line, receipts, ok) = audit_epoch(network, &chain, epoch).await?;
        audit.epochs += 1;
        audit.receipts += receipts;
        audit.ok &= ok;
        epochs.push(line);
    }
    Ok(Report {
        content: collections.iter().flat_map(content_lines).collect(),
        deliveries,
        epochs,
        claims,
        audit,
        chain: chain_line(network),
        data_dir: dir.to_owned(),
    })
}

/// `node claim` for every node.
pub(crate) async fn claim_all(network: &Network) -> Result<Vec<ClaimLine>> {
    let mut claims = Vec::new();
    for index in 0..network.nodes.len() {
        let config = network
            .config_path(&format!("node-{index}"))
            .display()
            .to_string();
        let args = [
            "--config",
            &config,
            "--verifier",
            &network.verifier_url,
            "--json",
        ];
        let claimed: Claimed = network.command("node claim", &args).await?;
        let Claimed {
            node,
            payout,
            amount,
            tx,
        } = claimed;
        claims.push(ClaimLine {
            node,
            payout,
            amount,
            tx,
        });
    }
    Ok(claims)
}

pub(crate) fn chain_line(network: &Network) -> ChainLine {
    let deployment = &network.deployment;
    ChainLine {
        rpc: network.rpc.clone(),
        chain_id: deployment.chain_id,
        settlement: deployment.settlement,
        registry: deployment.registry,
        vault: deployment.vault,
        token: deployment.token,
    }
}

fn contents(options: &Options, dir: &Path) -> Result<Vec<PathBuf>> {
    if !options.content.is_empty() {
        return Ok(options.content.clone());
    }
    Ok(vec![write_package(dir)?, options.binary.clone()])
}

/// Writes the HLS package that is published by default.
pub(crate) fn write_package(dir: &Path) -> Result<PathBuf> {
    let package = dir.join("content/hls");
    fs::create_dir_all(&package)?;
    for (name, bytes) in HLS {
        fs::write(package.join(name), bytes)?;
    }
    Ok(package)
}

/// A name that `publish` takes: the file's own, and a number where that isn't enough.
fn collection_name(path: &Path, index: usize) -> String {
    let stem = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let kept: String = stem
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "._-".contains(c) {
                c
            } else {
                '-'
            }
        })
        .take(60)
        .collect();
    format!("{index}-{kept}")
}

fn content_lines(published: &Published) -> impl Iterator<Item = ContentLine> + '_ {
    published.files.iter().map(|file| ContentLine {
        path: format!("{}/{}", published.name, file.path),
        size: file.size,
        blake3: file.blake3,
    })
}

/// The epoch that traffic begins in: this one if half of it is left, else the next.
async fn first_epoch(timeline: &Timeline, steps: &Steps) -> Result<Epoch> {
    let epoch = timeline
        .epoch_at_ms(now_ms())
        .context("the network's genesis is in the future")?;
    let left = (timeline.end(epoch) * 1000).saturating_sub(now_ms());
    if left * 2 >= u64::from(timeline.windows(epoch).epoch_length) * 1000 {
        return Ok(epoch);
    }
    steps.step(&format!("waiting for epoch {}", epoch + 1));
    sleep(Duration::from_millis(left)).await;
    Ok(epoch + 1)
}

/// Waits until an epoch, and so every one before it, is attested and past its challenge window.
async fn settle(
    network: &mut Network,
    chain: &Chain,
    timeline: &Timeline,
    last: Epoch,
    steps: &Steps,
) -> Result<()> {
    let window = Duration::from_secs(timeline.challenge_window_max(last).into());
    let due = Duration::from_millis(timeline.tickets_end_ms(last)) + ATTEST + window;
    let mut pending = false;
    loop {
        match chain.status(last).await? {
            Status::Active => return Ok(()),
            Status::Pending if !pending => {
                pending = true;
                steps.step(&format!(
                    "epoch {last} is attested; its challenge window is open"
                ));
            }
            _ => {}
        }
        network.check()?;
        if u128::from(now_ms()) > due.as_millis() {
            bail!("epoch {last} was not attested in time; see the verifier's log");
        }
        sleep(LOOK).await;
    }
}
