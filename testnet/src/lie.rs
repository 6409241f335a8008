//! `quittance testnet --lie`: a network with a liar in it. The lie is told, found, shown on chain and paid for; then
//! the truth is attested, and nodes are paid by it.
//!
//! All parts are real processes; none of them can lie. Who lies is played by this module with the keys of an account
//! of its own: a second verifier that posts other roots, serving its evidence from a folder; issuers whose tickets real
//! clients bring to real nodes ([`staged`]); a node's operator. Who finds and shows it are `quittance audit
//! --challenge` and `quittance node check --challenge`, as processes.

mod report;
mod stage;
mod staged;
mod tell;
mod wait;
mod who;
mod witness;

pub use report::{BountyLine, LieLine, LieReport};
pub use who::Who;
pub use witness::{Standing, Witness};

use crate::Answer;
use crate::audit::audit_epoch;
use crate::network::{Network, NetworkConfig};
use crate::report::{short, tokens};
use crate::run::{chain_line, claim_all, in_folder, show_stay, write_package};
use crate::steps::Steps;
use anyhow::{Context, Result, anyhow, bail, ensure};
use contracts::challenge::Kind;
use contracts::{Chain, Status, U256};
use lies::{ISSUER_LIES, Plant, plants};
use stage::{CHEATED_OPERATOR, Stage};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use tell::Teller;
use tokio_util::sync::CancellationToken;
use wait::{now_s, until};
use who::says;

/// Seconds of an epoch: enough for everything that has to happen in it.
const EPOCH_SECONDS: u32 = 20;
/// Seconds in which a node can force its receipts, and issuers commit their logs after the ticket tail.
const FORCE_SECONDS: u32 = 6;
/// Seconds that a lie stands open: an audit and two transactions.
const CHALLENGE_SECONDS: u32 = 20;
/// Which lies, and where.
#[derive(Debug, Clone)]
pub struct LieOptions {
    /// The `quittance` binary, started for every part.
    pub binary: PathBuf,
    /// What is lied about.
    pub kinds: Vec<Kind>,
    /// Folder of the run; `None`: a temporary one, removed if all is well.
    pub data: Option<PathBuf>,
    /// Keep the network up after the report.
    pub stay: bool,
    /// Where to write the report.
    pub json: Option<PathBuf>,
    /// Asked of everything that is attested.
    pub witness: Option<Witness>,
}

const HELP: &str = "\
Lies for `quittance testnet --lie KIND`: each is a challenge's name, with who lies and how. Several go with commas
between them, and `all` is all of them, one after the other.

The network is one of real processes, none of which can lie: the liar is played with an account, key or issuer of its
own. `quittance audit --challenge`, or `quittance node check --challenge` of the node that an issuer cheated, finds the
lie and shows it on chain; the liar's bond pays; the honest verifier attests the same epoch; nodes and challengers take
what is theirs. Exit 0 if all of that went well.

";

/// All lies, a line each.
pub fn lie_help() -> String {
    let mut text = String::from(HELP);
    let mut line = |kind: Kind, says: &str| {
        // Writing to a string doesn't fail.
        let _ = writeln!(
            text,
            "  {:<24} {:<9} {says}",
            kind.function(),
            Who::tells(kind)
        );
    };
    for plant in plants() {
        line(plant.kind, plant.says);
    }
    for kind in ISSUER_LIES {
        line(kind, says(kind));
    }
    line(Kind::ForcedInvalid, says(Kind::ForcedInvalid));
    text
}

/// Runs a network in which these lies are told, each overturned before the next. Prints the report to stdout,
/// everything else to stderr.
///
/// # Errors
/// If a lie isn't found, doesn't fall or isn't paid for, or if the truth doesn't follow; the folder of the run is then
/// kept and named.
pub fn run_lies(options: LieOptions, stop: CancellationToken) -> Answer<'static, ()> {
    Box::pin(async move {
        ensure!(!options.kinds.is_empty(), "no lie is to be told");
        let (data, json) = (options.data.clone(), options.json.clone());
        in_folder(data.as_deref(), json.as_deref(), async |dir, steps| {
            drive(&options, dir, steps, &stop).await
        })
        .await
    })
}

