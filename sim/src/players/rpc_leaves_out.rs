//! An RPC that leaves out logs, before a verifier that keeps the rules.
//!
//! A node takes receipts, forces them on chain and is gone. The verifier's RPC answers as any other, but for the events
//! by which records are forced. A false answer costs the RPC nothing. Today the verifier pays, with its whole bond: what
//! it attests leaves the forced records out, and anybody can show that.

use super::stage::Stage;
use crate::checks::Honest;
use anyhow::{Context, Result};
use contracts::Address;
use host::{Carried, Carrier, Guard, Http};
use reqwest::Request;
use std::sync::Arc;
use std::time::Duration;
use verifier::{EvidenceSource, NoProgress, Progress, audit_epoch};

/// The payout of the node that goes.
const PAYOUT: Address = Address::repeat_byte(11);
/// The misled verifier has attested by then.
const PATIENCE: Duration = Duration::from_secs(30);
/// The beginning of the topic of `SegmentForced` (SPEC section 13), as requests have it, and of a topic of no event.
const FORCED: &str = "f1b2f8b4c4c86e25";
const NOTHING: &str = "0000000000000000";

/// Carries what it is given, but answers what asks for forced segments with no logs.
#[derive(Debug)]
struct Lossy(Http);

impl Carrier for Lossy {
    fn carry(&self, request: Request) -> Carried {
        let body = request.body().and_then(|body| body.as_bytes());
        let body = String::from_utf8_lossy(body.unwrap_or_default());
        // Another topic, of which there are no events.
        let body = body.replace(FORCED, NOTHING);
        let (method, url) = (request.method().clone(), request.url().clone());
        let mut asked = self
            .0
            .request(method, url)
            .headers(request.headers().clone());
        if let Some(patience) = request.timeout() {
            asked = asked.timeout(*patience);
        }
        let http = self.0.clone();
        Box::pin(async move { http.send(asked.body(body)).await })
    }

    fn guarded(&self, guard: Arc<dyn Guard>) -> Arc<dyn Carrier> {
        Arc::new(Self(self.0.guarded(guard)))
    }
}

pub(super) async fn play(stage: &mut Stage) -> Result<()> {
    let mut place = stage.world.host("misled verifier");
    let account = stage.network.keys.committer.clone();
    stage.bonded(&place.host, &account).await?;
    stage.honest.push(Honest {
        name: "misled verifier".into(),
        account: account.address(),
        evidence: None,
    });
    stage.enter_bonds().await?;
    place.host.http = Http::of(Arc::new(Lossy(place.host.http.clone())));
    let evidence = place.folder.join("evidence");
    let control = stage.network.control_url();
    let verifier = stage.verifier(&place, account, Duration::from_secs(1), vec![control]);
    let host = stage.world.host("node that goes");
    let (id, node) = stage.node("node that goes", &host, PAYOUT).await?;
    stage.network.begun(0).await;
    let (wire, _place) = stage.wire("honest", 1)?;
    let mut session = wire.ready(Some(id)).await?;
    let acked = session
        .keep_the_rules(stage.content(), stage.size())
        .await?;
    node.end().await?;
    let window = stage.network.chain.timeline().force_window(0);
    stage.network.until(window.start + 1).await;
    let chain = &stage.network.chain;
    let index = chain.index_of(id.as_bytes().into()).await?;
    let record = session.record(acked);
    let index = index.context("it is registered")?;
    chain.force_commit(0, index, &[record]).await?;
    stage.did_it();

    stage.network.attested(0, PATIENCE).await?;
    let chain = &stage.network.chain;
    let progress: Arc<dyn Progress> = Arc::new(NoProgress);
    let source = EvidenceSource::Directory(evidence.join("0"));
    let report = audit_epoch(chain, &[source], 0, &progress).await;
    let shown = report.lies.iter().find_map(|lie| {
        let challenge = lie.challenge.as_ref()?;
        Some((challenge.to, lie.shown.clone()?))
    });
    if let Some((to, challenge)) = shown {
        let call = chain.challenge_call(to, &challenge)?;
        chain.commit_challenge(&call).await?;
        chain.reveal_challenge(&call).await?;
    }
    verifier.end().await
}
