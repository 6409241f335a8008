//! The journal's files: `epoch-N/` (sled) and `epoch-N.count`.

use super::{Kept, LogError};
use protocol::{
    Epoch, RECORD_BYTES, RECORDS_MAX, Receipt, Record, SignedTicket, TICKET_BYTES, TicketId,
};
use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// sled's page cache for one epoch.
const CACHE_BYTES: u64 = 64 << 20;
/// `ticket ‖ issuer's signature ‖ record`.
const STORED_BYTES: usize = TICKET_BYTES + 64 + RECORD_BYTES;

/// One entry of the journal.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) ticket: SignedTicket,
    pub(crate) record: Record,
}

impl Stored {
    fn to_bytes(&self) -> [u8; STORED_BYTES] {
        let mut out = [0; STORED_BYTES];
        out[..TICKET_BYTES].copy_from_slice(self.ticket.ticket.as_slice());
        out[TICKET_BYTES..TICKET_BYTES + 64].copy_from_slice(self.ticket.signature.as_slice());
        out[TICKET_BYTES + 64..].copy_from_slice(&self.record.to_bytes());
        out
    }

    fn from_bytes(bytes: &[u8]) -> Option<Kept> {
        let bytes: &[u8; STORED_BYTES] = bytes.try_into().ok()?;
        let ticket = SignedTicket {
            ticket: bytes[..TICKET_BYTES].try_into().ok()?,
            signature: bytes[TICKET_BYTES..TICKET_BYTES + 64].try_into().ok()?,
        };
        Some((
            ticket,
            Record::from_bytes(bytes[TICKET_BYTES + 64..].try_into().ok()?),
        ))
    }
}

#[derive(Debug)]
pub(crate) struct Journal {
    dir: PathBuf,
    epochs: HashMap<Epoch, Database>,
    /// Epochs that take no more receipts.
    closed: HashSet<Epoch>,
    /// Closed epochs whose segment is written: their database isn't open.
    written: HashSet<Epoch>,
}

#[derive(Debug)]
struct Database {
    dir: PathBuf,
    db: sled::Db,
    /// sled's log, opened once more to sync it.
    log: File,
    counter: File,
    /// Tickets in it.
    count: u64,
    /// What `counter` says.
    counted: u64,
    dirty: bool,
}

fn io_error<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> LogError + 'a {
    move |source| LogError::Io {
        what,
        path: path.to_owned(),
        source,
    }
}

fn sync_dir(dir: &Path) -> Result<(), LogError> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(io_error("sync", dir))
}

impl Journal {
    pub(crate) fn open(dir: &Path, sealed: impl Fn(Epoch) -> bool) -> Result<Self, LogError> {
        fs::create_dir_all(dir).map_err(io_error("create", dir))?;
        let mut journal = Self {
            dir: dir.to_owned(),
            epochs: HashMap::new(),
            closed: HashSet::new(),
            written: HashSet::new(),
        };
        for entry in fs::read_dir(dir).map_err(io_error("read", dir))? {
            let path = entry.map_err(io_error("read", dir))?.path();
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            // The count as well as the folder names an epoch: a folder that is gone must be missed.
            let epoch = name
                .strip_prefix("epoch-")
                .and_then(|rest| rest.strip_suffix(".count").unwrap_or(rest).parse().ok());
            match epoch {
                Some(epoch) if sealed(epoch) => {
                    journal.written(epoch);
                }
                Some(epoch) if !journal.epochs.contains_key(&epoch) => {
                    journal.epochs.insert(epoch, Database::open(dir, epoch)?);
                }
                _ => {}
            }
        }
        Ok(journal)
    }

    fn database(&mut self, epoch: Epoch) -> Result<&mut Database, LogError> {
        match self.epochs.entry(epoch) {
            std::collections::hash_map::Entry::Occupied(open) => Ok(open.into_mut()),
            std::collections::hash_map::Entry::Vacant(vacant) => {
                let database = Database::open(&self.dir, epoch)?;
                sync_dir(&self.dir)?;
                Ok(vacant.insert(database))
            }
        }
    }

