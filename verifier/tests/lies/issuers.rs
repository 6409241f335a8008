//! Issuers that break their word, each in its own way: what a node holds shows it, and the issuer pays.

use super::chain_time::warp;
use super::network::{
    CHALLENGER, ISSUER_BOND, OPERATOR, account, connect, deployed, key, node, public,
};
use contracts::challenge::Kind;
use contracts::{B256, Chain, Offender, U256};
use lies::{FalseLog, ISSUER_LIES};
use protocol::{ClientKey, CollectionId, Epoch, SignedTicket, SigningKey, Ticket, TicketId};
use quittance_verifier::{
    Against, EvidenceSource, HeldTickets, IssuerReport, LogSource, NoProgress, Progress, Verdict,
    check_issuers,
};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use toolchain::Anvil;

const EPOCH: Epoch = 0;
/// Tickets of each issuer.
const TICKETS: u32 = 4;
/// The honest one.
const HONEST: u32 = 8;

fn issuer_key(issuer: u32) -> SigningKey {
    key(50 + issuer as u8)
}

fn ticket(chain: &Chain, issuer: u32, index: u32) -> Ticket {
    let issued_at = chain.timeline().start(EPOCH) * 1000 + 20_000;
    Ticket {
        network: chain.network_id(),
        id: TicketId {
            epoch: EPOCH,
            issuer,
            index,
        },
        node: node(0),
        client: ClientKey::from(public(&key(100))),
        collection: CollectionId::from([1; 32]),
        payer: account(OPERATOR).address(),
        viewer_token: B256::ZERO,
        bytes_max: 1 << 20,
        issued_at,
        expires_at: issued_at + 60_000,
    }
}

/// The tickets that an issuer signed, which a node holds.
fn signed(chain: &Chain, issuer: u32) -> Vec<SignedTicket> {
    let tickets = (0..TICKETS).map(|index| {
        let mut ticket = ticket(chain, issuer, index);
        if ISSUER_LIES.get(issuer as usize) == Some(&Kind::TicketMalformedByIssuer) && index == 1 {
            ticket.expires_at = ticket.issued_at;
        }
        ticket
    });
    tickets
        .map(|ticket| ticket.sign(&issuer_key(issuer)))
        .collect()
}

/// Commits what an issuer commits, and publishes what it publishes.
async fn commit(chain: &Chain, issuer: u32, folder: &Path) {
    let tickets: Vec<_> = signed(chain, issuer)
        .iter()
        .map(SignedTicket::peek)
        .collect();
    let lie = ISSUER_LIES.get(issuer as usize).copied();
    let named = (chain.network_id(), EPOCH, issuer);
    let Some(log) = FalseLog::of(lie, named, tickets).unwrap() else {
        return;
    };
    let sent = chain
        .commit_ticket_log(EPOCH, issuer, log.top, log.count, log.bytes)
        .await;
    sent.unwrap();
    std::fs::write(folder.join(format!("tickets-{issuer}.qlog")), log.file).unwrap();
}

