//! One epoch's receipts on disk: `epoch-N.log`, to which entries are appended in groups.
//!
//! ```text
//!    0  "QRCJ" ‖ version = 1 (u16) ‖ 0 (u16) ‖ epoch (u64) ‖ generation (u64) ‖ check (20)       one sector
//!  512  acknowledged (u64) ‖ check (20)                                                  the mark, one sector
//! 1024  entries of 448 bytes, then zeros to the end of the file
//!
//!       acknowledged (u64) ‖ ticket (216) ‖ issuer's signature (64) ‖ record (140) ‖ check (20)
//!         |                                                                  |
//!         how many entries were acknowledged                      first 20 bytes of BLAKE3, keyed by epoch
//!         when this one was written                               and generation, over position ‖ what is before
//! ```
//!
//! A group is written behind the last one and synced once; only then it is acknowledged. So of two things that look
//! alike, an entry that a power cut tore and one that has rotted, one was acknowledged and one wasn't, and the log
//! itself tells which: every later entry, and the mark, say how many entries had been acknowledged before. The mark
//! is written when nothing more is waiting, without a sync of its own: it is a lower bound.
//!
//! - An entry that doesn't check, below what anything that checks says was acknowledged, is damage. Nothing is
//!   changed, and the error says what is lost.
//! - From the first other one that doesn't check, all is cut off: it was never acknowledged.
//! - What is there beyond what is known to be acknowledged is written once more when the log is opened, for a sync
//!   that failed may have lost it though it can still be read.
//!
//! The key and the position tell entries from zeros, from a torn write, and from bytes that were elsewhere. The file
//! is made beside and renamed, with room for its first entries: one that is shorter was cut by somebody else.
//! The generation counts rewritings: a ticket's receipts replace each other, and a log that is mostly such is
//! written anew with the newest of each.

use super::error::LogError;
use super::stored::Stored;
use disk::{Disk, DiskError, DiskFile, failed, unfinished};
use protocol::{Epoch, TicketId};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"QRCJ\x00\x01\x00\x00";
const SECTOR: usize = 512;
/// Where the entries begin.
const HEAD_BYTES: u64 = 2 * SECTOR as u64;
const CHECK_BYTES: usize = 20;
const ENTRY_BYTES: usize = 8 + Stored::BYTES + CHECK_BYTES;
/// Room is made for at least so many bytes, and at most.
const ROOM_MIN: u64 = 1 << 20;
const ROOM_MAX: u64 = 16 << 20;
/// Entries read or rewritten at a time: 1 MB.
const AT_ONCE: usize = 2340;
/// Stand for positions in the checks of the head and the mark.
const HEAD_POSITION: u64 = u64::MAX;
const MARK_POSITION: u64 = u64::MAX - 1;

/// Number of an entry in its log.
pub(super) type Position = u64;

/// The newest entry of each ticket.
pub(super) type Newest = BTreeMap<TicketId, Position>;

/// The name of an epoch's log.
pub(super) fn path_in(dir: &Path, epoch: Epoch) -> PathBuf {
    dir.join(format!("epoch-{epoch}.log"))
}

#[derive(Debug)]
pub(super) struct EpochLog {
    disk: Disk,
    file: DiskFile,
    checks: Checks,
    generation: u64,
    /// Entries on disk, and those with them that wait for the next sync.
    written: u64,
    pending: Vec<u8>,
    /// Bytes for which there is room.
    room: u64,
    /// What the mark says.
    marked: u64,
}

/// Makes and tests checks of one generation of one epoch.
#[derive(Debug, Clone, Copy)]
struct Checks([u8; 32]);

impl Checks {
    fn new(epoch: Epoch, generation: u64) -> Self {
        let facts = [epoch.to_be_bytes(), generation.to_be_bytes()].concat();
        Self(blake3::derive_key("quittance receipt journal 1", &facts))
    }

    fn of(&self, position: u64, bytes: &[u8]) -> [u8; CHECK_BYTES] {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(&position.to_be_bytes()).update(bytes);
        let hash = hasher.finalize();
        hash.as_bytes()[..CHECK_BYTES].try_into().expect("20 of 32")
    }

    fn head(&self, epoch: Epoch, generation: u64) -> [u8; SECTOR] {
        let (epoch, generation) = (epoch.to_be_bytes(), generation.to_be_bytes());
        self.sector(HEAD_POSITION, &[&MAGIC[..], &epoch, &generation].concat())
    }

    fn mark(&self, acknowledged: u64) -> [u8; SECTOR] {
        self.sector(MARK_POSITION, &acknowledged.to_be_bytes())
    }

    fn sector(&self, position: u64, facts: &[u8]) -> [u8; SECTOR] {
        let mut sector = [0; SECTOR];
        sector[..facts.len()].copy_from_slice(facts);
        let check = self.of(position, facts);
        sector[facts.len()..facts.len() + CHECK_BYTES].copy_from_slice(&check);
        sector
    }