    /// Inserts; durable only after [`Journal::make_durable`].
    pub(crate) fn insert(&mut self, id: TicketId, stored: &Stored) -> Result<(), LogError> {
        if self.closed.contains(&id.epoch) {
            return Err(LogError::Sealed(id.epoch));
        }
        let database = self.database(id.epoch)?;
        match database.get(id)? {
            // Two sessions of one ticket may race: an acknowledged receipt is never replaced by a lesser.
            Some((_, kept)) if !stored.record.receipt.follows(&kept.receipt) => {
                return Err(LogError::NotMonotonic);
            }
            None if database.count >= RECORDS_MAX.into() => return Err(LogError::Full(id.epoch)),
            _ => {}
        }
        let before = database
            .db
            .insert(id.to_bytes(), &stored.to_bytes()[..])
            .map_err(|error| database.damaged(error))?;
        database.dirty = true;
        database.count += u64::from(before.is_none());
        Ok(())
    }

    /// Makes everything inserted durable; gives the epochs where that failed.
    pub(crate) fn make_durable(&mut self) -> HashMap<Epoch, LogError> {
        let mut failed = HashMap::new();
        for (epoch, database) in &mut self.epochs {
            if database.dirty {
                match database.make_durable() {
                    Ok(()) => database.dirty = false,
                    Err(error) => drop(failed.insert(*epoch, error)),
                }
            }
        }
        failed
    }

    pub(crate) fn last(&self, id: TicketId) -> Result<Option<Receipt>, LogError> {
        match self.epochs.get(&id.epoch) {
            None => Ok(None),
            Some(database) => Ok(database.get(id)?.map(|(_, record)| record.receipt)),
        }
    }

    pub(crate) fn open_epochs(&self) -> Vec<Epoch> {
        let mut open: Vec<_> = self.epochs.keys().copied().collect();
        open.sort_unstable();
        open
    }

    /// Tickets with a receipt in each epoch whose database is open.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (Epoch, u64)> {
        self.epochs
            .iter()
            .map(|(epoch, database)| (*epoch, database.count))
    }

    /// Closes the epoch's database; its files stay, they are evidence.
    pub(crate) fn written(&mut self, epoch: Epoch) {
        self.closed.insert(epoch);
        self.written.insert(epoch);
        self.epochs.remove(&epoch);
    }

    pub(crate) fn seal(&mut self, epoch: Epoch) -> Result<Vec<Record>, LogError> {
        // Its database isn't open: to take it for empty would seal an empty segment over the true one.
        if self.written.contains(&epoch) {
            return Err(LogError::Sealed(epoch));
        }
        self.closed.insert(epoch);
        let Some(database) = self.epochs.get(&epoch) else {
            return Ok(Vec::new());
        };
        let mut records = Vec::with_capacity(database.count as usize);
        for entry in database.db.iter() {
            let (key, value) = entry.map_err(|error| database.damaged(error))?;
            let (_, record) = Stored::from_bytes(&value)
                .filter(|(_, record)| record.id.to_bytes()[..] == key[..])
                .ok_or_else(|| database.damaged("an entry is not a record"))?;
            records.push(record);
        }
        Ok(records)
    }
}

/// Gives what is kept of each ticket of an epoch, in their order; nothing if there is none. The epoch's
/// database must not be in use. Blocking.
pub(crate) fn each_kept(
    dir: &Path,
    epoch: Epoch,
    each: &mut dyn FnMut(SignedTicket, Record),
) -> Result<(), LogError> {
    // Opening makes what isn't there.
    if !dir.join(format!("epoch-{epoch}")).is_dir() {
        return Ok(());
    }
    let database = Database::open(dir, epoch)?;
    for entry in database.db.iter() {
        let (_, value) = entry.map_err(|error| database.damaged(error))?;
        let (ticket, record) = Stored::from_bytes(&value)
            .ok_or_else(|| database.damaged("an entry is not a record"))?;
        each(ticket, record);
    }
    Ok(())
}

