//! One epoch's ticket log on disk: append-only, checked entry by entry, durable before anything in it
//! leaves.
//!
//! ```text
//! header   "QTLG" ‖ version = 1 (u16) ‖ 0 (u16) ‖ network (28) ‖ epoch (u64) ‖ issuer (u32) ‖ check (8)
//! entry    ticket (216) ‖ check (8)                              entry i holds the ticket of index i
//! check    first 8 bytes of keccak-256 over what stands before it in the header or entry
//! ```
//!
//! After a crash a log ends in one of two ways that no acknowledged ticket can be part of: in the midst
//! of an entry (the write was cut short), or in zeros (the file had grown, its blocks were never
//! written). Such a tail is cut off. Everything else that doesn't check is damage: the log isn't
//! opened, nothing is deleted, and the error names file and entry, because a ticket that is forgotten
//! could have its index given out a second time.

use crate::by_token::{self, ByToken};
use crate::durable::{self, FileError, failed};
use crate::promises::{ByPayer, Promised};
use protocol::{
    B256, DeliveryMass, Element, Epoch, LOG_HEADER_BYTES, Mass, MassOverflow, Network, Root,
    TICKET_BYTES, Ticket, TicketId, TicketLog, TicketLogError, TreeTop, keccak256,
};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Bytes of a checksum.
const CHECK_BYTES: usize = 8;
/// Bytes before the first entry.
const HEADER_BYTES: usize = 4 + 2 + 2 + 28 + 8 + 4 + CHECK_BYTES;
/// Bytes of a ticket and its checksum.
const ENTRY_BYTES: usize = TICKET_BYTES + CHECK_BYTES;
/// What a disk writes at once, at least.
const SECTOR_BYTES: usize = 512;
/// Bytes read at a time.
const READ_BYTES: usize = 1 << 20;

/// Whose log it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) network: Network,
    pub(crate) epoch: Epoch,
    pub(crate) issuer: u32,
}

/// Why a ticket log can't be used.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The system says no.
    #[error(transparent)]
    File(#[from] FileError),
    /// Bytes that no crash leaves behind.
    #[error(
        "the ticket log {} is damaged at entry {entry}: keep the file, restore it from a copy (or copy it off a disk that still reads it), and start again; a log that lacks tickets would give their numbers out twice",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The first entry that doesn't check.
        entry: u64,
    },
    /// A log of another network, issuer or epoch, or no log at all.
    #[error(
        "{} is not the ticket log of epoch {epoch} of issuer {issuer} in this network: each network and issuer needs a data directory of its own",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The epoch it should be of.
        epoch: Epoch,
        /// The issuer it should be of.
        issuer: u32,
    },
    /// A closed log that isn't as long as it was when it was closed.
    #[error(
        "the closed ticket log {} has {found} bytes in place of {expected}: restore it from a copy",
        path.display()
    )]
    Length {
        /// The file.
        path: PathBuf,
        /// As sealed.
        expected: u64,
        /// As found.
        found: u64,
    },
    /// A seal that isn't one.
    #[error("{} is damaged: remove it if its log is whole; it is then made again ({source})", path.display())]
    Seal {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// The sums don't fit.
    #[error(transparent)]
    Mass(#[from] MassOverflow),
    /// The tickets don't make a log.
    #[error(transparent)]
    Log(#[from] TicketLogError),
    /// An earlier write failed and could not be undone.
    #[error(
        "the ticket log {} could not be written and takes no more: see to the disk and start again",
        path.display()
    )]
    Broken {
        /// The file.
        path: PathBuf,
    },
}

/// What is committed of a closed log: enough for its root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seal {
    /// Hash of the tree's uppermost element.
    pub(crate) top: B256,
    /// Tickets.
    pub(crate) count: u32,
    /// Sum of their byte limits.
    pub(crate) bytes_max: u64,
}

impl Seal {
    /// Of a log without tickets.
    pub(crate) const EMPTY: Self = Self {
        top: B256::ZERO,
        count: 0,
        bytes_max: 0,
    };

