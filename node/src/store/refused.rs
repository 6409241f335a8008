//! Tickets that a node refuses though their issuer signed them: what it holds against the issuer.
//!
//! An issuer that signs what isn't well-formed, or two tickets under one id, can be shown to have done so by
//! whoever has its signature. Nothing is earned by these tickets, so they are in no journal.

use disk::{Disk, DiskError, DiskFile, failed};
use protocol::{B256, Epoch, SignedTicket, TICKET_BYTES};
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Most that are kept: one is enough to show, and 2.8 MB are nothing.
const KEPT_MAX: usize = 10_000;
/// `ticket ‖ issuer's signature`.
const ENTRY_BYTES: usize = TICKET_BYTES + 64;

/// The file in a node's folder.
pub(crate) const FILE: &str = "refused-tickets";

/// Keeps them on disk, each once.
#[derive(Debug)]
pub(crate) struct RefusedTickets(Mutex<Kept>);

#[derive(Debug)]
struct Kept {
    file: DiskFile,
    /// Of whole entries. What is behind them, if a write failed, is written over.
    bytes: u64,
    digests: HashSet<B256>,
}

impl RefusedTickets {
    /// Opens the file of a node's folder. What a crash left at its end is cut off. Blocking.
    ///
    /// # Errors
    /// If it can't be read or made.
    pub(crate) fn open(disk: &Disk, data_dir: &Path) -> Result<Self, DiskError> {
        let path = data_dir.join(FILE);
        let mut digests = HashSet::new();
        read(&path, &mut |ticket| {
            digests.insert(ticket.peek().digest());
        })
        .map_err(failed("read", &path))?;
        let file = disk.open(&path)?;
        let length = file.length()?;
        let bytes = length / ENTRY_BYTES as u64 * ENTRY_BYTES as u64;
        if bytes < length {
            file.set_len(bytes)?;
        }
        file.sync_all()?;
        // Its name must outlast a power cut like its first ticket.
        disk.sync_dir(data_dir)?;
        Ok(Self(Mutex::new(Kept {
            file,
            bytes,
            digests,
        })))
    }

    /// Keeps a ticket durably. It happens when an issuer lies, and at most [`KEPT_MAX`] times; so it may hold up
    /// the others for a moment.
    pub(crate) fn keep(&self, signed: &SignedTicket) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let digest = signed.peek().digest();
        if kept.digests.len() >= KEPT_MAX || !kept.digests.insert(digest) {
            return;
        }
        let entry = [signed.ticket.as_slice(), signed.signature.as_slice()].concat();
        let written = kept.file.write_all_at(&entry, kept.bytes);
        match written.and_then(|()| kept.file.sync_data()) {
            Ok(()) => {
                kept.bytes += ENTRY_BYTES as u64;
                tracing::warn!(
                    ticket = ?signed.peek().id,
                    "an issuer signed what it may not; the ticket is kept"
                );
            }
            Err(error) => {
                // It may be kept when it comes again.
                kept.digests.remove(&digest);
                tracing::error!(%error, "a refused ticket can't be kept");
            }
        }
    }
}

/// Gives the tickets of an epoch that are kept in a node's folder.
pub(crate) fn of_epoch(
    data_dir: &Path,
    epoch: Epoch,
    each: &mut dyn FnMut(SignedTicket),
) -> io::Result<()> {
    read(&data_dir.join(FILE), &mut |ticket| {
        if ticket.peek().id.epoch == epoch {
            each(ticket);
        }
    })
}

/// Reads whole entries; a file that isn't there has none.
fn read(path: &Path, each: &mut dyn FnMut(SignedTicket)) -> io::Result<()> {
    let mut file = match File::open(path) {
        Ok(file) => BufReader::new(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut entry = [0; ENTRY_BYTES];
    loop {
        match file.read_exact(&mut entry) {
            Ok(()) => each(SignedTicket {
                ticket: entry[..TICKET_BYTES].try_into().expect("TICKET_BYTES"),
                signature: entry[TICKET_BYTES..].try_into().expect("64 bytes"),
            }),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(fill: u8) -> SignedTicket {
        SignedTicket {
            ticket: [fill; TICKET_BYTES].into(),
            signature: [fill; 64].into(),
        }
    }

    fn kept(dir: &Path, fill: u8) -> Vec<SignedTicket> {
        let mut found = Vec::new();
        let epoch = u64::from_be_bytes([fill; 8]);
        of_epoch(dir, epoch, &mut |ticket| found.push(ticket)).unwrap();
        found
    }

    #[test]
    fn each_is_kept_once_and_survives() {
        let dir = tempfile::tempdir().unwrap();
        assert!(kept(dir.path(), 1).is_empty(), "no file, no tickets");
        for _ in 0..2 {
            let refused = RefusedTickets::open(&Disk::system(), dir.path()).unwrap();
            refused.keep(&ticket(1));
            refused.keep(&ticket(2));
            refused.keep(&ticket(1));
        }
        assert_eq!(kept(dir.path(), 1), [ticket(1)]);
        assert_eq!(kept(dir.path(), 2), [ticket(2)]);
    }

    #[test]
    fn a_torn_end_is_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        RefusedTickets::open(&Disk::system(), dir.path())
            .unwrap()
            .keep(&ticket(1));
        let path = dir.path().join(FILE);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.extend_from_slice(&[9; 100]);
        std::fs::write(&path, bytes).unwrap();
        let refused = RefusedTickets::open(&Disk::system(), dir.path()).unwrap();
        refused.keep(&ticket(2));
        assert_eq!(kept(dir.path(), 1), [ticket(1)]);
        assert_eq!(kept(dir.path(), 2), [ticket(2)]);
    }
}