    fn put_entry(&self, out: &mut Vec<u8>, position: Position, acknowledged: u64, what: &Stored) {
        let at = out.len();
        out.extend_from_slice(&acknowledged.to_be_bytes());
        out.extend_from_slice(&what.to_bytes());
        let check = self.of(position, &out[at..]);
        out.extend_from_slice(&check);
    }

    /// What was acknowledged when it was written, and what it holds; `None` if it doesn't check.
    fn entry(&self, position: Position, bytes: &[u8; ENTRY_BYTES]) -> Option<(u64, Stored)> {
        let (facts, check) = bytes.split_at(ENTRY_BYTES - CHECK_BYTES);
        if self.of(position, facts) != *check {
            return None;
        }
        let acknowledged = u64::from_be_bytes(*facts.first_chunk()?);
        Some((acknowledged, Stored::from_bytes(&facts[8..])?))
    }
}

fn at(position: Position) -> u64 {
    HEAD_BYTES + position * ENTRY_BYTES as u64
}

/// What there is in a log.
struct Found {
    /// Entries before the first that doesn't check.
    whole: u64,
    /// Known to have been acknowledged.
    acknowledged: u64,
    /// Entries that check, behind one that doesn't.
    beyond: u64,
    /// Behind the last byte that isn't zero.
    end: u64,
    length: u64,
}

/// Reads a log from its beginning.
struct Reader<'a> {
    file: &'a File,
    path: &'a Path,
    epoch: Epoch,
    generation: u64,
    checks: Checks,
}

impl<'a> Reader<'a> {
    fn new(file: &'a File, path: &'a Path, epoch: Epoch) -> Result<Self, LogError> {
        let mut head = [0; SECTOR];
        let length = file.metadata().map_err(failed("read", path))?.len();
        if length < HEAD_BYTES + ROOM_MIN {
            return Err(damaged(path, epoch, "it has been cut short"));
        }
        file.read_exact_at(&mut head, 0)
            .map_err(failed("read", path))?;
        let generation = u64::from_be_bytes(head[16..24].try_into().expect("8 bytes"));
        let checks = Checks::new(epoch, generation);
        if checks.head(epoch, generation) != head {
            let what = "its beginning is not that of a journal of this epoch";
            return Err(damaged(path, epoch, what));
        }
        Ok(Self {
            file,
            path,
            epoch,
            generation,
            checks,
        })
    }

    fn mark(&self) -> Result<u64, LogError> {
        let mut mark = [0; SECTOR];
        self.file
            .read_exact_at(&mut mark, SECTOR as u64)
            .map_err(failed("read", self.path))?;
        let acknowledged = u64::from_be_bytes(*mark.first_chunk().expect("512 bytes"));
        // One that doesn't check says nothing.
        let sound = self.checks.mark(acknowledged) == mark;
        Ok(if sound { acknowledged } else { 0 })
    }

    /// Gives the entries before the first that doesn't check, and looks at all others.
    ///
    /// # Errors
    /// If one is lost that was acknowledged, or the file can't be read.
    fn read(&self, each: &mut dyn FnMut(Position, Stored)) -> Result<Found, LogError> {
        let length = self.file.metadata().map_err(failed("read", self.path))?;
        let length = length.len();
        let mut found = Found {
            whole: 0,
            acknowledged: self.mark()?,
            beyond: 0,
            end: HEAD_BYTES,
            length,
        };
        let slots = length.saturating_sub(HEAD_BYTES) / ENTRY_BYTES as u64;
        let mut buffer = vec![0; AT_ONCE * ENTRY_BYTES];
        let (mut next, mut broken) = (0, false);
        while next < slots {
            let count = (slots - next).min(AT_ONCE as u64) as usize;
            let bytes = &mut buffer[..count * ENTRY_BYTES];
            self.file
                .read_exact_at(bytes, at(next))
                .map_err(failed("read", self.path))?;
            for entry in bytes.as_chunks::<ENTRY_BYTES>().0 {
                let position = next;
                next += 1;
                if entry.iter().all(|byte| *byte == 0) {
                    broken = true;
                    continue;
                }
                found.end = at(next);
                match self.checks.entry(position, entry) {
                    None => broken = true,
                    Some((acknowledged, stored)) => {
                        found.acknowledged = found.acknowledged.max(acknowledged);
                        if broken {
                            found.beyond += 1;
                        } else {
                            found.whole += 1;
                            each(position, stored);
                        }
                    }
                }
            }
        }
        if found.whole < found.acknowledged {
            let (whole, all) = (found.whole, found.acknowledged);
            let what = format!(
                "entry {whole} of {all} that were acknowledged can't be read; {} behind it can",
                found.beyond
            );
            return Err(damaged(self.path, self.epoch, what));
        }
        Ok(found)
    }
}

