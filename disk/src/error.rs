//! The one error: what was tried, on which path, and what the system says.

use std::io;
use std::path::{Path, PathBuf};

/// A file or folder that could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {}: {source}", path.display())]
pub struct DiskError {
    /// What was tried.
    pub what: &'static str,
    /// On which file or folder.
    pub path: PathBuf,
    /// What the system says.
    pub source: io::Error,
}

impl DiskError {
    /// Whether the disk is full, or a quota used up.
    pub fn is_full(&self) -> bool {
        matches!(
            self.source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        )
    }

    /// What the system says, alone.
    pub fn into_io(self) -> io::Error {
        self.source
    }
}

/// For `map_err`: names what was tried, and where.
pub fn failed<'a>(
    what: &'static str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> DiskError + use<'a> {
    move |source| DiskError {
        what,
        path: path.to_owned(),
        source,
    }
}
