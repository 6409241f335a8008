//! Every lie is planted, found, and overturned by the contracts themselves; an honest epoch has none.
#![allow(missing_docs, unreachable_pub)]

#[path = "../chain_time/mod.rs"]
mod chain_time;
mod issuers;
mod network;

use contracts::challenge::{Challenge, Kind};
use contracts::{Chain, Status};
use lies::{Book, Plant, Planted, plants};
use network::{CHALLENGER, EPOCH, VERIFIER_BOND, World, account, world};
use quittance_verifier::{
    Against, AuditReport, EvidenceSource, Lie, NoProgress, Progress, Verdict, audit_epoch,
};
use std::collections::BTreeSet;
use std::sync::Arc;

async fn audit(world: &World) -> AuditReport {
    let progress: Arc<dyn Progress> = Arc::new(NoProgress);
    // The store holds both epochs, each under its number.
    let EvidenceSource::Directory(of_epoch) = world.store.source(EPOCH) else {
        unreachable!("a store is a folder");
    };
    let folder = EvidenceSource::Directory(of_epoch.parent().unwrap().to_owned());
    audit_epoch(&world.challenger, &[folder], EPOCH, &progress).await
}

async fn attest(world: &World, planted: &Planted) {
    let evidence = world.store.write(&planted.evidence).unwrap();
    let statement = planted.statement(evidence).unwrap();
    world.chain.attest(&statement).await.unwrap();
}

/// Kinds of the lies in the attestation.
fn kinds(report: &AuditReport) -> BTreeSet<String> {
    let lies = report.lies.iter();
    let attested = lies.filter(|lie| lie.against == Against::Attestation);
    attested.map(|lie| lie.kind.to_string()).collect()
}

/// Every challenge that is built would go well.
async fn all_would_succeed(chain: &Chain, report: &AuditReport) {
    for lie in &report.lies {
        let (Some(challenge), Some(call)) = (&lie.shown, &lie.challenge) else {
            continue;
        };
        let tried = chain.try_challenge(call.to, challenge).await;
        assert!(tried.is_ok(), "{}: {}", lie.sentence, tried.unwrap_err());
    }
}

/// Commits to a challenge and makes it; the epoch falls, the verifier pays, the challenger is credited.
async fn overturn(chain: &Chain, lie: &Lie) {
    let to = lie.challenge.as_ref().unwrap().to;
    let before = chain
        .bounty_of(account(CHALLENGER).address())
        .await
        .unwrap();
    let call = chain
        .challenge_call(to, lie.shown.as_ref().unwrap())
        .unwrap();
    assert!(chain.commit_challenge(&call).await.unwrap().is_some());
    assert!(chain.committed_in(&call).await.unwrap().is_some());
    assert_eq!(chain.commit_challenge(&call).await.unwrap(), None, "once");
    let done = chain.reveal_challenge(&call).await.unwrap();
    assert_eq!(done.overturned, Some((EPOCH, EPOCH)));
    assert_eq!(done.slashed.len(), 1);
    let bounty = contracts::U256::from(VERIFIER_BOND / 2);
    assert!(
        done.credited
            .contains(&(account(CHALLENGER).address(), bounty))
    );
    let after = chain
        .bounty_of(account(CHALLENGER).address())
        .await
        .unwrap();
    assert_eq!(after, before + bounty);
    assert_eq!(chain.status(EPOCH).await.unwrap(), Status::None);
}

async fn plant(world: &World, plant: &Plant) {
    let planted = plant.plant(&world.scene).unwrap();
    attest(world, &planted).await;
    let report = audit(world).await;
    let kind = plant.kind.function();
    assert_eq!(
        report.verdict,
        Verdict::False,
        "{kind}: {:?}",
        report.reasons
    );
    assert_eq!(report.reasons, Vec::<String>::new(), "{kind}");
    let besides = plant.besides.iter().copied();
    let expected: BTreeSet<_> = besides.chain([kind]).map(str::to_owned).collect();
    let told: Vec<_> = report.lies.iter().map(|lie| &lie.sentence).collect();
    assert_eq!(kinds(&report), expected, "{kind}: {told:#?}");
    all_would_succeed(&world.challenger, &report).await;
    let shows = |lie: &&Lie| lie.shown.as_ref().is_some_and(|c| c.kind() == plant.kind);
    let lie = report.lies.iter().find(shows);
    let lie = lie.unwrap_or_else(|| panic!("{kind} isn't shown: {told:#?}"));
    overturn(&world.challenger, lie).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_lie_falls_and_the_truth_stands() {
    let world = world().await;
    let plants = plants();
    for lie in &plants {
        plant(&world, lie).await;
    }
    // Every kind there is, but for those that aren't about an attestation.
    let planted: BTreeSet<_> = plants.iter().map(|plant| plant.kind).collect();
    let others = Kind::ALL.iter().filter(|kind| !planted.contains(kind));
    let others: Vec<_> = others.map(|kind| kind.function()).collect();
    assert_eq!(
        others,
        [
            "forcedInvalid",
            "logMissing",
            "logTooShort",
            "logContradicts",
            "ticketMalformedByIssuer",
            "logWrongSum",
            "logWrongShape",
            "logWrongCount",
            "logOutOfPlace",
        ]
    );

    // The honest attestation follows, and has no lie but that of a node which forced what nobody signed.
    let evidence = &world.scene.evidence;
    let honest = Book::honest(&world.scene).unwrap();
    let honest = honest.kept(&world.scene).unwrap();
    assert_eq!(honest.trees, evidence.trees);
    let root = world.store.write(evidence).unwrap();
    let statement = protocol::Statement {
        epoch: EPOCH,
        trees: evidence.trees.roots().unwrap(),
        evidence: root,
    };
    world.chain.attest(&(&statement).into()).await.unwrap();
    let report = audit(&world).await;
    assert_eq!(
        report.verdict,
        Verdict::True,
        "{:?} {:?}",
        report.reasons,
        report.lies
    );
    assert_eq!(report.recomputed_roots, Some(statement.roots()));
    assert_eq!(kinds(&report), BTreeSet::new());
    let [lie] = &report.lies[..] else {
        panic!("{:?}", report.lies);
    };
    assert_eq!(
        (lie.against, lie.kind.to_string()),
        (Against::Node(1), "forcedInvalid".into())
    );
    all_would_succeed(&world.challenger, &report).await;
    let challenge = lie.shown.as_ref().unwrap();
    assert!(matches!(challenge, Challenge::Node(_)));
    let call = world
        .challenger
        .challenge_call(lie.challenge.as_ref().unwrap().to, challenge);
    let done = world
        .challenger
        .reveal_challenge(&call.unwrap())
        .await
        .unwrap();
    assert_eq!(done.overturned, None, "attestations stay");
    assert_eq!(done.slashed.len(), 1);
}
