//! Programs that a task runs.

use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The top of the checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask stands in the checkout")
        .into()
}

/// Runs a program at the top, saying so; what it prints is shown.
pub(crate) fn run(program: impl AsRef<Path>, args: &[&str], dir: &Path) -> Result<()> {
    let program = program.as_ref();
    let name = program
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or("program");
    let line = format!("{name} {}", args.join(" "));
    eprintln!("\n== {line}");
    let status = Command::new(program)
        .args(args)
        .current_dir(dir)
        .status()
        .with_context(|| format!("cannot run {name}: is it installed?"))?;
    ensure!(status.success(), "`{line}` failed ({status})");
    Ok(())
}

/// The cargo that runs this.
pub(crate) fn cargo(args: &[&str]) -> Result<()> {
    run(
        std::env::var_os("CARGO").unwrap_or("cargo".into()),
        args,
        &root(),
    )
}
