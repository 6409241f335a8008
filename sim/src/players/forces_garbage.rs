//! A node that forces garbage: a record that its ticket alone refutes.
//!
//! It costs it its stake, once anybody shows it; whoever does has half of it. Nobody else pays.

use super::stage::Stage;
use anyhow::{Context, Result, ensure};
use std::sync::Arc;
use std::time::Duration;
use verifier::{Against, EvidenceSource, NoProgress, Progress, audit_epoch};

/// The epoch is attested by then.
const PATIENCE: Duration = Duration::from_secs(40);

pub(super) async fn play(stage: &mut Stage) -> Result<()> {
    stage.network.begun(0).await;
    stage.watched_by("honest", 1, None).await?;
    let (wire, place) = stage.wire("accomplice", 2)?;
    let session = wire.ready(None).await?;
    let chain = &stage.network.chain;
    let operator = stage.network.keys.nodes[0].1.clone();
    let operator = stage.as_account(&place.host, &operator).await?;
    let window = chain.timeline().force_window(0);
    stage.network.until(window.start + 1).await;
    // More than the ticket grants.
    let receipt = session.receipt(1, session.ticket.bytes_max + 1, 1, 1);
    let record = session.record(receipt);
    operator.force_commit(0, 0, &[record]).await?;
    stage.network.attested(0, PATIENCE).await?;
    let source = EvidenceSource::Directory(stage.network.evidence(0).join("0"));
    let progress: Arc<dyn Progress> = Arc::new(NoProgress);
    let report = audit_epoch(chain, &[source], 0, &progress).await;
    let mut lies = report.lies.into_iter();
    let lie = lies.find(|lie| matches!(lie.against, Against::Node { .. }));
    let lie = lie.context("the auditor found nothing")?;
    let to = lie.challenge.context("nothing shows it")?.to;
    let shown = lie.shown.context("nothing shows it")?;
    let call = chain.challenge_call(to, &shown)?;
    chain.commit_challenge(&call).await?;
    chain.reveal_challenge(&call).await?;
    let stake = chain.nodes().await?[0].stake;
    ensure!(stake == 0, "it has {stake} at stake still");
    stage.did_it();
    Ok(())
}
