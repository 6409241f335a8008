//! What npm installs from a lock file, once.

use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// In `node_modules` when everything the lock file names is there.
const STAMP: &str = ".installed-lock.json";

fn stamp(dir: &Path) -> PathBuf {
    dir.join("node_modules").join(STAMP)
}

/// Whether everything that the lock file names was installed in a folder.
pub(crate) fn is_installed(dir: &Path, lock: &str) -> bool {
    fs::read_to_string(stamp(dir)).is_ok_and(|installed| installed == lock)
}

/// Installs what the lock file in a folder names, and says so on stderr. Blocking.
pub(crate) fn install(dir: &Path, what: &str) -> Result<()> {
    eprintln!("installing {what} into {}", dir.display());
    let npm = Command::new("npm")
        .args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ])
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status();
    match npm {
        Err(_) => bail!(
            "Node.js with npm is needed to install {what}: install Node.js 20 or newer and run this again"
        ),
        Ok(status) => ensure!(
            status.success(),
            "`npm ci` in {} failed ({status}); see its messages above",
            dir.display()
        ),
    }
    Ok(())
}

/// Remembers that it is there.
pub(crate) fn confirm(dir: &Path, lock: &str) -> Result<()> {
    let stamp = stamp(dir);
    fs::write(&stamp, lock).with_context(|| format!("cannot write {}", stamp.display()))
}
