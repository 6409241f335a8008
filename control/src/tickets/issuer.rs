//! Issuing tickets: one task owns the logs, gives every ticket its number, and lets none leave before
//! it is on disk.
//!
//! Requests wait in a bounded queue. The task takes what has gathered; that is stamped with one time and
//! hence one epoch, appended with one `sync_data`, and only then answered; the asker signs. Closing an
//! epoch is a command in the same queue, so a ticket is either in the log that is committed or refused.
//!
//! In the folder: `epoch-N.log` (see [`crate::tickets::ticket_log`]), `epoch-N.seal` with count and sum when it is closed,
//! `epoch-N.why` with the reasons, and `closed.json` with the last closed epoch, so that closed stays closed after a
//! restart and when the clock steps back.

mod asked;
mod folder;
mod worker;

pub(crate) use asked::{CloseError, Cover, Grant, IssueError, IssuerConfig};

use crate::tickets::reasons;
use crate::tickets::ticket_log::{self, ClosedLog, Head, LogError, Seal};
use asked::Command;
use disk::Disk;
use folder::{CLOSED_FILE, Closed, ClosedFile, head, lock, log_name, parse_name, read_json};
use host::Clock;
use protocol::{Epoch, FillGrant, SignedFillGrant, SignedTicket, SigningKey, Ticket, TicketId};
use serde_json::value::RawValue;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use worker::{Found, Worker};

/// Requests that may wait; above it the control plane is overloaded.
const QUEUE_REQUESTS_MAX: usize = 4096;

/// Asks the log's task.
pub(crate) struct Issuer {
    commands: mpsc::Sender<Command>,
    closed: Arc<Mutex<Closed>>,
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
        disk.create_dir(dir)?;
        let mut closed = Closed::default();
        let mut logs = Vec::new();
        for path in disk.list(dir)? {
            let name = path.file_name().and_then(|name| name.to_str());
            match name.and_then(parse_name) {
                Some((epoch, "log")) => logs.push(epoch),
                Some((epoch, "seal")) => {
                    closed.seals.insert(epoch, read_json(&path)?);
                }
                _ if name == Some(CLOSED_FILE) => {
                    let ClosedFile { through } = read_json(&path)?;
                    closed.through = Some(through);
                }
                _ => {}
            }
        }
        // A seal without the mark: the process ended between the two.
        let sealed = closed.seals.last_key_value().map(|(epoch, _)| *epoch);
        closed.through = closed.through.max(sealed);
        for (epoch, seal) in &closed.seals {
            ClosedLog::open(&dir.join(log_name(*epoch)), head(&config, *epoch), seal)?;
        }
        let closed = Arc::new(Mutex::new(closed));
        let found = Found {
            closed: closed.clone(),
            logs,
        };
        let worker = Worker::open(disk, dir, config.clone(), clock, cover, found)?;
        let (commands, queue) = mpsc::channel(QUEUE_REQUESTS_MAX);
        let task = tokio::spawn(worker.run(queue));
        Ok(Self {
            commands,
            closed,
            config,
            dir: dir.to_owned(),
            key,
            task: Mutex::new(Some(task)),
        })
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
        let closed = lock(&self.closed);
        (closed.through >= Some(epoch))
            .then(|| closed.seals.get(&epoch).copied().unwrap_or(Seal::EMPTY))
    }

    /// The closed epochs from this one on that have tickets.
    pub(crate) fn closed_from(&self, first: Epoch) -> Vec<Epoch> {
        let closed = lock(&self.closed);
        let seals = closed.seals.range(first..);
        let some = seals.filter(|(_, seal)| seal.count > 0);
        some.map(|(epoch, _)| *epoch).collect()
    }

    /// How many tickets of an epoch were issued, and whether its log is closed.
    pub(crate) fn issued(&self, epoch: Epoch) -> (u32, bool) {
        let closed = lock(&self.closed);
        let seal = closed.seals.get(&epoch).map(|seal| seal.count);
        let count = seal.or_else(|| closed.open.get(&epoch).copied());
        (count.unwrap_or_default(), closed.through >= Some(epoch))
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
        let task = lock(&self.task).take();
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
