//! Caps of tokens, through the ticket log's task: over epochs, restarts and crashes.

use super::*;
use crate::rules::issuing::Wanted;
use crate::rules::tokens::{UsageError, Used, Viewer};
use crate::testing::{PAYER, TestClock, issuer_config, issuer_key, rich};
use crate::tickets::issuer::{Grant, IssueError, Issuer};
use disk::faults::Recorder;
use protocol::{B256, ClientKey, CollectionId, NodeId};

const TOKEN: B256 = B256::repeat_byte(7);

fn viewer(bytes: Option<u64>, sessions: Option<u32>) -> Viewer {
    Viewer {
        hash: TOKEN,
        expires_at: 2_000_000,
        bytes,
        sessions,
    }
}

fn grant(client: u8, bytes_max: u64, viewer: Viewer) -> Grant {
    Grant {
        wanted: Wanted {
            node: NodeId::from([1; 32]),
            client: ClientKey::from([client; 32]),
            collection: CollectionId::from([0xff; 32]),
            payer: PAYER,
            bytes_max,
            viewer: Some(viewer),
        },
        reason: "".into(),
    }
}

fn open(dir: &Path, clock: &TestClock) -> Issuer {
    let funds = rich(PAYER);
    Issuer::open(
        &disk::Disk::system(),
        dir,
        issuer_config(),
        issuer_key(),
        clock.clock(),
        funds,
    )
    .unwrap()
}

/// As a process ends that has no time to say anything.
fn reopened(issuer: Issuer, dir: &Path, clock: &TestClock) -> Issuer {
    drop(issuer);
    open(dir, clock)
}

async fn take(issuer: &Issuer, grant: Grant) -> Result<u64, IssueError> {
    let tickets = issuer.issue(vec![grant]).await?;
    let ticket = tickets[0].peek();
    assert_eq!(ticket.viewer_token, TOKEN);
    Ok(ticket.bytes_max)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_are_counted_over_epochs_and_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let clock = TestClock::at(1_001_000);
    let capped = viewer(Some(100), None);
    let mut issuer = open(dir.path(), &clock);
    assert_eq!(take(&issuer, grant(1, 30, capped)).await, Ok(30));
    issuer = reopened(issuer, dir.path(), &clock);
    assert_eq!(take(&issuer, grant(2, 30, capped)).await, Ok(30));
    // The next epoch, while the first isn't closed yet; then it is.
    clock.set(1_011_000);
    assert_eq!(take(&issuer, grant(1, 10, capped)).await, Ok(10));
    issuer.close(0).await.unwrap();
    for _ in 0..2 {
        assert_eq!(take(&issuer, grant(1, 5, capped)).await, Ok(5));
        issuer = reopened(issuer, dir.path(), &clock);
    }
    assert_eq!(
        take(&issuer, grant(1, 30, capped)).await,
        Ok(20),
        "what is left"
    );
    let refused = take(&issuer, grant(1, 30, capped)).await;
    assert_eq!(refused, Err(UsageError::Bytes(100).into()));
    // Another token has its own, and one without a cap any number.
    let other = Viewer {
        hash: B256::repeat_byte(8),
        ..capped
    };
    assert!(issuer.issue(vec![grant(1, 30, other)]).await.is_ok());
    assert_eq!(
        take(&issuer, grant(1, 30, viewer(None, None))).await,
        Ok(30)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_log_that_was_not_counted_is_counted_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let clock = TestClock::at(1_001_000);
    let capped = viewer(Some(50), None);
    let issuer = open(dir.path(), &clock);
    let before = fs::read(dir.path().join(FILE)).unwrap();
    assert_eq!(take(&issuer, grant(1, 50, capped)).await, Ok(50));
    clock.set(1_011_000);
    issuer.close(0).await.unwrap();
    // The process ended between the seal and the file.
    drop(issuer);
    fs::write(dir.path().join(FILE), before).unwrap();
    let issuer = open(dir.path(), &clock);
    let refused = take(&issuer, grant(1, 1, capped)).await;
    assert_eq!(refused, Err(UsageError::Bytes(50).into()));
    fs::write(dir.path().join(FILE), b"{}").unwrap();
    drop(issuer);
    let damaged = Issuer::open(
        &disk::Disk::system(),
        dir.path(),
        issuer_config(),
        issuer_key(),
        clock.clock(),
        rich(PAYER),
    );
    assert!(matches!(damaged.err(), Some(LogError::Seal { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_many_clients_at_a_time_have_tickets() {
    let dir = tempfile::tempdir().unwrap();
    let clock = TestClock::at(1_001_000);
    let two = viewer(None, Some(2));
    let mut issuer = open(dir.path(), &clock);
    for client in [1, 2, 1, 2] {
        assert!(take(&issuer, grant(client, 10, two)).await.is_ok());
    }
    let refused = Err(UsageError::Sessions {
        most: 2,
        until: 1_012_000,
    }
    .into());
    assert_eq!(take(&issuer, grant(3, 10, two)).await, refused);
    // Their tickets outlast the epoch, and are known after a restart.
    clock.set(1_011_000);
    issuer.close(0).await.unwrap();
    issuer = reopened(issuer, dir.path(), &clock);
    assert_eq!(take(&issuer, grant(3, 10, two)).await, refused);
    assert!(take(&issuer, grant(1, 10, two)).await.is_ok());
    clock.set(1_012_000);
    assert!(take(&issuer, grant(3, 10, two)).await.is_ok());
    assert!(take(&issuer, grant(2, 10, two)).await.is_err());
    // A token that allows nobody.
    let none = viewer(None, Some(0));
    assert!(take(&issuer, grant(9, 10, none)).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_ask_at_once_get_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let clock = TestClock::at(1_001_000);
    let issuer = std::sync::Arc::new(open(dir.path(), &clock));
    let asking: Vec<_> = (0..50)
        .map(|client| {
            let issuer = issuer.clone();
            let grant = grant(client, 10, viewer(Some(100), None));
            tokio::spawn(async move { take(&issuer, grant).await.unwrap_or(0) })
        })
        .collect();
    let mut sum = 0;
    for asked in asking {
        sum += asked.await.unwrap();
    }
    assert_eq!(sum, 100);
}

#[test]
fn what_a_closed_epoch_used_is_there_after_power_cuts() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::new(dir.path()).unwrap();
    let mut usage = TokenUsage::open(&disk::Disk::recorded(&recorder), dir.path(), None).unwrap();
    let mut after = Vec::new();
    for epoch in 0..8 {
        let used = Used {
            bytes: 10,
            clients: Vec::new(),
        };
        usage
            .close(epoch, &ByToken::from([(TOKEN, used)]), 2000)
            .unwrap();
        after.push(recorder.operations());
    }
    for operations in 0..=recorder.operations() {
        let closed = after.iter().filter(|at| **at <= operations).count() as u64;
        for seed in 0..5 {
            let image = tempfile::tempdir().unwrap();
            recorder.power_cut(operations, seed, image.path()).unwrap();
            let mut kept = TokenUsage::open(&disk::Disk::system(), image.path(), None).unwrap();
            assert!(
                closed == 0 || kept.closed.has(closed - 1),
                "{operations}, {seed}"
            );
            let all = viewer(Some(1000), None);
            let none: [ByToken; 0] = [];
            let left = kept
                .closed
                .allowed(&all, ClientKey::from([1; 32]), 1000, none.iter(), 2000);
            let bytes = 1000 - left.unwrap();
            let whole = (closed * 10..=closed * 10 + 10).step_by(10);
            assert!(whole.into_iter().any(|sum| sum == bytes), "{bytes}");
        }
    }
}
