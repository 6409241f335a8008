//! Whether what came of it is what had to: the only place here that counts receipts and money.
//!
//! [`Books`] are kept by those who see: players, sockets, the contracts. [`INVARIANTS`] are held against them, and what
//! today's rules break of these stands in [`known`](crate::known). Which sentence of SPEC or of the contracts each follows
//! from is said at its function.

mod books;
mod closing;
mod invariants;

pub use books::{Books, Entries, OfEpoch, OfRoute, OfTicket};
pub use closing::close;
pub use invariants::*;

use crate::world::Network;
use anyhow::{Result, ensure};
use client::Summary;
use std::sync::Arc;
use verifier::{EvidenceSource, NoProgress, Progress, Verdict, audit_epoch};

/// What a viewer has is what was published, and all of it is acknowledged.
///
/// # Errors
/// What isn't so.
pub fn delivered(network: &Network, got: &[u8], summary: &Summary) -> Result<u64> {
    ensure!(got == network.file, "other bytes came than were published");
    let acknowledged: u64 = summary.nodes.values().map(|node| node.bytes_acked).sum();
    ensure!(
        acknowledged == summary.bytes && acknowledged == got.len() as u64,
        "{} bytes came, {acknowledged} are acknowledged",
        got.len()
    );
    Ok(acknowledged)
}

/// An epoch's attestation is true; gives how many bytes count in it.
///
/// # Errors
/// What isn't so.
pub async fn audited(network: &Network, epoch: u64) -> Result<u64> {
    let source = EvidenceSource::Directory(network.evidence(0).join(epoch.to_string()));
    let progress: Arc<dyn Progress> = Arc::new(NoProgress);
    let report = audit_epoch(&network.chain, &[source], epoch, &progress).await;
    ensure!(
        report.verdict == Verdict::True,
        "epoch {epoch} is {:?}: {:?} {:?}",
        report.verdict,
        report.reasons,
        report.lies
    );
    Ok(report.nodes.iter().map(|node| node.bytes).sum())
}
