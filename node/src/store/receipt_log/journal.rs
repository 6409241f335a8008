//! The journal's folder: a log for each epoch, and an index over each log whose epoch goes on.

use super::behind::{Behind, Written};
use super::error::LogError;
use super::index::{Found, Index};
use super::log::{self, EpochLog, Newest};
use super::old;
use super::stored::Stored;
use disk::{Disk, Lock, LockError};
use protocol::{Epoch, RECORDS_MAX, Receipt, Record, TicketId};
use std::collections::{BTreeMap, BTreeSet};
use std::iter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A log is written anew when it takes more than this, and [`COMPACT_RATIO`] times what the newest receipts take.
const COMPACT_BYTES: u64 = 64 << 20;
const COMPACT_RATIO: u64 = 4;
/// Most receipts that are in memory because the indices don't have them yet, of all epochs together: 4 MB. Half of
/// them may be on their way to sled while the other half takes what comes.
const RECENT_MAX: usize = 1 << 15;

#[derive(Debug)]
pub(crate) struct Journal {
    disk: Disk,
    dir: PathBuf,
    epochs: BTreeMap<Epoch, Open>,
    /// Epochs that take no more receipts.
    closed: BTreeSet<Epoch>,
    /// Closed epochs whose segment is written: their log isn't open.
    written: BTreeSet<Epoch>,
    /// Why nothing is taken any more.
    broken: Option<Arc<str>>,
    /// Receipts are on their way to the indices.
    writing: bool,
    /// Epochs that were done with meanwhile: their indices are removed afterwards.
    leaving: Vec<Epoch>,
    pub(super) compact_bytes: u64,
    pub(super) recent_max: usize,
    _lock: Lock,
}

#[derive(Debug)]
struct Open {
    log: EpochLog,
    index: Index,
    /// Tickets in it.
    count: u64,
    /// Bytes above which it may be written anew.
    compact_above: u64,
}

fn index_dir(dir: &Path) -> PathBuf {
    dir.join("index")
}

fn index_of(dir: &Path, epoch: Epoch) -> PathBuf {
    index_dir(dir).join(format!("epoch-{epoch}"))
}

/// The epoch of a file or folder, whatever it ends in: what is left of one must be missed if its log is gone.
fn epoch_of(path: &Path) -> Option<Epoch> {
    let name = path.file_name()?.to_str()?.strip_prefix("epoch-")?;
    name.split('.').next()?.parse().ok()
}

impl Journal {
    pub(crate) fn open(
        disk: &Disk,
        dir: &Path,
        sealed: impl Fn(Epoch) -> bool,
    ) -> Result<Self, LogError> {
        let lock = disk.lock(dir).map_err(|error| match error {
            LockError::InUse(dir) => LogError::Locked(dir),
            LockError::Disk(error) => error.into(),
        })?;
        let mut journal = Self {
            disk: disk.clone(),
            dir: dir.to_owned(),
            epochs: BTreeMap::new(),
            closed: BTreeSet::new(),
            written: BTreeSet::new(),
            broken: None,
            writing: false,
            leaving: Vec::new(),
            compact_bytes: COMPACT_BYTES,
            recent_max: RECENT_MAX,
            _lock: lock,
        };
        let mut there: BTreeSet<_> = disk.list(dir)?.iter().filter_map(|p| epoch_of(p)).collect();
        let indices = index_dir(dir);
        if indices.is_dir() {
            there.extend(disk.list(&indices)?.iter().filter_map(|p| epoch_of(p)));
        }
        for epoch in there {
            if sealed(epoch) {
                journal.written(epoch);
            } else {
                let open = Open::of(disk, dir, epoch)?;
                journal.epochs.insert(epoch, open);
            }
        }
        Ok(journal)
    }

    /// # Errors
    /// If an earlier write failed: of what is on disk since then nothing is known.
    fn check(&self) -> Result<(), LogError> {
        match &self.broken {
            None => Ok(()),
            Some(why) => Err(LogError::Broken(why.clone())),
        }
    }

