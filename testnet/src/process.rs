//! A child process with a log file, that ends when its handle does.

use crate::Answer;
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How long a process gets to end by itself.
const END: Duration = Duration::from_secs(15);
/// Lines of its log that are shown when a process fails.
const TAIL_LINES: usize = 12;

/// A running process. Dropped, it is killed.
#[derive(Debug)]
pub struct Process {
    name: String,
    log: PathBuf,
    child: Child,
}

impl Process {
    /// Starts a program; what it prints goes to `log`, appended.
    ///
    /// # Errors
    /// If it can't be started.
    pub fn spawn(name: &str, mut command: Command, log: &Path) -> Result<Self> {
        let file = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("cannot write {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(Self {
            name: name.to_owned(),
            log: log.to_owned(),
            child,
        })
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Its log.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Fails if it has ended, with the last lines of its log.
    ///
    /// # Errors
    /// If it has.
    pub fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended ({status}):\n{}", self.name, self.tail()),
        }
    }

    /// The last lines of its log.
    pub fn tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }

    /// SIGKILL, and waits until it is gone.
    ///
    /// # Errors
    /// If the system doesn't let us.
    pub fn kill(mut self) -> Answer<'static, ()> {
        Box::pin(async move {
            self.child
                .kill()
                .await
                .with_context(|| format!("cannot kill {}", self.name))
        })
    }

    /// SIGTERM, and waits until it has ended; SIGKILL if it doesn't.
    ///
    /// # Errors
    /// If it has to be killed.
    pub fn stop(mut self) -> Answer<'static, ExitStatus> {
        Box::pin(async move {
            if let Some(pid) = self.child.id().and_then(|id| Pid::from_raw(id as i32)) {
                // It may have ended by itself just now.
                let _ = kill_process(pid, Signal::TERM);
            }
            match timeout(END, self.child.wait()).await {
                Ok(status) => Ok(status?),
                Err(_) => {
                    self.child.kill().await?;
                    bail!(
                        "{} did not end within {} s of SIGTERM",
                        self.name,
                        END.as_secs()
                    )
                }
            }
        })
    }
}
