//! `quittance`: every part of a network in one binary, a subcommand each.

mod admin;
mod audit;
mod catalogue;
mod contracts_admin;
mod control;
#[cfg(test)]
mod docs_tests;
mod evidence;
mod gateway;
mod get;
mod keys;
mod node;
mod orders;
mod output;
mod policy;
mod prove;
mod publish;
mod route;
mod settings;
mod settled;
mod state;
mod stop;
mod testnet;
mod token;
mod verifier;
mod why;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::pin::Pin;
use std::process::ExitCode;
use tokio::runtime::Builder;
use tracing_subscriber::EnvFilter;

/// A managed decentralised CDN: cache nodes anyone can run, delivery that is proven, rewards that
/// anyone can recompute.
///
/// Start with `quittance testnet`: a whole network on this machine, on a real EVM chain.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a whole network on this machine: publish, deliver, prove, attest, pay, audit.
    Testnet(testnet::Args),
    /// Run a cache node and earn by it.
    #[command(subcommand)]
    Node(node::Command),
    /// Run a control plane: catalogue, routing, tickets.
    #[command(subcommand)]
    Control(control::Command),
    /// Run a verifier: check segments, attest.
    #[command(subcommand)]
    Verifier(verifier::Command),
    /// Publish a file or a directory.
    Publish(publish::Args),
    /// List what is published.
    List(catalogue::ListArgs),
    /// Show a collection's files.
    Show(catalogue::ShowArgs),
    /// Take a name out of the catalogue, and its content out of the caches.
    Unpublish(catalogue::UnpublishArgs),
    /// Say who may have what is published: viewer tokens, countries, capabilities of nodes.
    Policy(policy::Args),
    /// Make and inspect viewers' tokens, and the keys that sign them.
    #[command(subcommand)]
    Token(token::Command),
    /// Order nodes: push, purge, drain, resume, block, unblock, revoke.
    #[command(subcommand)]
    Order(orders::Command),
    /// Show where a client would be sent for a collection, and why.
    Route(route::Args),
    /// Fetch a file or a whole collection, verified.
    Get(get::Args),
    // What it does is said beside its flags, at length.
    Gateway(gateway::Args),
    /// Recompute an attested epoch from its evidence: exit 0 if all is true, 1 if not, 2 if undecided.
    Audit(audit::Args),
    /// Explain a node's reward of an epoch, receipt by receipt: which count, which don't and why.
    Why(why::Args),
    /// Prove a receipt, or a node's leaf, to anyone with access to the chain.
    Prove(prove::Args),
    /// Deploy and administer a network's contracts.
    #[command(subcommand)]
    Contracts(contracts_admin::Command),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::try_from_env("QUITTANCE_LOG").unwrap_or_else(|_| EnvFilter::new("info")),
        )
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_target(false)
        .init();
    match run(cli.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Testnet(args) => several_threads(done(testnet::run(args))),
        // A node's work is one connection's packets after the other: one thread is faster than two
        // that steal from each other.
        Command::Node(command) => one_thread(Box::pin(node::run(command))),
        Command::Control(command) => several_threads(done(control::run(command))),
        Command::Verifier(command) => several_threads(done(verifier::run(command))),
        Command::Publish(args) => one_thread(done(publish::run(args))),
        Command::List(args) => one_thread(done(catalogue::list(args))),
        Command::Show(args) => one_thread(done(catalogue::show(args))),
        Command::Unpublish(args) => one_thread(Box::pin(catalogue::unpublish(args))),
        Command::Policy(args) => one_thread(done(policy::run(args))),
        Command::Token(command) => token::run(command),
        Command::Order(command) => one_thread(Box::pin(orders::run(command))),
        Command::Route(args) => one_thread(done(route::run(args))),
        Command::Get(args) => one_thread(done(get::run(args))),
        Command::Gateway(args) => several_threads(done(gateway::run(args))),
        Command::Audit(args) => one_thread(Box::pin(audit::run(args))),
        Command::Why(args) => one_thread(Box::pin(why::run(args))),
        Command::Prove(args) => one_thread(Box::pin(prove::run(args))),
        Command::Contracts(command) => one_thread(Box::pin(contracts_admin::run(command))),
    }
}

/// A subcommand at work. Boxed, so that a runtime is compiled once and not for each.
type Work = Pin<Box<dyn Future<Output = Result<ExitCode>>>>;

/// One whose exit code says only whether it went well.
fn done(work: impl Future<Output = Result<()>> + 'static) -> Work {
    Box::pin(async { work.await.map(|()| ExitCode::SUCCESS) })
}

fn one_thread(work: Work) -> Result<ExitCode> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(work)
}

fn several_threads(work: Work) -> Result<ExitCode> {
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(work)
}