impl Database {
    fn open(parent: &Path, epoch: Epoch) -> Result<Self, LogError> {
        let dir = parent.join(format!("epoch-{epoch}"));
        let counter_path = parent.join(format!("epoch-{epoch}.count"));
        let damaged = |what: String| LogError::Damaged {
            dir: dir.clone(),
            what,
        };
        let config = sled::Config::new()
            .path(&dir)
            .cache_capacity(CACHE_BYTES)
            // We flush ourselves, before every acknowledgement.
            .flush_every_ms(None);
        // On a damaged log sled may panic rather than fail.
        let opened = catch_unwind(AssertUnwindSafe(|| config.open()))
            .map_err(|_| damaged("sled can't read its log".into()))?;
        let db = match opened {
            Ok(db) => db,
            Err(sled::Error::Io(error)) if error.to_string().contains("lock") => {
                return Err(LogError::Locked(dir));
            }
            Err(sled::Error::Io(source)) => {
                return Err(LogError::Io {
                    what: "open",
                    path: dir,
                    source,
                });
            }
            Err(error) => return Err(damaged(error.to_string())),
        };
        let log_path = dir.join("db");
        let log = File::open(&log_path).map_err(io_error("open", &log_path))?;
        let counter = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&counter_path)
            .map_err(io_error("open", &counter_path))?;
        let counted = read_count(&counter).map_err(io_error("read", &counter_path))?;
        let count = db.len() as u64;
        if count < counted {
            drop(db);
            return Err(damaged(format!(
                "{counted} tickets were on disk, {count} are"
            )));
        }
        sync_dir(&dir)?;
        Ok(Self {
            dir,
            db,
            log,
            counter,
            count,
            counted,
            dirty: false,
        })
    }

    fn damaged(&self, what: impl ToString) -> LogError {
        LogError::Damaged {
            dir: self.dir.clone(),
            what: what.to_string(),
        }
    }

    fn get(&self, id: TicketId) -> Result<Option<Kept>, LogError> {
        let found = self
            .db
            .get(id.to_bytes())
            .map_err(|error| self.damaged(error))?;
        match found {
            None => Ok(None),
            Some(bytes) => Stored::from_bytes(&bytes)
                .map(Some)
                .ok_or_else(|| self.damaged("an entry is not a record")),
        }
    }

    fn make_durable(&mut self) -> Result<(), LogError> {
        self.db.flush().map_err(|error| self.damaged(error))?;
        self.log.sync_data().map_err(io_error("sync", &self.dir))?;
        if self.count > self.counted {
            write_count(&self.counter, self.count).map_err(io_error("write", &self.dir))?;
            self.counted = self.count;
        }
        Ok(())
    }
}

/// `count (u64) ‖ its complement`: a torn write is told from a whole one.
fn write_count(file: &File, count: u64) -> io::Result<()> {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&count.to_be_bytes());
    bytes[8..].copy_from_slice(&(!count).to_be_bytes());
    file.write_all_at(&bytes, 0)?;
    file.sync_data()
}

