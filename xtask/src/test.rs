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

/// Runs `testnet/examples/delivery.rs` on release builds.
pub(crate) fn bench_delivery(rounds: usize, mib: u64) -> Result<()> {
    cargo(&["build", "--release", "-p", "quittance"])?;
    cargo(&[
        "build",
        "--release",
        "-p",
        "quittance-transport",
        "--example",
        "raw",
    ])?;
    let (rounds, mib) = (rounds.to_string(), mib.to_string());
    let args = ["--rounds", &rounds, "--mib", &mib];
    example("quittance-testnet", "delivery", &args)
}

/// Runs `contracts/bindings/examples/gas`. Gas is the same whatever the build; this one is that of the tests.
pub(crate) fn bench_gas() -> Result<()> {
    cargo(&["build", "--workspace", "--example", "gas"])?;
    run(built("examples/gas")?, &[], &root())
}

/// Runs an example of a package, as released.
fn example(package: &str, name: &str, args: &[&str]) -> Result<()> {
    let run = ["run", "--release", "-p", package, "--example", name, "--"];
    cargo(&[&run[..], args].concat())
}

/// Runs `routing/examples/decisions.rs`, then `testnet/examples/routing.rs` on release builds.
pub(crate) fn bench_routing() -> Result<()> {
    example("quittance-routing", "decisions", &[])?;
    cargo(&["build", "--release", "-p", "quittance"])?;
    example("quittance-testnet", "routing", &[])
}

/// Runs `routing/examples/sim.rs`.
pub(crate) fn sim_routing(seed: u64) -> Result<()> {
    example("quittance-routing", "sim", &[&seed.to_string()])
}
