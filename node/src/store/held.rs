//! What a node holds of the tickets of a past epoch: each with its issuer's signature.

use crate::store::receipt_log::{self, LogError};
use crate::store::refused;
use disk::Disk;
use protocol::{Epoch, SignedTicket};
use std::io;
use std::path::Path;

/// Why a node's tickets can't be read.
#[derive(Debug, thiserror::Error)]
pub enum HeldError {
    /// The epoch isn't sealed: its receipts still come, and a running node has them.
    #[error("epoch {0} is not sealed yet: its tickets are in use")]
    Open(Epoch),
    /// The journal can't be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The refused tickets can't be read.
    #[error("cannot read the refused tickets: {0}")]
    Io(#[from] io::Error),
}

/// Gives every ticket of a sealed epoch that the node in this folder holds, as its issuer signed it: those by
/// which it earned, in order of their ids, then those that it refused though they were signed. The node may be
/// running. Blocking.
///
/// # Errors
/// If the epoch isn't sealed, or what is on disk can't be read.
pub fn held_tickets(
    disk: &Disk,
    data_dir: &Path,
    epoch: Epoch,
    each: &mut dyn FnMut(SignedTicket),
) -> Result<(), HeldError> {
    // A segment is written when nothing more can come.
    let segment = data_dir.join(format!("segments/epoch-{epoch}.qseg"));
    if segment.exists() {
        let receipts = data_dir.join("receipts");
        receipt_log::each_kept(disk, &receipts, epoch, &mut |stored| each(stored.ticket))?;
    } else if receipt_log::has(&data_dir.join("receipts"), epoch) {
        return Err(HeldError::Open(epoch));
    }
    refused::of_epoch(data_dir, epoch, each)?;
    Ok(())
}
