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

/// A program of this workspace, built beside this one.
pub(crate) fn built(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let dir = own.parent().context("this program is in no folder")?;
    Ok(dir.join(name))
}

/// Runs a program in a folder, saying so; what it prints is shown.
pub(crate) fn run(program: impl AsRef<Path>, args: &[&str], dir: &Path) -> Result<()> {
    let mut command = Command::new(program.as_ref());
    command.args(args).current_dir(dir);
    show(command)
}

/// Runs the cargo that runs this, at the top.
pub(crate) fn cargo(args: &[&str]) -> Result<()> {
    cargo_with(args, &[])
}

/// Likewise, with variables set.
pub(crate) fn cargo_with(args: &[&str], set: &[(&str, &str)]) -> Result<()> {
    let mut command = cargo_command();
    command.args(args).envs(set.iter().copied());
    show(command)
}

/// The cargo that runs this, at the top, before arguments are added.
pub(crate) fn cargo_command() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    command.current_dir(root());
    // `cargo run` tells xtask about its own package. Build scripts that look at these would run again, and all that
    // stands on them be built anew.
    for (name, _) in std::env::vars_os() {
        let told = name.to_str();
        if told.is_some_and(|name| {
            ["CARGO_PKG_", "CARGO_MANIFEST_"]
                .iter()
                .any(|start| name.starts_with(start))
        }) {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command, saying so.
pub(crate) fn show(mut command: Command) -> Result<()> {
    let name = Path::new(command.get_program()).file_name();
    let name = name.unwrap_or(command.get_program()).to_string_lossy();
    let words = command.get_args().map(|word| word.to_string_lossy());
    let line = std::iter::once(name.clone())
        .chain(words)
        .collect::<Vec<_>>();
    let line = line.join(" ");
    eprintln!("\n== {line}");
    let name = name.into_owned();
    let status = command.status();
    let status = status.with_context(|| format!("cannot run {name}: is it installed?"))?;
    ensure!(status.success(), "`{line}` failed ({status})");
    Ok(())
}