    fn break_by(&mut self, error: LogError) -> LogError {
        let why: Arc<str> = match &error {
            LogError::Io { what, path, source } => {
                format!("cannot {what} {}: {source}", path.display()).into()
            }
            other => other.to_string().into(),
        };
        tracing::error!(why = &*why, "the receipt journal takes no more receipts");
        self.broken = Some(why.clone());
        LogError::Broken(why)
    }

    fn epoch(&mut self, epoch: Epoch) -> Result<&mut Open, LogError> {
        match self.epochs.entry(epoch) {
            std::collections::btree_map::Entry::Occupied(open) => Ok(open.into_mut()),
            std::collections::btree_map::Entry::Vacant(vacant) => {
                let (disk, dir) = (&self.disk, &self.dir);
                let log = EpochLog::create(disk, dir, epoch, iter::empty())?;
                let open = Open::indexed(disk, dir, epoch, log, &Newest::new());
                Ok(vacant.insert(open))
            }
        }
    }

    /// Appends; durable only after [`Journal::make_durable`].
    pub(crate) fn insert(&mut self, id: TicketId, stored: &Stored) -> Result<(), LogError> {
        self.check()?;
        if self.closed.contains(&id.epoch) {
            return Err(LogError::Sealed(id.epoch));
        }
        let dir = self.dir.clone();
        match self.epoch(id.epoch) {
            Ok(open) => open.insert(&dir, id, stored),
            // A log that can't even be begun is no different from one that can't be written.
            Err(error @ LogError::Io { .. }) => Err(self.break_by(error)),
            Err(error) => Err(error),
        }
    }

    /// Makes everything appended durable. After an error nothing is taken any more, and nothing of what was
    /// appended since the last call may be acknowledged.
    pub(crate) fn make_durable(&mut self) -> Result<(), LogError> {
        self.check()?;
        for open in self.epochs.values_mut() {
            if let Err(error) = open.log.sync() {
                return Err(self.break_by(error.into()));
            }
        }
        Ok(())
    }

    /// Nothing is waiting: writes down how much is acknowledged.
    pub(crate) fn mark(&mut self) {
        self.for_each(|_, open| Ok(open.log.mark()?));
    }

    /// What is to be written to the indices now, if it is time: when half of what may be in memory waits, or an epoch
    /// takes no more. [`Journal::caught_up`] is told afterwards.
    pub(crate) fn behind(&mut self) -> Option<Behind> {
        let waiting: usize = self.epochs.values().map(|open| open.index.waiting()).sum();
        let closed = |(epoch, open): (&Epoch, &Open)| {
            self.closed.contains(epoch) && open.index.waiting() > 0
        };
        let is_time = waiting >= self.recent_max / 2 || self.epochs.iter().any(closed);
        if !is_time || self.writing || self.broken.is_some() {
            return None;
        }
        self.writing = true;
        Some(self.send())
    }

    fn send(&mut self) -> Behind {
        let open = self.epochs.iter_mut();
        Behind(
            open.filter_map(|(epoch, open)| open.index.send(*epoch))
                .collect(),
        )
    }

    /// What was to be written to the indices is, or could not be.
    pub(crate) fn caught_up(&mut self, written: Written) {
        self.writing = false;
        for (epoch, outcome) in written.0 {
            let Some(open) = self.epochs.get_mut(&epoch) else {
                continue;
            };
            let arrived = match outcome {
                Ok(()) => {
                    open.index.arrived();
                    Ok(())
                }
                Err(why) => open.forsake(&self.dir, epoch, &why),
            };
            if let Err(error) = arrived {
                self.break_by(error);
                return;
            }
        }
        for epoch in std::mem::take(&mut self.leaving) {
            self.remove_index(epoch);
        }
    }

    /// Whether so many more receipts may come; if not, what is on its way to the indices has to arrive first.
    pub(crate) fn has_room(&self, receipts: usize) -> bool {
        let lacking = self.epochs.values().map(|open| open.index.lacking());
        // One that is broken keeps nothing more, and must say so to whoever waits.
        self.broken.is_some() || lacking.sum::<usize>() + receipts <= self.recent_max
    }

