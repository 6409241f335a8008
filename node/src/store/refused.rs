//! Tickets that a node refuses though their issuer signed them: what it holds against the issuer.
//!
//! An issuer that signs what isn't well-formed, or two tickets under one id, can be shown to have done so by
//! whoever has its signature. Nothing is earned by these tickets, so they are in no journal.
//!
//! `refused-tickets.log` is entries of `ticket (216) ‖ issuer's signature (64) ‖ check (8)`, each for itself: one that
//! doesn't check, because a power cut tore it or it has rotted, says nothing. `check` is the beginning of keccak-256 over
//! what is before it. `refused-tickets` is the same without checks, of earlier versions; it is taken over.

use disk::{Disk, DiskError, DiskFile, failed};
use host::Mutex;
use protocol::{B256, Epoch, SignedTicket, TICKET_BYTES, keccak256};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

/// Most that are kept: one is enough to show, and 2.8 MB are nothing.
const KEPT_MAX: usize = 10_000;
/// `ticket ‖ issuer's signature`.
const SIGNED_BYTES: usize = TICKET_BYTES + 64;
const CHECK_BYTES: usize = 8;
const ENTRY_BYTES: usize = SIGNED_BYTES + CHECK_BYTES;

/// The file in a node's folder.
pub(crate) const FILE: &str = "refused-tickets.log";
/// The same as earlier versions wrote it.
const OLD_FILE: &str = "refused-tickets";

/// Keeps them on disk, each once.
#[derive(Debug)]
pub(crate) struct RefusedTickets(Mutex<RefusedFile>);

#[derive(Debug)]
struct RefusedFile {
    file: DiskFile,
    /// Of whole entries. What is behind them, if a write failed, is written over.
    bytes: u64,
    digests: BTreeSet<B256>,
}

impl RefusedTickets {
    /// Opens the file of a node's folder. What a crash left at its end is cut off. Blocking.
    ///
    /// # Errors
    /// If it can't be read or made.
    pub(crate) fn open(disk: &Disk, data_dir: &Path) -> Result<Self, DiskError> {
        let path = data_dir.join(FILE);
        let old = data_dir.join(OLD_FILE);
        if old.exists() {
            let mut all = Vec::new();
            let mut take = |ticket: SignedTicket| all.extend_from_slice(&entry(&ticket));
            read_old(&old, &mut take).map_err(failed("read", &old))?;
            // A start that was cut short after this has both, and gives the same again.
            disk.replace(&path, &all)?;
            disk.remove(&old)?;
        }
        let mut digests = BTreeSet::new();
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
        Ok(Self(Mutex::new(RefusedFile {
            file,
            bytes,
            digests,
        })))
    }

    /// Keeps a ticket durably. It happens when an issuer lies, and at most [`KEPT_MAX`] times; so it may hold up
    /// the others for a moment.
    pub(crate) fn keep(&self, signed: &SignedTicket) {
        let mut kept = self.0.lock();
        let digest = signed.peek().digest();
        if kept.digests.len() >= KEPT_MAX || !kept.digests.insert(digest) {
            return;
        }
        let written = kept.file.write_all_at(&entry(signed), kept.bytes);
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
    let mut of_it = |ticket: SignedTicket| {
        if ticket.peek().id.epoch == epoch {
            each(ticket);
        }
    };
    // Until a node of this version has started there.
    let old = data_dir.join(OLD_FILE);
    match old.exists() {
        true => read_old(&old, &mut of_it),
        false => read(&data_dir.join(FILE), &mut of_it),
    }
}

fn entry(signed: &SignedTicket) -> Vec<u8> {
    let mut entry = [signed.ticket.as_slice(), signed.signature.as_slice()].concat();
    let check = keccak256(&entry);
    entry.extend_from_slice(&check[..CHECK_BYTES]);
    entry
}

fn signed(bytes: &[u8; SIGNED_BYTES]) -> SignedTicket {
    let (ticket, signature) = bytes.split_at(TICKET_BYTES);
    SignedTicket {
        ticket: ticket.try_into().expect("TICKET_BYTES"),
        signature: signature.try_into().expect("64 bytes"),
    }
}

fn read(path: &Path, each: &mut dyn FnMut(SignedTicket)) -> io::Result<()> {
    entries::<ENTRY_BYTES>(path, &mut |entry| {
        let (bytes, check) = entry.split_first_chunk().expect("it is longer");
        if keccak256(bytes)[..CHECK_BYTES] == *check {
            each(signed(bytes));
        }
    })
}

fn read_old(path: &Path, each: &mut dyn FnMut(SignedTicket)) -> io::Result<()> {
    entries::<SIGNED_BYTES>(path, &mut |bytes| each(signed(bytes)))
}

/// Reads whole entries; a file that isn't there has none.
fn entries<const N: usize>(path: &Path, each: &mut dyn FnMut(&[u8; N])) -> io::Result<()> {
    let mut file = match File::open(path) {
        Ok(file) => BufReader::new(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut entry = [0; N];
    loop {
        match file.read_exact(&mut entry) {
            Ok(()) => each(&entry),
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
    #[test]
    fn what_has_rotted_says_nothing_and_what_earlier_versions_kept_is_taken_over() {
        let dir = tempfile::tempdir().unwrap();
        let old = dir.path().join(OLD_FILE);
        let mut bytes = Vec::new();
        for fill in [1, 2, 3] {
            bytes.extend_from_slice(&entry(&ticket(fill))[..SIGNED_BYTES]);
        }
        bytes.extend_from_slice(&[9; 100]);
        std::fs::write(&old, bytes).unwrap();
        assert_eq!(kept(dir.path(), 2), [ticket(2)], "before a start");
        drop(RefusedTickets::open(&Disk::system(), dir.path()).unwrap());
        assert!(!old.exists());
        let path = dir.path().join(FILE);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[ENTRY_BYTES + 50] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        for (fill, found) in [(1, vec![ticket(1)]), (2, vec![]), (3, vec![ticket(3)])] {
            assert_eq!(kept(dir.path(), fill), found);
        }
        let refused = RefusedTickets::open(&Disk::system(), dir.path()).unwrap();
        refused.keep(&ticket(2));
        assert_eq!(kept(dir.path(), 2), [ticket(2)]);
    }
}
