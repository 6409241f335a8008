//! The log of an epoch that goes on.

use super::first;
use super::form::{ENTRY_BYTES, HEAD_BYTES, Layout, SECTOR, put};
use super::{Head, LogError, Seal};
use crate::rules::promises::{ByPayer, Promised};
use crate::rules::tokens::{self, ByToken};
use disk::{Disk, DiskError, DiskFile, failed, folder_of, unfinished};
use protocol::{DeliveryMass, Mass, MassOverflow, Ticket, TreeTop};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Entries read or written anew at a time: under 1 MB.
const AT_ONCE: usize = 4096;

/// A log that takes tickets.
#[derive(Debug)]
pub(crate) struct OpenLog {
    path: PathBuf,
    file: DiskFile,
    head: Head,
    count: u32,
    /// What the mark says.
    marked: u32,
    mass: DeliveryMass,
    tree: TreeTop<DeliveryMass>,
    promised: ByPayer,
    by_token: ByToken,
    broken: bool,
}

impl OpenLog {
    /// Opens or creates a log, reading all that is there. Blocking.
    pub(crate) fn open(disk: &Disk, path: &Path, head: Head) -> Result<Self, LogError> {
        match File::open(path) {
            Ok(file) => {
                let mut beginning = [0; SECTOR];
                // One that is shorter than a sector is of no version, or of the first.
                let read = file.read_at(&mut beginning, 0);
                let read = read.map_err(failed("read", path))?;
                if Layout::of(&beginning[..read]) == Layout::First {
                    convert(disk, &file, path, head)?;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let empty = [head.sector(), head.mark(0)].concat();
                disk.replace(path, &empty)?;
            }
            Err(error) => return Err(failed("open", path)(error).into()),
        }
        let mut log = Self {
            path: path.to_owned(),
            file: disk.open(path)?,
            head,
            count: 0,
            marked: 0,
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
        let (file, path, head) = (self.file.clone(), self.path.clone(), self.head);
        let length = file.length()?;
        let mut sectors = [0; HEAD_BYTES];
        if length >= HEAD_BYTES as u64 {
            read_at(&file, &mut sectors, 0)?;
        }
        let ([first, mark], _) = sectors.as_chunks::<SECTOR>() else {
            unreachable!("two sectors")
        };
        // One that is cut short there was cut by somebody else: it is made with both.
        if *first != head.sector() {
            return Err(head.foreign(&path));
        }
        let mut acknowledged = head.marked(mark);
        let slots = (length - HEAD_BYTES as u64) / ENTRY_BYTES as u64;
        let mut buffer = vec![0; AT_ONCE * ENTRY_BYTES];
        let (mut next, mut broken) = (0, false);
        while next < slots {
            let count = (slots - next).min(AT_ONCE as u64) as usize;
            let bytes = &mut buffer[..count * ENTRY_BYTES];
            read_at(&file, bytes, Layout::Marked.at(next))?;
            for entry in bytes.as_chunks::<ENTRY_BYTES>().0 {
                match head.entry(Layout::Marked, next, entry) {
                    None => broken = true,
                    Some((ticket, before)) => {
                        acknowledged = acknowledged.max(before);
                        if !broken {
                            self.admit(&ticket)?;
                        }
                    }
                }
                next += 1;
            }
        }
        if self.count < acknowledged {
            return Err(LogError::Damaged {
                path,
                entry: self.count.into(),
            });
        }
        let end = self.bytes();
        if end < length {
            tracing::warn!(
                log = %path.display(),
                tickets = self.count,
                bytes = length - end,
                "cut off an unfinished write at the ticket log's end; no ticket of it had left"
            );
            file.set_len(end)?;
        }
        // What the last process wrote and could not sync may be in the page cache only.
        let mut from = Layout::Marked.at(acknowledged.into());
        while from < end {
            let again = (end - from).min(buffer.len() as u64) as usize;
            let again = &mut buffer[..again];
            read_at(&file, again, from)?;
            file.write_all_at(again, from)?;
            from += again.len() as u64;
        }
        file.sync_all()?;
        self.marked = acknowledged;
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
        tokens::count(&mut self.by_token, ticket);
        Ok(())
    }

    fn bytes(&self) -> u64 {
        Layout::Marked.at(self.count.into())
    }

    /// Whether a write failed that could not be taken back. What is on disk is known when it is opened again.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
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
            put(&mut bytes, ticket, self.count);
        }
        let start = self.bytes();
        let written = self.file.write_all_at(&bytes, start);
        if let Err(error) = written.and_then(|()| self.file.sync_data()) {
            let undone = self.file.set_len(start).and_then(|()| self.file.sync_all());
            self.broken = undone.is_err();
            return Err(error.into());
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

    /// Nothing is waiting: writes down how many tickets have left. Blocking.
    pub(crate) fn mark(&mut self) {
        if self.broken || self.marked == self.count {
            return;
        }
        let mark = self.head.mark(self.count);
        match self.file.write_all_at(&mark, SECTOR as u64) {
            Ok(()) => self.marked = self.count,
            // One that is torn says nothing, and the entries that follow say it again.
            Err(error) => tracing::warn!(%error, "the ticket log's mark can't be written"),
        }
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

fn read_at(file: &DiskFile, bytes: &mut [u8], at: u64) -> Result<(), DiskError> {
    let read = file.file().read_exact_at(bytes, at);
    read.map_err(failed("read", file.path()))
}

/// Writes a log of version 1 anew, in its place.
fn convert(disk: &Disk, file: &File, path: &Path, head: Head) -> Result<(), LogError> {
    let beside = unfinished(path);
    disk.remove(&beside)?;
    let new = disk.create_new(&beside)?;
    new.write_all_at(&head.sector(), 0)?;
    let (mut count, mut written) = (0, 0);
    let mut pending = Vec::new();
    first::read(file, path, head, &mut |ticket| {
        put(&mut pending, &ticket, 0);
        count += 1;
        if pending.len() >= AT_ONCE * ENTRY_BYTES {
            new.write_all_at(&pending, Layout::Marked.at(written))?;
            written = count.into();
            pending.clear();
        }
        Ok(())
    })?;
    new.write_all_at(&pending, Layout::Marked.at(written))?;
    // All of it is as if it had left.
    new.write_all_at(&head.mark(count), SECTOR as u64)?;
    new.sync_all()?;
    disk.rename(&beside, path)?;
    disk.sync_dir(folder_of(path))?;
    tracing::info!(log = %path.display(), tickets = count, "a ticket log is converted");
    Ok(())
}
