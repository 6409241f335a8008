//! Issuing tickets: one task owns the logs, gives every ticket its number, and lets none leave before
//! it is on disk.
//!
//! Requests wait in a bounded queue. The task takes what has gathered; that is stamped with one time and
//! hence one epoch, appended with one `sync_data`, and only then answered; the asker signs. Closing an
//! epoch is a command in the same queue, so a ticket is either in the log that is committed or refused.
//!
//! | module | |
//! |---|---|
//! | `commands` | what is asked of the task, and what it answers |
//! | `task` | takes what has gathered |
//! | `desk` | owns the logs: issues and closes by the rules |
//! | `recovery` | what is found in the folder, and made good, at the start |
//!
//! In the folder: `epoch-N.log` (see [`crate::tickets::ticket_log`]), `epoch-N.seal` with count and sum when it is closed,
//! `epoch-N.why` with the reasons, and `closed.json` with the last closed epoch, so that closed stays closed after a
//! restart and when the clock steps back.

mod commands;
mod desk;
mod folder;
mod recovery;
mod task;

pub(crate) use commands::{CloseError, Cover, Grant, IssueError, IssuerConfig};

use crate::rules::closed_logs::{ClosedLogs, Seal};
use crate::tickets::reasons;
use crate::tickets::ticket_log::{self, ClosedLog, Head, LogError};
use commands::Command;
use desk::IssuingDesk;
use disk::Disk;
use folder::{head, log_name};
use host::Clock;
use host::Mutex;
use protocol::{Epoch, FillGrant, SignedFillGrant, SignedTicket, SigningKey, Ticket, TicketId};
use serde_json::value::RawValue;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, MutexGuard};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Requests that may wait; above it the control plane is overloaded.
const QUEUE_REQUESTS_MAX: usize = 4096;

/// Asks the log's task.
pub(crate) struct Issuer {
    commands: mpsc::Sender<Command>,
    closed: Arc<Mutex<ClosedLogs>>,
    config: IssuerConfig,
    dir: PathBuf,
    key: SigningKey,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Issuer {
    /// Reads the folder, checks every log that isn't closed, and starts the task. Blocking, on a thread of the runtime.
    ///
    /// # Errors
    /// If a file is damaged or can't be read, naming it.
    pub(crate) fn open(
        disk: &Disk,
        dir: &Path,
        config: IssuerConfig,
        key: SigningKey,
        clock: Clock,
        cover: Arc<dyn Cover>,
    ) -> Result<Self, LogError> {
        let desk = IssuingDesk::open(disk, dir, config.clone(), clock, cover)?;
        let closed = desk.closed.clone();
        let (commands, queue) = mpsc::channel(QUEUE_REQUESTS_MAX);
        let task = tokio::spawn(task::run(desk, queue));
        Ok(Self {
            commands,
            closed,
            config,
            dir: dir.to_owned(),
            key,
            task: Mutex::new(Some(task)),
        })
    }

    fn closed(&self) -> MutexGuard<'_, ClosedLogs> {
        self.closed.lock()
    }

    /// Issues one ticket per grant, all or none; they are durable and signed. Cancel safe: a dropped call
    /// may have used up numbers, and those tickets never leave.
    pub(crate) async fn issue(&self, grants: Vec<Grant>) -> Result<Vec<SignedTicket>, IssueError> {
        let (reply, answer) = oneshot::channel();
        self.commands
            .try_send(Command::Issue(grants, reply))
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => IssueError::Busy,
                mpsc::error::TrySendError::Closed(_) => IssueError::Stopped,
            })?;
        let tickets = answer.await.map_err(|_| IssueError::Stopped)??;
        Ok(tickets
            .into_iter()
            .map(|ticket| ticket.sign(&self.key))
            .collect())
    }

    /// Signs a fill grant.
    pub(crate) fn grant_fill(&self, grant: FillGrant) -> SignedFillGrant {
        grant.sign(&self.key)
    }

    /// Closes all epochs up to this one, for good. Harmless to repeat. Cancel safe: it may still happen.
    pub(crate) async fn close(&self, through: Epoch) -> Result<(), CloseError> {
        let (reply, answer) = oneshot::channel();
        self.commands
            .send(Command::Close(through, reply))
            .await
            .map_err(|_| CloseError::Stopped)?;
        answer.await.map_err(|_| CloseError::Stopped)?
    }

    /// What is committed of a closed epoch; `None` if it isn't closed.
    pub(crate) fn seal(&self, epoch: Epoch) -> Option<Seal> {
        self.closed().seal(epoch)
    }

    /// The closed epochs from this one on that have tickets.
    pub(crate) fn closed_from(&self, first: Epoch) -> Vec<Epoch> {
        self.closed().from(first)
    }

    /// How many tickets of an epoch were issued, and whether its log is closed.
    pub(crate) fn issued(&self, epoch: Epoch) -> (u32, bool) {
        let closed = self.closed();
        (closed.issued(epoch), closed.is_closed(epoch))
    }

    /// A closed epoch's tickets, to read in order; `None` if there are none. Blocking.
    pub(crate) fn read(&self, epoch: Epoch) -> Result<Option<ClosedLog>, LogError> {
        let Some(seal) = self.seal(epoch).filter(|seal| seal.count > 0) else {
            return Ok(None);
        };
        let path = self.dir.join(log_name(epoch));
        ClosedLog::open(&path, self.head(epoch), &seal).map(Some)
    }

    /// A ticket that was issued here. Blocking.
    pub(crate) fn ticket(&self, id: TicketId) -> Result<Option<Ticket>, LogError> {
        if id.issuer != self.config.terms.issuer {
            return Ok(None);
        }
        let path = self.dir.join(log_name(id.epoch));
        ticket_log::read_one(&path, self.head(id.epoch), id.index)
    }

    /// Why a ticket names its node, as JSON; `None` if nothing is known of it. Blocking.
    pub(crate) fn reason(&self, ticket: TicketId) -> io::Result<Option<Box<RawValue>>> {
        reasons::find(&self.dir, ticket)
    }

    /// Whose log it is.
    pub(crate) fn head(&self, epoch: Epoch) -> Head {
        head(&self.config, epoch)
    }

    /// Answers what is queued, then ends the task. Later calls are refused. **Not** cancel safe: another call then
    /// doesn't wait.
    pub(crate) async fn stop(&self) {
        let task = self.task.lock().take();
        if let Some(task) = task {
            // If the queue is closed already, the task is gone already.
            let _ = self.commands.send(Command::Stop).await;
            if task.await.is_err() {
                tracing::error!(
                    "the ticket log's task had panicked; start the control plane again"
                );
            }
        }
    }
}

#[cfg(test)]
#[path = "issuer_tests.rs"]
mod tests;
