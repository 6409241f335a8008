//! The pinned tools: anvil, forge, cast and solc, installed by npm from `contracts/package-lock.json`; and the
//! Python packages of the auditor that tests compare ours with ([`Python`]); the JavaScript libraries that the cookbook is
//! tested with ([`Libraries`]); the players that tests watch with ([`Players`]). And a chain to test on ([`Anvil`]).
//!
//! A crate of its own, so that `cargo xtask` builds in seconds.

mod anvil;
mod libraries;
mod npm;
mod players;
mod python;

pub use anvil::Anvil;
pub use libraries::Libraries;
pub use players::Players;
pub use python::Python;

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

const PACKAGE: &str = include_str!("../../../contracts/package.json");
const LOCK: &str = include_str!("../../../contracts/package-lock.json");

/// Where the tools are.
#[derive(Debug, Clone)]
pub struct Toolchain {
    modules: PathBuf,
}

impl Toolchain {
    /// Finds the tools, or installs them and says so on stderr. Blocking.
    ///
    /// # Errors
    /// If Node.js is missing or the installation fails.
    pub fn ensure() -> Result<Self> {
        let dir = home()?;
        let modules = dir.join("node_modules");
        if npm::is_installed(&dir, LOCK) {
            return Ok(Self { modules });
        }
        npm::install(&dir, "the pinned EVM tools (anvil, forge, cast, solc)")?;
        let tools = Self { modules };
        tools.tool("anvil")?;
        npm::confirm(&dir, LOCK)?;
        Ok(tools)
    }

    /// A tool: the pinned one, or where npm has none for this platform, one on the PATH.
    ///
    /// # Errors
    /// If there is neither.
    pub fn tool(&self, name: &str) -> Result<PathBuf> {
        let pinned = self.modules.join(".bin").join(name);
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::iter::once(pinned)
            .chain(std::env::split_paths(&path).map(|dir| dir.join(name)))
            .find(|candidate| candidate.is_file())
            .with_context(|| {
                format!("there is no pinned {name} for this platform: install Foundry 1.7 so that {name} is on the PATH")
            })
    }

    /// The folder of npm packages.
    pub fn modules(&self) -> &Path {
        &self.modules
    }
}

/// The checkout's `contracts` folder; without a checkout, a folder in the user's cache.
fn home() -> Result<PathBuf> {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts");
    if checkout.join("package-lock.json").is_file() {
        return checkout
            .canonicalize()
            .context("cannot find the contracts folder");
    }
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache")))
        .context("neither XDG_CACHE_HOME nor HOME is set: no place for the EVM tools")?;
    let dir = cache.join("quittance/tools");
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    for (name, text) in [("package.json", PACKAGE), ("package-lock.json", LOCK)] {
        let path = dir.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(dir)
}