    /// The root that the chain computes from it.
    pub(crate) fn root(&self) -> Result<Root<DeliveryMass>, MassOverflow> {
        Ok(Root {
            top: Element {
                hash: self.top,
                mass: DeliveryMass::new(self.bytes_max, self.count, 0)?,
            },
            count: self.count.into(),
        })
    }

    /// Length of the log's file.
    pub(crate) fn file_bytes(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.count) * ENTRY_BYTES as u64
    }
}

impl Head {
    fn to_bytes(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_BYTES);
        out.extend_from_slice(b"QTLG\x00\x01\x00\x00");
        out.extend_from_slice(&self.network.chain_id.to_be_bytes());
        out.extend_from_slice(self.network.settlement.as_slice());
        out.extend_from_slice(&self.epoch.to_be_bytes());
        out.extend_from_slice(&self.issuer.to_be_bytes());
        out.extend_from_slice(&keccak256(&out)[..CHECK_BYTES]);
        out
    }

    /// The header of the public file (SPEC section 7) for so many tickets.
    pub(crate) fn public_header(&self, count: u32) -> Vec<u8> {
        let mut bytes = TicketLog::new(self.network, self.epoch, self.issuer, Vec::new())
            .expect("no ticket is at a wrong place")
            .to_bytes();
        // The count is the header's last field.
        bytes[LOG_HEADER_BYTES - 4..].copy_from_slice(&count.to_be_bytes());
        bytes
    }

    fn foreign(&self, path: &Path) -> LogError {
        LogError::Foreign {
            path: path.to_owned(),
            epoch: self.epoch,
            issuer: self.issuer,
        }
    }

    /// The ticket in an entry, if the entry checks and stands where it says.
    fn ticket(&self, index: u64, entry: &[u8; ENTRY_BYTES]) -> Option<Ticket> {
        let (ticket, check) = entry.split_first_chunk::<TICKET_BYTES>()?;
        if keccak256(ticket)[..CHECK_BYTES] != *check {
            return None;
        }
        let ticket = Ticket::from_bytes(ticket);
        let place = TicketId {
            epoch: self.epoch,
            issuer: self.issuer,
            index: u32::try_from(index).ok()?,
        };
        (ticket.id == place && ticket.network == self.network).then_some(ticket)
    }
}

/// A log that takes tickets.
#[derive(Debug)]
pub(crate) struct OpenLog {
    path: PathBuf,
    file: File,
    head: Head,
    count: u32,
    mass: DeliveryMass,
    tree: TreeTop<DeliveryMass>,
    promised: ByPayer,
    by_token: ByToken,
    broken: bool,
}

impl OpenLog {
    /// Opens or creates a log, reading all that is there. Blocking.
    pub(crate) fn open(path: &Path, head: Head) -> Result<Self, LogError> {
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(failed("open", path))?;
        let mut log = Self {
            path: path.to_owned(),
            file,
            head,
            count: 0,
            mass: DeliveryMass::ZERO,
            tree: TreeTop::default(),
            promised: ByPayer::new(),
            by_token: ByToken::new(),
            broken: false,
        };
        log.recover()?;
        Ok(log)
    }

    fn recover(&mut self) -> Result<(), LogError> {
        let length = self
            .file
            .metadata()
            .map_err(failed("read", &self.path))?
            .len();
        let header = self.head.to_bytes();
        let (file, path) = (self.file.try_clone(), self.path.clone());
        let file = file.map_err(failed("read", &path))?;
        let mut reader = Entries::new(&file, &path)?;
        let (found, whole) = reader.take::<HEADER_BYTES>()?;
        if found[..whole] != header[..whole] || whole < HEADER_BYTES {
            // No ticket is written before the header is durable: a header that isn't there whole has
            // nothing behind it.
            let cut_short = whole < HEADER_BYTES && found[..whole] == header[..whole];
            let never_written = found.iter().all(|byte| *byte == 0) && reader.rest_is_zero()?;
            if !cut_short && !never_written {
                return Err(self.head.foreign(&self.path));
            }
            return self.begin(&header);
        }
        loop {
            let (entry, whole) = reader.take::<ENTRY_BYTES>()?;
            if whole == 0 {
                break;
            }
            let index = u64::from(self.count);
            if whole == ENTRY_BYTES
                && let Some(ticket) = self.head.ticket(index, &entry)
            {
                self.admit(&ticket)?;
                continue;
            }
            let at = self.bytes();
            if whole == ENTRY_BYTES && !(is_torn(at, &entry) && reader.rest_is_zero()?) {
                return Err(LogError::Damaged {
                    path: self.path.clone(),
                    entry: index,
                });
            }
            tracing::warn!(
                log = %self.path.display(),
                tickets = self.count,
                bytes = length - at,
                "cut off an unfinished write at the ticket log's end; no ticket of it had left"
            );
            self.file
                .set_len(at)
                .and_then(|()| self.file.sync_all())
                .map_err(failed("shorten", &self.path))?;
            break;
        }
        // What the last process wrote may be in the page cache only: make it last before building on it.
        self.file.sync_all().map_err(failed("flush", &self.path))?;
        Ok(())
    }

