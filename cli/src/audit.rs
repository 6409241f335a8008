//! `quittance audit`: recompute an attested epoch, trusting nobody.

use crate::output;
use crate::settings::{load, require, settings};
use ::verifier::{AuditReport, EvidenceSource, Verdict, audit_epoch};
use anyhow::Result;
use contracts::Chain;
use protocol::Epoch;
use std::path::PathBuf;
use std::process::ExitCode;

settings! {
    @chain
    /// What to audit by.
    AuditSettings {
        /// Where the evidence is: a verifier's URL, or a folder with the bundle's files.
        #[arg(long, env = "QUITTANCE_EVIDENCE", value_name = "URL|DIR")]
        evidence: String,
    }
}

/// What to audit.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The epoch.
    #[arg(long, value_name = "N")]
    epoch: Epoch,
    #[command(flatten)]
    settings: AuditSettings,
    /// TOML file with any of these settings.
    #[arg(long, env = "QUITTANCE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

/// Exit 0 if every number is true, 1 if one is not, 2 if it can't be judged.
pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    match judge(&args).await {
        Ok(code) => Ok(code),
        Err(error) => {
            eprintln!("error: cannot judge epoch {}: {error:#}", args.epoch);
            Ok(ExitCode::from(2))
        }
    }
}

async fn judge(args: &Args) -> Result<ExitCode> {
    let settings = load(args.settings.clone(), args.config.as_deref())?;
    let evidence = require(
        &settings.evidence,
        "evidence",
        "a verifier's URL or a folder",
    )?;
    let chain = Chain::connect(&settings.chain()?).await?;
    let source = match evidence.starts_with("http://") || evidence.starts_with("https://") {
        true => EvidenceSource::Verifier(evidence),
        false => EvidenceSource::Directory(evidence.into()),
    };
    let report = audit_epoch(&chain, &source, args.epoch).await;
    if args.json {
        output::print(true, &report)?;
    } else {
        print_report(&report);
    }
    Ok(match report.verdict {
        Verdict::True => ExitCode::SUCCESS,
        Verdict::False => ExitCode::from(1),
        Verdict::NotJudged => ExitCode::from(2),
    })
}

#[allow(clippy::print_stdout)]
fn print_report(report: &AuditReport) {
    println!(
        "{:<10} {:>14} {:>11} {:>8} {:>9} {:>24} {:>24}",
        "node", "bytes", "deliveries", "within", "SLA ppm", "reward", "cumulative"
    );
    for node in &report.nodes {
        println!(
            "{:<10} {:>14} {:>11} {:>8} {:>9} {:>24} {:>24}  {}",
            node.node.short(),
            node.bytes,
            node.deliveries,
            node.within,
            node.sla_ppm,
            node.reward,
            node.cumulative,
            if node.ok { "true" } else { "FALSE" }
        );
    }
    let verdict = match report.verdict {
        Verdict::True => "every number is true",
        Verdict::False => "FALSE",
        Verdict::NotJudged => "could not be judged",
    };
    println!(
        "epoch {}: {} signatures checked: {verdict}",
        report.epoch, report.signatures
    );
    for reason in &report.reasons {
        println!("  {reason}");
    }
}
