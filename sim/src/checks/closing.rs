//! Closing the books of an epoch: what chain and evidence have of it when it should be over.

use super::books::{Books, OfEpoch};
use crate::world::Network;
use anyhow::{Context, Result};
use contracts::Status;
use prover::SumTree;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;
use verifier::{EvidenceSource, NoProgress, Progress, Verdict, audit_epoch};

/// How often the chain is looked at.
const LOOK: Duration = Duration::from_secs(2);
/// What isn't attested so long after it is due isn't waited for any more, seconds.
const WAITED_S: u64 = 130;

/// Waits until an epoch stands for good, has everybody paid, and enters what came of it. `honest`: the folders of evidence
/// of verifiers that keep the rules.
///
/// # Errors
/// If the chain can't be read.
pub async fn close(
    network: &Network,
    books: &Books,
    epoch: u64,
    honest: &[(String, PathBuf)],
) -> Result<()> {
    let chain = &network.chain;
    let timeline = chain.timeline();
    let due = timeline.attest_from(epoch);
    let mut of = OfEpoch {
        price: chain.parameters_at(epoch).await?.price_per_gib,
        ..OfEpoch::default()
    };
    loop {
        of.due_s = chain.now().await?.saturating_sub(due);
        let status = chain.status(epoch).await?;
        of.attested = status != Status::None;
        if status == Status::Active || (!of.attested && of.due_s > WAITED_S) {
            break;
        }
        sleep(LOOK).await;
    }
    for payer in chain.payers().await? {
        let at = |time| chain.deposit_at(payer.account, time);
        of.deposits.0 += at(timeline.start(epoch)).await?.to::<u128>();
        of.deposits.1 += at(timeline.end(epoch)).await?.to::<u128>();
    }
    for (name, evidence) in honest {
        let bundle = evidence.join(epoch.to_string()).join(verifier::BUNDLE_FILE);
        // One that couldn't judge wrote none.
        if let Ok(bundle) = std::fs::read(bundle) {
            let hash = blake3::hash(&bundle).to_string();
            of.evidence.insert(name.clone(), hash);
        }
    }
    if of.attested {
        of.total = chain.attestation(epoch).await?.context("it stands")?.total;
        pay(network, &mut of, epoch, honest).await?;
    }
    books.enter(|books| books.epochs.insert(epoch, of));
    Ok(())
}

/// Audits, has the vault pay, and counts what it paid.
async fn pay(
    network: &Network,
    of: &mut OfEpoch,
    epoch: u64,
    honest: &[(String, PathBuf)],
) -> Result<()> {
    let chain = &network.chain;
    let folders = honest
        .iter()
        .map(|(_, folder)| folder.join(epoch.to_string()));
    let sources: Vec<_> = folders.map(EvidenceSource::Directory).collect();
    let progress: Arc<dyn Progress> = Arc::new(NoProgress);
    let report = audit_epoch(chain, &sources, epoch, &progress).await;
    if report.verdict == Verdict::True {
        let attested = chain.attestation_tx(epoch).await?.context("it stands")?;
        chain.activate(epoch, &attested.roots).await?;
        let id = protocol::Network {
            chain_id: report.chain_id,
            settlement: report.settlement,
        };
        let (evidence, _) = sources[0].read(id, epoch, None).await?;
        let sums = SumTree::of_epoch(&evidence.trees.nodes)?;
        for (index, leaf) in (0u32..).zip(&evidence.trees.nodes.leaves) {
            let proof = sums.proof(index.into()).context("it has the leaf")?;
            let (leaf, count) = (leaf.into(), evidence.trees.nodes.leaves.len() as u32);
            if !chain.claimable(&leaf, count, &proof.0).await?.is_zero() {
                chain.claim(&leaf, count, &proof.0).await?;
            }
        }
        for segment in evidence.segments.values() {
            let segment = protocol::Segment::from_bytes(segment)?;
            let records = segment.records().iter();
            of.counted
                .extend(records.map(|record| (record.id, record.receipt)));
        }
    } else {
        let reasons = (&report.verdict, &report.reasons, &report.lies_by_kind);
        of.false_by = Some(format!("{reasons:?}"));
    }
    let nodes = chain.nodes().await?;
    let payouts: BTreeSet<_> = nodes.into_iter().map(|node| node.payout).collect();
    for payout in payouts {
        of.paid += chain.token_balance(payout).await?.to::<u128>();
    }
    Ok(())
}
