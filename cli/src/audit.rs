//! `quittance audit`: recompute an attested epoch, trusting nobody; show on chain what is false in it.

pub(crate) mod print;
mod progress;
mod sending;

pub(crate) use progress::Bar;
pub(crate) use sending::{Sending, challenge};

use crate::keys;
use crate::output;
use crate::settings::{load, require, settings};
use ::verifier::{AuditReport, EvidenceSource, Progress, Server, Verdict, audit_epoch};
use anyhow::Result;
use contracts::Chain;
use contracts::challenge::Kind;
use host::Http;
use protocol::Epoch;
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Something is false, and the challenge that was asked for could not be sent.
const NOT_SENT: u8 = 3;

settings! {
    @chain
    /// What to audit by.
    AuditSettings {
        /// Where the evidence is: a verifier's URL, or a folder with the bundle's files. May be given several
        /// times; what one lacks is taken from the next.
        #[arg(long, env = "QUITTANCE_EVIDENCE", value_name = "URL|DIR", value_delimiter = ',')]
        evidence: Vec<String>,
        /// With --challenge: file with the private key of the challenging account; else QUITTANCE_ETH_KEY.
        #[arg(long, env = "QUITTANCE_ETH_KEY_FILE", value_name = "FILE")]
        eth_key_file: PathBuf,
        /// With --challenge: Ethereum keystore (JSON) of the challenging account.
        #[arg(long, env = "QUITTANCE_KEYSTORE", value_name = "FILE")]
        keystore: PathBuf,
        /// File with the keystore's password.
        #[arg(long, env = "QUITTANCE_PASSWORD_FILE", value_name = "FILE")]
        password_file: PathBuf,
    }
}

/// What to audit.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The epoch.
    #[arg(long, value_name = "N")]
    epoch: Epoch,
    /// Show what is false on chain: commit to the challenge, then make it. It is tried first without being
    /// sent, and what was committed before is gone on with.
    #[arg(long)]
    challenge: bool,
    /// With --challenge: which, by its function's name, rather than the cheapest.
    #[arg(long, value_name = "KIND", requires = "challenge")]
    by: Option<Kind>,
    #[command(flatten)]
    settings: AuditSettings,
    /// TOML file with any of these settings.
    #[arg(long, env = "QUITTANCE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

/// What is printed as JSON.
#[derive(Debug, Serialize)]
struct Audited<'a> {
    #[serde(flatten)]
    report: &'a AuditReport,
    /// What was done about the lies; only with `--challenge`.
    #[serde(skip_serializing_if = "Option::is_none")]
    challenges: Option<&'a [Sending]>,
}

/// Exit 0 if every number is true, 1 if one is not, 2 if it can't be judged, 3 if one is not and the challenge
/// that was asked for could not be sent.
pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    match judge(&args).await {
        Ok(code) => Ok(code),
        Err(error) => {
            eprintln!("error: cannot judge epoch {}: {error:#}", args.epoch);
            Ok(ExitCode::from(2))
        }
    }
}

/// A URL, or else a folder.
pub(crate) fn source(text: &str) -> EvidenceSource {
    match text.starts_with("http://") || text.starts_with("https://") {
        true => EvidenceSource::Verifier(Server::new(&Http::system(), text)),
        false => EvidenceSource::Directory(text.into()),
    }
}

async fn judge(args: &Args) -> Result<ExitCode> {
    let settings = load(args.settings.clone(), args.config.as_deref())?;
    let evidence = require(
        &settings.evidence,
        "evidence",
        "a verifier's URL or a folder",
    )?;
    let sources: Vec<_> = evidence.iter().map(|text| source(text)).collect();
    let mut config = settings.chain()?;
    if args.challenge {
        config.key = Some(keys::wallet(
            settings.eth_key_file.as_deref(),
            settings.keystore.as_deref(),
            settings.password_file.as_deref(),
        )?);
    }
    let chain = Chain::connect(&config).await?;
    let bar = Arc::new(Bar::new());
    let progress: Arc<dyn Progress> = bar.clone();
    let report = audit_epoch(&chain, &sources, args.epoch, &progress).await;
    bar.finish();
    if !args.json {
        print::report(&report);
    }
    let sent = match args.challenge {
        true => Some(challenge(&chain, &report.lies, args.by, report.open_until).await),
        false => None,
    };
    match args.json {
        true => output::print(
            true,
            &Audited {
                report: &report,
                challenges: sent.as_deref(),
            },
        )?,
        false => sent.iter().flatten().for_each(print::sending),
    }
    let failed = sent.is_some_and(|sent| {
        let of_epoch = sent.iter().filter(|sending| sending.is_attestation());
        !of_epoch.clone().any(Sending::has_fallen)
    });
    Ok(exit_code(report.verdict, failed))
}

/// What the process ends with; `failed` if a challenge was asked for and none was sent.
pub(crate) fn exit_code(verdict: Verdict, failed: bool) -> ExitCode {
    match verdict {
        Verdict::True => ExitCode::SUCCESS,
        Verdict::False if failed => ExitCode::from(NOT_SENT),
        Verdict::False => ExitCode::from(1),
        Verdict::NotJudged => ExitCode::from(2),
    }
}