fn damaged(path: &Path, epoch: Epoch, what: impl Into<String>) -> LogError {
    LogError::Damaged {
        path: path.to_owned(),
        epoch,
        what: what.into(),
    }
}

/// Gives what is kept of each ticket of an epoch, in their order; nothing if there is no such log. A node may be
/// writing to it. Blocking.
pub(super) fn each_kept(
    dir: &Path,
    epoch: Epoch,
    each: &mut dyn FnMut(Stored),
) -> Result<(), LogError> {
    let path = path_in(dir, epoch);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("open", &path)(error).into()),
    };
    let reader = Reader::new(&file, &path, epoch)?;
    let mut newest = Newest::new();
    let mut take = |position, stored: Stored| {
        newest.insert(stored.record.id, position);
    };
    if reader.read(&mut take).is_err() {
        // What a node wrote in the meantime may have been met half: once more.
        reader.read(&mut take)?;
    }
    for position in newest.into_values() {
        each(read_one(&file, &path, epoch, reader.checks, position)?);
    }
    Ok(())
}

fn read_one(
    file: &File,
    path: &Path,
    epoch: Epoch,
    checks: Checks,
    position: Position,
) -> Result<Stored, LogError> {
    let mut entry = [0; ENTRY_BYTES];
    file.read_exact_at(&mut entry, at(position))
        .map_err(failed("read", path))?;
    let found = checks.entry(position, &entry);
    let rotten = || damaged(path, epoch, format!("entry {position} has changed"));
    found.map(|(_, stored)| stored).ok_or_else(rotten)
}

impl EpochLog {
    /// Makes a log of these entries, durable under its name when it returns.
    pub(super) fn create(
        disk: &Disk,
        dir: &Path,
        epoch: Epoch,
        entries: impl Iterator<Item = Result<Stored, LogError>>,
    ) -> Result<Self, LogError> {
        let log = Self::beside(disk, dir, epoch, 0, entries)?;
        log.take_name(dir, epoch)?;
        Ok(log)
    }

    /// Makes a log of these entries that has no name yet; whole on disk when it returns.
    fn beside(
        disk: &Disk,
        dir: &Path,
        epoch: Epoch,
        generation: u64,
        entries: impl Iterator<Item = Result<Stored, LogError>>,
    ) -> Result<Self, LogError> {
        let beside = unfinished(&path_in(dir, epoch));
        disk.remove(&beside)?;
        let file = disk.create_new(&beside)?;
        let mut log = Self {
            disk: disk.clone(),
            file,
            checks: Checks::new(epoch, generation),
            generation,
            written: 0,
            pending: Vec::new(),
            room: HEAD_BYTES,
            marked: 0,
        };
        match log.fill(epoch, entries) {
            Ok(()) => Ok(log),
            Err(error) => {
                // A full disk gets its room back.
                let _ = disk.remove(&beside);
                Err(error)
            }
        }
    }

    fn fill(
        &mut self,
        epoch: Epoch,
        entries: impl Iterator<Item = Result<Stored, LogError>>,
    ) -> Result<(), LogError> {
        let head = self.checks.head(epoch, self.generation);
        self.file.write_all_at(&head, 0)?;
        for stored in entries {
            self.append(&stored?);
            if self.pending.len() >= AT_ONCE * ENTRY_BYTES {
                self.write_pending()?;
            }
        }
        self.write_pending()?;
        if self.room < HEAD_BYTES + ROOM_MIN {
            self.file.allocate(self.room, HEAD_BYTES + ROOM_MIN)?;
            self.room = HEAD_BYTES + ROOM_MIN;
        }
        self.mark()?;
        Ok(self.file.sync_all()?)
    }

    /// Takes the place of the epoch's log. After an error it isn't known which of both has it.
    pub(super) fn take_name(&self, dir: &Path, epoch: Epoch) -> Result<(), DiskError> {
        let path = path_in(dir, epoch);
        self.disk.rename(&unfinished(&path), &path)?;
        self.disk.sync_dir(dir)
    }