    /// Writes logs anew that are mostly receipts which newer ones replaced.
    pub(crate) fn compact(&mut self) {
        if self.writing {
            // To positions that there will not be any more. The next time, then.
            return;
        }
        let (disk, dir, above) = (self.disk.clone(), self.dir.clone(), self.compact_bytes);
        self.for_each(|epoch, open| match open.is_spread(above) {
            true => open.compact(&disk, &dir, epoch),
            false => Ok(()),
        });
    }

    fn for_each(&mut self, mut work: impl FnMut(Epoch, &mut Open) -> Result<(), LogError>) {
        if self.broken.is_some() {
            return;
        }
        let mut all = self.epochs.iter_mut();
        if let Err(error) = all.try_for_each(|(epoch, open)| work(*epoch, open)) {
            self.break_by(error);
        }
    }

    /// The process ends. Nothing may be on its way to the indices; what waits is written to them.
    pub(crate) fn close(&mut self) {
        debug_assert!(!self.writing, "it has to arrive first");
        if self.broken.is_some() {
            return;
        }
        let written = self.send().write();
        self.caught_up(written);
        for open in self.epochs.values_mut() {
            if let Err(error) = open.log.close() {
                tracing::warn!(%error, "the receipt journal could not be closed in order");
            }
        }
    }

    pub(crate) fn last(&mut self, id: TicketId) -> Result<Option<Receipt>, LogError> {
        self.check()?;
        let dir = self.dir.clone();
        match self.epochs.get_mut(&id.epoch) {
            None => Ok(None),
            Some(open) => open.last(&dir, id),
        }
    }

    /// # Errors
    /// If nothing is taken any more.
    pub(crate) fn open_epochs(&self) -> Result<Vec<Epoch>, LogError> {
        self.check()?;
        Ok(self.epochs.keys().copied().collect())
    }

    /// Tickets with a receipt in each epoch whose log is open.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (Epoch, u64)> {
        self.epochs.iter().map(|(epoch, open)| (*epoch, open.count))
    }

    /// Closes the epoch's log; it stays, it is evidence. Its index goes.
    pub(crate) fn written(&mut self, epoch: Epoch) {
        self.closed.insert(epoch);
        self.written.insert(epoch);
        if let Some(mut open) = self.epochs.remove(&epoch) {
            // What isn't durable of the mark is not needed: the segment is.
            let _ = open.log.close();
        }
        match self.writing {
            true => self.leaving.push(epoch),
            false => self.remove_index(epoch),
        }
    }

    fn remove_index(&self, epoch: Epoch) {
        if let Err(error) = self.disk.remove_all(&index_of(&self.dir, epoch)) {
            tracing::warn!(epoch, %error, "an index that isn't needed can't be removed");
        }
    }

    pub(crate) fn seal(&mut self, epoch: Epoch) -> Result<Vec<Record>, LogError> {
        self.check()?;
        // Its log isn't open: to take it for empty would seal an empty segment over the true one.
        if self.written.contains(&epoch) {
            return Err(LogError::Sealed(epoch));
        }
        self.closed.insert(epoch);
        let Some(open) = self.epochs.get(&epoch) else {
            return Ok(Vec::new());
        };
        // From the log: what is in the index counts for nothing here.
        let newest = open.log.newest(&self.dir, epoch)?;
        let records = newest.into_values();
        let records = records.map(|position| Ok(open.log.read(epoch, position)?.record));
        records.collect()
    }
}

