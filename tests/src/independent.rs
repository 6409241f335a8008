//! The auditor in Python, `tests/independent/audit.py`: written from the protocol's SPEC.md alone, it shares
//! nothing with ours. Of every epoch they must say the same.

use crate::binary;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use toolchain::Python;

/// What is compared of a node; both reports call it so.
const NODE: [&str; 10] = [
    "index",
    "node",
    "bytes",
    "deliveries",
    "within",
    "probes",
    "probes_ok",
    "sla_ppm",
    "reward",
    "cumulative",
];
/// What is compared of a payer.
const PAYER: [&str; 4] = ["index", "account", "bill", "cumulative"];

/// Where the chain is, and its contract.
#[derive(Debug, Clone)]
pub struct OnChain {
    /// JSON-RPC.
    pub rpc: String,
    /// The settlement contract.
    pub settlement: String,
}

/// What an auditor said of an epoch.
struct Said {
    code: Option<i32>,
    report: Value,
}

impl Said {
    /// Reads what an auditor printed.
    fn of(who: &str, out: &Output) -> Result<Self, String> {
        let report = serde_json::from_slice(&out.stdout).map_err(|error| {
            let stderr = String::from_utf8_lossy(&out.stderr);
            format!("{who} printed no report ({error}): {stderr}")
        })?;
        let code = out.status.code();
        Ok(Self { code, report })
    }

    fn list<'a>(&'a self, name: &str) -> &'a [Value] {
        self.report[name].as_array().map_or(&[], Vec::as_slice)
    }

    fn is_attested(&self) -> bool {
        !self.report["attestation"].is_null()
    }
}

fn ours(chain: &OnChain, epoch: u64, evidence: &str) -> Command {
    let mut command = Command::new(binary());
    command.arg("audit");
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("QUITTANCE_")) {
        command.env_remove(name);
    }
    arguments(&mut command, chain, epoch, evidence);
    command
}

fn theirs(python: &Python, chain: &OnChain, epoch: u64, evidence: &str) -> Command {
    let mut command = python.command();
    command.arg("audit.py");
    arguments(&mut command, chain, epoch, evidence);
    command
}

fn arguments(command: &mut Command, chain: &OnChain, epoch: u64, evidence: &str) {
    command
        .args(["--rpc", &chain.rpc, "--settlement", &chain.settlement])
        .args(["--epoch", &epoch.to_string(), "--evidence", evidence])
        .arg("--json")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
}

/// Has both auditors audit an epoch; whether it is attested. Blocking.
///
/// # Errors
/// Where they disagree, or if one can't be run.
pub fn agree(chain: &OnChain, epoch: u64, evidence: &str) -> Result<bool, String> {
    let mut said = both(chain, epoch, evidence)?;
    // It may be attested between the one's look at the chain and the other's: then neither is wrong.
    if !said.0.is_attested() && said.0.code != said.1.code {
        said = both(chain, epoch, evidence)?;
    }
    let (ours, theirs) = said;
    compare(&ours, &theirs).map_err(|what| {
        let (ours, theirs) = (&ours.report, &theirs.report);
        format!("epoch {epoch}, {what}\nquittance audit: {ours}\naudit.py: {theirs}")
    })?;
    Ok(ours.is_attested())
}

/// What ours and the other auditor say, run at a time.
fn both(chain: &OnChain, epoch: u64, evidence: &str) -> Result<(Said, Said), String> {
    let python = Python::ensure().map_err(|error| format!("{error:#}"))?;
    let theirs = theirs(&python, chain, epoch, evidence).spawn();
    let ours = ours(chain, epoch, evidence).output();
    let theirs = theirs.and_then(std::process::Child::wait_with_output);
    let unable = |error: std::io::Error| format!("an auditor can't be run: {error}");
    let ours = Said::of("quittance audit", &ours.map_err(unable)?)?;
    let theirs = Said::of("audit.py", &theirs.map_err(unable)?)?;
    Ok((ours, theirs))
}

fn compare(ours: &Said, theirs: &Said) -> Result<(), String> {
    if ours.code != theirs.code {
        return Err("the verdicts differ".into());
    }
    if ours.code != Some(0) {
        // Of what isn't true, each may recompute more or less.
        return Ok(());
    }
    for tree in ["nodes", "bills", "charges"] {
        let root = ours.report["recomputed_roots"][tree].as_str();
        let root = root.map(|root| root.trim_start_matches("0x"));
        let other = theirs.report["roots"][tree].as_str();
        if root.is_none() || root != other {
            return Err(format!("the recomputed roots of the {tree} tree differ"));
        }
    }
    for (name, other, fields) in [
        ("nodes", "nodes", &NODE[..]),
        ("payers", "bills", &PAYER[..]),
    ] {
        let (lines, others) = (ours.list(name), theirs.list(other));
        if lines.len() != others.len() {
            return Err(format!("{} and {} {name}", lines.len(), others.len()));
        }
        for (line, other) in lines.iter().zip(others) {
            for field in fields {
                let lower = |value: &Value| value.to_string().to_lowercase();
                if lower(&line[field]) != lower(&other[field]) {
                    return Err(format!("{field} of {name} {} differs", line["index"]));
                }
            }
        }
    }
    Ok(())
}

/// Has both auditors audit every attested epoch by the evidence in these folders; how many there were. Blocking.
///
/// # Errors
/// As [`agree`].
pub fn agree_on_all(chain: &OnChain, evidence: impl Fn(u64) -> PathBuf) -> Result<u64, String> {
    for epoch in 0.. {
        let folder = evidence(epoch);
        if !agree(chain, epoch, text(&folder))? {
            return Ok(epoch);
        }
    }
    Ok(u64::MAX)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("test folders are named in UTF-8")
}
