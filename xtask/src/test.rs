//! All tests, and what CI checks besides.

use crate::run::{built, cargo, cargo_command, cargo_with, root, run, show};
use crate::suites::Suites;
use anyhow::Result;
use std::process::Command;
use toolchain::{Libraries, Players, Python, Toolchain};

/// Tests of a program at a time.
const THREADS: &str = "8";
/// Seeds of the world: with so many, every player plays, and a fault that none of them meets is an error.
const SEEDS: &str = "0..20";

/// Everything that must be green. All suites run, whatever fails; but nothing is tested that can't be built.
pub(crate) fn all() -> Result<()> {
    let tools = Toolchain::ensure()?;
    // The system tests run these; better known to be missing now.
    Python::ensure()?;
    Libraries::ensure()?;
    Players::ensure()?;
    let contracts = root().join("contracts");
    let forge = tools.tool("forge")?;
    let mut suites = Suites::new();
    suites.run("contracts: format", || {
        run(&forge, &["fmt", "--check"], &contracts)
    });
    suites.run("contracts: artifacts", || {
        run("node", &["artifacts.mjs", "--check"], &contracts)
    });
    suites.run("contracts: tests, gas", || {
        // Tests write what they cost to contracts/snapshots; here that must be what stands there.
        let mut command = Command::new(&forge);
        command.arg("test").current_dir(&contracts);
        command.env("FORGE_SNAPSHOT_CHECK", "true");
        show(command)
    });
    // One build: what the system tests start is what was tested.
    let built_all = suites.run("build", || {
        cargo(&["build", "--workspace", "--all-targets"])
    });
    if !built_all {
        return suites.end();
    }
    suites.run("vectors", || {
        run(built("examples/vectors")?, &["--check"], &root())
    });
    suites.run("world", || {
        run(built("examples/network")?, &[SEEDS], &root())
    });
    // One selection for building and testing: another would mean other features, and building anew. The
    // system tests bound by themselves how many networks run at once.
    let mut command = cargo_command();
    command.args(["test", "--workspace", "--no-fail-fast"]);
    // Most of a test is to wait, for an epoch's end or for another process: with as many tests as cores these are idle.
    command.env("RUST_TEST_THREADS", THREADS);
    let tested = suites.tests(command);
    // The table also when a program of tests fell over and has no row.
    suites.end().and(tested)
}

/// Format, clippy, docs: warnings are errors.
pub(crate) fn lint() -> Result<()> {
    let mut suites = Suites::new();
    suites.run("format", || cargo(&["fmt", "--all", "--check"]));
    suites.run("format of fuzz", || {
        cargo(&["fmt", "--check", "--manifest-path", "fuzz/Cargo.toml"])
    });
    suites.run("clippy", || {
        cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ])
    });
    suites.run("clippy of fuzz", || {
        let args = ["clippy", "--locked", "--manifest-path", "fuzz/Cargo.toml"];
        let place = ["--target-dir", "target/fuzz", "--", "-D", "warnings"];
        cargo(&[&args[..], &place].concat())
    });
    suites.run("docs", || {
        cargo_with(
            &[
                "doc",
                "--workspace",
                "--no-deps",
                "--document-private-items",
            ],
            &[("RUSTDOCFLAGS", "-D warnings")],
        )
    });
    suites.end()
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