async fn drive(
    options: &LieOptions,
    dir: &Path,
    steps: &Steps,
    stop: &CancellationToken,
) -> Result<()> {
    let mut told: Vec<Plant> = plants();
    told.retain(|plant| options.kinds.contains(&plant.kind));
    let config = NetworkConfig {
        epoch_seconds: EPOCH_SECONDS,
        force_seconds: FORCE_SECONDS,
        challenge_seconds: CHALLENGE_SECONDS,
        mine_at_once: true,
        liar_bonds: u32::try_from(told.len())?.max(1),
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
        report = lie_and_settle(options, &told, dir, steps, &mut network) => report,
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
    if options.stay {
        show_stay(&network, report.honest.epoch);
        stop.cancelled().await;
    }
    network.stop().await
}

#[allow(clippy::print_stdout)]
fn show(report: &LieReport) {
    println!("{report}");
}

async fn lie_and_settle(
    options: &LieOptions,
    plants: &[Plant],
    dir: &Path,
    steps: &Steps,
    network: &mut Network,
) -> Result<LieReport> {
    let chain = network.chain().await?;
    steps.step("publishing a small HLS package");
    let package = write_package(dir)?;
    let content = network.publish(&package, "hls").await?;
    steps.step("preparing issuers, payers and a liar");
    let stage = Stage::set(network, content, &options.kinds, steps).await?;
    let epoch = stage.epoch;
    steps.step(&format!("epoch {epoch} has begun: clients fetch"));
    stage.traffic(network).await?;
    let due = chain.timeline().attest_from(epoch - 1);
    until("the epoch before to be attested", due, async || {
        network.check()?;
        Ok(chain.next_epoch().await? >= epoch)
    })
    .await?;
    // The honest verifier is to come after the liar.
    if let Some(verifier) = network.verifier.take() {
        verifier.stop().await?;
    }
    steps.step(&format!(
        "epoch {epoch} ends: issuers commit their logs, a node forces its receipts"
    ));
    let ended = stage.end(network, &options.kinds, &chain).await?;

    let mut lines = Vec::new();
    for (kind, issuer) in &stage.cheats {
        let teller = teller_of(network, &chain, &stage, options);
        announce(steps, *kind, says(*kind));
        let line = teller.issuer(*kind, *issuer).await?;
        fallen(steps, &line);
        lines.push(line);
    }
    // A verifier without a vote judges, and says what is true.
    network
        .restart_verifier("observer", &stage.controls())
        .await?;
    let evidence = stage.evidence(network);
    until("the epoch to be judged", now_s(), async || {
        network.check()?;
        Ok(evidence.exists())
    })
    .await?;
    if !plants.is_empty() {
        let scene = stage.scene(network, &chain, ended).await?;
        let liar = network.chain_as("liar").await?;
        let teller = teller_of(network, &chain, &stage, options);
        for plant in plants {
            announce(steps, plant.kind, plant.says);
            let line = teller.verifier(&liar, &scene, plant).await?;
            fallen(steps, &line);
            lines.push(line);
        }
    }

    steps.step(&format!("the honest verifier attests epoch {epoch}"));
    network
        .restart_verifier("verifier", &stage.controls())
        .await?;
    until("the epoch to be attested", now_s(), async || {
        network.check()?;
        Ok(chain.status(epoch).await? != Status::None)
    })
    .await?;
    if options.kinds.contains(&Kind::ForcedInvalid) {
        let teller = teller_of(network, &chain, &stage, options);
        announce(steps, Kind::ForcedInvalid, says(Kind::ForcedInvalid));
        let line = teller.node(Kind::ForcedInvalid).await?;
        fallen(steps, &line);
        lines.push(line);
    }
    let (honest, _, audit_ok) = audit_epoch(network, &chain, epoch).await?;
    ensure!(
        audit_ok,
        "the honest attestation of epoch {epoch} isn't true"
    );
    for epoch in 0..=epoch {
        teller_of(network, &chain, &stage, options)
            .witness(epoch, stage.evidence_of(network, epoch), None)
            .await?;
    }
    steps.step("it is true, and its challenge window is open");
    let active = now_s() + u64::from(chain.timeline().challenge_window_max(epoch));
    until("the challenge window to close", active, async || {
        network.check()?;
        Ok(matches!(
            chain.status(epoch).await?,
            Status::Active | Status::Archived
        ))
    })
    .await?;
    steps.step("claiming rewards and bounties");
    let claims = claim_all(network).await?;
    let total = chain.attestation(epoch).await?;
    let total = total.context("the attestation is gone")?.total;
    let claimed = claims.iter().map(|claim| claim.amount.parse::<u128>());
    let claimed = claimed.sum::<Result<u128, _>>()?;
    ensure!(
        claimed == total,
        "{claimed} was claimed of the {total} that nodes had earned"
    );
    let bounties = withdraw(network, &lines).await?;
    Ok(LieReport {
        lies: lines,
        honest,
        audit_ok,
        claims,
        bounties,
        chain: chain_line(network),
        data_dir: dir.to_owned(),
    })
}

fn teller_of<'a>(
    network: &'a Network,
    chain: &'a Chain,
    stage: &'a Stage,
    options: &'a LieOptions,
) -> Teller<'a> {
    Teller {
        network,
        chain,
        stage,
        witness: options.witness.as_ref(),
    }
}

/// What is about to be told.
fn announce(steps: &Steps, kind: Kind, says: &str) {
    steps.step(&format!(
        "{kind}: {} {} {says}",
        Who::tells(kind).article(),
        Who::tells(kind)
    ));
}

/// How a lie fell.
fn fallen(steps: &Steps, line: &LieLine) {
    steps.step(&format!("  found: {}", line.sentence));
    steps.step(&format!(
        "  shown: {}.{} in {}, {} gas; {} lost {} QTT, the challenger got {}",
        line.contract,
        line.kind,
        short(&line.tx),
        line.gas_used,
        line.offender,
        tokens(&line.lost),
        tokens(&line.credited)
    ));
}

/// Every challenger takes home what it earned.
async fn withdraw(network: &Network, lines: &[LieLine]) -> Result<Vec<BountyLine>> {
    let mut bounties = Vec::new();
    for name in ["challenger", CHEATED_OPERATOR] {
        let chain = network.chain_as(name).await?;
        let account = chain.account().context("it has a key")?;
        let challenger = account.to_string();
        let earned = lines.iter().filter(|line| line.challenger == challenger);
        let earned = earned.map(|line| line.credited.parse::<u128>());
        let earned = U256::from(earned.sum::<Result<u128, _>>()?);
        if earned.is_zero() {
            continue;
        }
        let before = chain.token_balance(account).await?;
        let tx = chain.withdraw_bounty().await?.tx;
        let got = chain.token_balance(account).await? - before;
        ensure!(
            got == earned,
            "{challenger} was credited {earned} and could withdraw {got}"
        );
        bounties.push(BountyLine {
            challenger,
            amount: got.to_string(),
            tx,
        });
    }
    Ok(bounties)
}
