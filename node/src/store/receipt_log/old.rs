//! The journal of earlier versions: for each epoch a sled database `epoch-N/` and, in `epoch-N.count`, how many
//! tickets it had when it was last synced. Nothing is written in this form any more; what is there is read, and
//! becomes a log when the epoch goes on.

use super::error::LogError;
use super::stored::Stored;
use disk::{Disk, DiskError, failed};
use protocol::Epoch;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// sled's page cache while a database is read.
const CACHE_BYTES: u64 = 64 << 20;

fn dir_of(parent: &Path, epoch: Epoch) -> PathBuf {
    parent.join(format!("epoch-{epoch}"))
}

fn count_of(parent: &Path, epoch: Epoch) -> PathBuf {
    parent.join(format!("epoch-{epoch}.count"))
}

/// Whether an epoch has a database, or had one.
pub(super) fn is_there(parent: &Path, epoch: Epoch) -> bool {
    dir_of(parent, epoch).is_dir() || count_of(parent, epoch).is_file()
}

/// Removes what is there of an epoch; blocking.
pub(super) fn remove(disk: &Disk, parent: &Path, epoch: Epoch) -> Result<(), DiskError> {
    // The count last: without it a database that lost its tickets would pass for a new one.
    disk.remove_all(&dir_of(parent, epoch))?;
    disk.sync_dir(parent)?;
    disk.remove(&count_of(parent, epoch))?;
    disk.sync_dir(parent)
}

/// Gives what is kept of each ticket of an epoch, in their order. The database must not be in use. Blocking.
///
/// # Errors
/// If it can't be read, or has fewer tickets than were counted.
pub(super) fn each_kept(
    disk: &Disk,
    parent: &Path,
    epoch: Epoch,
    each: &mut dyn FnMut(Stored) -> Result<(), LogError>,
) -> Result<(), LogError> {
    let dir = dir_of(parent, epoch);
    let damaged = |what: String| LogError::Damaged {
        path: dir.clone(),
        epoch,
        what,
    };
    let count = count_of(parent, epoch);
    let counted = read_count(&count).map_err(failed("read", &count))?;
    if !dir.is_dir() {
        return match counted {
            0 => Ok(()),
            _ => Err(damaged(format!("{counted} tickets were on disk, 0 are"))),
        };
    }
    remove_unfinished(disk, &dir)?;
    let config = sled::Config::new()
        .path(&dir)
        .cache_capacity(CACHE_BYTES)
        .flush_every_ms(None);
    // On a damaged log sled may panic rather than fail.
    let guarded = AssertUnwindSafe(|| -> Result<(), LogError> {
        let db = match config.open() {
            Ok(db) => db,
            Err(sled::Error::Io(error)) if error.to_string().contains("lock") => {
                return Err(LogError::Locked(dir.clone()));
            }
            Err(sled::Error::Io(source)) => return Err(failed("open", &dir)(source).into()),
            Err(error) => return Err(damaged(error.to_string())),
        };
        let mut there = 0;
        for entry in db.iter() {
            let (key, value) = entry.map_err(|error| damaged(error.to_string()))?;
            let stored = Stored::from_bytes(&value)
                .filter(|stored| stored.record.id.to_bytes()[..] == key[..])
                .ok_or_else(|| damaged("an entry is not a record".into()))?;
            there += 1;
            each(stored)?;
        }
        match there < counted {
            true => Err(damaged(format!(
                "{counted} tickets were on disk, {there} are"
            ))),
            false => Ok(()),
        }
    });
    catch_unwind(guarded).unwrap_or_else(|_| Err(damaged("sled can't read its log".into())))
}

/// sled takes a snapshot that a crash left half written for a whole one, and then can't open.
fn remove_unfinished(disk: &Disk, dir: &Path) -> Result<(), DiskError> {
    for path in disk.list(dir)? {
        if path
            .extension()
            .is_some_and(|ending| ending == "generating")
        {
            disk.remove(&path)?;
        }
    }
    Ok(())
}

/// `count (u64) ‖ its complement`. 0 for a file that isn't there, is new or torn: then the last group was never
/// acknowledged.
fn read_count(path: &Path) -> io::Result<u64> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let Some(words) = bytes.first_chunk::<16>() else {
        return Ok(0);
    };
    let word = |at: usize| u64::from_be_bytes(words[at..at + 8].try_into().expect("8 bytes"));
    Ok(if word(0) == !word(8) { word(0) } else { 0 })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What an earlier version left of these.
    pub(in super::super) fn write(parent: &Path, epoch: Epoch, all: &[Stored]) {
        let db = sled::open(dir_of(parent, epoch)).unwrap();
        for stored in all {
            let key = stored.record.id.to_bytes();
            db.insert(key, &stored.to_bytes()[..]).unwrap();
        }
        db.flush().unwrap();
        write_count(parent, epoch, all.len() as u64);
    }

    pub(in super::super) fn write_count(parent: &Path, epoch: Epoch, count: u64) {
        let bytes = [count.to_be_bytes(), (!count).to_be_bytes()].concat();
        fs::write(count_of(parent, epoch), bytes).unwrap();
    }

    #[test]
    fn a_torn_count_is_no_count() {
        let dir = tempfile::tempdir().unwrap();
        write_count(dir.path(), 3, 77);
        let path = count_of(dir.path(), 3);
        assert_eq!(read_count(&path).unwrap(), 77);
        let mut bytes = fs::read(&path).unwrap();
        bytes[3] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert_eq!(read_count(&path).unwrap(), 0);
        fs::write(&path, &bytes[..9]).unwrap();
        assert_eq!(read_count(&path).unwrap(), 0);
    }
}
