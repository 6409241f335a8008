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
use anyhow::{Context, Result, ensure};
use client::Summary;
use contracts::U256;
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

/// What was claimed is what reached the accounts that nodes are paid to, and all that was attested up to an epoch.
///
/// # Errors
/// What isn't so, or if the chain can't be read.
pub async fn paid(network: &Network, epoch: u64, claimed: U256) -> Result<()> {
    let attested = network.chain.attestation(epoch).await?;
    let attested = U256::from(attested.context("it stands")?.total);
    let mut arrived = U256::ZERO;
    for node in network.chain.nodes().await? {
        arrived += network.chain.token_balance(node.payout).await?;
    }
    ensure!(
        claimed == arrived && arrived == attested && !arrived.is_zero(),
        "{attested} attested, {claimed} claimed, {arrived} arrived"
    );
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