impl Open {
    /// Opens what is there of an epoch, in whatever form.
    fn of(disk: &Disk, dir: &Path, epoch: Epoch) -> Result<Self, LogError> {
        let path = log::path_in(dir, epoch);
        let mut newest = Newest::new();
        let was_old = old::is_there(dir, epoch);
        let log = if path.exists() {
            EpochLog::open(disk, dir, epoch, &mut |position, stored| {
                newest.insert(stored.record.id, position);
            })?
        } else if was_old {
            let mut all = Vec::new();
            old::each_kept(disk, dir, epoch, &mut |stored| {
                newest.insert(stored.record.id, all.len() as u64);
                all.push(stored);
                Ok(())
            })?;
            tracing::info!(epoch, tickets = all.len(), "a receipt journal is converted");
            EpochLog::create(disk, dir, epoch, all.into_iter().map(Ok))?
        } else {
            // Its index is made after it.
            return Err(LogError::Damaged {
                path,
                epoch,
                what: "it is gone, and its index isn't".into(),
            });
        };
        if was_old {
            // All of it is in the log.
            old::remove(disk, dir, epoch)?;
        }
        Ok(Self::indexed(disk, dir, epoch, log, &newest))
    }

    fn indexed(disk: &Disk, dir: &Path, epoch: Epoch, log: EpochLog, newest: &Newest) -> Self {
        Self {
            log,
            index: Index::open(disk, &index_of(dir, epoch), newest),
            count: newest.len() as u64,
            compact_above: 0,
        }
    }

    fn forsake(&mut self, dir: &Path, epoch: Epoch, why: &str) -> Result<(), LogError> {
        tracing::error!(
            epoch,
            why,
            "the index of receipts fails; until the next start it is in memory"
        );
        self.index = Index::Memory(self.log.newest(dir, epoch)?);
        Ok(())
    }

    /// The newest of a ticket. An index that fails is replaced by what the log says.
    fn last(&mut self, dir: &Path, id: TicketId) -> Result<Option<Receipt>, LogError> {
        let found = match self.index.get(id) {
            Ok(found) => found,
            Err(why) => {
                self.forsake(dir, id.epoch, &why)?;
                self.index.get(id).unwrap_or_default()
            }
        };
        match found {
            None => Ok(None),
            Some(Found::Receipt(receipt)) => Ok(Some(receipt)),
            Some(Found::At(position)) => {
                let stored = self.log.read(id.epoch, position)?;
                Ok(Some(stored.record.receipt))
            }
        }
    }

    fn insert(&mut self, dir: &Path, id: TicketId, stored: &Stored) -> Result<(), LogError> {
        let known = self.last(dir, id)?;
        match &known {
            // Two sessions of one ticket may race: an acknowledged receipt is never replaced by a lesser.
            Some(known) if !stored.record.receipt.follows(known) => {
                return Err(LogError::NotMonotonic);
            }
            None if self.count >= RECORDS_MAX.into() => return Err(LogError::Full(id.epoch)),
            _ => {}
        }
        let position = self.log.append(stored);
        self.index.set(id, position, stored.record.receipt);
        self.count += u64::from(known.is_none());
        Ok(())
    }

    /// Whether most of a log that takes so much is receipts that newer ones replaced.
    fn is_spread(&self, above: u64) -> bool {
        self.log.bytes() > above.max(self.compact_above)
            && self.log.entries() > COMPACT_RATIO * self.count.max(1)
    }

    fn compact(&mut self, disk: &Disk, dir: &Path, epoch: Epoch) -> Result<(), LogError> {
        let newest = self.log.newest(dir, epoch)?;
        let log = match self.log.rewritten(dir, epoch, &newest) {
            Ok(log) => log,
            Err(error) => {
                tracing::warn!(epoch, %error, "the receipt journal can't be written anew; it grows on");
                self.compact_above = 2 * self.log.bytes();
                return Ok(());
            }
        };
        log.take_name(dir, epoch)?;
        let mut positions: Vec<_> = newest.into_iter().collect();
        positions.sort_unstable_by_key(|(_, position)| *position);
        let moved = positions.into_iter().zip(0..);
        let newest = moved.map(|((id, _), position)| (id, position)).collect();
        self.log = log;
        // The database is closed before it is opened again.
        self.index = Index::Memory(Newest::new());
        self.index = Index::open(disk, &index_of(dir, epoch), &newest);
        Ok(())
    }
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "behind_tests.rs"]
mod behind_tests;
