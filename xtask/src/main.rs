//! `cargo xtask`: everything a developer or CI runs, one word each.

mod bench;
mod coverage;
mod fuzz;
mod mutants;
mod network;
mod run;
mod suites;
mod symbols;
mod test;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Development tasks.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// All tests: Rust, Solidity, golden vectors, artifacts, system tests. Installs what is missing.
    Test,
    /// Format, clippy and docs, as CI checks them.
    Lint,
    /// Fuzz what reads peers' or strangers' bytes.
    Fuzz {
        /// One target; all of them, two at a time, unless named.
        target: Option<String>,
        /// Seconds for each.
        #[arg(long, default_value_t = 10)]
        seconds: u32,
    },
    /// How much of the rules of node and control plane their unit and property tests cover; fails below 95 % of a file's lines.
    Coverage {
        /// Count branches too: needs a build of its own.
        #[arg(long)]
        branches: bool,
    },
    /// Write the golden vectors anew.
    Vectors,
    /// Build the released binary with its line tables in a file apart, in target/symbols/apart.
    Symbols,
    /// Measure; prints a table and writes target/bench/NAME.json.
    #[command(subcommand)]
    Bench(Bench),
    /// Simulate; prints a table and writes target/bench/sim-NAME.json.
    #[command(subcommand)]
    Sim(Sim),
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// Verified and receipted delivery of 1 GiB against raw quinn with the same settings.
    Delivery {
        /// Rounds of each, taken in turn.
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        /// MiB to deliver.
        #[arg(long, default_value_t = 1024)]
        mib: u64,
    },
    /// Gas of real transactions on anvil: signatures, attestations, claims and challenges.
    Gas,
    /// Receipts made durable in groups of 512: the journal against sled, in one run.
    Journal,
    /// What a routing decision takes among 10,000 and among 100,000 nodes; a route with its ticket against a
    /// bare handler that signs.
    Routing,
}

#[derive(Debug, Subcommand)]
enum Sim {
    /// The whole network in one process, on a clock that doesn't wait; two seeds at a time, every tenth in two
    /// processes, which must agree.
    Network(network::Options),
    /// Faults put into the rules one at a time, to see whether the world finds them: which it must, or sim/mutants/README.md
    /// says why it can't. Takes an hour or two; an interrupted run goes on.
    Mutants(mutants::Options),
    /// 100,000 nodes, 10 million requests, nodes that come and go, a zone that is lost.
    Routing {
        /// Another seed is another run; the same is the same run.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().task {
        Task::Test => test::all(),
        Task::Lint => test::lint(),
        Task::Fuzz { target, seconds } => fuzz::fuzz(target.as_deref(), seconds),
        Task::Coverage { branches } => coverage::coverage(branches),
        Task::Vectors => test::write_vectors(),
        Task::Symbols => symbols::symbols(),
        Task::Bench(Bench::Delivery { rounds, mib }) => bench::delivery(rounds, mib),
        Task::Bench(Bench::Gas) => bench::gas(),
        Task::Bench(Bench::Journal) => bench::journal(),
        Task::Bench(Bench::Routing) => bench::routing(),
        Task::Sim(Sim::Network(options)) => network::network(&options),
        Task::Sim(Sim::Mutants(options)) => mutants::mutants(&options),
        Task::Sim(Sim::Routing { seed }) => bench::sim_routing(seed),
    };
    report(outcome)
}

fn report(outcome: Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