async fn check(chain: &Chain, folder: &Path, held: Vec<SignedTicket>) -> IssuerReport {
    let progress: Arc<dyn Progress> = Arc::new(NoProgress);
    let source = LogSource::Evidence(EvidenceSource::Directory(folder.to_owned()));
    let held: HeldTickets = Box::new(move |each| {
        held.into_iter().for_each(each);
        Ok(())
    });
    check_issuers(chain, EPOCH, &[source], held, &progress).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_holds_what_an_issuer_signed_can_show_what_it_did() {
    let anvil = Anvil::start(&[]).expect("anvil starts");
    let chain = deployed(&anvil).await;
    let (_, settlement) = chain.network();
    let challenger = connect(&anvil, settlement, CHALLENGER).await;
    for issuer in 0..=HONEST {
        let key = B256::from(public(&issuer_key(issuer)));
        chain
            .add_issuer(key, account(OPERATOR).address())
            .await
            .unwrap();
        let bond = U256::from(ISSUER_BOND);
        chain.bond_issuer(issuer, bond).await.unwrap();
    }
    let timeline = chain.timeline();
    let end = timeline.end(EPOCH);
    warp(&anvil, end).await;
    let folder = tempfile::tempdir().unwrap();
    for issuer in 0..=HONEST {
        commit(&chain, issuer, folder.path()).await;
    }
    let held: Vec<_> = (0..=HONEST)
        .flat_map(|issuer| signed(&chain, issuer))
        .collect();

    // While a log may still come, that it is missing is no lie.
    let report = check(&challenger, folder.path(), held.clone()).await;
    assert!(
        report
            .lies
            .iter()
            .all(|lie| lie.against != Against::Issuer(0))
    );
    assert!(
        report
            .reasons
            .iter()
            .any(|why| why.contains("4 tickets of issuer 0")),
        "{:?}",
        report.reasons
    );
    let committed = u64::from(timeline.windows(EPOCH).commit_window) + 1;
    warp(&anvil, end + committed).await;

    let honest: Vec<_> = signed(&chain, HONEST);
    let report = check(&challenger, folder.path(), honest.clone()).await;
    let others = report
        .lies
        .iter()
        .filter(|lie| lie.against == Against::Issuer(HONEST));
    assert_eq!((others.count(), report.tickets), (0, 4));

    let report = check(&challenger, folder.path(), held.clone()).await;
    assert_eq!((report.verdict, report.tickets), (Verdict::False, 36));
    // Behind a false sum, shape or count the tickets can't be looked up; the log is struck for it.
    let mut reasons = report.reasons.clone();
    reasons.retain(|why| !why.contains("parts of its log are not known"));
    assert_eq!(reasons, Vec::<String>::new());
    let mut found: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for lie in &report.lies {
        let Against::Issuer(issuer) = lie.against else {
            panic!("{lie:?}");
        };
        found.entry(issuer).or_default().push(lie.kind.to_string());
    }
    for (issuer, kind) in (0u32..).zip(ISSUER_LIES) {
        let mut kinds = found.remove(&issuer).unwrap_or_default();
        kinds.sort_unstable();
        kinds.dedup();
        let mut expected = vec![kind.function()];
        // All but one of its tickets are beyond the one that it says it has; so with none. Two that changed
        // places contradict what was signed, too.
        match kind {
            Kind::LogWrongShape | Kind::LogWrongCount => expected.insert(0, "logTooShort"),
            Kind::LogOutOfPlace => expected.insert(0, "logContradicts"),
            _ => {}
        }
        expected.sort_unstable();
        assert_eq!(kinds, expected, "issuer {issuer}");
    }
    assert!(found.is_empty(), "{found:?}");

    // Each is shown, and each pays.
    for lie in &report.lies {
        let (shown, to) = (
            lie.shown.as_ref().unwrap(),
            lie.challenge.as_ref().unwrap().to,
        );
        let tried = challenger.try_challenge(to, shown).await;
        assert!(tried.is_ok(), "{}: {}", lie.sentence, tried.unwrap_err());
    }
    for (issuer, kind) in (0u32..).zip(ISSUER_LIES) {
        let mut lies = report.lies.iter();
        let lie = lies.find(|lie| {
            let shown = lie.shown.as_ref().map(|shown| shown.kind());
            lie.against == Against::Issuer(issuer) && shown == Some(kind)
        });
        let lie = lie.unwrap();
        let to = lie.challenge.as_ref().unwrap().to;
        let call = challenger
            .challenge_call(to, lie.shown.as_ref().unwrap())
            .unwrap();
        challenger.commit_challenge(&call).await.unwrap();
        let done = challenger.reveal_challenge(&call).await.unwrap();
        let bond = U256::from(ISSUER_BOND);
        assert_eq!(done.slashed, [(Offender::Issuer(issuer), bond)], "{kind}");
        let bounty = (account(CHALLENGER).address(), bond / U256::from(2));
        assert!(done.credited.contains(&bounty), "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tickets_that_nobody_signed_show_nothing() {
    let anvil = Anvil::start(&[]).expect("anvil starts");
    let chain = deployed(&anvil).await;
    let key_ = B256::from(public(&issuer_key(0)));
    chain
        .add_issuer(key_, account(OPERATOR).address())
        .await
        .unwrap();
    warp(&anvil, chain.timeline().end(EPOCH) + 1_000).await;
    let folder = tempfile::tempdir().unwrap();
    let ticket_ = ticket(&chain, 0, 0);
    let stranger = ticket_.sign(&key(1));
    let mut elsewhere = ticket_;
    elsewhere.network.chain_id += 1;
    let mut later = ticket_;
    later.id.epoch += 1;
    let mut of_nobody = ticket_;
    of_nobody.id.issuer = 7;
    let others = [elsewhere, later, of_nobody].map(|ticket| ticket.sign(&issuer_key(0)));
    let held = others.into_iter().chain([stranger]).collect();
    let report = check(&chain, folder.path(), held).await;
    assert_eq!((report.verdict, report.lies_found), (Verdict::NotJudged, 0));
    assert!(
        report.reasons[0].starts_with("4 tickets are of another network"),
        "{:?}",
        report.reasons
    );
    let report = check(&chain, folder.path(), Vec::new()).await;
    assert_eq!(report.verdict, Verdict::True);
}
