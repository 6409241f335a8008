//! All tests, and what CI checks besides.

use crate::run::{cargo, root, run};
use anyhow::Result;
use testnet::Toolchain;

/// Everything that must be green.
pub(crate) fn all() -> Result<()> {
    let tools = Toolchain::ensure()?;
    let contracts = root().join("contracts");
    let forge = tools.tool("forge")?;
    run(&forge, &["fmt", "--check"], &contracts)?;
    run("node", &["artifacts.mjs", "--check"], &contracts)?;
    run(&forge, &["test"], &contracts)?;
    // One build: what the system tests start is what was tested.
    cargo(&["build", "--workspace", "--all-targets"])?;
    cargo(&[
        "run",
        "-q",
        "-p",
        "quittance-prover",
        "--example",
        "vectors",
        "--",
        "--check",
    ])?;
    cargo(&["test", "--workspace", "--exclude", "quittance-tests"])?;
    // Each of these starts a network of its own: two at a time are what two cores carry.
    cargo(&["test", "-p", "quittance-tests", "--", "--test-threads=2"])
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
