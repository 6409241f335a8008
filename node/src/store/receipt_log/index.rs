//! Where each ticket's newest receipt stands in its epoch's log: `index/epoch-N/`, a sled database.
//!
//! It holds nothing that the log doesn't: whatever is wrong with it is mended from the log, which is read whole at
//! each start. One that can't be opened, or panics, or has other entries, is set right or made anew; where not even
//! that can be done, the index is in memory until the next start. So it is never synced.

use super::log::{Newest, Position};
use disk::Disk;
use protocol::TicketId;
use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// sled's page cache for one epoch.
const CACHE_BYTES: u64 = 64 << 20;
/// Ending of a snapshot that sled was writing. It takes one that a crash left for a whole one, and then can't open.
const GENERATING: &str = "generating";

/// The index of one epoch.
#[derive(Debug)]
pub(super) enum Index {
    Sled(sled::Db),
    /// sled can't be used.
    Memory(BTreeMap<TicketId, Position>),
}

/// Runs what sled does; on damaged files it may panic rather than fail.
fn guarded<T>(work: impl FnOnce() -> sled::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(_) => Err("sled panicked".into()),
    }
}

impl Index {
    /// Opens the index in a folder, which is made if it isn't there, so that it holds exactly this.
    pub(super) fn open(disk: &Disk, dir: &Path, newest: &Newest) -> Self {
        let why = match Self::mended(disk, dir, newest) {
            Ok(index) => return index,
            Err(why) => why,
        };
        tracing::warn!(dir = %dir.display(), why, "the index of receipts is made anew from the journal");
        let anew = match disk.remove_all(dir) {
            Ok(_) => Self::mended(disk, dir, newest),
            Err(error) => Err(error.to_string()),
        };
        anew.unwrap_or_else(|why| {
            tracing::error!(
                dir = %dir.display(),
                why,
                "the index of receipts can't be kept on disk; until the next start it is in memory"
            );
            Self::Memory(newest.clone())
        })
    }

    fn mended(disk: &Disk, dir: &Path, newest: &Newest) -> Result<Self, String> {
        remove_unfinished(disk, dir)?;
        let config = sled::Config::new()
            .path(dir)
            .cache_capacity(CACHE_BYTES)
            // What is lost is in the log.
            .flush_every_ms(None);
        let db = guarded(|| config.open())?;
        guarded(|| {
            let (mut right, mut wrong) = (0, Vec::new());
            for entry in db.iter() {
                let (key, value) = entry?;
                let found = id_of(&key).and_then(|id| newest.get(&id));
                match found == position_of(&value).as_ref() && found.is_some() {
                    true => right += 1,
                    false => wrong.push(key),
                }
            }
            for key in wrong {
                db.remove(key)?;
            }
            if right < newest.len() {
                for (id, position) in newest {
                    let known = db.get(id.to_bytes())?;
                    if known.and_then(|value| position_of(&value)) != Some(*position) {
                        db.insert(id.to_bytes(), &position.to_be_bytes())?;
                    }
                }
            }
            Ok(())
        })?;
        Ok(Self::Sled(db))
    }

    /// Where a ticket's newest receipt stands.
    pub(super) fn get(&self, id: TicketId) -> Result<Option<Position>, String> {
        match self {
            Self::Memory(newest) => Ok(newest.get(&id).copied()),
            Self::Sled(db) => match guarded(|| db.get(id.to_bytes()))? {
                None => Ok(None),
                Some(value) => match position_of(&value) {
                    None => Err("a value isn't a position".into()),
                    position => Ok(position),
                },
            },
        }
    }

    /// Its newest receipt stands there now.
    pub(super) fn set(&mut self, id: TicketId, position: Position) -> Result<(), String> {
        match self {
            Self::Memory(newest) => drop(newest.insert(id, position)),
            Self::Sled(db) => {
                guarded(|| db.insert(id.to_bytes(), &position.to_be_bytes()))?;
            }
        }
        Ok(())
    }
}

/// Unfinished snapshots, which stand in the database's folder or in one of it.
fn remove_unfinished(disk: &Disk, dir: &Path) -> Result<(), String> {
    if !dir.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(dir).map_err(|error| error.to_string())? {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.extension().is_some_and(|ending| ending == GENERATING) {
            disk.remove(&path).map_err(|error| error.to_string())?;
        } else if path.is_dir() {
            remove_unfinished(disk, &path)?;
        }
    }
    Ok(())
}

fn id_of(key: &[u8]) -> Option<TicketId> {
    Some(TicketId::from_bytes(key.try_into().ok()?))
}

fn position_of(value: &[u8]) -> Option<Position> {
    Some(u64::from_be_bytes(value.try_into().ok()?))
}
