//! Reading what was issued.

use super::form::{ENTRY_BYTES, Layout, SECTOR};
use super::{Head, LogError, Seal};
use disk::failed;
use protocol::Ticket;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Bytes read at a time.
const READ_BYTES: usize = 1 << 20;

/// Reads a closed log again, ticket by ticket, each checked. Blocking.
#[derive(Debug)]
pub(crate) struct ClosedLog {
    file: BufReader<File>,
    path: PathBuf,
    head: Head,
    layout: Layout,
    next: u64,
    count: u32,
}

impl ClosedLog {
    /// Opens it and checks header and length.
    pub(crate) fn open(path: &Path, head: Head, seal: &Seal) -> Result<Self, LogError> {
        let mut file = File::open(path).map_err(failed("open", path))?;
        let length = file.metadata().map_err(failed("read", path))?.len();
        let mut sector = [0; SECTOR];
        let read = read_up_to(&mut file, &mut sector).map_err(failed("read", path))?;
        let layout = Layout::of(&sector[..read]);
        let expected = layout.at(seal.count.into());
        if length != expected {
            return Err(LogError::Length {
                path: path.to_owned(),
                expected,
                found: length,
            });
        }
        let is_ours = match layout {
            Layout::First => sector.starts_with(&head.facts(layout)),
            Layout::Marked => sector == head.sector(),
        };
        if !is_ours {
            return Err(head.foreign(path));
        }
        file.seek(SeekFrom::Start(layout.at(0)))
            .map_err(failed("read", path))?;
        Ok(Self {
            file: BufReader::with_capacity(READ_BYTES, file),
            path: path.to_owned(),
            head,
            layout,
            next: 0,
            count: seal.count,
        })
    }

    /// The next ticket.
    pub(crate) fn next_ticket(&mut self) -> Result<Option<Ticket>, LogError> {
        if self.next == u64::from(self.count) {
            return Ok(None);
        }
        let mut room = [0; ENTRY_BYTES];
        let entry = &mut room[..self.layout.entry_bytes()];
        self.file
            .read_exact(entry)
            .map_err(failed("read", &self.path))?;
        let found = self.head.entry(self.layout, self.next, entry);
        let (ticket, _) = found.ok_or_else(|| LogError::Damaged {
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
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("open", path)(error).into()),
    };
    let mut room = [0; ENTRY_BYTES];
    let read = read_up_to(&mut file, &mut room[..8]).map_err(failed("read", path))?;
    let layout = Layout::of(&room[..read]);
    let entry = &mut room[..layout.entry_bytes()];
    let seek = file.seek(SeekFrom::Start(layout.at(index.into())));
    match seek.and_then(|_| file.read_exact(entry)) {
        // One that is being written isn't issued yet.
        Ok(()) => Ok(head
            .entry(layout, index.into(), entry)
            .map(|(ticket, _)| ticket)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(failed("read", path)(error).into()),
    }
}

/// Reads until a buffer is full or the file ends; how much.
fn read_up_to(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut whole = 0;
    while whole < buffer.len() {
        match file.read(&mut buffer[whole..]) {
            Ok(0) => break,
            Ok(read) => whole += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(whole)
}
