//! `quittance testnet`: a whole network on this machine.

use anyhow::{Context, Result};
use contracts::challenge::Kind;
use std::path::PathBuf;

/// Publish, deliver, prove, attest, pay and audit, with real processes on a real EVM chain.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A file or directory to publish; repeatable [default: a small HLS package and this binary].
    #[arg(long, value_name = "PATH")]
    content: Vec<PathBuf>,
    /// Cache nodes.
    #[arg(long, value_name = "N", default_value_t = 3)]
    nodes: usize,
    /// Clients that fetch.
    #[arg(long, value_name = "N", default_value_t = 4)]
    clients: usize,
    /// Epochs with traffic.
    #[arg(long, value_name = "N", default_value_t = 2)]
    epochs: u64,
    /// Seconds an epoch lasts.
    #[arg(long, value_name = "S", default_value_t = 15)]
    epoch_seconds: u32,
    /// Folder for the run, new or empty [default: a temporary one, removed if all is well].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Let somebody lie: a verifier, an issuer or a node. The lie is told, found by an audit, overturned by one
    /// challenge and paid for; then the truth is attested. KIND is a challenge's name, several with commas between
    /// them, or `all`; `help` lists them.
    #[arg(
        long,
        value_name = "KIND",
        value_delimiter = ',',
        conflicts_with_all = ["content", "nodes", "clients", "epochs", "epoch_seconds"]
    )]
    lie: Vec<String>,
    /// Keep the network up after the report, until Ctrl-C.
    #[arg(long)]
    stay: bool,
    /// Write the report as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    if args.lie.iter().any(|kind| kind == "help") {
        print_help();
        return Ok(());
    }
    if !args.lie.is_empty() {
        return lie(args).await;
    }
    let options = ::testnet::Options {
        binary: std::env::current_exe().context("cannot find this binary")?,
        content: args.content,
        nodes: args.nodes,
        clients: args.clients,
        epochs: args.epochs,
        epoch_seconds: args.epoch_seconds,
        data: args.data,
        stay: args.stay,
        json: args.json,
    };
    ::testnet::run(options, crate::stop::stop_signal()?).await
}

#[allow(clippy::print_stdout)]
fn print_help() {
    print!("{}", ::testnet::lie_help());
}

async fn lie(args: Args) -> Result<()> {
    let mut kinds = Vec::new();
    for name in &args.lie {
        match name.as_str() {
            "all" => kinds.extend(Kind::ALL),
            name => {
                let kind = name.parse::<Kind>();
                kinds.push(kind.context("`--lie help` lists the lies that can be told")?);
            }
        }
    }
    let options = ::testnet::LieOptions {
        binary: std::env::current_exe().context("cannot find this binary")?,
        kinds,
        data: args.data,
        stay: args.stay,
        json: args.json,
        witness: None,
    };
    ::testnet::run_lies(options, crate::stop::stop_signal()?).await
}
