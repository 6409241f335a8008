//! Why a control plane gives no answer.

use protocol::{CollectionId, ManifestError};
use std::io;
use std::path::PathBuf;

/// Why the control plane gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Not a URL it can be at.
    #[error("{url:?} is no address of a control plane: {reason}")]
    Url {
        /// As given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No connection, or it broke.
    #[error("the control plane at {url} cannot be reached: {reason}")]
    Unreachable {
        /// Which request.
        url: String,
        /// The innermost cause.
        reason: String,
    },
    /// It said no.
    #[error("the control plane refused ({status}): {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Its sentence.
        message: String,
    },
    /// It answered something else than its API says.
    #[error("{url} answered something unexpected: {reason}")]
    Unexpected {
        /// Which request.
        url: String,
        /// What.
        reason: String,
    },
    /// The manifest is not one.
    #[error("the manifest of {collection} is not valid: {source}")]
    Manifest {
        /// As asked for.
        collection: String,
        /// Why.
        source: ManifestError,
    },
    /// The manifest is another collection's.
    #[error("the control plane gave the manifest of {actual} for {asked}")]
    WrongManifest {
        /// As asked for.
        asked: CollectionId,
        /// Hash of what came.
        actual: CollectionId,
    },
    /// The file to upload can't be read.
    #[error("cannot read {path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl ApiError {
    /// Whether asking again later may help.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused { status, .. } => *status >= 500 || *status == 429,
            _ => false,
        }
    }

    /// Whether there is nothing of that name.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }
}
