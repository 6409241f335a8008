//! Benchmarks and simulations: built, run one after the other; each prints a table and writes JSON.

use crate::run::{built, cargo, root, run};
use anyhow::Result;
use std::path::PathBuf;

/// Packages of which anything released is measured, always all of them: another selection would mean other features,
/// and building everything anew.
const RELEASED: [&str; 8] = [
    "-p",
    "quittance",
    "-p",
    "quittance-routing",
    "-p",
    "quittance-transport",
    "-p",
    "quittance-testnet",
];

/// Builds the binary and examples, as released; gives the folder of the examples.
fn released(examples: &[&str]) -> Result<PathBuf> {
    let mut args = vec!["build", "--release"];
    args.extend(RELEASED);
    args.extend(["--bin", "quittance"]);
    for example in examples {
        args.extend(["--example", example]);
    }
    cargo(&args)?;
    built("../release/examples")
}

/// Runs `testnet/examples/delivery.rs` on release builds.
pub(crate) fn delivery(rounds: usize, mib: u64) -> Result<()> {
    let examples = released(&["raw", "delivery"])?;
    let (rounds, mib) = (rounds.to_string(), mib.to_string());
    let args = ["--rounds", &rounds, "--mib", &mib];
    run(examples.join("delivery"), &args, &root())
}

/// Runs `contracts/bindings/examples/gas`. Gas is the same whatever the build; this one is that of the tests.
pub(crate) fn gas() -> Result<()> {
    cargo(&["build", "--workspace", "--example", "gas"])?;
    run(built("examples/gas")?, &[], &root())
}

/// Runs `node/examples/journal.rs`.
pub(crate) fn journal() -> Result<()> {
    // Alone: what it needs of tests is nothing for the binary that others measure.
    let run = ["run", "--release", "-p", "quittance-node", "--example"];
    cargo(&[&run[..], &["journal"]].concat())
}

/// Runs `routing/examples/decisions.rs`, then `testnet/examples/routing.rs` on release builds.
pub(crate) fn routing() -> Result<()> {
    let examples = released(&["decisions", "routing"])?;
    run(examples.join("decisions"), &[], &root())?;
    run(examples.join("routing"), &[], &root())
}

/// Runs `routing/examples/sim.rs`.
pub(crate) fn sim_routing(seed: u64) -> Result<()> {
    let seed = seed.to_string();
    // Alone it needs little, and nothing of the others.
    let run = ["run", "--release", "-p", "quittance-routing", "--example"];
    cargo(&[&run[..], &["sim", "--", &seed]].concat())
}