    /// Opens a log that is there and makes good what a crash left. Gives every entry to `each`.
    pub(super) fn open(
        disk: &Disk,
        dir: &Path,
        epoch: Epoch,
        each: &mut dyn FnMut(Position, Stored),
    ) -> Result<Self, LogError> {
        let path = path_in(dir, epoch);
        let file = disk.open(&path)?;
        let reader = Reader::new(file.file(), &path, epoch)?;
        let found = reader.read(each)?;
        let (checks, generation) = (reader.checks, reader.generation);
        if found.end > at(found.whole) {
            tracing::warn!(
                epoch,
                entries = found.whole,
                "cut off an unfinished write at the receipt journal's end; no receipt of it was acknowledged"
            );
            let torn = found.end - at(found.whole);
            file.write_all_at(&vec![0; torn as usize], at(found.whole))?;
        }
        // Also what another process wrote and could not sync.
        let mut from = found.acknowledged;
        while from < found.whole {
            let count = (found.whole - from).min(AT_ONCE as u64);
            let mut again = vec![0; count as usize * ENTRY_BYTES];
            let read = file.file().read_exact_at(&mut again, at(from));
            read.map_err(failed("read", &path))?;
            file.write_all_at(&again, at(from))?;
            from += count;
        }
        file.sync_all()?;
        Ok(Self {
            disk: disk.clone(),
            file,
            checks,
            generation,
            written: found.whole,
            pending: Vec::new(),
            room: found.length,
            marked: found.acknowledged,
        })
    }

    fn pending_entries(&self) -> u64 {
        (self.pending.len() / ENTRY_BYTES) as u64
    }

    /// All entries, those too that wait.
    pub(super) fn entries(&self) -> u64 {
        self.written + self.pending_entries()
    }

    /// What all entries take.
    pub(super) fn bytes(&self) -> u64 {
        at(self.entries())
    }

    /// Puts an entry behind the last; it is on disk after [`EpochLog::sync`].
    pub(super) fn append(&mut self, stored: &Stored) -> Position {
        let position = self.entries();
        let acknowledged = self.written;
        self.checks
            .put_entry(&mut self.pending, position, acknowledged, stored);
        position
    }

    fn write_pending(&mut self) -> Result<(), DiskError> {
        let end = at(self.entries());
        if end > self.room {
            let more = (self.room / 8).clamp(ROOM_MIN, ROOM_MAX);
            let room = (self.room + more).max(end);
            self.file.allocate(self.room, room)?;
            self.room = room;
        }
        self.file.write_all_at(&self.pending, at(self.written))?;
        self.written = self.entries();
        self.pending.clear();
        Ok(())
    }

    /// Makes what waits durable. After an error the log is not to be written any more: what is on disk of the group
    /// isn't known.
    pub(super) fn sync(&mut self) -> Result<(), DiskError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        self.write_pending()?;
        self.file.sync_data()
    }

    /// Says how much is acknowledged; durable with the next sync, or when the system writes it.
    pub(super) fn mark(&mut self) -> Result<(), DiskError> {
        if self.marked < self.written || self.written == 0 {
            let mark = self.checks.mark(self.written);
            self.file.write_all_at(&mark, SECTOR as u64)?;
            self.marked = self.written;
        }
        Ok(())
    }

    /// Nothing more comes: the mark is durable when it returns.
    pub(super) fn close(&mut self) -> Result<(), DiskError> {
        self.mark()?;
        self.file.sync_data()
    }

    /// One entry; those that wait can be read too.
    pub(super) fn read(&self, epoch: Epoch, position: Position) -> Result<Stored, LogError> {
        if let Some(waiting) = position.checked_sub(self.written) {
            let at = waiting as usize * ENTRY_BYTES;
            let entry = self.pending.get(at..at + ENTRY_BYTES);
            let entry = entry.and_then(|entry| entry.first_chunk());
            let found = entry.and_then(|entry| self.checks.entry(position, entry));
            let unknown = || format!("there is no entry {position}");
            return found
                .map(|(_, stored)| stored)
                .ok_or_else(|| damaged(self.file.path(), epoch, unknown()));
        }
        let path = self.file.path();
        read_one(self.file.file(), path, epoch, self.checks, position)
    }

    /// The newest entry of each ticket, read from the file; all that is in it is checked.
    pub(super) fn newest(&self, dir: &Path, epoch: Epoch) -> Result<Newest, LogError> {
        let path = path_in(dir, epoch);
        let mut newest = Newest::new();
        let reader = Reader::new(self.file.file(), &path, epoch)?;
        let found = reader.read(&mut |position, stored| {
            newest.insert(stored.record.id, position);
        })?;
        if found.whole < self.written {
            let what = format!("entry {} can't be read any more", found.whole);
            return Err(damaged(&path, epoch, what));
        }
        for position in self.written..self.entries() {
            newest.insert(self.read(epoch, position)?.record.id, position);
        }
        Ok(newest)
    }

    /// The log anew, with these entries alone, in order of their positions; [`EpochLog::take_name`] puts it in the
    /// place of this one.
    pub(super) fn rewritten(
        &self,
        dir: &Path,
        epoch: Epoch,
        newest: &Newest,
    ) -> Result<Self, LogError> {
        let mut positions: Vec<_> = newest.values().copied().collect();
        positions.sort_unstable();
        let entries = positions.into_iter();
        let entries = entries.map(|position| self.read(epoch, position));
        Self::beside(&self.disk, dir, epoch, self.generation + 1, entries)
    }
}
