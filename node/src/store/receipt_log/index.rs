//! Where each ticket's newest receipt stands in its epoch's log: `index/epoch-N/`, a sled database, and before it in
//! memory what isn't in sled yet ([`Recent`]).
//!
//! It holds nothing that the log doesn't: whatever is wrong with it is mended from the log, which is read whole at
//! each start. One that can't be opened, or panics, or has other entries, is set right or made anew; where not even
//! that can be done, the index is in memory until the next start. So it is never synced, and a crash may take what is
//! in memory.

use super::behind::{EpochReceipts, Known, Recent, guarded, put};
use super::log::{Newest, Position};
use super::seen::Seen;
use disk::Disk;
use protocol::{Epoch, Receipt, TicketId};
use std::fs;
use std::path::Path;

/// sled's page cache for one epoch.
const CACHE_BYTES: u64 = 64 << 20;
/// Ending of a snapshot that sled was writing. It takes one that a crash left for a whole one, and then can't open.
const GENERATING: &str = "generating";

/// The index of one epoch.
#[derive(Debug)]
pub(super) enum Index {
    Sled(Indexed),
    /// sled can't be used.
    Memory(Newest),
}

/// One that is kept in sled.
#[derive(Debug)]
pub(super) struct Indexed {
    pub(super) db: sled::Db,
    recent: Recent,
    seen: Seen,
}

/// What the index says of a ticket that has a receipt.
#[derive(Debug, Clone, Copy)]
pub(super) enum Found {
    /// The newest itself.
    Receipt(Receipt),
    /// Where in the log it stands.
    At(Position),
}

impl Index {
    /// Opens the index in a folder, which is made if it isn't there, so that it holds exactly this.
    pub(super) fn open(disk: &Disk, dir: &Path, newest: &Newest) -> Self {
        let why = match Indexed::open(disk, dir, newest) {
            Ok(index) => return Self::Sled(index),
            Err(why) => why,
        };
        tracing::warn!(dir = %dir.display(), why, "the index of receipts is made anew from the journal");
        let anew = match disk.remove_all(dir) {
            Ok(_) => Indexed::open(disk, dir, newest),
            Err(error) => Err(error.to_string()),
        };
        match anew {
            Ok(index) => Self::Sled(index),
            Err(why) => {
                tracing::error!(
                    dir = %dir.display(),
                    why,
                    "the index of receipts can't be kept on disk; until the next start it is in memory"
                );
                Self::Memory(newest.clone())
            }
        }
    }

    /// A ticket's newest receipt.
    ///
    /// # Errors
    /// If sled can't be read.
    pub(super) fn get(&self, id: TicketId) -> Result<Option<Found>, String> {
        match self {
            Self::Memory(newest) => Ok(newest.get(&id).copied().map(Found::At)),
            Self::Sled(index) => index.get(id),
        }
    }

    /// This is its newest receipt now, and stands there.
    pub(super) fn set(&mut self, id: TicketId, position: Position, receipt: Receipt) {
        match self {
            Self::Memory(newest) => drop(newest.insert(id, position)),
            Self::Sled(index) => {
                index.recent.insert(id, Known { position, receipt });
                index.seen.insert(id);
            }
        }
    }

    /// How many receipts wait to be written to sled.
    pub(super) fn waiting(&self) -> usize {
        match self {
            Self::Memory(_) => 0,
            Self::Sled(index) => index.recent.waiting(),
        }
    }

    /// How many sled doesn't have, those too that are on their way.
    pub(super) fn lacking(&self) -> usize {
        match self {
            Self::Memory(_) => 0,
            Self::Sled(index) => index.recent.waiting() + index.recent.under_way(),
        }
    }

    /// Sends what waits on its way to sled; nothing may be on it.
    pub(super) fn send(&mut self, epoch: Epoch) -> Option<EpochReceipts> {
        match self {
            Self::Sled(index) if index.recent.waiting() > 0 => {
                Some(index.recent.send(epoch, &index.db))
            }
            _ => None,
        }
    }

    /// What was on its way is in sled.
    pub(super) fn arrived(&mut self) {
        if let Self::Sled(index) = self {
            index.recent.arrived();
        }
    }
}

impl Indexed {
    fn open(disk: &Disk, dir: &Path, newest: &Newest) -> Result<Self, String> {
        let db = mended(disk, dir, newest)?;
        let mut seen = Seen::default();
        newest.keys().for_each(|id| seen.insert(*id));
        Ok(Self {
            db,
            recent: Recent::default(),
            seen,
        })
    }

    fn get(&self, id: TicketId) -> Result<Option<Found>, String> {
        if let Some(known) = self.recent.get(id) {
            return Ok(Some(Found::Receipt(known.receipt)));
        }
        if !self.seen.may_contain(id) {
            return Ok(None);
        }
        let Some(value) = guarded(|| self.db.get(id.to_bytes()))? else {
            return Ok(None);
        };
        let position = position_of(&value).ok_or("a value isn't a position")?;
        Ok(Some(Found::At(position)))
    }
}

/// The database in a folder, with exactly this in it.
fn mended(disk: &Disk, dir: &Path, newest: &Newest) -> Result<sled::Db, String> {
    remove_unfinished(disk, dir)?;
    let config = sled::Config::new()
        .path(dir)
        .cache_capacity(CACHE_BYTES)
        // What is lost is in the log.
        .flush_every_ms(None);
    let db = guarded(|| config.open())?;
    let (right, wrong) = guarded(|| {
        let (mut right, mut wrong) = (0, Vec::new());
        for entry in db.iter() {
            let (key, value) = entry?;
            let found = id_of(&key).and_then(|id| newest.get(&id));
            match found == position_of(&value).as_ref() && found.is_some() {
                true => right += 1,
                false => wrong.push(key),
            }
        }
        Ok((right, wrong))
    })?;
    for key in wrong {
        guarded(|| db.remove(key))?;
    }
    if right < newest.len() {
        for (id, position) in newest {
            let known = guarded(|| db.get(id.to_bytes()))?;
            if known.and_then(|value| position_of(&value)) != Some(*position) {
                put(&db, *id, *position)?;
            }
        }
    }
    Ok(db)
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
