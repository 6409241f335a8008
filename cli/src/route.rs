//! `quittance route`: where a client would be sent, and why.

use crate::output;
use crate::settings::{load, require, settings};
use anyhow::Result;
use client::ControlApi;
use host::Http;
use protocol::api::RouteExplanation;
use std::net::IpAddr;
use std::path::PathBuf;

settings! {
    /// Which control plane.
    RouteSettings {
        /// URL of the control plane.
        #[arg(long, env = "QUITTANCE_CONTROL", value_name = "URL")]
        control: String,
    }
}

/// Where a client would be sent for a collection. Nothing is issued, so looking costs nobody anything.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  quittance route film                          the nodes a client here would be sent to
  quittance route film --explain                … with its zone, loads, and who was passed over and why
  quittance route film --explain --from 192.0.2.7   … for a client at that address")]
pub(crate) struct Args {
    /// A collection's name or id.
    collection: String,
    /// Say why: the client's zone, each node's load, who was passed over.
    #[arg(long)]
    explain: bool,
    /// Address of the client [default: this machine's, as the control plane sees it].
    #[arg(long, value_name = "IP")]
    from: Option<IpAddr>,
    #[command(flatten)]
    settings: RouteSettings,
    /// TOML file with any of these settings.
    #[arg(long, env = "QUITTANCE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print everything as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let settings = load(args.settings, args.config.as_deref())?;
    let control = require(&settings.control, "control", "the control plane's URL")?;
    let answer = ControlApi::over(&Http::system(), &control)?
        .explain(&args.collection, args.from)
        .await?;
    if args.json {
        return output::print(true, &answer);
    }
    if args.explain {
        print_reasons(&answer);
    }
    if let Some(refused) = &answer.refused {
        println!("refused: {refused}");
    }
    if answer.nodes.is_empty() {
        println!("no node can take a client at the moment");
    }
    for (place, node) in (1..).zip(&answer.nodes) {
        let far = node.distance_km.map(|km| format!(", {km} km"));
        print!("{place}. {}  {}", node.node.short(), node.address);
        if args.explain {
            let found = match node.draw {
                Some(draw) => format!("draw {draw}"),
                None => "by search".to_owned(),
            };
            let (load, bound) = (node.load, node.bound);
            let far = far.unwrap_or_default();
            print!(
                "  zone {}{far}, {found}, {load} of {bound} sessions",
                node.zone
            );
        }
        println!();
    }
    Ok(())
}

fn print_reasons(answer: &RouteExplanation) {
    println!("collection   {}", answer.collection);
    println!(
        "client       {}, zone {}: {}",
        answer.from, answer.zone, answer.placed
    );
    if let Some(zone) = &answer.measured_first {
        println!("measured     zone {zone} is clearly faster from there and comes first");
    }
    println!(
        "spread       over {} node(s) of the first zone",
        answer.spread
    );
    if answer.overloaded {
        println!("overloaded   every node has its share; they take what they can");
    }
    for passed in &answer.passed_over {
        match passed.node {
            Some(node) => println!(
                "passed over  {} (zone {}): {}",
                node.short(),
                passed.zone,
                passed.why
            ),
            None => println!("passed over  zone {}: {}", passed.zone, passed.why),
        }
    }
    if answer.passed_over_more > 0 {
        println!("             and {} more", answer.passed_over_more);
    }
    println!();
}
