//! `quittance node check`: hold issuers to the tickets they signed; show on chain what their logs leave out.

use super::args::CheckArgs;
use crate::audit::{self, Bar, Sending, challenge, print};
use crate::keys;
use crate::output;
use crate::settings::load;
use ::verifier::{
    EvidenceSource, HeldTickets, IssuerReport, LogSource, Progress, Server, Verdict, check_issuers,
};
use anyhow::{Context, Result, ensure};
use contracts::Chain;
use host::Http;
use protocol::{Epoch, SignedTicket};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// What is printed as JSON.
#[derive(Debug, Serialize)]
struct Checked<'a> {
    #[serde(flatten)]
    report: &'a IssuerReport,
    /// What was done about the lies; only with `--challenge`.
    #[serde(skip_serializing_if = "Option::is_none")]
    challenges: Option<&'a [Sending]>,
}

/// Exit codes as `quittance audit`'s.
pub(super) async fn check(args: CheckArgs) -> Result<ExitCode> {
    let epoch = args.epoch;
    match judge(args).await {
        Ok(code) => Ok(code),
        Err(error) => {
            eprintln!("error: cannot check the issuers of epoch {epoch}: {error:#}");
            Ok(ExitCode::from(2))
        }
    }
}

async fn judge(args: CheckArgs) -> Result<ExitCode> {
    let settings = load(args.settings.clone(), args.config.as_deref())?;
    let mut config = settings.chain()?;
    if args.challenge {
        config.key = Some(keys::wallet(
            settings.eth_key_file.as_deref(),
            args.keystore.as_deref(),
            args.password_file.as_deref(),
        )?);
    }
    let mut sources = Vec::new();
    let http = Http::system();
    let server = |base: &String| Server::new(&http, base);
    sources.extend(
        settings
            .control
            .as_ref()
            .map(server)
            .map(LogSource::Control),
    );
    let evidence = args.evidence.iter().map(|text| audit::source(text));
    sources.extend(evidence.map(LogSource::Evidence));
    let verifier = settings.verifier.as_ref().map(server);
    let verifier = verifier.map(EvidenceSource::Verifier);
    sources.extend(verifier.map(LogSource::Evidence));
    ensure!(
        settings.data_dir.is_some() || !args.tickets.is_empty(),
        "whose tickets? give the node's folder with --data-dir, or files with --tickets"
    );
    let mut given = Vec::new();
    for path in &args.tickets {
        given.extend(read_tickets(path)?);
    }
    let held = held(settings.data_dir.clone(), given, args.epoch);

    let chain = Chain::connect(&config).await?;
    let bar = Arc::new(Bar::new());
    let progress: Arc<dyn Progress> = bar.clone();
    let report = check_issuers(&chain, args.epoch, &sources, held, &progress).await;
    bar.finish();
    if !args.json {
        print_report(&report);
    }
    let sent = match args.challenge {
        true => Some(challenge(&chain, &report.lies, args.by, None).await),
        false => None,
    };
    match args.json {
        true => output::print(
            true,
            &Checked {
                report: &report,
                challenges: sent.as_deref(),
            },
        )?,
        false => sent.iter().flatten().for_each(print::sending),
    }
    let failed = sent.is_some_and(|sent| !sent.iter().any(Sending::has_fallen));
    Ok(audit::exit_code(report.verdict, failed))
}

/// What the node in a folder holds, and what was given besides.
fn held(data_dir: Option<PathBuf>, given: Vec<SignedTicket>, epoch: Epoch) -> HeldTickets {
    Box::new(move |each| {
        if let Some(data_dir) = data_dir {
            let read = ::node::held_tickets(&host::Disk::system(), &data_dir, epoch, each);
            read.map_err(|error| error.to_string())?;
        }
        given.into_iter().for_each(each);
        Ok(())
    })
}

/// Tickets as a control plane's answer to a route has them: one, a list, or the answer itself.
fn read_tickets(path: &Path) -> Result<Vec<SignedTicket>> {
    #[derive(Deserialize)]
    struct Routed {
        ticket: SignedTicket,
    }
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected tickets with their signatures")]
    enum Form {
        One(Box<SignedTicket>),
        List(Vec<SignedTicket>),
        Answer { nodes: Vec<Routed> },
    }
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the tickets {shown}"))?;
    let form = serde_json::from_str(&text)
        .with_context(|| format!("{shown} holds no tickets, as an answer to /v1/route has them"))?;
    Ok(match form {
        Form::One(ticket) => vec![*ticket],
        Form::List(tickets) => tickets,
        Form::Answer { nodes } => nodes.into_iter().map(|node| node.ticket).collect(),
    })
}

#[allow(clippy::print_stdout)]
fn print_report(report: &IssuerReport) {
    print::lies(&report.lies, report.lies_found);
    let verdict = match report.verdict {
        Verdict::True => "each is in its issuer's log",
        Verdict::False => "an issuer broke its word",
        Verdict::NotJudged => "could not be judged",
    };
    let (epoch, tickets) = (report.epoch, report.tickets);
    println!("epoch {epoch}: {tickets} signed tickets checked: {verdict}");
    for reason in &report.reasons {
        println!("  {reason}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tickets_are_read_in_every_form() {
        let ticket = SignedTicket {
            ticket: [1; protocol::TICKET_BYTES].into(),
            signature: [2; 64].into(),
        };
        let one = serde_json::to_value(ticket).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tickets.json");
        let forms = [
            (one.clone(), 1),
            (serde_json::json!([one, one]), 2),
            (
                serde_json::json!({"collection": "0x", "nodes": [{"node": "0x", "ticket": one}]}),
                1,
            ),
        ];
        for (form, count) in forms {
            std::fs::write(&path, form.to_string()).unwrap();
            assert_eq!(read_tickets(&path).unwrap(), vec![ticket; count]);
        }
        for wrong in ["", "{}", "[1]", "{\"ticket\":\"0x00\"}"] {
            std::fs::write(&path, wrong).unwrap();
            assert!(read_tickets(&path).is_err(), "{wrong}");
        }
    }
}
