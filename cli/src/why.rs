//! `quittance why`: how a node's reward of an epoch came about, receipt by receipt.

mod print;

use crate::audit::{Bar, exit_code, source};
use crate::evidence::{NodeName, attested};
use crate::output;
use crate::settings::{load, require, settings};
use ::verifier::{Explanation, Progress, Wanted, explain_node};
use anyhow::{Context, Result, anyhow, ensure};
use contracts::Chain;
use protocol::{Epoch, TicketId};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

settings! {
    @chain
    /// Where chain and evidence are.
    WhySettings {
        /// Where the evidence is: a verifier's URL, or a folder with the bundle's files. Its hash is on chain, so
        /// it need not be trusted. May be given several times; what one lacks is taken from the next.
        #[arg(long, env = "QUITTANCE_EVIDENCE", value_name = "URL|DIR", value_delimiter = ',')]
        evidence: Vec<String>,
    }
}

const EXAMPLE: &str = "\
Examples:
  # Node 3 in epoch 17: score, charges and reward with their arithmetic, then its receipts.
  quittance why --node 3 --epoch 17 --rpc $RPC --settlement $S --evidence https://verifier.example

  # What became of one ticket.
  quittance why --node 3 --ticket 17:0:1204 --rpc $RPC --settlement $S --evidence ./evidence

  # Which records were rejected, for a script.
  quittance why --node 3 --epoch 17 --limit 100000 --json … | jq '.rejected.lines[] | {ticket, reason}'

What a node is paid is made so: of each ticket the newest receipt that the node handed in or forced is checked
against the ticket in the issuer's committed log. Those that count are added up; deliveries within the service
level make the score; each payer is charged for the bytes of the tickets that name it, at the price and the
score, up to what its deposit leaves. `counted` has the records that count, `rejected` those that don't with the
reason, `unredeemed` the node's tickets without any: the client signed nothing, or the node didn't hand it in.

Amounts are token units; they are written out in integers, and rounding down is marked.

Exit 0: all of it is what is attested. 1: something isn't; the contradictions are listed, and `quittance audit`
says how to show it on chain. 2: it can't be judged; the reasons are listed, or stderr says why.";

/// Whose reward to explain.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Args {
    /// The node: its id or its registry index.
    #[arg(long, value_name = "ID|INDEX")]
    node: NodeName,
    /// The epoch. A ticket names its own.
    #[arg(long, value_name = "N", required_unless_present = "ticket")]
    epoch: Option<Epoch>,
    /// Show this ticket's record only: 32 hexadecimal digits, or EPOCH:ISSUER:INDEX. The sums remain of all.
    #[arg(long, value_name = "ID")]
    ticket: Option<TicketId>,
    /// Show at most so many records that count, as many that don't, and as many tickets without one. All are
    /// checked and counted.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    settings: WhySettings,
    /// TOML file with any of these settings.
    #[arg(long, env = "QUITTANCE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the explanation as JSON.
    #[arg(long)]
    json: bool,
}

/// Exit 0 if all of it is what is attested, 1 if something isn't, 2 if it can't be judged.
pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    match explain(&args).await {
        Ok(explanation) => {
            match args.json {
                true => output::print(true, &explanation)?,
                false => print::explanation(&explanation),
            }
            Ok(exit_code(explanation.verdict, false))
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            Ok(ExitCode::from(2))
        }
    }
}

async fn explain(args: &Args) -> Result<Explanation> {
    let of_ticket = args.ticket.map(|ticket| ticket.epoch);
    let epoch = args.epoch.or(of_ticket).context("give --epoch")?;
    if let Some(ticket) = args.ticket {
        ensure!(
            ticket.epoch == epoch,
            "ticket {ticket} is of epoch {}, not {epoch}: leave --epoch out",
            ticket.epoch
        );
    }
    let settings = load(args.settings.clone(), args.config.as_deref())?;
    let evidence = require(
        &settings.evidence,
        "evidence",
        "a verifier's URL or a folder",
    )?;
    let sources: Vec<_> = evidence.iter().map(|text| source(text)).collect();
    let chain = Chain::connect(&settings.chain()?).await?;
    attested(&chain, epoch).await?;
    let index = args.node.index(&chain).await?;
    let wanted = Wanted {
        limit: args.limit,
        ticket: args.ticket,
    };
    let bar = Arc::new(Bar::new());
    let progress: Arc<dyn Progress> = bar.clone();
    let explained = explain_node(&chain, &sources, epoch, index, wanted, &progress).await;
    bar.finish();
    let explained = explained.map_err(|error| anyhow!(error))?;
    if let Some(ticket) = args.ticket.filter(|_| args.limit > 0) {
        let receipts = &explained.receipts;
        let is_told = !receipts.counted.lines.is_empty()
            || !receipts.rejected.lines.is_empty()
            || !receipts.unredeemed.lines.is_empty();
        ensure!(
            is_told,
            "ticket {}:{}:{} isn't one of node {index}'s: no committed log of epoch {epoch} has it with this node, \
             and the node handed in nothing for it",
            ticket.epoch,
            ticket.issuer,
            ticket.index
        );
    }
    Ok(explained)
}
