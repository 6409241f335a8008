//! What the index doesn't hold yet: the newest receipts of some tickets, written to it behind the acknowledgements.
//!
//! They are in two generations. One takes what is appended; the other is on its way to sled, on another thread, while
//! lookups find it here. One after the other goes, so an older position never follows a newer one.

use super::log::Position;
use protocol::{Epoch, Receipt, TicketId};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// A ticket's newest receipt.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// Where it stands in the log.
    pub(super) position: Position,
    pub(super) receipt: Receipt,
}

type Generation = BTreeMap<TicketId, Known>;

/// Both generations of one epoch.
#[derive(Debug, Default)]
pub(super) struct Recent {
    fresh: Generation,
    under_way: Arc<Generation>,
}

impl Recent {
    pub(super) fn get(&self, id: TicketId) -> Option<&Known> {
        self.fresh.get(&id).or_else(|| self.under_way.get(&id))
    }

    pub(super) fn insert(&mut self, id: TicketId, known: Known) {
        self.fresh.insert(id, known);
    }

    pub(super) fn waiting(&self) -> usize {
        self.fresh.len()
    }

    pub(super) fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// Sends what waits on its way; nothing may be on it.
    pub(super) fn send(&mut self, epoch: Epoch, db: &sled::Db) -> EpochReceipts {
        debug_assert!(self.under_way.is_empty(), "one after the other");
        self.under_way = Arc::new(std::mem::take(&mut self.fresh));
        EpochReceipts {
            epoch,
            db: db.clone(),
            entries: self.under_way.clone(),
        }
    }

    /// What was under way is in sled.
    pub(super) fn arrived(&mut self) {
        self.under_way = Arc::default();
    }
}

/// Receipts on their way to the indices of their epochs.
#[derive(Debug)]
pub(crate) struct Behind(pub(super) Vec<EpochReceipts>);

/// Of one epoch.
#[derive(Debug)]
pub(super) struct EpochReceipts {
    pub(super) epoch: Epoch,
    pub(super) db: sled::Db,
    pub(super) entries: Arc<Generation>,
}

/// How it went, for each epoch.
#[derive(Debug)]
pub(crate) struct Written(pub(super) Vec<(Epoch, Result<(), String>)>);

impl Behind {
    /// Writes them; blocking, on any thread. Their databases are let go of when it returns.
    pub(crate) fn write(self) -> Written {
        let parts = self.0.into_iter();
        Written(parts.map(|part| (part.epoch, part.write())).collect())
    }
}

impl EpochReceipts {
    pub(super) fn write(&self) -> Result<(), String> {
        let mut all = self.entries.iter();
        all.try_for_each(|(id, known)| put(&self.db, *id, known.position))
    }
}

/// One at a time: sled takes gigabytes for a large batch.
pub(super) fn put(db: &sled::Db, id: TicketId, position: Position) -> Result<(), String> {
    guarded(|| db.insert(id.to_bytes(), &position.to_be_bytes())).map(drop)
}

/// Runs what sled does; on damaged files it may panic rather than fail.
pub(super) fn guarded<T>(work: impl FnOnce() -> sled::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(_) => Err("sled panicked".into()),
    }
}
