//! Numbers without gaps, epochs that stay closed, limits that hold.

use super::*;
use crate::chain::funds::Funds;
use crate::rules::issuing::{IssuerTerms, NotIssued, Wanted};
use crate::testing::{TIMELINE, agreed};
use disk::faults::{Fault, Recorder};
use protocol::{Address, ClientKey, CollectionId, IssuerKey, Network, NodeId};
use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

fn config() -> IssuerConfig {
    IssuerConfig {
        terms: IssuerTerms {
            network: Network {
                chain_id: 1,
                settlement: Address::repeat_byte(9),
            },
            issuer: 4,
            ttl_ms: 60_000,
            tickets_max: 1000,
        },
        agreed: agreed(),
    }
}

fn grant(bytes_max: u64) -> Grant {
    Grant {
        wanted: Wanted {
            node: NodeId::from([1; 32]),
            client: ClientKey::from([2; 32]),
            collection: CollectionId::from([0xff; 32]),
            payer: Address::repeat_byte(4),
            bytes_max,
            viewer: None,
        },
        reason: "".into(),
    }
}

/// A clock that a test sets, in milliseconds.
fn clock(at: u64) -> (Arc<AtomicU64>, Clock) {
    let time = Arc::new(AtomicU64::new(at));
    let shared = time.clone();
    (time, Clock::new(move || shared.load(Ordering::SeqCst)))
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[5; 32])
}

fn funds() -> Arc<Funds> {
    crate::testing::rich(Address::repeat_byte(4))
}

fn open(dir: &Path, config: IssuerConfig, clock: Clock) -> Issuer {
    Issuer::open(&disk::Disk::system(), dir, config, key(), clock, funds()).unwrap()
}