    fn begin(&mut self, header: &[u8]) -> Result<(), LogError> {
        let mut write = || {
            self.file.set_len(0)?;
            self.file.seek(SeekFrom::Start(0))?;
            self.file.write_all(header)?;
            self.file.sync_all()
        };
        write().map_err(failed("write", &self.path))?;
        durable::sync_dir(self.path.parent().unwrap_or(Path::new(".")))?;
        Ok(())
    }

    fn admit(&mut self, ticket: &Ticket) -> Result<(), MassOverflow> {
        let leaf = ticket.leaf()?;
        self.mass = self.mass.checked_add(leaf.mass)?;
        self.tree.push(leaf)?;
        self.count += 1;
        let one = Promised {
            tickets: 1,
            bytes: ticket.bytes_max.into(),
        };
        self.promised.entry(ticket.payer).or_default().add(one);
        by_token::count(&mut self.by_token, ticket);
        Ok(())
    }

    fn bytes(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.count) * ENTRY_BYTES as u64
    }

    /// Tickets in it; the next one's index.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Sum of the tickets' limits.
    pub(crate) fn mass(&self) -> DeliveryMass {
        self.mass
    }

    /// The same for each payer.
    pub(crate) fn promised(&self) -> &ByPayer {
        &self.promised
    }

    /// What it allows on viewers' tokens.
    pub(crate) fn by_token(&self) -> &ByToken {
        &self.by_token
    }

    /// Appends tickets at the indices that follow; on `Ok` they are durable. On an error none of them
    /// counts, and the log stays usable if the half-done write could be taken back. Blocking.
    ///
    /// The caller has seen to the indices and that the sum of limits fits.
    pub(crate) fn append(&mut self, tickets: &[Ticket]) -> Result<(), LogError> {
        if self.broken {
            return Err(LogError::Broken {
                path: self.path.clone(),
            });
        }
        let mut bytes = Vec::with_capacity(tickets.len() * ENTRY_BYTES);
        for ticket in tickets {
            let ticket = ticket.to_bytes();
            bytes.extend_from_slice(&ticket);
            bytes.extend_from_slice(&keccak256(ticket)[..CHECK_BYTES]);
        }
        let start = self.bytes();
        let mut write = || {
            self.file.seek(SeekFrom::Start(start))?;
            self.file.write_all(&bytes)?;
            self.file.sync_data()
        };
        if let Err(error) = write() {
            let undone = self.file.set_len(start).and_then(|()| self.file.sync_all());
            self.broken = undone.is_err();
            return Err(failed("write", &self.path)(error).into());
        }
        for ticket in tickets {
            if let Err(error) = self.admit(ticket) {
                // They are on disk, so the numbers are used up; without their sum the log can't go on.
                self.broken = true;
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// What is committed of it as it stands.
    pub(crate) fn seal(&self) -> Result<Seal, LogError> {
        if self.broken {
            return Err(LogError::Broken {
                path: self.path.clone(),
            });
        }
        let root = self.tree.clone().finish()?;
        Ok(Seal {
            top: root.top.hash,
            count: self.count,
            bytes_max: root.mass().bytes(),
        })
    }
}

/// Whether an entry that doesn't check is one whose last part was never written: zeros from before its
/// checksum, or from a sector's beginning, to its end.
fn is_torn(at: u64, entry: &[u8; ENTRY_BYTES]) -> bool {
    let zeros_from = entry.len() - entry.iter().rev().take_while(|byte| **byte == 0).count();
    let sector = SECTOR_BYTES - (at % SECTOR_BYTES as u64) as usize;
    zeros_from <= TICKET_BYTES || (zeros_from <= sector && sector < entry.len())
}

/// Reads a log from its beginning in pieces of fixed size.
struct Entries<'a> {
    reader: BufReader<&'a File>,
    path: &'a Path,
}

impl<'a> Entries<'a> {
    fn new(mut file: &'a File, path: &'a Path) -> Result<Self, FileError> {
        file.seek(SeekFrom::Start(0))
            .map_err(failed("read", path))?;
        let reader = BufReader::with_capacity(READ_BYTES, file);
        Ok(Self { reader, path })
    }

    /// The next N bytes, and how many of them there were.
    fn take<const N: usize>(&mut self) -> Result<([u8; N], usize), FileError> {
        let (mut bytes, mut whole) = ([0; N], 0);
        while whole < N {
            match self.reader.read(&mut bytes[whole..]) {
                Ok(0) => break,
                Ok(read) => whole += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed("read", self.path)(error)),
            }
        }
        Ok((bytes, whole))
    }

    fn rest_is_zero(&mut self) -> Result<bool, FileError> {
        loop {
            let (bytes, whole) = self.take::<SECTOR_BYTES>()?;
            if bytes.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            if whole < SECTOR_BYTES {
                return Ok(true);
            }
        }
    }
}

