//! A verifier that lies where nobody can know better: it states a probe that wasn't answered.
//!
//! All else that it attests is true. Nobody has to have signed a probe, so nothing shows the lie, and an auditor says that
//! it is true. It costs it nothing. Today the node pays, with all that it earned in the epoch.

use super::stage::Stage;
use crate::checks::Honest;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::time::Duration;
use verifier::{
    EpochInputs, Evidence, EvidenceSource, EvidenceStore, ProbeCount, epoch_facts, judge,
};

/// How often it looks whether it has judged.
const LOOK: Duration = Duration::from_secs(1);

pub(super) async fn play(stage: &mut Stage) -> Result<()> {
    stage.network.verifiers[0].stop().await?;
    let place = stage.world.host("liar");
    let account = stage.network.keys.verifiers[0].clone();
    let liar = stage.as_account(&place.host, &account).await?;
    stage.network.begun(0).await;
    stage.watched_by("honest", 1, None).await?;
    // It judges with an account that has no vote, and votes by hand.
    let voteless = stage.network.keys.committer.clone();
    let control = stage.network.control_url();
    let judging = stage.verifier(&place, voteless, Duration::from_secs(1), vec![control]);
    let honest = place.folder.join("evidence/0");
    while !honest.join(verifier::BUNDLE_FILE).exists() {
        tokio::time::sleep(LOOK).await;
    }
    let facts = epoch_facts(&liar, 0).await?;
    let source = EvidenceSource::Directory(honest);
    let (honest, _) = source.read(facts.network, 0, None).await?;
    let earning = honest.segments.keys().next();
    let lie = ProbeCount {
        index: *earning.context("somebody earned something")?,
        made: 1,
        ok: 0,
    };
    let inputs = EpochInputs {
        network: facts.network,
        epoch: 0,
        timeline: &facts.timeline,
        terms: facts.terms,
        nodes: &facts.nodes,
        payers: &facts.payers,
        committed: &facts.committed,
        logs: &honest.logs,
        segments: &honest.segments,
        forced: &BTreeMap::new(),
        previous: None,
        probes: &[lie],
    };
    let judged = judge(&inputs)?;
    let evidence = Evidence::of(&judged, honest.logs.clone(), None, vec![lie]);
    let folder = place.folder.join("lies");
    let hash = EvidenceStore::open(&place.host.disk, &folder)?.write(&evidence)?;
    let statement = protocol::Statement {
        epoch: 0,
        trees: judged.roots,
        evidence: hash,
    };
    liar.attest(&(&statement).into()).await?;
    // Nobody else has evidence of what is attested.
    stage.honest = vec![Honest {
        name: "liar".into(),
        account: account.address(),
        evidence: Some(folder),
    }];
    stage.did_it();
    judging.end().await
}
