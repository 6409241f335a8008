//! The receipt journal: the newest receipt of every ticket, durable before it is acknowledged.
//!
//! One task owns the files. It takes what is queued, has it appended and synced once for all, and answered: the more
//! load, the larger the groups. Each epoch has an appended log of its own ([`log`]), so that a settled epoch's space can be
//! given back, and an index over it ([`index`]), which is mended from the log and never believed against it. No receipt
//! waits for the index: what it lacks is in memory ([`behind`]), and written to it on another thread. Only when that
//! falls behind by more than there is room for does the queue wait.
//!
//! After a write or sync that failed the journal takes nothing more: what is on disk since then isn't known, and a
//! node that can't keep receipts must not go on as if it could. A start opens what is there, and says if an
//! acknowledged receipt isn't.

mod behind;
mod error;
mod index;
mod journal;
mod log;
mod old;
mod seen;
mod stored;
#[cfg(test)]
pub(crate) mod testing;

pub use error::LogError;
pub(crate) use stored::Stored;

use behind::Written;
use disk::Disk;
use host::Mutex;
use journal::Journal;
use protocol::{Epoch, Receipt, Record, TicketId, VerifiedReceipt, VerifiedTicket};
use std::collections::BTreeMap;
use std::future::pending;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Receipts that may wait for the disk; who appends more waits.
const QUEUE: usize = 4096;
/// Most receipts that are made durable together.
const GROUP: usize = 512;

/// Whether there are receipts of an epoch, sealed or not.
pub(crate) fn has(dir: &Path, epoch: Epoch) -> bool {
    log::path_in(dir, epoch).exists() || old::is_there(dir, epoch)
}

/// Gives what is kept of each ticket of an epoch, in their order; nothing if there is none. A node may be running.
/// Blocking.
pub(crate) fn each_kept(
    disk: &Disk,
    dir: &Path,
    epoch: Epoch,
    each: &mut dyn FnMut(Stored),
) -> Result<(), LogError> {
    if log::path_in(dir, epoch).exists() {
        return log::each_kept(dir, epoch, each);
    }
    old::each_kept(disk, dir, epoch, &mut |stored| {
        each(stored);
        Ok(())
    })
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
    Close(oneshot::Sender<()>),
}

/// Handle to the journal; cheap to clone. The journal closes when it is told to, or when the last is dropped.
#[derive(Debug, Clone)]
pub struct ReceiptLog {
    commands: mpsc::Sender<Command>,
    counts: Arc<Mutex<BTreeMap<Epoch, u64>>>,
}

impl ReceiptLog {
    /// Opens the journal in `dir`, with every epoch that is in it. `sealed` says which epochs have a
    /// segment already. Blocking, on a thread of the runtime.
    ///
    /// # Errors
    /// If the folder can't be used, is in use, or is damaged. Nothing is changed then.
    pub fn open(disk: &Disk, dir: &Path, sealed: impl Fn(Epoch) -> bool) -> Result<Self, LogError> {
        let journal = Journal::open(disk, dir, sealed)?;
        let (commands, queue) = mpsc::channel(QUEUE);
        let counts = Arc::new(Mutex::new(journal.counts().collect()));
        tokio::spawn(keep(journal, queue, counts.clone()));
        Ok(Self { commands, counts })
    }

