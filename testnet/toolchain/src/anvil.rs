//! A chain of a test's own.

use crate::Toolchain;
use anyhow::{Context, Result};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// An anvil process on a free port, with its well-known funded accounts. It ends with the value.
#[derive(Debug)]
pub struct Anvil {
    process: Child,
    url: String,
}

impl Anvil {
    /// Starts it, with the arguments given besides the port. Installs the tools if need be. Blocking.
    ///
    /// # Errors
    /// If the tools can't be had, or anvil ends before it listens.
    pub fn start(arguments: &[&str]) -> Result<Self> {
        let process = Command::new(Toolchain::ensure()?.tool("anvil")?)
            .args(["--port", "0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start anvil")?;
        let mut anvil = Self {
            process,
            url: String::new(),
        };
        let stdout = anvil.process.stdout.take().context("anvil has no stdout")?;
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let at = lines.find_map(|line| line.strip_prefix("Listening on ").map(str::to_owned));
        // anvil must not find its stdout closed.
        std::thread::spawn(move || lines.for_each(drop));
        anvil.url = format!("http://{}", at.context("anvil ended before it listened")?);
        Ok(anvil)
    }

    /// URL of its JSON-RPC.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        // It holds nothing worth a farewell.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
