//! Whether what came of it is what had to: the only place here that counts receipts and money.
//!
//! [`Books`] are kept by those who see: players, sockets, the contracts. Each [`Invariant`] is held against them, and
//! what today's rules break of these stands in [`known`](crate::known).

mod books;
mod breaks;
mod by_hand;
mod closing;
mod invariants;
mod leaving;
mod money;
mod receipts;

pub use books::{Books, Counted, Entries, OfEpoch, OfNode, OfPayer, OfRoute, OfTicket};
pub use closing::{Claims, Honest, close, enter_bonds};
pub use invariants::{Invariant, broken};
pub use leaving::{Leaving, leave};

use crate::world::Network;
use anyhow::{Result, ensure};
use client::Summary;
use std::sync::Arc;
use verifier::{EvidenceSource, NoProgress, Progress, Verdict, audit_epoch};

/// What somebody got is what was published.
///
/// # Errors
/// If it isn't.
pub fn published(network: &Network, got: &[u8]) -> Result<()> {
    ensure!(got == network.file, "other bytes came than were published");
    Ok(())
}

/// What a viewer has is what was published, and all of it is acknowledged.
///
/// # Errors
/// What isn't so.
pub fn delivered(network: &Network, got: &[u8], summary: &Summary) -> Result<u64> {
    published(network, got)?;
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
