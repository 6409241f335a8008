//! All that a node keeps, opened at its start: one order, whatever an earlier process or a power cut left.

use crate::config::StartError;
use crate::store::orders_file::OrdersFile;
use crate::store::receipt_log::ReceiptLog;
use crate::store::refused::RefusedTickets;
use crate::store::segments::Segments;
use content::{OnDamage, Store};
use contracts::Agreed;
use disk::{Disk, DiskError, Lock, LockError};
use host::Host;
use protocol::{Network, NodeId};
use std::path::{Path, PathBuf};

/// Takes a node's folder for this process.
///
/// # Errors
/// If another process has it, or it can't be used.
pub(crate) fn lock(disk: &Disk, data_dir: &Path) -> Result<Lock, StartError> {
    disk.lock(data_dir).map_err(|error| match error {
        LockError::InUse(dir) => StartError::InUse(dir),
        LockError::Disk(error) => error.into(),
    })
}

/// What stands in a node's folder.
#[derive(Debug)]
pub(crate) struct Stores {
    pub(crate) manifests: PathBuf,
    pub(crate) content: Store,
    pub(crate) segments: Segments,
    pub(crate) log: ReceiptLog,
    pub(crate) refused: RefusedTickets,
    pub(crate) standing: OrdersFile,
}

impl Stores {
    /// Opens or makes everything. Blocking.
    ///
    /// # Errors
    /// What can't be used, or has lost what it must not lose.
    pub(crate) fn open(
        host: &Host,
        data_dir: &Path,
        cache_bytes: u64,
        network: Network,
        node: NodeId,
        agreed: Agreed,
    ) -> Result<Self, StartError> {
        let disk = &host.disk;
        let manifests = data_dir.join("manifests");
        disk.create_dir(&manifests)?;
        let cache = data_dir.join("cache");
        let content = Store::open(disk, &cache, cache_bytes, OnDamage::Discard)?;
        let segments = data_dir.join("segments");
        let segments = Segments::open(host, segments, network, node, agreed)
            .map_err(|error| StartError::Segments(error.to_string()))?;
        let refused = RefusedTickets::open(disk, data_dir)?;
        let standing = OrdersFile::open(disk, data_dir)?;
        // Last: once it is open, a task has it, which a start that fails would have to wait for.
        let log = ReceiptLog::open(disk, &data_dir.join("receipts"), |epoch| {
            segments.is_sealed(epoch)
        })?;
        Ok(Self {
            manifests,
            content,
            segments,
            log,
            refused,
            standing,
        })
    }
}

impl From<DiskError> for StartError {
    fn from(error: DiskError) -> Self {
        let DiskError { path, source, .. } = error;
        Self::Dir { path, source }
    }
}

#[cfg(test)]
#[path = "open_tests.rs"]
mod tests;
