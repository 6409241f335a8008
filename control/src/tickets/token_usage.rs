//! What viewers' tokens were used for in closed epochs, as `viewer-tokens.json` in the folder of logs keeps it: replaced
//! as a whole after the epoch's seal is durable, so after a crash a closed log that is not yet in it is read again.
//! Nothing that left is forgotten, and nothing is counted twice.

use crate::rules::tokens::{ByToken, ClosedUsage};
use crate::tickets::ticket_log::LogError;
use disk::{Disk, DiskError, failed};
use protocol::{Epoch, UnixMillis};
use std::fs;
use std::path::{Path, PathBuf};

const FILE: &str = "viewer-tokens.json";

/// The file, and what it says; the ticket log's task has it.
#[derive(Debug)]
pub(crate) struct TokenUsage {
    disk: Disk,
    path: PathBuf,
    pub(crate) closed: ClosedUsage,
}

impl TokenUsage {
    /// Reads the file. Without one, no token was used up to the epoch `closed`. Blocking.
    pub(crate) fn open(disk: &Disk, dir: &Path, closed: Option<Epoch>) -> Result<Self, LogError> {
        let path = dir.join(FILE);
        let (known, is_new) = match fs::read(&path) {
            Ok(bytes) => {
                let read = ClosedUsage::parse(&bytes);
                let damaged = |source| LogError::Seal {
                    path: path.clone(),
                    source,
                };
                (read.map_err(damaged)?, false)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                (ClosedUsage::none(closed), true)
            }
            Err(error) => return Err(failed("read", &path)(error).into()),
        };
        let usage = Self {
            disk: disk.clone(),
            path,
            closed: known,
        };
        if is_new {
            usage.write()?;
        }
        Ok(usage)
    }

    /// An epoch is closed, for good: its sums are durable when it returns. Blocking.
    pub(crate) fn close(
        &mut self,
        epoch: Epoch,
        tokens: &ByToken,
        now: UnixMillis,
    ) -> Result<(), DiskError> {
        let Some(forgotten) = self.closed.close(epoch, tokens, now) else {
            return Ok(());
        };
        if forgotten > 0 {
            tracing::warn!(
                forgotten,
                "too many viewers' tokens to remember; some start anew"
            );
        }
        self.write()
    }

    fn write(&self) -> Result<(), DiskError> {
        self.disk.replace(&self.path, &self.closed.to_bytes())
    }
}

#[cfg(test)]
#[path = "token_usage_tests.rs"]
mod tests;
