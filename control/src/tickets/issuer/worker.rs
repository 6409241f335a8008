//! Who owns the ticket logs.

use super::asked::{CloseError, Command, Cover, Grant, IssueError, Issued, IssuerConfig};
use super::folder::{CLOSED_FILE, Closed, ClosedFile, head, lock, log_name};
use crate::rules::issuing::{Numbered, epoch, is_over, number};
use crate::rules::tokens::{self, ByToken, UsageError};
use crate::tickets::reasons::Reasons;
use crate::tickets::ticket_log::{ClosedLog, LogError, OpenLog};
use crate::tickets::token_usage::TokenUsage;
use disk::Disk;
use host::Clock;
use protocol::{Epoch, UnixMillis};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio::sync::{mpsc, oneshot};

/// Tickets made durable at once: under 1 MiB of log.
const BATCH_TICKETS_MAX: usize = 4096;

/// Grants of one request, and who asked.
type Asked = (Vec<Grant>, oneshot::Sender<Issued>);

/// The task's own: nobody else touches the logs.
pub(super) struct Worker {
    disk: Disk,
    dir: PathBuf,
    config: IssuerConfig,
    clock: Clock,
    cover: Arc<dyn Cover>,
    logs: BTreeMap<Epoch, OpenLog>,
    reasons: Reasons,
    usage: TokenUsage,
    closed: Arc<Mutex<Closed>>,
}

/// What stands in the folder when the process starts.
pub(super) struct Found {
    pub(super) closed: Arc<Mutex<Closed>>,
    /// Epochs that have a log and no seal.
    pub(super) logs: Vec<Epoch>,
}

impl Worker {
    /// Opens the logs of these epochs that aren't closed, and makes good what a process that ended left undone.
    ///
    /// # Errors
    /// If a file is damaged or can't be read or written, naming it.
    pub(super) fn open(
        disk: &Disk,
        dir: &Path,
        config: IssuerConfig,
        clock: Clock,
        cover: Arc<dyn Cover>,
        found: Found,
    ) -> Result<Self, LogError> {
        let Found { closed, logs } = found;
        let through = lock(&closed).through;
        let mut worker = Self {
            disk: disk.clone(),
            dir: dir.to_owned(),
            config,
            clock,
            cover,
            logs: BTreeMap::new(),
            reasons: Reasons::new(disk, dir),
            usage: TokenUsage::open(disk, dir, through)?,
            closed,
        };
        for epoch in logs {
            if !lock(&worker.closed).seals.contains_key(&epoch) {
                let count = worker.log(epoch)?.count();
                lock(&worker.closed).open.insert(epoch, count);
            }
        }
        worker.count_sealed()?;
        // A closed log whose seal was removed gets it again before anybody takes it for an empty one.
        if let Some(through) = through {
            worker.seal_logs(through)?;
        }
        Ok(worker)
    }

