//! A log of version 1: a head and entries without a gap, and nothing that says how many tickets had left.
//!
//! After a crash it may end in the midst of an entry (the write was cut short), or in zeros (the file had grown, its
//! blocks were never written). No ticket of such a tail had left. Everything else that doesn't check is damage.

use super::form::{FACTS_BYTES, FIRST_ENTRY_BYTES, Layout, SECTOR};
use super::{Head, LogError};
use disk::{DiskError, failed};
use protocol::{TICKET_BYTES, Ticket};
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// Bytes read at a time.
const READ_BYTES: usize = 1 << 20;

/// Gives the tickets of a log that is to be written anew; changes nothing.
///
/// # Errors
/// If it is damaged, or another's, or can't be read.
pub(super) fn read(
    file: &File,
    path: &Path,
    head: Head,
    each: &mut dyn FnMut(Ticket) -> Result<(), LogError>,
) -> Result<(), LogError> {
    let facts = head.facts(Layout::First);
    let mut reader = Entries::new(file, path)?;
    let (found, whole) = reader.take::<FACTS_BYTES>()?;
    if found[..whole] != facts[..whole] || whole < FACTS_BYTES {
        // No ticket was written before the head was durable: one that isn't there whole has nothing behind it.
        let cut_short = whole < FACTS_BYTES && found[..whole] == facts[..whole];
        let never_written = found.iter().all(|byte| *byte == 0) && reader.rest_is_zero()?;
        return match cut_short || never_written {
            true => Ok(()),
            false => Err(head.foreign(path)),
        };
    }
    for index in 0.. {
        let (entry, whole) = reader.take::<FIRST_ENTRY_BYTES>()?;
        if whole < FIRST_ENTRY_BYTES {
            return Ok(());
        }
        match head.entry(Layout::First, index, &entry) {
            Some((ticket, _)) => each(ticket)?,
            None if is_torn(Layout::First.at(index), &entry) && reader.rest_is_zero()? => {
                return Ok(());
            }
            None => {
                return Err(LogError::Damaged {
                    path: path.to_owned(),
                    entry: index,
                });
            }
        }
    }
    Ok(())
}

/// Whether an entry that doesn't check is one whose last part was never written: zeros from before its
/// checksum, or from a sector's beginning, to its end.
fn is_torn(at: u64, entry: &[u8; FIRST_ENTRY_BYTES]) -> bool {
    let zeros_from = entry.len() - entry.iter().rev().take_while(|byte| **byte == 0).count();
    let sector = SECTOR - (at % SECTOR as u64) as usize;
    zeros_from <= TICKET_BYTES || (zeros_from <= sector && sector < entry.len())
}

/// Reads a log from its beginning in pieces of fixed size.
struct Entries<'a> {
    reader: BufReader<&'a File>,
    path: &'a Path,
}

impl<'a> Entries<'a> {
    fn new(mut file: &'a File, path: &'a Path) -> Result<Self, DiskError> {
        file.seek(SeekFrom::Start(0))
            .map_err(failed("read", path))?;
        let reader = BufReader::with_capacity(READ_BYTES, file);
        Ok(Self { reader, path })
    }

    /// The next N bytes, and how many of them there were.
    fn take<const N: usize>(&mut self) -> Result<([u8; N], usize), DiskError> {
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

    fn rest_is_zero(&mut self) -> Result<bool, DiskError> {
        loop {
            let (bytes, whole) = self.take::<SECTOR>()?;
            if bytes.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            if whole < SECTOR {
                return Ok(true);
            }
        }
    }
}
