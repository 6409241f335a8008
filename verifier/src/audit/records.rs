//! Records of a segment file: each with its ticket, checked on all cores, in the order of the file.

use super::Audited;
use super::content::{Content, Leaves};
use super::facts::AuditFacts;
use super::logs::{Entry, TicketReader};
use super::progress::Progress;
use protocol::{
    Epoch, LayoutError, Network, NodeId, Payers, RECORD_BYTES, Record, RecordPlace, Rejection,
    SEGMENT_HEADER_BYTES, SegmentHeader, Ticket,
};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::thread;

/// Records that are held while they are checked: about 1 MB with their tickets.
const BATCH: usize = 2048;
/// Records that one thread checks at least: about 2 ms, far more than starting it costs.
const RECORDS_PER_THREAD_MIN: usize = 64;

/// Why a file is no segment of that network, epoch and node.
#[derive(Debug, thiserror::Error)]
pub(super) enum SegmentFileError {
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("is no segment: {0}")]
    Layout(#[from] LayoutError),
    #[error("is not as long as its count says")]
    Length,
    #[error("is of another network, epoch or node")]
    Foreign,
}

/// A segment's records, in whatever order they are.
#[derive(Debug)]
pub(super) struct SegmentFile {
    file: File,
    /// Records in it.
    pub(super) count: u32,
}

impl SegmentFile {
    pub(super) fn open(
        path: &Path,
        network: Network,
        epoch: Epoch,
        node: NodeId,
    ) -> Result<Self, SegmentFileError> {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        let mut header = [0; SEGMENT_HEADER_BYTES];
        if size < header.len() as u64 {
            return Err(SegmentFileError::Length);
        }
        file.read_exact(&mut header)?;
        let header = SegmentHeader::from_bytes(&header)?;
        if size != SEGMENT_HEADER_BYTES as u64 + u64::from(header.count) * RECORD_BYTES as u64 {
            return Err(SegmentFileError::Length);
        }
        if (header.network, header.epoch, header.node) != (network, epoch, node) {
            return Err(SegmentFileError::Foreign);
        }
        let count = header.count;
        Ok(Self { file, count })
    }
}

impl Leaves for SegmentFile {
    fn count(&self) -> u32 {
        self.count
    }

    fn visit(&self, each: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        let mut file = BufReader::with_capacity(1 << 20, &self.file);
        file.seek(SeekFrom::Start(SEGMENT_HEADER_BYTES as u64))?;
        let mut content = [0; RECORD_BYTES];
        for _ in 0..self.count {
            file.read_exact(&mut content)?;
            each(&content);
        }
        Ok(())
    }
}

/// Why a record doesn't count: the first check of SPEC section 5 that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault(pub(super) Rejection);

/// A record with what was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Checked {
    /// The record.
    pub(super) record: Record,
    /// What the committed log has at its place.
    pub(super) entry: Entry,
    /// What any file of the evidence has there: by it, who attested took the record for somebody's.
    pub(super) ticket: Option<Ticket>,
    /// Payer index if it counts. `None` if it can't be judged.
    pub(super) found: Option<Result<u32, Fault>>,
}

/// What the records of any node are checked by.
pub(super) struct Checkers<'a> {
    payers: Payers,
    progress: &'a dyn Progress,
}

impl<'a> Checkers<'a> {
    pub(super) fn new(facts: &AuditFacts, progress: &'a dyn Progress) -> Self {
        let payers = facts.epoch.payers.iter().map(|payer| payer.account);
        Self {
            payers: Payers::new(payers),
            progress,
        }
    }

    /// For the records of a node; `None` if it isn't registered.
    pub(super) fn of<'b>(&'b self, audited: &'b Audited, node: u32) -> Option<Checker<'b>> {
        let facts = &audited.facts;
        let place = RecordPlace {
            network: facts.epoch.network,
            epoch: facts.attested.epoch,
            node: *facts.epoch.nodes.get(node as usize)?,
            timeline: &facts.epoch.timeline,
            payers: &self.payers,
        };
        Some(Checker::new(place, audited.tickets(), self.progress))
    }
}

/// What the records of a node are checked by.
pub(super) struct Checker<'a> {
    place: RecordPlace<'a>,
    tickets: TicketReader<'a>,
    progress: &'a dyn Progress,
    threads: usize,
}

impl<'a> Checker<'a> {
    fn new(place: RecordPlace<'a>, tickets: TicketReader<'a>, progress: &'a dyn Progress) -> Self {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        Self {
            place,
            tickets,
            progress,
            threads,
        }
    }

    /// Checks one record, as of this node.
    pub(super) fn check(&self, record: Record) -> io::Result<Checked> {
        let mut one = [self.looked_up(record)?];
        verify(&self.place, &mut one);
        Ok(one[0])
    }

    /// Checks records and tells each, in their order.
    pub(super) fn check_all(
        &self,
        records: &(impl Leaves + ?Sized),
        each: &mut dyn FnMut(Checked),
    ) -> io::Result<()> {
        let mut batch = Vec::with_capacity(BATCH.min(records.count() as usize));
        let mut failed = None;
        records.visit(&mut |content| {
            let record = Record::from_content(content);
            let (Some(record), None) = (record, &failed) else {
                return;
            };
            match self.looked_up(record) {
                Ok(looked_up) => batch.push(looked_up),
                Err(error) => failed = Some(error),
            }
            if batch.len() == BATCH {
                self.flush(&mut batch, each);
            }
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        self.flush(&mut batch, each);
        Ok(())
    }

    fn looked_up(&self, record: Record) -> io::Result<Checked> {
        let entry = self.tickets.committed(record.id)?;
        let ticket = match entry {
            Entry::Ticket(ticket) => Some(ticket),
            Entry::Nothing | Entry::Unknown => self.tickets.anywhere(record.id)?,
        };
        Ok(Checked {
            record,
            entry,
            ticket,
            found: None,
        })
    }

    fn flush(&self, batch: &mut Vec<Checked>, each: &mut dyn FnMut(Checked)) {
        let chunk = batch.len().div_ceil(self.threads);
        let chunk = chunk.max(RECORDS_PER_THREAD_MIN);
        let place = &self.place;
        thread::scope(|scope| {
            for part in batch.chunks_mut(chunk) {
                scope.spawn(move || verify(place, part));
            }
        });
        self.progress.advance(batch.len() as u64);
        batch.drain(..).for_each(each);
    }
}

fn verify(place: &RecordPlace<'_>, batch: &mut [Checked]) {
    for checked in batch {
        let record = checked.record;
        checked.found = match checked.entry {
            Entry::Unknown => None,
            Entry::Nothing => Some(Err(Fault(Rejection::UnknownTicket))),
            Entry::Ticket(ticket) => {
                let verified = record.verify_with(&ticket, place);
                Some(verified.map(|valid| valid.payer()).map_err(Fault))
            }
        };
    }
}
