//! What is asked of the ticket log's task, and what it answers.

use crate::tickets::promises::{ByPayer, PromiseError};
use crate::tickets::reasons::Reason;
use crate::tickets::ticket_log::LogError;
use crate::tickets::token_usage::{UsageError, Viewer};
use contracts::Agreed;
use disk::DiskError;
use protocol::{Address, ClientKey, CollectionId, Epoch, Network, NodeId, Ticket};
use tokio::sync::oneshot;

/// What a log folder is for.
#[derive(Debug, Clone)]
pub(crate) struct IssuerConfig {
    pub(crate) network: Network,
    /// Our index in the settlement contract.
    pub(crate) issuer: u32,
    pub(crate) agreed: Agreed,
    /// How long a ticket may be used, milliseconds; at least 1.
    pub(crate) ttl_ms: u64,
    /// Most tickets of an epoch, at most [`protocol::RECORDS_MAX`].
    pub(crate) tickets_max: u32,
}

/// What a ticket is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub(crate) node: NodeId,
    pub(crate) client: ClientKey,
    pub(crate) collection: CollectionId,
    pub(crate) payer: Address,
    pub(crate) bytes_max: u64,
    /// On whose token, and what that allows.
    pub(crate) viewer: Option<Viewer>,
    /// Why this node, as JSON; empty if there is nothing to say.
    pub(crate) reason: Reason,
}

/// Why no ticket was issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IssueError {
    /// Epoch 0 hasn't begun.
    #[error("the network's first epoch has not begun")]
    BeforeGenesis,
    /// The clock went back into an epoch whose log is closed.
    #[error("epoch {0} is closed; this control plane's clock has gone back")]
    Closed(Epoch),
    /// The epoch can't take that many more.
    #[error("epoch {0} can take no more tickets; the next one can")]
    Full(Epoch),
    /// A limit of 2^56 bytes or more, or the like.
    #[error("no ticket can be issued for that collection")]
    Form,
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