async fn stop(issuer: Issuer) {
    issuer.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_askers_get_every_number_once_and_a_restart_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let (_, clock) = clock(1_001_000);
    let issuer = Arc::new(open(dir.path(), config(), clock.clone()));
    let asking: Vec<_> = (0..20)
        .map(|_| {
            let issuer = issuer.clone();
            tokio::spawn(async move {
                let mut got = Vec::new();
                for _ in 0..5 {
                    got.extend(issuer.issue(vec![grant(10), grant(10)]).await.unwrap());
                }
                got
            })
        })
        .collect();
    let public = IssuerKey::from(key().verifying_key().to_bytes());
    let mut indices = BTreeSet::new();
    for task in asking {
        for ticket in task.await.unwrap() {
            let ticket = ticket.verify(&public, &TIMELINE).unwrap();
            assert_eq!(ticket.ticket().id.epoch, 0);
            assert_eq!(ticket.ticket().expires_at, 1_012_000, "capped by the tail");
            assert!(indices.insert(ticket.ticket().id.index), "given out twice");
        }
    }
    assert!(indices.iter().copied().eq(0..200));
    stop(Arc::into_inner(issuer).unwrap()).await;

    let issuer = open(dir.path(), config(), clock);
    let next = issuer.issue(vec![grant(1)]).await.unwrap();
    assert_eq!(next[0].peek().id.index, 200);
    stop(issuer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_epoch_stays_closed() {
    let dir = tempfile::tempdir().unwrap();
    let (time, clock) = clock(1_001_000);
    let issuer = open(dir.path(), config(), clock.clone());
    issuer.issue(vec![grant(7), grant(8)]).await.unwrap();
    assert!(matches!(issuer.close(0).await, Err(CloseError::NotOver(0))));
    assert_eq!(issuer.seal(0), None);

    time.store(1_025_000, Ordering::SeqCst);
    issuer.issue(vec![grant(1)]).await.unwrap();
    issuer.close(1).await.unwrap();
    issuer.close(1).await.unwrap();
    let seal = issuer.seal(0).unwrap();
    assert_eq!((seal.count, seal.bytes_max), (2, 15));
    assert_eq!(issuer.seal(1), Some(Seal::EMPTY));
    assert_eq!(issuer.seal(2), None);
    assert!(issuer.read(1).unwrap().is_none());

    time.store(1_015_000, Ordering::SeqCst);
    let refused = issuer.issue(vec![grant(1)]).await;
    assert_eq!(refused, Err(NotIssued::Closed(1).into()));
    stop(issuer).await;

    let issuer = open(dir.path(), config(), clock);
    let refused = issuer.issue(vec![grant(1)]).await;
    assert_eq!(refused, Err(NotIssued::Closed(1).into()));
    assert_eq!(issuer.seal(0), Some(seal));
    let mut log = issuer.read(0).unwrap().unwrap();
    assert_eq!(log.next_ticket().unwrap().unwrap().bytes_max, 7);
    time.store(1_025_000, Ordering::SeqCst);
    let next = issuer.issue(vec![grant(1)]).await.unwrap();
    assert_eq!(next[0].peek().id.index, 1, "epoch 2 goes on");
    time.store(999_999, Ordering::SeqCst);
    let refused = issuer.issue(vec![grant(1)]).await;
    assert_eq!(refused, Err(NotIssued::BeforeGenesis.into()));
    stop(issuer).await;

    // A seal that is gone is made again; the epoch is never taken for an empty one.
    fs::remove_file(dir.path().join("epoch-0.seal")).unwrap();
    let (_, clock) = self::clock(1_025_000);
    let issuer = open(dir.path(), config(), clock);
    assert_eq!(issuer.seal(0), Some(seal));
    stop(issuer).await;

    // Nobody restores less than was closed without being told.
    let log = dir.path().join("epoch-0.log");
    let bytes = fs::read(&log).unwrap();
    fs::write(&log, &bytes[..bytes.len() - 1]).unwrap();
    let (_, clock) = self::clock(1_025_000);
    let error = Issuer::open(
        &disk::Disk::system(),
        dir.path(),
        config(),
        key(),
        clock,
        funds(),
    )
    .err();
    assert!(matches!(error, Some(LogError::Length { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_epoch_cannot_hold_is_refused_whole() {
    let dir = tempfile::tempdir().unwrap();
    let (_, clock) = clock(1_001_000);
    let mut config = config();
    config.terms.tickets_max = 5;
    let issuer = open(dir.path(), config, clock);
    assert_eq!(
        issuer.issue(vec![grant(1 << 56)]).await,
        Err(NotIssued::Form.into())
    );
    let half = 1 << 55;
    issuer.issue(vec![grant(half)]).await.unwrap();
    assert_eq!(
        issuer.issue(vec![grant(0), grant(half)]).await,
        Err(NotIssued::Full(0).into()),
        "the sum of limits must stay below 2^56"
    );
    issuer.issue(vec![grant(1); 3]).await.unwrap();
    assert_eq!(
        issuer.issue(vec![grant(1); 2]).await,
        Err(NotIssued::Full(0).into())
    );
    let last = issuer.issue(vec![grant(1)]).await.unwrap();
    assert_eq!(last[0].peek().id.index, 4);
    stop(issuer).await;
}

#[tokio::test]
async fn a_disk_that_was_full_costs_the_tickets_of_that_time_and_no_epoch() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::new(dir.path()).unwrap();
    let disk = Disk::recorded(&recorder);
    let folder = dir.path().join("tickets");
    let (time, clock) = clock(1_001_000);
    let issuer = Issuer::open(&disk, &folder, config(), key(), clock.clone(), funds()).unwrap();
    let ask = async |count: usize| issuer.issue(vec![grant(10); count]).await;
    ask(2).await.unwrap();
    // Nothing can be written, and what was half written can't be taken back.
    recorder.fail_from(recorder.operations(), Fault::Full);
    for _ in 0..3 {
        assert!(ask(1).await.is_err());
    }
    time.store(1_010_000, Ordering::SeqCst);
    assert!(issuer.close(0).await.is_err(), "it isn't known what it has");
    recorder.heal();
    issuer.close(0).await.unwrap();
    let sealed = issuer.seal(0).unwrap();
    assert!(sealed.count >= 2, "{sealed:?}");
    let next = ask(1).await.unwrap();
    assert_eq!(next[0].peek().id.epoch, 1);
    stop(issuer).await;
    let again = open(&folder, config(), clock);
    assert_eq!(again.seal(0), Some(sealed), "and a start finds the same");
    stop(again).await;
}