/// Reads a closed log again, ticket by ticket, each checked. Blocking.
#[derive(Debug)]
pub(crate) struct ClosedLog {
    file: BufReader<File>,
    path: PathBuf,
    head: Head,
    next: u64,
    count: u32,
}

impl ClosedLog {
    /// Opens it and checks header and length.
    pub(crate) fn open(path: &Path, head: Head, seal: &Seal) -> Result<Self, LogError> {
        let file = File::open(path).map_err(failed("open", path))?;
        let found = file.metadata().map_err(failed("read", path))?.len();
        let expected = seal.file_bytes();
        if found != expected {
            let path = path.to_owned();
            return Err(LogError::Length {
                path,
                expected,
                found,
            });
        }
        let mut file = BufReader::with_capacity(READ_BYTES, file);
        let mut header = [0; HEADER_BYTES];
        file.read_exact(&mut header).map_err(failed("read", path))?;
        if header[..] != head.to_bytes() {
            return Err(head.foreign(path));
        }
        Ok(Self {
            file,
            path: path.to_owned(),
            head,
            next: 0,
            count: seal.count,
        })
    }

    /// The next ticket.
    pub(crate) fn next_ticket(&mut self) -> Result<Option<Ticket>, LogError> {
        if self.next == u64::from(self.count) {
            return Ok(None);
        }
        let mut entry = [0; ENTRY_BYTES];
        self.file
            .read_exact(&mut entry)
            .map_err(failed("read", &self.path))?;
        let ticket = self
            .head
            .ticket(self.next, &entry)
            .ok_or_else(|| LogError::Damaged {
                path: self.path.clone(),
                entry: self.next,
            })?;
        self.next += 1;
        Ok(Some(ticket))
    }
}

/// One ticket of a log, open or closed; `None` if it isn't in it. Blocking.
pub(crate) fn read_one(path: &Path, head: Head, index: u32) -> Result<Option<Ticket>, LogError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("open", path)(error).into()),
    };
    let at = HEADER_BYTES as u64 + u64::from(index) * ENTRY_BYTES as u64;
    let mut entry = [0; ENTRY_BYTES];
    let read = file.seek(SeekFrom::Start(at));
    match read.and_then(|_| file.read_exact(&mut entry)) {
        // One that is being written isn't issued yet.
        Ok(()) => Ok(head.ticket(index.into(), &entry)),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(failed("read", path)(error).into()),
    }
}

#[cfg(test)]
#[path = "ticket_log_tests.rs"]
mod tests;
