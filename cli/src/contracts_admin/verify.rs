//! `quittance contracts verify`: is a network what its deployer says?

use super::acting::admin_args;
use crate::output;
use crate::settings::{load, require, settings};
use anyhow::{Context, Result};
use contracts::{Address, Found, Manifest, Verification, Verified};
use host::Http;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

settings! {
    /// What to verify, and where.
    VerifySettings {
        /// URL of an Ethereum node's JSON-RPC.
        #[arg(long, env = "QUITTANCE_RPC", value_name = "URL", hide_env_values = true)]
        rpc: String,
        /// File that `quittance contracts deploy --manifest` wrote.
        #[arg(long, env = "QUITTANCE_MANIFEST", value_name = "FILE")]
        manifest: PathBuf,
    }
}

admin_args!(
    /// Verify.
    VerifyArgs, VerifySettings {}
);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    True,
    False,
    NotJudged,
}

impl Verdict {
    fn of(has: impl Fn(Found) -> bool) -> Self {
        match (has(Found::False), has(Found::Undecided)) {
            (true, _) => Self::False,
            (false, true) => Self::NotJudged,
            (false, false) => Self::True,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::True => "true",
            Self::False => "FALSE",
            Self::NotJudged => "undecided",
        }
    }
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    verdict: Verdict,
    /// The version that verified.
    version: &'static str,
    settlement: Address,
    #[serde(flatten)]
    verification: &'a Verification,
}

/// Exit 0 if all is as stated, 1 if something isn't, 2 if that can't be judged.
pub(super) async fn verify(args: VerifyArgs) -> Result<ExitCode> {
    match judge(args).await {
        Ok(verdict) => Ok(match verdict {
            Verdict::True => ExitCode::SUCCESS,
            Verdict::False => ExitCode::from(1),
            Verdict::NotJudged => ExitCode::from(2),
        }),
        Err(error) => {
            eprintln!("error: cannot verify the contracts: {error:#}");
            Ok(ExitCode::from(2))
        }
    }
}

async fn judge(args: VerifyArgs) -> Result<Verdict> {
    let settings = load(args.settings, args.config.as_deref())?;
    let rpc = require(&settings.rpc, "rpc", "an Ethereum node's URL")?;
    let path = require(&settings.manifest, "manifest", "the deployer's manifest")?;
    let manifest = read(&path)?;
    let verification = contracts::verify(&Http::system(), &rpc, &manifest).await?;
    let verdict = Verdict::of(|found| verification.has(found));
    if args.json {
        let report = Report {
            verdict,
            version: env!("CARGO_PKG_VERSION"),
            settlement: manifest.deployment().settlement,
            verification: &verification,
        };
        output::print(true, &report)?;
    } else {
        print(&manifest, &verification, verdict);
    }
    Ok(verdict)
}

fn read(path: &Path) -> Result<Manifest> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the manifest {}", path.display()))?;
    serde_json::from_str(&text)
        .with_context(|| format!("{} is no manifest of this version", path.display()))
}

#[allow(clippy::print_stdout)]
fn print(manifest: &Manifest, verification: &Verification, verdict: Verdict) {
    let width = |verified: &Verified| verified.part.role().len();
    let contracts = &verification.contracts;
    let width = contracts.iter().map(width).max().unwrap_or(0);
    for verified in contracts {
        let verdict = Verdict::of(|found| verified.has(found));
        println!(
            "{:width$}  {}  {}",
            verified.part.role(),
            verified.address,
            verdict.word()
        );
        for finding in &verified.findings {
            let mark = match finding.found {
                Found::Note => "note: ",
                Found::Undecided => "undecided: ",
                Found::False => "FALSE: ",
            };
            println!("{:width$}  {mark}{}", "", finding.text);
        }
    }
    let all = match verdict {
        Verdict::True => "all is as the manifest says",
        Verdict::False => "NOT what the manifest says",
        Verdict::NotJudged => "could not be judged",
    };
    println!(
        "network {} on chain {}, deployed by version {}: {all}",
        manifest.deployment().settlement,
        verification.chain_id,
        manifest.version
    );
}
