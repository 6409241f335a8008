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
mod stop;
mod testnet;
mod token;
mod verifier;
mod why;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::process::ExitCode;
use tokio::runtime::{Builder, Runtime};
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
    let done = |outcome: Result<()>| outcome.map(|()| ExitCode::SUCCESS);
    match command {
        Command::Testnet(args) => done(several_threads()?.block_on(testnet::run(args))),
        // A node's work is one connection's packets after the other: one thread is faster than two
        // that steal from each other.
        Command::Node(command) => one_thread()?.block_on(node::run(command)),
        Command::Control(command) => done(several_threads()?.block_on(control::run(command))),
        Command::Verifier(command) => done(several_threads()?.block_on(verifier::run(command))),
        Command::Publish(args) => done(one_thread()?.block_on(publish::run(args))),
        Command::List(args) => done(one_thread()?.block_on(catalogue::list(args))),
        Command::Show(args) => done(one_thread()?.block_on(catalogue::show(args))),
        Command::Unpublish(args) => one_thread()?.block_on(catalogue::unpublish(args)),
        Command::Policy(args) => done(one_thread()?.block_on(policy::run(args))),
        Command::Token(command) => token::run(command),
        Command::Order(command) => one_thread()?.block_on(orders::run(command)),
        Command::Route(args) => done(one_thread()?.block_on(route::run(args))),
        Command::Get(args) => done(one_thread()?.block_on(get::run(args))),
        Command::Gateway(args) => done(several_threads()?.block_on(gateway::run(args))),
        Command::Audit(args) => one_thread()?.block_on(audit::run(args)),
        Command::Why(args) => one_thread()?.block_on(why::run(args)),
        Command::Prove(args) => one_thread()?.block_on(prove::run(args)),
        Command::Contracts(command) => one_thread()?.block_on(contracts_admin::run(command)),
    }
}

fn one_thread() -> Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

fn several_threads() -> Result<Runtime> {
    Ok(Builder::new_multi_thread().enable_all().build()?)
}
