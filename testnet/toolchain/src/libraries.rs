//! The JavaScript libraries that `docs/contract-cookbook.md` is tested with.

use crate::npm;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Where their lock file is.
const PACKAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/cookbook");

/// One installs, the others wait.
static INSTALLING: Mutex<()> = Mutex::new(());

/// viem and ethers, pinned.
#[derive(Debug, Clone)]
pub struct Libraries {
    modules: PathBuf,
}

impl Libraries {
    /// Finds them, or installs them and says so on stderr. Blocking.
    ///
    /// # Errors
    /// If Node.js is missing or the installation fails.
    pub fn ensure() -> Result<Self> {
        let _turn = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = Path::new(PACKAGE);
        let dir = dir
            .canonicalize()
            .with_context(|| format!("cannot find {}", dir.display()))?;
        let lock = fs::read_to_string(dir.join("package-lock.json"))
            .with_context(|| format!("{} has no package-lock.json", dir.display()))?;
        if !npm::is_installed(&dir, &lock) {
            npm::install(&dir, "viem and ethers, for the cookbook's tests,")?;
            npm::confirm(&dir, &lock)?;
        }
        Ok(Self {
            modules: dir.join("node_modules"),
        })
    }

    /// The folder of npm packages.
    pub fn modules(&self) -> &Path {
        &self.modules
    }
}