/// 0 for a file that is new or torn: then the last group was never acknowledged.
fn read_count(file: &File) -> io::Result<u64> {
    let mut bytes = [0; 16];
    match file.read_exact_at(&mut bytes, 0) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
        Err(error) => return Err(error),
    }
    let word = |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
    Ok(if word(0) == !word(8) { word(0) } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{
        Address, B256, ClientKey, CollectionId, Network, NodeId, SigningKey, Ticket, keccak256,
    };

    fn stored(epoch: Epoch, index: u32, sequence: u32) -> (TicketId, Stored) {
        let id = TicketId {
            epoch,
            issuer: 0,
            index,
        };
        let ticket = Ticket {
            network: Network {
                chain_id: 1,
                settlement: Address::ZERO,
            },
            id,
            node: NodeId::from([2; 32]),
            client: ClientKey::from([3; 32]),
            collection: CollectionId::from([4; 32]),
            payer: Address::ZERO,
            viewer_token: B256::ZERO,
            bytes_max: 1000,
            issued_at: 0,
            expires_at: 10_000,
        };
        let receipt = Receipt {
            ticket: keccak256(id.to_bytes()),
            sequence,
            bytes: sequence.into(),
            deliveries: 0,
            within: 0,
            signed_at: 0,
        };
        let record = Record {
            id,
            receipt,
            signature: [sequence as u8; 64].into(),
        };
        (
            id,
            Stored {
                ticket: ticket.sign(&SigningKey::from_bytes(&[1; 32])),
                record,
            },
        )
    }

    fn open(dir: &Path) -> Result<Journal, LogError> {
        Journal::open(dir, |_| false)
    }

    fn put(journal: &mut Journal, epoch: Epoch, index: u32, sequence: u32) {
        let (id, stored) = stored(epoch, index, sequence);
        journal.insert(id, &stored).unwrap();
        assert!(journal.make_durable().is_empty());
    }

    #[test]
    fn the_newest_of_each_ticket_comes_back_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = open(dir.path()).unwrap();
        for (index, sequence) in [(300, 1), (2, 1), (2, 5), (70_000, 9), (300, 2)] {
            put(&mut journal, 7, index, sequence);
        }
        let (id, older) = stored(7, 2, 4);
        assert!(matches!(
            journal.insert(id, &older),
            Err(LogError::NotMonotonic)
        ));
        drop(journal);
        let mut journal = open(dir.path()).unwrap();
        assert_eq!(journal.open_epochs(), [7]);
        let sealed = journal.seal(7).unwrap();
        let got: Vec<_> = sealed
            .iter()
            .map(|r| (r.id.index, r.receipt.sequence))
            .collect();
        assert_eq!(got, [(2, 5), (300, 2), (70_000, 9)]);
        // Sealing again, as after a crash before the segment was written, gives the same.
        assert_eq!(journal.seal(7).unwrap(), sealed);
        let (id, late) = stored(7, 1, 1);
        assert!(matches!(
            journal.insert(id, &late),
            Err(LogError::Sealed(7))
        ));
        journal.written(7);
        assert!(
            matches!(journal.seal(7), Err(LogError::Sealed(7))),
            "never an empty segment"
        );
    }

    #[test]
    fn a_journal_that_lost_tickets_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = open(dir.path()).unwrap();
        put(&mut journal, 3, 1, 1);
        drop(journal);
        // As after a power loss that left the file without its log: sled would open it empty.
        fs::remove_dir_all(dir.path().join("epoch-3")).unwrap();
        let refused = open(dir.path()).unwrap_err();
        assert!(matches!(refused, LogError::Damaged { .. }), "{refused}");
        assert!(
            refused
                .to_string()
                .contains("1 tickets were on disk, 0 are"),
            "{refused}"
        );
    }

    #[test]
    fn garbage_in_the_database_is_an_error_and_not_a_panic() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = open(dir.path()).unwrap();
        for index in 0..200 {
            put(&mut journal, 3, index, 1);
        }
        drop(journal);
        let path = dir.path().join("epoch-3/db");
        let mut bytes = fs::read(&path).unwrap();
        for at in (0..bytes.len()).step_by(97) {
            bytes[at] ^= 0x55;
        }
        fs::write(&path, &bytes).unwrap();
        // Whether sled can't open it or opens less than there was, it is told.
        assert!(matches!(
            open(dir.path()),
            Err(LogError::Damaged { .. } | LogError::Io { .. })
        ));
    }

    #[test]
    fn one_process_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = open(dir.path()).unwrap();
        put(&mut journal, 3, 1, 1);
        assert!(matches!(open(dir.path()), Err(LogError::Locked(_))));
    }

    #[test]
    fn what_is_kept_of_a_sealed_epoch_is_read_beside_the_others() {
        let dir = tempfile::tempdir().unwrap();
        let kept = |epoch| {
            let mut indices = Vec::new();
            let read = each_kept(dir.path(), epoch, &mut |ticket, record| {
                assert_eq!(ticket.peek().id, record.id);
                indices.push(record.id.index);
            });
            read.map(|()| indices)
        };
        let mut journal = open(dir.path()).unwrap();
        put(&mut journal, 3, 300, 1);
        put(&mut journal, 3, 2, 1);
        put(&mut journal, 4, 7, 1);
        assert!(matches!(kept(3), Err(LogError::Locked(_))), "in use");
        journal.seal(3).unwrap();
        journal.written(3);
        assert_eq!(kept(3).unwrap(), [2, 300]);
        assert!(kept(9).unwrap().is_empty());
        assert!(
            !dir.path().join("epoch-9").exists(),
            "reading makes nothing"
        );
        put(&mut journal, 4, 8, 1);
    }

    #[test]
    fn a_torn_count_is_no_count() {
        let file = tempfile::tempfile().unwrap();
        write_count(&file, 77).unwrap();
        assert_eq!(read_count(&file).unwrap(), 77);
        file.write_all_at(&[1], 3).unwrap();
        assert_eq!(read_count(&file).unwrap(), 0);
    }
}
