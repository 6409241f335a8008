//! The released binary, and its line tables in a file apart, which debuggers find by its name and checksum.

use crate::run::{cargo, root, run};
use anyhow::Result;
use std::fs;

/// Builds the profile `symbols`, which is `release` with line tables, and splits what comes: in `target/symbols/apart`
/// are `quittance`, to be run, and `quittance.debug`, to be kept.
pub(crate) fn symbols() -> Result<()> {
    cargo(&["build", "--profile", "symbols", "--package", "quittance"])?;
    // Not in place: cargo would take a split binary for the one that it built.
    let apart = root().join("target/symbols/apart");
    fs::create_dir_all(&apart)?;
    let objcopy = |args: &[&str]| run("objcopy", args, &apart);
    objcopy(&["--only-keep-debug", "../quittance", "quittance.debug"])?;
    let link = "--add-gnu-debuglink=quittance.debug";
    objcopy(&["--strip-debug", link, "../quittance", "quittance"])
}
