//! The receipt journal: the newest receipt of every ticket, durable before it is acknowledged.
//!
//! One thread owns the databases. It takes what is queued, inserts it, makes it durable once for all,
//! and answers: the more load, the larger the groups. A sled database stands for each epoch, in a folder
//! of its own, so that a settled epoch's space can be given back.
//!
//! Durable means against power loss too: sled's `flush` commits no metadata, so the database file is
//! synced after it, and a count of tickets is kept beside it, because a database that lost its tail can
//! open as if nothing had ever been there.

mod journal;

pub(crate) use journal::each_kept;
use journal::{Journal, Stored};
use protocol::{Epoch, Receipt, Record, SignedTicket, TicketId, VerifiedReceipt, VerifiedTicket};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use tokio::sync::{mpsc, oneshot};

/// Receipts that may wait for the disk; who appends more waits.
const QUEUE: usize = 4096;
/// Most receipts that are made durable together.
const GROUP: usize = 512;

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
    /// The database is damaged.
    #[error(
        "the receipt journal {dir} is damaged ({what}); nothing was changed: restore it from a backup, or move it away to go on without its receipts"
    )]
    Damaged {
        /// Its folder.
        dir: PathBuf,
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
        /// Why.
        source: io::Error,
    },
    /// The journal's thread ended after an earlier error.
    #[error("the receipt journal has stopped after an error; see the log")]
    Stopped,
}

/// What [`ReceiptLog::seal`] gives: the epoch's records by ticket id.
#[derive(Debug)]
pub struct Sealing {
    /// Strictly increasing by ticket id.
    pub records: Vec<Record>,
}

enum Command {
    Append(Box<Stored>, TicketId, oneshot::Sender<Result<(), LogError>>),
    Last(TicketId, oneshot::Sender<Result<Option<Receipt>, LogError>>),
    Seal(Epoch, oneshot::Sender<Result<Sealing, LogError>>),
    Written(Epoch),
    OpenEpochs(oneshot::Sender<Result<Vec<Epoch>, LogError>>),
}

/// Handle to the journal; cheap to clone. The journal closes when the last is dropped.
#[derive(Debug, Clone)]
pub struct ReceiptLog {
    commands: mpsc::Sender<Command>,
    counts: Arc<Mutex<BTreeMap<Epoch, u64>>>,
}

impl ReceiptLog {
    /// Opens the journal in `dir`, with every epoch that is in it. `sealed` says which epochs have a
    /// segment already. Blocking.
    ///
    /// # Errors
    /// If the folder can't be used, is in use, or is damaged. Nothing is changed then.
    pub fn open(dir: &Path, sealed: impl Fn(Epoch) -> bool) -> Result<Self, LogError> {
        let mut journal = Journal::open(dir, sealed)?;
        let (commands, mut queue) = mpsc::channel(QUEUE);
        let counts = Arc::new(Mutex::new(journal.counts().collect()));
        let counted: Arc<Mutex<BTreeMap<Epoch, u64>>> = counts.clone();
        let run = move || {
            let mut group = Vec::with_capacity(GROUP);
            while queue.blocking_recv_many(&mut group, GROUP) > 0 {
                serve(&mut journal, &mut group);
                let mut counted = counted.lock().unwrap_or_else(PoisonError::into_inner);
                *counted = journal.counts().collect();
            }
        };
        thread::Builder::new()
            .name("receipt-log".into())
            .spawn(run)
            .map_err(|source| LogError::Io {
                what: "start a thread for",
                path: dir.into(),
                source,
            })?;
        Ok(Self { commands, counts })
    }

    /// Tickets with a receipt, of each epoch whose segment isn't written.
    pub fn counts(&self) -> BTreeMap<Epoch, u64> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.clone()
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, LogError>>) -> Command,
    ) -> Result<T, LogError> {
        let (answer, answered) = oneshot::channel();
        self.commands
            .send(command(answer))
            .await
            .map_err(|_| LogError::Stopped)?;
        answered.await.map_err(|_| LogError::Stopped)?
    }

    /// Replaces the ticket's receipt. When this returns `Ok`, it is on disk. Cancel safe in that the
    /// receipt is then written or not.
    ///
    /// # Errors
    /// If the epoch is sealed or full, or the disk fails.
    pub async fn append(
        &self,
        ticket: &VerifiedTicket,
        receipt: &VerifiedReceipt,
    ) -> Result<(), LogError> {
        let record = receipt.record();
        let stored = Box::new(Stored {
            ticket: ticket.signed(),
            record,
        });
        self.ask(|answer| Command::Append(stored, record.id, answer))
            .await
    }

    /// The ticket's newest receipt.
    ///
    /// # Errors
    /// If the disk fails.
    pub async fn last(&self, ticket: TicketId) -> Result<Option<Receipt>, LogError> {
        self.ask(|answer| Command::Last(ticket, answer)).await
    }

    /// Epochs with receipts whose segment isn't written, oldest first.
    ///
    /// # Errors
    /// If the journal has stopped.
    pub async fn open_epochs(&self) -> Result<Vec<Epoch>, LogError> {
        self.ask(Command::OpenEpochs).await
    }

    /// The epoch's segment is written: its database can be closed.
    pub async fn written(&self, epoch: Epoch) {
        // Where the journal has stopped there is nothing to close.
        let _ = self.commands.send(Command::Written(epoch)).await;
    }

    /// Closes an epoch for good and gives its records.
    ///
    /// # Errors
    /// If the disk fails.
    pub async fn seal(&self, epoch: Epoch) -> Result<Sealing, LogError> {
        self.ask(|answer| Command::Seal(epoch, answer)).await
    }
}

/// Carries out what is queued: all appends first as one group, then the rest.
fn serve(journal: &mut Journal, group: &mut Vec<Command>) {
    let mut appended = Vec::with_capacity(group.len());
    let mut rest = Vec::new();
    for command in group.drain(..) {
        match command {
            Command::Append(stored, id, answer) => {
                appended.push((id.epoch, journal.insert(id, &stored), answer));
            }
            other => rest.push(other),
        }
    }
    let failed = journal.make_durable();
    for (epoch, inserted, answer) in appended {
        let outcome = inserted.and_then(|()| match failed.get(&epoch) {
            None => Ok(()),
            Some(error) => {
                tracing::error!(epoch, %error, "receipts could not be made durable");
                Err(LogError::Stopped)
            }
        });
        // Who asked may have gone; the receipt stands all the same.
        let _ = answer.send(outcome);
    }
    for command in rest {
        match command {
            Command::Append(..) => unreachable!("appends went before"),
            Command::Last(id, answer) => drop(answer.send(journal.last(id))),
            Command::Written(epoch) => journal.written(epoch),
            Command::OpenEpochs(answer) => drop(answer.send(Ok(journal.open_epochs()))),
            Command::Seal(epoch, answer) => {
                let sealing = journal.seal(epoch).map(|records| Sealing { records });
                drop(answer.send(sealing));
            }
        }
    }
}

/// What a node keeps of a ticket: the issuer's grant, the client's receipt. Each is evidence.
pub(crate) type Kept = (SignedTicket, Record);
