//! What is promised outlasts the process; what is attested is let go of.

use super::*;
use crate::rules::issuing::Wanted;
use crate::testing::{FakeLedger, TestClock, issuer_config, issuer_key};
use crate::tickets::issuer::{Grant, IssueError};
use host::Http;
use protocol::{BillLeaf, BillTree, ClientKey, CollectionId, GIB, NodeId};
use std::path::Path;

const PAYER: Address = Address::repeat_byte(1);
const OTHER: Address = Address::repeat_byte(2);

fn grant(payer: Address) -> Grant {
    Grant {
        wanted: Wanted {
            node: NodeId::from([1; 32]),
            client: ClientKey::from([2; 32]),
            collection: CollectionId::from([0xff; 32]),
            payer,
            bytes_max: GIB,
            viewer: None,
        },
        reason: "".into(),
    }
}

struct Fixture {
    funds: Arc<Funds>,
    issuer: Arc<Issuer>,
    source: Source<FakeLedger>,
}

/// As a control plane starts, with a price of 10.
async fn start(dir: &Path, clock: &TestClock, ledger: &FakeLedger, bills: Bills) -> Fixture {
    ledger.with(|state| state.price = 10);
    let funds = Arc::new(Funds::new(PayerQuota::default(), 100));
    let issuer = Issuer::open(
        &disk::Disk::system(),
        dir,
        issuer_config(),
        issuer_key(),
        clock.clock(),
        funds.clone(),
    );
    let issuer = Arc::new(issuer.unwrap());
    let agreed = issuer_config().agreed;
    let mut source = Source::new(ledger.clone(), issuer.clone(), bills, agreed, clock.clock());
    funds.watch([PAYER, OTHER]);
    funds.read(&mut source).await.unwrap();
    Fixture {
        funds,
        issuer,
        source,
    }
}

impl Fixture {
    async fn issue(&self, payer: Address) -> Result<(), IssueError> {
        self.issuer.issue(vec![grant(payer)]).await.map(|_| ())
    }

    async fn read(&mut self) {
        self.funds.read(&mut self.source).await.unwrap();
    }

    async fn stop(self) {
        self.issuer.stop().await;
    }
}

fn deposits(ledger: &FakeLedger, payer: Address, amount: u128) {
    ledger.with(|state| state.deposits.insert(payer, amount));
}

fn is_short(result: Result<(), IssueError>) -> bool {
    matches!(result, Err(IssueError::Promise(PromiseError::Short { .. })))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_promised_outlasts_the_process_and_ends_with_the_attestation() {
    let dir = tempfile::tempdir().unwrap();
    let clock = TestClock::at(1_001_000);
    let ledger = FakeLedger::default();
    deposits(&ledger, PAYER, 30);
    let none = || Bills::new(Http::system(), Vec::new());
    let first = start(dir.path(), &clock, &ledger, none()).await;
    first.issue(PAYER).await.unwrap();
    clock.set(1_011_000);
    first.issue(PAYER).await.unwrap();
    first.issuer.close(0).await.unwrap();
    first.stop().await;

    // One ticket is in a closed log, one in an open one.
    let mut second = start(dir.path(), &clock, &ledger, none()).await;
    second.issue(PAYER).await.unwrap();
    assert!(is_short(second.issue(PAYER).await));
    // It pays in while everything runs.
    deposits(&ledger, PAYER, 40);
    second.read().await;
    second.issue(PAYER).await.unwrap();
    assert!(is_short(second.issue(PAYER).await));
    // Of the ten units of epoch 0 two are billed.
    ledger.with(|state| {
        state.next_epoch = 1;
        state.billed.insert(0, 2);
    });
    second.read().await;
    assert!(
        is_short(second.issue(PAYER).await),
        "8 are left, and 10 are needed"
    );
    deposits(&ledger, PAYER, 42);
    second.read().await;
    second.issue(PAYER).await.unwrap();
    // The attestation was false.
    ledger.with(|state| state.next_epoch = 0);
    second.read().await;
    deposits(&ledger, PAYER, 59);
    second.read().await;
    assert!(is_short(second.issue(PAYER).await));
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payer_that_deposits_is_looked_up_when_it_asks() {
    let dir = tempfile::tempdir().unwrap();
    let clock = TestClock::at(1_001_000);
    let ledger = FakeLedger::default();
    let fixture = start(
        dir.path(),
        &clock,
        &ledger,
        Bills::new(Http::system(), Vec::new()),
    )
    .await;
    let Fixture {
        funds,
        issuer,
        source,
    } = fixture;
    let stop = CancellationToken::new();
    let following = tokio::spawn({
        let (funds, stop) = (funds.clone(), stop.clone());
        async move { funds.follow(source, stop).await }
    });
    let late = Address::repeat_byte(7);
    deposits(&ledger, late, 10);
    let more = Promised {
        tickets: 1,
        bytes: GIB.into(),
    };
    funds.prepare(0, late, more).await;
    issuer.issue(vec![grant(late)]).await.unwrap();
    stop.cancel();
    following.await.unwrap();
    issuer.stop().await;
}

/// Serves a file to whoever asks, as a verifier does.
async fn verifier(bytes: Vec<u8>) -> String {
    let app = axum::Router::new().route(
        "/v1/evidence/0/bills.qbil",
        axum::routing::get(async move || bytes),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bills_are_each_payers_own_where_the_evidence_is_attested() {
    let dir = tempfile::tempdir().unwrap();
    let clock = TestClock::at(1_011_000);
    let ledger = FakeLedger::default();
    let leaf = |index: u32, payer, cumulative| BillLeaf {
        index,
        payer,
        last: 1,
        bill: cumulative,
        cumulative,
    };
    let tree = BillTree {
        network: crate::testing::NETWORK,
        epoch: 0,
        leaves: vec![leaf(0, PAYER, 5), leaf(1, OTHER, 95)],
    };
    ledger.with(|state| {
        state.next_epoch = 1;
        state.billed.insert(0, 100);
        state.bills_root = Some(tree.root().unwrap().hash());
    });
    deposits(&ledger, PAYER, 15);
    deposits(&ledger, OTHER, 104);
    let mut forged = tree.clone();
    forged.leaves[1].cumulative = 0;
    forged.leaves[1].bill = 0;
    let forged = verifier(forged.to_bytes()).await;
    let honest = verifier(tree.to_bytes()).await;

    let nothing = ["http://127.0.0.1:1".to_owned(), forged.clone()];
    let alone = start(
        dir.path(),
        &clock,
        &ledger,
        Bills::new(Http::system(), nothing.into()),
    )
    .await;
    assert!(is_short(alone.issue(PAYER).await), "all may be its bill");
    assert!(is_short(alone.issue(OTHER).await));
    alone.stop().await;

    let bills = Bills::new(Http::system(), vec![forged, honest]);
    let mut told = start(dir.path(), &clock, &ledger, bills).await;
    assert!(is_short(told.issue(OTHER).await));
    told.issue(PAYER).await.unwrap();
    // What comes after is anyone's until it is read.
    deposits(&ledger, PAYER, 30);
    ledger.with(|state| {
        state.next_epoch = 2;
        state.billed.insert(1, 120);
    });
    told.read().await;
    assert!(is_short(told.issue(PAYER).await));
    deposits(&ledger, PAYER, 45);
    told.read().await;
    told.issue(PAYER).await.unwrap();
    told.stop().await;
}
