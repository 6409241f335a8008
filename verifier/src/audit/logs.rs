//! Ticket logs as files: opened against what was committed, and asked for single tickets.

use super::content::{Content, Leaves};
use super::facts::log_root;
use super::progress::Progress;
use super::tree::{OpenError, Opened, by_place, open};
use super::walk::StatedElements;
use contracts::CommittedLog;
use protocol::{
    DeliveryMass, Elements, Epoch, LOG_HEADER_BYTES, LayoutError, LogHeader, Network, TICKET_BYTES,
    Ticket, TicketId,
};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Tickets that are read at a time, since records come in the order of tickets: 14 kB.
const BLOCK: u32 = 64;

/// Why a file is no log of that network, epoch and issuer.
#[derive(Debug, thiserror::Error)]
pub(super) enum LogError {
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("is no ticket log: {0}")]
    Layout(#[from] LayoutError),
    #[error("is not as long as its count says")]
    Length,
    #[error("is of another network, epoch or issuer")]
    Foreign,
}

/// A log's tickets, one after the other or any of them.
#[derive(Debug)]
pub(super) struct LogFile {
    file: File,
    /// Tickets in the file.
    pub(super) count: u32,
}

impl LogFile {
    pub(super) fn open(
        path: &Path,
        network: Network,
        epoch: Epoch,
        issuer: u32,
    ) -> Result<Self, LogError> {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        let mut header = [0; LOG_HEADER_BYTES];
        if size < header.len() as u64 {
            return Err(LogError::Length);
        }
        file.read_exact(&mut header)?;
        let header = LogHeader::from_bytes(&header)?;
        if size != LOG_HEADER_BYTES as u64 + u64::from(header.count) * TICKET_BYTES as u64 {
            return Err(LogError::Length);
        }
        if (header.network, header.epoch, header.issuer) != (network, epoch, issuer) {
            return Err(LogError::Foreign);
        }
        let count = header.count;
        Ok(Self { file, count })
    }

    /// Bytes from the ticket at an index on.
    pub(super) fn read_at(&self, index: u32, out: &mut [u8]) -> io::Result<()> {
        let at = LOG_HEADER_BYTES as u64 + u64::from(index) * TICKET_BYTES as u64;
        self.file.read_exact_at(out, at)
    }
}

/// The first tickets of a log.
pub(super) struct Tickets<'a> {
    pub(super) file: &'a LogFile,
    pub(super) count: u32,
    pub(super) progress: &'a dyn Progress,
}

impl Leaves for Tickets<'_> {
    fn count(&self) -> u32 {
        self.count
    }

    fn visit(&self, each: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        let mut file = BufReader::with_capacity(1 << 20, &self.file.file);
        file.seek(SeekFrom::Start(LOG_HEADER_BYTES as u64))?;
        let mut content = [0; TICKET_BYTES];
        for _ in 0..self.count {
            file.read_exact(&mut content)?;
            each(&content);
        }
        self.progress.advance(self.count.into());
        Ok(())
    }
}

/// A log that was committed, as far as the evidence opens it.
#[derive(Debug)]
pub(super) struct Log {
    /// What stands on chain.
    pub(super) committed: CommittedLog,
    /// Its file, if the evidence has one that is a log.
    pub(super) file: Option<LogFile>,
    /// How many of its tickets make the tree: what it has beyond the committed count was appended by somebody
    /// else, unless the tree is of another shape than its count.
    pub(super) made_of: u32,
    /// What is below the committed root; `None` if the evidence doesn't open it.
    pub(super) opened: Option<Opened<DeliveryMass>>,
    /// Entries that aren't tickets of their place.
    pub(super) out_of_place: Vec<(u32, Ticket)>,
    /// The epoch it is of.
    epoch: Epoch,
}

impl Log {
    /// Opens what was committed by a file, and what is stated of its elements.
    pub(super) fn open(
        committed: CommittedLog,
        file: Option<LogFile>,
        stated: Option<&Elements>,
        (network, epoch): (Network, Epoch),
        progress: &dyn Progress,
    ) -> (Self, Option<OpenError>) {
        let mut log = Self {
            committed,
            made_of: committed.count,
            file,
            opened: None,
            out_of_place: Vec::new(),
            epoch,
        };
        let Some(in_file) = log.file.as_ref().map(|file| file.count) else {
            return (log, None);
        };
        log.made_of = in_file.min(committed.count);
        let stated = stated.map_or(StatedElements::new(), |stated| by_place(&stated.elements));
        let root = log_root(&committed);
        let try_open = |log: &Self| {
            let tickets = log.leaves(progress).expect("there is a file");
            open::<Ticket>(root, &tickets, stated.clone())
        };
        let mut tried = try_open(&log);
        if matches!(tried, Err(OpenError::OtherRoot)) && in_file > log.made_of {
            log.made_of = in_file;
            tried = try_open(&log);
        }
        let opened = match tried {
            Ok(opened) => opened,
            Err(error) => return (log, Some(error)),
        };
        let tickets = log.leaves(progress).expect("there is a file");
        let issuer = committed.issuer;
        let (mut index, mut out_of_place) = (0, Vec::new());
        let read = tickets.visit(&mut |content| {
            let content = opened.contents.get(&index).map_or(content, |stated| stated);
            let id = TicketId {
                epoch,
                issuer,
                index,
            };
            let is_here = |ticket: &Ticket| ticket.id == id && ticket.network == network;
            let ticket = Ticket::from_content(content);
            if let Some(ticket) = ticket.filter(|ticket| !is_here(ticket) && opened.knows(index)) {
                out_of_place.push((index, ticket));
            }
            index += 1;
        });
        if let Err(error) = read {
            return (log, Some(OpenError::Walk(error.into())));
        }
        (log.opened, log.out_of_place) = (Some(opened), out_of_place);
        (log, None)
    }

