//! How a verifier's turn ends.

use crate::chain::FactsError;
use crate::evidence::{FetchError, StoreError};
use crate::gather::LogsMissing;
use crate::judge::JudgeError;
use contracts::ChainError;
use protocol::Epoch;

/// Why a turn didn't get to its end. All are tried again.
#[derive(Debug, thiserror::Error)]
pub(super) enum TurnError {
    #[error(transparent)]
    Chain(Box<ChainError>),
    #[error(transparent)]
    Facts(Box<FactsError>),
    #[error(transparent)]
    Logs(#[from] LogsMissing),
    #[error("the evidence of epoch {epoch}, which the next one builds on, can't be had: {detail}")]
    Previous { epoch: Epoch, detail: String },
    #[error("epoch {epoch} can't be judged: {source}")]
    Judge { epoch: Epoch, source: JudgeError },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot read own evidence: {0}")]
    Evidence(#[from] FetchError),
    #[error("the chain changed while epoch {0} was judged; judging it again")]
    Changed(Epoch),
    #[error("a worker failed: {0}")]
    Worker(#[from] disk::Panicked),
}

impl From<ChainError> for TurnError {
    fn from(error: ChainError) -> Self {
        Self::Chain(Box::new(error))
    }
}

impl From<FactsError> for TurnError {
    fn from(error: FactsError) -> Self {
        Self::Facts(Box::new(error))
    }
}

/// How a turn ended well.
pub(super) enum Turn {
    /// Nothing to do yet.
    Waiting(String),
    /// An epoch is done; the next may be due.
    Done,
}
