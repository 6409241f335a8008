//! All tests, and what CI checks besides.

use crate::run::{built, cargo, cargo_with, root, run};
use anyhow::Result;
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
    cargo_with(
        &[
            "doc",
            "--workspace",
            "--no-deps",
            "--document-private-items",
        ],
        &[("RUSTDOCFLAGS", "-D warnings")],
    )
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
