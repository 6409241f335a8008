//! Issuing tickets: one thread owns the logs, gives every ticket its number, and lets none leave before
//! it is on disk.
//!
//! Requests wait in a bounded queue. The thread takes what has gathered, stamps it with one time and
//! hence one epoch, appends it with one `sync_data`, and only then answers; the asker signs. Closing an
//! epoch is a command in the same queue, so a ticket is either in the log that is committed or refused.
//!
//! In the folder: `epoch-N.log` (see [`crate::ticket_log`]), `epoch-N.seal` with count and
//! sum when it is closed, `epoch-N.why` with the reasons, and `closed.json` with the last closed epoch, so that closed stays closed
//! after a restart and when the clock steps back.

use crate::clock::Clock;
use crate::durable::{self, FileError, failed};
use crate::funds::Funds;
use crate::promises::PromiseError;
use crate::reasons::{self, Reason, Reasons};
use crate::ticket_log::{self, ClosedLog, Head, LogError, OpenLog, Seal};
use crate::token_usage::{self, ByToken, TokenUsage, UsageError, Viewer};
use contracts::Agreed;
use protocol::{
    Address, ClientKey, CollectionId, DeliveryMass, Epoch, FillGrant, Mass, NO_VIEWER_TOKEN,
    Network, NodeId, SignedFillGrant, SignedTicket, SigningKey, Ticket, TicketId, Timeline,
    UnixMillis,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use tokio::sync::{mpsc, oneshot};

/// Requests that may wait; above it the control plane is overloaded.
const QUEUE_REQUESTS_MAX: usize = 4096;
/// Tickets made durable at once: under 1 MiB of log.
const BATCH_TICKETS_MAX: usize = 4096;

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

impl From<FileError> for CloseError {
    fn from(error: FileError) -> Self {
        Self::Log(error.into())
    }
}

type Issued = Result<Vec<Ticket>, IssueError>;

enum Command {
    Issue(Vec<Grant>, oneshot::Sender<Issued>),
    Close(Epoch, oneshot::Sender<Result<(), CloseError>>),
    Stop,
}

#[derive(Debug, Default)]
struct Closed {
    through: Option<Epoch>,
    /// Epochs without an entry had no tickets.
    seals: BTreeMap<Epoch, Seal>,
    /// Tickets in logs that aren't closed.
    open: BTreeMap<Epoch, u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClosedFile {
    through: Epoch,
}

/// Asks the log's thread.
pub(crate) struct Issuer {
    commands: mpsc::Sender<Command>,
    closed: Arc<Mutex<Closed>>,
    config: IssuerConfig,
    dir: PathBuf,
    key: SigningKey,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

impl Issuer {
    /// Reads the folder, checks every log that isn't closed, and starts the thread. Blocking.
    ///
    /// # Errors
    /// If a file is damaged or can't be read, naming it.
    pub(crate) fn open(
        dir: &Path,
        config: IssuerConfig,
        key: SigningKey,
        clock: Clock,
        funds: Arc<Funds>,
    ) -> Result<Self, LogError> {
        durable::create_dir(dir)?;
        let mut closed = Closed::default();
        let mut logs = Vec::new();
        for path in durable::list(dir)? {
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
        let usage = TokenUsage::open(dir, closed.through)?;
        let mut worker = Worker {
            dir: dir.to_owned(),
            config: config.clone(),
            clock,
            funds,
            logs: BTreeMap::new(),
            reasons: Reasons::new(dir),
            usage,
            closed: Arc::new(Mutex::new(closed)),
        };
        for epoch in logs {
            if !lock(&worker.closed).seals.contains_key(&epoch) {
                let count = worker.log(epoch)?.count();
                lock(&worker.closed).open.insert(epoch, count);
            }
        }
        worker.count_sealed()?;
        // A closed log whose seal was removed gets it again before anybody takes it for an empty one.
        let through = lock(&worker.closed).through;
        if let Some(through) = through {
            worker.seal_logs(through)?;
        }
        let closed = worker.closed.clone();
        let (commands, queue) = mpsc::channel(QUEUE_REQUESTS_MAX);
        let thread = thread::Builder::new()
            .name("ticket-log".into())
            .spawn(move || worker.run(queue))
            .map_err(failed("start a thread for", dir))?;
        Ok(Self {
            commands,
            closed,
            config,
            dir: dir.to_owned(),
            key,
            thread: Mutex::new(Some(thread)),
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
        if id.issuer != self.config.issuer {
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

    /// Answers what is queued, then ends the thread. Blocking. Later calls are refused.
    pub(crate) fn stop(&self) {
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread {
            // If the queue is closed already, the thread is gone already.
            let _ = self.commands.blocking_send(Command::Stop);
            if thread.join().is_err() {
                tracing::error!(
                    "the ticket log's thread had panicked; start the control plane again"
                );
            }
        }
    }
}

const CLOSED_FILE: &str = "closed.json";

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds one of these locks, and each is consistent at every step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn head(config: &IssuerConfig, epoch: Epoch) -> Head {
    Head {
        network: config.network,
        epoch,
        issuer: config.issuer,
    }
}

fn log_name(epoch: Epoch) -> String {
    format!("epoch-{epoch}.log")
}

fn parse_name(name: &str) -> Option<(Epoch, &str)> {
    let (epoch, kind) = name.strip_prefix("epoch-")?.split_once('.')?;
    Some((epoch.parse().ok()?, kind))
}

fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, LogError> {
    let bytes = fs::read(path).map_err(failed("read", path))?;
    serde_json::from_slice(&bytes).map_err(|source| LogError::Seal {
        path: path.to_owned(),
        source,
    })
}

/// The thread's own: nobody else touches the logs.
struct Worker {
    dir: PathBuf,
    config: IssuerConfig,
    clock: Clock,
    funds: Arc<Funds>,
    logs: BTreeMap<Epoch, OpenLog>,
    reasons: Reasons,
    usage: TokenUsage,
    closed: Arc<Mutex<Closed>>,
}

impl Worker {
    fn run(mut self, mut queue: mpsc::Receiver<Command>) {
        let mut batch = Vec::new();
        while let Some(first) = queue.blocking_recv() {
            let mut next = Some(first);
            let mut tickets = 0;
            // Gathers requests up to the first command of another kind, which waits its turn.
            let other = loop {
                match next {
                    Some(Command::Issue(grants, reply)) => {
                        tickets += grants.len();
                        batch.push((grants, reply));
                    }
                    other => break other,
                }
                if tickets >= BATCH_TICKETS_MAX {
                    break None;
                }
                next = queue.try_recv().ok();
            };
            self.issue(&mut batch);
            match other {
                Some(Command::Close(through, reply)) => {
                    let _ = reply.send(self.close(through));
                }
                Some(Command::Stop) => return,
                Some(Command::Issue(..)) | None => {}
            }
        }
    }

    /// Closed logs of which the process ended before what they allow on tokens was written.
    fn count_sealed(&mut self) -> Result<(), LogError> {
        let seals = lock(&self.closed).seals.clone();
        for (epoch, seal) in seals {
            if self.usage.has(epoch) {
                continue;
            }
            let path = self.dir.join(log_name(epoch));
            let mut log = ClosedLog::open(&path, head(&self.config, epoch), &seal)?;
            let mut by_token = ByToken::new();
            while let Some(ticket) = log.next_ticket()? {
                token_usage::count(&mut by_token, &ticket);
            }
            self.usage.seal(epoch, &by_token, (self.clock)())?;
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
                let log = OpenLog::open(&path, head(&self.config, epoch))?;
                self.funds.hold(epoch, log.promised().clone());
                Ok(place.insert(log))
            }
        }
    }

    fn issue(&mut self, batch: &mut Vec<(Vec<Grant>, oneshot::Sender<Issued>)>) {
        if batch.is_empty() {
            return;
        }
        let now = (self.clock)();
        let mut answers = Vec::with_capacity(batch.len());
        let appended = self.append(now, batch, &mut answers);
        for ((_, reply), answer) in batch.drain(..).zip(answers) {
            let answer = appended.and(answer);
            // Whoever asked may be gone; the tickets then stay in the log and never leave.
            let _ = reply.send(answer);
        }
    }

    /// Numbers and appends what fits, one answer per request; on an error nobody gets anything.
    fn append(
        &mut self,
        now: UnixMillis,
        batch: &[(Vec<Grant>, oneshot::Sender<Issued>)],
        answers: &mut Vec<Issued>,
    ) -> Result<(), IssueError> {
        let (config, timeline) = (self.config.clone(), self.config.agreed.timeline());
        // An error, too, has one answer per request.
        answers.resize_with(batch.len(), || Ok(Vec::new()));
        let epoch = timeline.epoch_at_ms(now).ok_or(IssueError::BeforeGenesis)?;
        if lock(&self.closed).through >= Some(epoch) {
            return Err(IssueError::Closed(epoch));
        }
        let funds = self.funds.clone();
        let log = self.log(epoch).map_err(report)?;
        let (mut next, mut mass) = (log.count(), log.mass());
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
            let numbered = number(&config, &timeline, epoch, now, &grants, next, mass);
            *answer = numbered.and_then(|(tickets, sum)| {
                let promised = grants.iter().map(|grant| (grant.payer, grant.bytes_max));
                funds.promise(epoch, promised)?;
                next += tickets.len() as u32;
                mass = sum;
                all.extend_from_slice(&tickets);
                for ticket in &tickets {
                    token_usage::count(&mut pending, ticket);
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
            funds.hold(epoch, log.promised().clone());
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
            durable::replace(&path, &bytes)?;
            let log = entry.remove();
            self.usage.seal(epoch, log.by_token(), (self.clock)())?;
            let mut closed = lock(&self.closed);
            closed.seals.insert(epoch, seal);
            closed.open.remove(&epoch);
            closed.through = closed.through.max(Some(epoch));
        }
        Ok(())
    }

    fn close(&mut self, through: Epoch) -> Result<(), CloseError> {
        if (self.clock)() / 1000 < self.config.agreed.timeline().end(through) {
            return Err(CloseError::NotOver(through));
        }
        self.seal_logs(through)?;
        if lock(&self.closed).through < Some(through) {
            let bytes = serde_json::to_vec(&ClosedFile { through }).expect("a number is JSON");
            durable::replace(&self.dir.join(CLOSED_FILE), &bytes)?;
            lock(&self.closed).through = Some(through);
        }
        Ok(())
    }
}

fn report(error: LogError) -> IssueError {
    tracing::error!(%error, "no ticket can be issued");
    IssueError::Log
}

/// The tickets of one request from index `first` on, and the sum of limits with them.
fn number(
    config: &IssuerConfig,
    timeline: &Timeline,
    epoch: Epoch,
    now: UnixMillis,
    grants: &[Grant],
    first: u32,
    mut mass: DeliveryMass,
) -> Result<(Vec<Ticket>, DeliveryMass), IssueError> {
    let expires_at = now
        .saturating_add(config.ttl_ms)
        .min(timeline.tickets_end_ms(epoch));
    if grants.len() > config.tickets_max.saturating_sub(first) as usize {
        return Err(IssueError::Full(epoch));
    }
    let mut tickets = Vec::with_capacity(grants.len());
    for (index, grant) in (first..).zip(grants) {
        let ticket = Ticket {
            network: config.network,
            id: TicketId {
                epoch,
                issuer: config.issuer,
                index,
            },
            node: grant.node,
            client: grant.client,
            collection: grant.collection,
            payer: grant.payer,
            viewer_token: grant.viewer.map_or(NO_VIEWER_TOKEN, |viewer| viewer.hash),
            bytes_max: grant.bytes_max,
            issued_at: now,
            expires_at,
        };
        ticket.check_form(timeline).map_err(|_| IssueError::Form)?;
        let leaf = ticket.leaf().map_err(|_| IssueError::Form)?;
        mass = mass
            .checked_add(leaf.mass)
            .map_err(|_| IssueError::Full(epoch))?;
        tickets.push(ticket);
    }
    Ok((tickets, mass))
}

#[cfg(test)]
#[path = "issuer_tests.rs"]
mod tests;