    /// Tickets with a receipt, of each epoch whose segment isn't written.
    pub fn counts(&self) -> BTreeMap<Epoch, u64> {
        let counts = self.counts.lock();
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

    /// Ends the journal: what was asked before is done, its files are closed, its folder let go of. Later calls are
    /// refused. Cancel safe: it ends all the same.
    pub async fn close(&self) {
        let (answer, answered) = oneshot::channel();
        if self.commands.send(Command::Close(answer)).await.is_ok() {
            // Where two end it, the second may get no answer.
            let _ = answered.await;
        }
    }

    /// Closes an epoch for good and gives its records.
    ///
    /// # Errors
    /// If the disk fails.
    pub async fn seal(&self, epoch: Epoch) -> Result<Sealing, LogError> {
        self.ask(|answer| Command::Seal(epoch, answer)).await
    }
}

/// Receipts on their way to the index, on a thread of their own.
type Writing = Option<Pin<Box<dyn Future<Output = Written> + Send>>>;

/// Cancel safe.
async fn arrival(writing: &mut Writing) -> Written {
    match writing {
        Some(arrival) => arrival.await,
        None => pending().await,
    }
}

/// Does what is queued until the journal is to end.
async fn keep(
    mut journal: Journal,
    mut queue: mpsc::Receiver<Command>,
    counts: Arc<Mutex<BTreeMap<Epoch, u64>>>,
) {
    let mut group = Vec::with_capacity(GROUP);
    let (mut writing, mut has_room, mut end): (Writing, _, _) = (None, true, None);
    while end.is_none() {
        let written = tokio::select! {
            biased;
            written = arrival(&mut writing) => {
                writing = None;
                Some(written)
            }
            count = queue.recv_many(&mut group, GROUP), if has_room => match count {
                0 => break,
                _ => None,
            },
        };
        let appended;
        (journal, group, appended) = disk::run(move || {
            if let Some(written) = written {
                journal.caught_up(written);
            }
            let appended = append(&mut journal, &mut group);
            (journal, group, appended)
        })
        .await;
        // Here, where the sessions run: to wake each from another thread takes a lock and a system call.
        for (answer, outcome) in appended {
            // Who asked may have gone; the receipt stands all the same.
            let _ = answer.send(outcome);
        }
        let counts = counts.clone();
        let behind;
        // The queue goes with it: only who has done all of a group knows if it was the last.
        (journal, queue, group, (end, behind, has_room)) = disk::run(move || {
            let end = serve(&mut journal, &mut group);
            *counts.lock() = journal.counts().collect();
            journal.compact();
            if queue.is_empty() {
                journal.mark();
            }
            let behind = journal.behind();
            let has_room = journal.has_room(GROUP);
            (journal, queue, group, (end, behind, has_room))
        })
        .await;
        if let Some(behind) = behind {
            writing = Some(Box::pin(disk::run(move || behind.write())));
        }
    }
    let written = match &mut writing {
        Some(arrival) => Some(arrival.await),
        None => None,
    };
    disk::run(move || {
        let mut journal = journal;
        if let Some(written) = written {
            journal.caught_up(written);
        }
        journal.close();
    })
    .await;
    if let Some(end) = end {
        let _ = end.send(());
    }
}

type Appended = (oneshot::Sender<Result<(), LogError>>, Result<(), LogError>);

/// Takes the appends out of what is queued, and carries them out as one group; gives what is to be answered.
fn append(journal: &mut Journal, group: &mut Vec<Command>) -> Vec<Appended> {
    let mut appended = Vec::with_capacity(group.len());
    let mut rest = Vec::new();
    for command in group.drain(..) {
        match command {
            Command::Append(stored, id, answer) => {
                appended.push((answer, journal.insert(id, &stored)));
            }
            other => rest.push(other),
        }
    }
    *group = rest;
    if appended.is_empty() {
        return appended;
    }
    if let Err(error) = journal.make_durable() {
        for (_, outcome) in appended.iter_mut().filter(|(_, outcome)| outcome.is_ok()) {
            *outcome = Err(match &error {
                LogError::Broken(why) => LogError::Broken(why.clone()),
                _ => LogError::Stopped,
            });
        }
    }
    appended
}

/// Carries out the rest of a group. Gives whom to tell when the journal has ended, if it is to end.
fn serve(journal: &mut Journal, group: &mut Vec<Command>) -> Option<oneshot::Sender<()>> {
    let mut end = None;
    for command in group.drain(..) {
        match command {
            Command::Append(..) => unreachable!("appends went before"),
            Command::Last(id, answer) => drop(answer.send(journal.last(id))),
            Command::Written(epoch) => journal.written(epoch),
            Command::Close(answer) => end = Some(answer),
            Command::OpenEpochs(answer) => drop(answer.send(journal.open_epochs())),
            Command::Seal(epoch, answer) => {
                let sealing = journal.seal(epoch).map(|records| Sealing { records });
                drop(answer.send(sealing));
            }
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::{Instant, sleep};

    #[tokio::test(start_paused = true)]
    async fn done_in_place_the_journal_takes_no_time_of_a_paused_clock() {
        let _place = disk::in_place();
        let dir = tempfile::tempdir().unwrap();
        testing::write(dir.path(), 3, 5);
        let log = ReceiptLog::open(&Disk::system(), dir.path(), |_| false).unwrap();
        // A paused clock would go on to here as soon as nobody on this thread has anything to do.
        let _later = tokio::spawn(sleep(Duration::from_secs(3600)));
        let began = Instant::now();
        for index in 0..5 {
            let id = testing::stored(3, index, 1).record.id;
            let last = log.last(id).await.unwrap();
            assert_eq!(last.unwrap().sequence, index + 1);
        }
        assert_eq!(log.seal(3).await.unwrap().records.len(), 5);
        log.close().await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        let ended = log.open_epochs().await.unwrap_err();
        assert!(matches!(ended, LogError::Stopped));
        assert!(Disk::system().lock(dir.path()).is_ok());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn whoever_appends_more_than_the_index_takes_waits_and_loses_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(&Disk::system(), dir.path(), |_| false).unwrap();
        journal.recent_max = 2 * GROUP;
        let (commands, queue) = mpsc::channel(QUEUE);
        let counts = Arc::default();
        tokio::spawn(keep(journal, queue, Arc::clone(&counts)));
        let log = ReceiptLog { commands, counts };
        let mut sessions = tokio::task::JoinSet::new();
        for session in 0..8 {
            let log = log.clone();
            sessions.spawn(async move {
                let own = (0..500).map(|index| 500 * session + index);
                for (sequence, index) in [1, 2]
                    .into_iter()
                    .flat_map(|s| own.clone().map(move |i| (s, i)))
                {
                    let stored = Box::new(testing::stored(3, index, sequence));
                    let id = stored.record.id;
                    log.ask(|answer| Command::Append(stored, id, answer))
                        .await
                        .unwrap();
                }
            });
        }
        sessions.join_all().await;
        for index in [0, 1999, 3999] {
            let last = log
                .last(testing::stored(3, index, 1).record.id)
                .await
                .unwrap();
            assert_eq!(last.unwrap().sequence, 2);
        }
        assert_eq!(log.counts(), BTreeMap::from([(3, 4000)]));
        log.close().await;
    }
}
