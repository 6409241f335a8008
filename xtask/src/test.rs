//! All tests, and what CI checks besides.

use crate::run::{cargo, root, run};
use anyhow::{Context, Result};
use std::path::PathBuf;
use toolchain::{Libraries, Players, Python, Toolchain};

/// Everything that must be green.
pub(crate) fn all() -> Result<()> {
    let tools = Toolchain::ensure()?;
    // The system tests run these; better known to be missing now.
    Python::ensure()?;
    Libraries::ensure()?;
    Players::ensure()?;
    let contracts = root().join("contracts");
    let forge = tools.tool("forge")?;
    run(&forge, &["fmt", "--check"], &contracts)?;
    run("node", &["artifacts.mjs", "--check"], &contracts)?;
    run(&forge, &["test"], &contracts)?;
    // One build: what the system tests start is what was tested.
    cargo(&["build", "--workspace", "--all-targets"])?;
    run(built("examples/vectors")?, &["--check"], &root())?;
    // One selection for building and testing: another would mean other features, and building anew. The
    // system tests bound by themselves how many networks run at once.
    cargo(&["test", "--workspace"])
}

/// A program of this workspace, built beside this one.
fn built(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let dir = own.parent().context("this program is in no folder")?;
    Ok(dir.join(name))
}

/// Format, clippy, docs: warnings are errors.
pub(crate) fn lint() -> Result<()> {
    cargo(&["fmt", "--all", "--check"])?;
    cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ])?;
    let docs = ["-D", "warnings"].join(" ");
    let cargo_path = std::env::var_os("CARGO").unwrap_or("cargo".into());
    eprintln!("\n== cargo doc");
    let status = std::process::Command::new(cargo_path)
        .args([
            "doc",
            "--workspace",
            "--no-deps",
            "--document-private-items",
        ])
        .env("RUSTDOCFLAGS", docs)
        .current_dir(root())
        .status()?;
    anyhow::ensure!(status.success(), "`cargo doc` failed ({status})");
    Ok(())
}

/// Writes `tests/vectors/*.json`.
pub(crate) fn write_vectors() -> Result<()> {
    cargo(&[
        "run",
        "-q",
        "-p",
        "quittance-prover",
        "--example",
        "vectors",
    ])
}

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
pub(crate) fn bench_delivery(rounds: usize, mib: u64) -> Result<()> {
    let examples = released(&["raw", "delivery"])?;
    let (rounds, mib) = (rounds.to_string(), mib.to_string());
    let args = ["--rounds", &rounds, "--mib", &mib];
    run(examples.join("delivery"), &args, &root())
}

/// Runs `contracts/bindings/examples/gas`. Gas is the same whatever the build; this one is that of the tests.
pub(crate) fn bench_gas() -> Result<()> {
    cargo(&["build", "--workspace", "--example", "gas"])?;
    run(built("examples/gas")?, &[], &root())
}

/// Runs `routing/examples/decisions.rs`, then `testnet/examples/routing.rs` on release builds.
pub(crate) fn bench_routing() -> Result<()> {
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
