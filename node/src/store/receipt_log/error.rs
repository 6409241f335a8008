//! Why a receipt isn't kept, or can't be read.

use crate::rules::receipts::NotKept;
use disk::DiskError;
use protocol::Epoch;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Why the journal can't do that.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The epoch's segment is sealed: it takes no more.
    #[error("epoch {0} is sealed")]
    Sealed(Epoch),
    /// A newer receipt of the ticket is on disk.
    #[error("{}", protocol::Rejection::NotMonotonic)]
    NotMonotonic,
    /// The epoch has as many tickets as a segment can hold.
    #[error("the segment of epoch {0} is full")]
    Full(Epoch),
    /// Another process uses the folder.
    #[error("{0} is in use by another process: stop that node first")]
    Locked(PathBuf),
    /// A receipt that was acknowledged can't be read, or the whole log can't.
    #[error(
        "the receipt journal {path} is damaged ({what}); nothing was changed: restore it from a backup. To go on without it, move it and index/epoch-{epoch} beside it away: the node is then not paid for what it delivered so far in epoch {epoch}"
    )]
    Damaged {
        /// The log that was to be read.
        path: PathBuf,
        /// Whose receipts are in it.
        epoch: Epoch,
        /// What was found.
        what: String,
    },
    /// The system says no.
    #[error("receipt journal: cannot {what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// An earlier write failed: nothing is known of what is on disk since then.
    #[error("the receipt journal takes no more: {0}; see to the disk and start the node again")]
    Broken(Arc<str>),
    /// The journal's task ended after an earlier error.
    #[error("the receipt journal has stopped after an error; see the log")]
    Stopped,
}

impl From<&LogError> for NotKept {
    fn from(error: &LogError) -> Self {
        match error {
            LogError::NotMonotonic => Self::NotMonotonic,
            LogError::Full(_) => Self::Full,
            LogError::Sealed(_) => Self::Sealed,
            LogError::Locked(_)
            | LogError::Damaged { .. }
            | LogError::Io { .. }
            | LogError::Broken(_)
            | LogError::Stopped => Self::Failed,
        }
    }
}

impl From<DiskError> for LogError {
    fn from(error: DiskError) -> Self {
        let DiskError { what, path, source } = error;
        Self::Io { what, path, source }
    }
}