    /// Whether the file has tickets after those that are committed.
    pub(super) fn has_more_than_committed(&self) -> bool {
        let in_file = self.file.as_ref().map_or(0, |file| file.count);
        in_file > self.made_of
    }

    /// Whether it is a ticket log: the file's tickets, each at its place, and nothing else, give the committed
    /// root, count and sum.
    pub(super) fn is_as_committed(&self) -> bool {
        let in_file = self.file.as_ref().map(|file| file.count);
        let opened = self.opened.as_ref();
        in_file == Some(self.committed.count)
            && opened.is_some_and(|opened| opened.is_as_stated())
            && self.out_of_place.iter().all(|(index, ticket)| {
                // One of another network stands where it should; it only doesn't count.
                (ticket.id.issuer, ticket.id.index) == (self.committed.issuer, *index)
                    && ticket.id.epoch == self.epoch
            })
    }

    /// The leaves it is opened with.
    pub(super) fn leaves<'a>(&'a self, progress: &'a dyn Progress) -> Option<Tickets<'a>> {
        let file = self.file.as_ref()?;
        Some(Tickets {
            file,
            count: self.made_of,
            progress,
        })
    }
}

/// The logs of an epoch.
#[derive(Debug, Default)]
pub(super) struct Logs {
    /// Those that were committed, by issuer.
    pub(super) committed: BTreeMap<u32, Log>,
    /// Files of issuers that committed nothing, by issuer.
    pub(super) others: BTreeMap<u32, LogFile>,
}

/// What a log has at a record's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "nearly all are the large one")]
pub(super) enum Entry {
    /// This ticket.
    Ticket(Ticket),
    /// There is no such log, or it isn't so long.
    Nothing,
    /// The log isn't opened, there or at all.
    Unknown,
}

/// Tickets by their place, with what is read around them kept for the next.
#[derive(Debug)]
pub(super) struct TicketReader<'a> {
    logs: &'a Logs,
    epoch: Epoch,
    /// Which log's block is held, and its first index.
    held: Cell<Option<(u32, u32, u32)>>,
    block: RefCell<Vec<u8>>,
}

impl<'a> TicketReader<'a> {
    pub(super) fn new(logs: &'a Logs, epoch: Epoch) -> Self {
        Self {
            logs,
            epoch,
            held: Cell::new(None),
            block: RefCell::new(Vec::new()),
        }
    }

    /// What the committed log has at the place that a ticket id names.
    pub(super) fn committed(&self, id: TicketId) -> io::Result<Entry> {
        if id.epoch != self.epoch {
            return Ok(Entry::Nothing);
        }
        let Some(log) = self.logs.committed.get(&id.issuer) else {
            return Ok(Entry::Nothing);
        };
        if id.index >= log.committed.count {
            return Ok(Entry::Nothing);
        }
        let (Some(opened), Some(file)) = (&log.opened, &log.file) else {
            return Ok(Entry::Unknown);
        };
        if !opened.knows(id.index) {
            return Ok(Entry::Unknown);
        }
        if let Some(content) = opened.contents.get(&id.index) {
            return Ok(Ticket::from_content(content).map_or(Entry::Unknown, Entry::Ticket));
        }
        if id.index >= file.count {
            // An empty leaf below the count: no record's ticket.
            return Ok(Entry::Unknown);
        }
        Ok(Entry::Ticket(self.read(file, id)?))
    }

    /// What any file of the evidence has there, committed or not.
    pub(super) fn anywhere(&self, id: TicketId) -> io::Result<Option<Ticket>> {
        if id.epoch != self.epoch {
            return Ok(None);
        }
        let committed = self.logs.committed.get(&id.issuer);
        let file = committed.and_then(|log| log.file.as_ref());
        let file = file.or_else(|| self.logs.others.get(&id.issuer));
        match file {
            Some(file) if id.index < file.count => Ok(Some(self.read(file, id)?)),
            _ => Ok(None),
        }
    }

    fn read(&self, file: &LogFile, id: TicketId) -> io::Result<Ticket> {
        let mut block = self.block.borrow_mut();
        let held = self.held.get().filter(|(issuer, first, count)| {
            *issuer == id.issuer && (*first..first + count).contains(&id.index)
        });
        let first = match held {
            Some((_, first, _)) => first,
            None => {
                let count = BLOCK.min(file.count - id.index);
                block.resize(count as usize * TICKET_BYTES, 0);
                self.held.set(None);
                file.read_at(id.index, &mut block)?;
                self.held.set(Some((id.issuer, id.index, count)));
                id.index
            }
        };
        let at = (id.index - first) as usize * TICKET_BYTES;
        let content = &block[at..at + TICKET_BYTES];
        Ok(Ticket::from_bytes(
            content.try_into().expect("a ticket's length"),
        ))
    }
}