    /// Answers until it is told to stop.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Command>) {
        while let Some(first) = queue.recv().await {
            let (batch, other) = gather(first, &mut queue);
            let (stop, idle) = (matches!(other, Some(Command::Stop)), queue.is_empty());
            self = disk::run(move || {
                self.issue(batch);
                if let Some(Command::Close(through, reply)) = other {
                    let _ = reply.send(self.close(through));
                }
                if idle {
                    self.logs.values_mut().for_each(OpenLog::mark);
                }
                self
            })
            .await;
            if stop {
                return;
            }
        }
    }

    /// Closed logs of which the process ended before what they allow on tokens was written.
    fn count_sealed(&mut self) -> Result<(), LogError> {
        let seals = lock(&self.closed).seals.clone();
        for (epoch, seal) in seals {
            if self.usage.closed.has(epoch) {
                continue;
            }
            let path = self.dir.join(log_name(epoch));
            let mut log = ClosedLog::open(&path, head(&self.config, epoch), &seal)?;
            let mut by_token = ByToken::new();
            while let Some(ticket) = log.next_ticket()? {
                tokens::count(&mut by_token, &ticket);
            }
            self.usage.close(epoch, &by_token, self.clock.now_ms())?;
        }
        Ok(())
    }

    /// The grants of one request, as far as their tokens allow them.
    fn allowed<'a>(
        &mut self,
        grants: &'a [Grant],
        pending: &ByToken,
        now: UnixMillis,
    ) -> Result<Cow<'a, [Grant]>, UsageError> {
        let mut allowed = Cow::Borrowed(grants);
        for (number, grant) in grants.iter().enumerate() {
            let Some(viewer) = &grant.viewer else {
                continue;
            };
            let open = self.logs.values().map(OpenLog::by_token);
            let open = open.chain([pending]);
            let wanted = grant.bytes_max;
            let bytes = self
                .usage
                .closed
                .allowed(viewer, grant.client, wanted, open, now)?;
            if bytes < wanted {
                allowed.to_mut()[number].bytes_max = bytes;
            }
        }
        Ok(allowed)
    }

    fn log(&mut self, epoch: Epoch) -> Result<&mut OpenLog, LogError> {
        match self.logs.entry(epoch) {
            std::collections::btree_map::Entry::Occupied(log) => Ok(log.into_mut()),
            std::collections::btree_map::Entry::Vacant(place) => {
                let path = self.dir.join(log_name(epoch));
                let log = OpenLog::open(&self.disk, &path, head(&self.config, epoch))?;
                self.cover.hold(epoch, log.promised().clone());
                Ok(place.insert(log))
            }
        }
    }

    fn issue(&mut self, batch: Vec<Asked>) {
        if batch.is_empty() {
            return;
        }
        let now = self.clock.now_ms();
        let mut answers = Vec::with_capacity(batch.len());
        let appended = self.append(now, &batch, &mut answers);
        for ((_, reply), answer) in batch.into_iter().zip(answers) {
            let answer = appended.and(answer);
            // Whoever asked may be gone; the tickets then stay in the log and never leave.
            let _ = reply.send(answer);
        }
    }

    /// Numbers and appends what fits, one answer per request; on an error nobody gets anything.
    fn append(
        &mut self,
        now: UnixMillis,
        batch: &[Asked],
        answers: &mut Vec<Issued>,
    ) -> Result<(), IssueError> {
        let (config, timeline) = (self.config.clone(), self.config.agreed.timeline());
        // An error, too, has one answer per request.
        answers.resize_with(batch.len(), || Ok(Vec::new()));
        let through = lock(&self.closed).through;
        let epoch = epoch(&timeline, through, now)?;
        let cover = self.cover.clone();
        let log = self.log(epoch).map_err(report)?;
        let mut numbered = Numbered {
            next: log.count(),
            mass: log.mass(),
        };
        let mut all = Vec::new();
        // What those before in the batch get on tokens.
        let mut pending = ByToken::new();
        for ((grants, _), answer) in batch.iter().zip(answers.iter_mut()) {
            let grants = match self.allowed(grants, &pending, now) {
                Ok(grants) => grants,
                Err(refused) => {
                    *answer = Err(refused.into());
                    continue;
                }
            };
            let wanted: Vec<_> = grants.iter().map(Grant::wanted).collect();
            let next = number(&config.terms, &timeline, epoch, now, &wanted, numbered);
            *answer = next
                .map_err(IssueError::from)
                .and_then(|(tickets, with_them)| {
                    let mut promised = grants.iter().map(|grant| (grant.payer, grant.bytes_max));
                    cover.promise(epoch, &mut promised)?;
                    numbered = with_them;
                    all.extend_from_slice(&tickets);
                    for ticket in &tickets {
                        tokens::count(&mut pending, ticket);
                    }
                    Ok(tickets)
                });
        }
        if all.is_empty() {
            return Ok(());
        }
        let log = self.log(epoch).map_err(report)?;
        let first = log.count();
        if let Err(error) = log.append(&all) {
            // None of them leaves.
            cover.hold(epoch, log.promised().clone());
            return Err(report(error));
        }
        let count = log.count();
        lock(&self.closed).open.insert(epoch, count);
        let issued = batch
            .iter()
            .zip(&*answers)
            .filter(|(_, answer)| answer.is_ok());
        let reasons = issued.flat_map(|((grants, _), _)| grants.iter().map(|grant| &grant.reason));
        self.reasons.append(epoch, (first..).zip(reasons));
        Ok(())
    }

    /// Closes the logs up to this epoch, oldest first.
    fn seal_logs(&mut self, through: Epoch) -> Result<(), LogError> {
        while let Some(entry) = self.logs.first_entry().filter(|log| *log.key() <= through) {
            let epoch = *entry.key();
            let seal = entry.get().seal()?;
            let path = self.dir.join(format!("epoch-{epoch}.seal"));
            let bytes = serde_json::to_vec(&seal).expect("numbers and hashes are JSON");
            self.disk.replace(&path, &bytes)?;
            let log = entry.remove();
            self.usage
                .close(epoch, log.by_token(), self.clock.now_ms())?;
            let mut closed = lock(&self.closed);
            closed.seals.insert(epoch, seal);
            closed.open.remove(&epoch);
            closed.through = closed.through.max(Some(epoch));
        }
        Ok(())
    }

    fn close(&mut self, through: Epoch) -> Result<(), CloseError> {
        if !is_over(&self.config.agreed.timeline(), through, self.clock.now_ms()) {
            return Err(CloseError::NotOver(through));
        }
        self.seal_logs(through)?;
        if lock(&self.closed).through < Some(through) {
            let bytes = serde_json::to_vec(&ClosedFile { through }).expect("a number is JSON");
            self.disk.replace(&self.dir.join(CLOSED_FILE), &bytes)?;
            lock(&self.closed).through = Some(through);
        }
        Ok(())
    }
}

/// Gathers requests up to the first command of another kind, which waits its turn.
fn gather(first: Command, queue: &mut mpsc::Receiver<Command>) -> (Vec<Asked>, Option<Command>) {
    let (mut batch, mut tickets) = (Vec::new(), 0);
    let mut next = Some(first);
    loop {
        match next {
            Some(Command::Issue(grants, reply)) => {
                tickets += grants.len();
                batch.push((grants, reply));
            }
            other => return (batch, other),
        }
        if tickets >= BATCH_TICKETS_MAX {
            return (batch, None);
        }
        next = queue.try_recv().ok();
    }
}

fn report(error: LogError) -> IssueError {
    tracing::error!(%error, "no ticket can be issued");
    IssueError::Log
}
