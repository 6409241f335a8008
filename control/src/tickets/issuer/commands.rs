//! What is asked of the ticket log's task, and what it answers.

use crate::rules::batch::NoTicket;
use crate::rules::issuing::{IssuerTerms, NotIssued, Wanted};
use crate::rules::promises::{ByPayer, PromiseError};
use crate::rules::tokens::UsageError;
use crate::tickets::reasons::Reason;
use crate::tickets::ticket_log::LogError;
use contracts::Agreed;
use disk::DiskError;
use protocol::{Address, Epoch, Ticket};
use tokio::sync::oneshot;

/// What a log folder is for.
#[derive(Debug, Clone)]
pub(crate) struct IssuerConfig {
    pub(crate) terms: IssuerTerms,
    pub(crate) agreed: Agreed,
}

/// What a ticket is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub(crate) wanted: Wanted,
    /// Why this node, as JSON; empty if there is nothing to say.
    pub(crate) reason: Reason,
}

/// Why no ticket was issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IssueError {
    /// None can be, by epoch, number or form.
    #[error(transparent)]
    Not(#[from] NotIssued),
    /// It isn't the payer's to pay.
    #[error(transparent)]
    Promise(#[from] PromiseError),
    /// The viewer's token doesn't allow it.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// Too many are waiting.
    #[error("too many requests are waiting for tickets")]
    Busy,
    /// The disk doesn't take them.
    #[error("tickets cannot be written down at the moment")]
    Log,
    /// The process is about to end.
    #[error("the control plane is shutting down")]
    Stopped,
}

/// Why an epoch could not be closed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CloseError {
    /// By this machine's clock it isn't over.
    #[error("epoch {0} is not over by this machine's clock")]
    NotOver(Epoch),
    /// The log can't be read or written.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The process is about to end.
    #[error("the control plane is shutting down")]
    Stopped,
}

impl From<NoTicket> for IssueError {
    fn from(none: NoTicket) -> Self {
        match none {
            NoTicket::Not(none) => Self::Not(none),
            NoTicket::Usage(none) => Self::Usage(none),
            NoTicket::Promise(none) => Self::Promise(none),
        }
    }
}

impl From<DiskError> for CloseError {
    fn from(error: DiskError) -> Self {
        Self::Log(error.into())
    }
}

pub(super) type Issued = Result<Vec<Ticket>, IssueError>;

pub(super) enum Command {
    Issue(Vec<Grant>, oneshot::Sender<Issued>),
    Close(Epoch, oneshot::Sender<Result<(), CloseError>>),
    Stop,
}

/// Whoever knows what payers can still cover: asked before tickets are numbered.
pub(crate) trait Cover: Send + Sync {
    /// An epoch's tickets are these.
    fn hold(&self, epoch: Epoch, tickets: ByPayer);

    /// Adds a request's tickets, payer and bytes of each, to what is promised: all or none.
    ///
    /// # Errors
    /// If they aren't the payers' to pay.
    fn promise(
        &self,
        epoch: Epoch,
        tickets: &mut dyn Iterator<Item = (Address, u64)>,
    ) -> Result<(), PromiseError>;
}
