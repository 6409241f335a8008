//! Every epoch's log is committed once, whatever fails in between.

use super::*;
use crate::core::Core;
use crate::rules::commitments::{Commitment, LOOK_INTERVAL_MIN};
use crate::rules::issuing::Wanted;
use crate::testing::{FakeLedger, PAYER, TestClock, agreed, core};
use crate::tickets::issuer::Grant;
use protocol::{ClientKey, CollectionId, NodeId, TicketLog};

struct World {
    clock: TestClock,
    ledger: FakeLedger,
    core: Arc<Core>,
    _dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = TestClock::at(0);
        let core = core(dir.path(), &clock);
        let ledger = FakeLedger::default();
        let world = Self {
            clock,
            ledger,
            core,
            _dir: dir,
        };
        world.at(1001);
        world
    }

    /// Sets both clocks, seconds.
    fn at(&self, now: u64) {
        self.clock.set(now * 1000);
        self.ledger.with(|state| state.now = now);
    }

    fn committer(&self, added_at: u64) -> Committer<FakeLedger> {
        let seat = Seat { index: 4, added_at };
        let (issuer, metrics) = (self.core.issuer.clone(), self.core.metrics.clone());
        Committer::new(
            self.ledger.clone(),
            issuer,
            seat,
            agreed(),
            self.clock.clock(),
            metrics,
        )
    }

    async fn issue(&self, count: usize) {
        let grant = Grant {
            wanted: Wanted {
                node: NodeId::from([1; 32]),
                client: ClientKey::from([2; 32]),
                collection: CollectionId::from([3; 32]),
                payer: PAYER,
                bytes_max: 10,
                viewer: None,
            },
            reason: "".into(),
        };
        self.core.issuer.issue(vec![grant; count]).await.unwrap();
    }

    fn committed(&self) -> Vec<Epoch> {
        self.ledger
            .with(|state| state.logs.keys().copied().collect())
    }

    /// The root of what the issuer wrote, computed from the tickets.
    fn root(&self, epoch: Epoch) -> B256 {
        let mut tickets = Vec::new();
        if let Some(mut log) = self.core.issuer.read(epoch).unwrap() {
            while let Some(ticket) = log.next_ticket().unwrap() {
                tickets.push(ticket);
            }
        }
        let log = TicketLog::new(self.core.network, epoch, 4, tickets).unwrap();
        log.root().unwrap().hash()
    }
}

#[tokio::test]
async fn full_and_empty_epochs_are_committed_when_both_clocks_agree() {
    let world = World::new();
    let mut committer = world.committer(0);
    world.issue(5).await;
    committer.round().await.unwrap();
    assert!(world.committed().is_empty(), "epoch 0 runs");

    world.ledger.with(|state| state.now = 1010);
    committer.round().await.unwrap();
    assert!(world.committed().is_empty(), "not by our clock");
    world.clock.set(1_010_000);
    world.ledger.with(|state| state.now = 1009);
    committer.round().await.unwrap();
    assert!(world.committed().is_empty(), "not by the chain's");
    assert_eq!(committer.pause(), LOOK_INTERVAL_MIN, "looks again soon");

    world.at(1010);
    committer.round().await.unwrap();
    world.at(1020);
    committer.round().await.unwrap();
    assert_eq!(world.committed(), [0, 1]);
    for epoch in [0, 1] {
        let on_chain = world.ledger.with(|state| state.logs[&epoch]);
        assert_eq!(on_chain, world.root(epoch), "epoch {epoch}");
    }
    assert_eq!(
        committer.pause(),
        Duration::from_secs(10),
        "until epoch 2 ends"
    );
}

#[tokio::test]
async fn a_lost_answer_or_a_restart_commits_nothing_twice() {
    let world = World::new();
    world.issue(1).await;
    world.at(1010);
    world.ledger.with(|state| state.lost_answers = 1);
    let mut committer = world.committer(0);
    assert!(committer.round().await.is_err());
    committer.round().await.unwrap();
    let mut restarted = world.committer(0);
    restarted.round().await.unwrap();
    assert_eq!(world.ledger.with(|state| state.sent), 1);
    assert_eq!(
        restarted.state.of(0),
        Some(Commitment::Committed { seen_at: 1010 })
    );
}

#[tokio::test]
async fn a_reorganised_chain_gets_it_again() {
    let world = World::new();
    world.at(1010);
    let mut committer = world.committer(0);
    committer.round().await.unwrap();
    world.ledger.with(|state| state.logs.clear());
    world.at(1012);
    committer.round().await.unwrap();
    assert_eq!(world.committed(), [0]);
}

#[tokio::test]
async fn failures_are_errors_and_the_next_round_makes_good() {
    let world = World::new();
    world.at(1010);
    let mut committer = world.committer(0);
    for call in 0..4 {
        world.ledger.with(|state| {
            state.fail_at = Some(call);
            state.logs.clear();
        });
        assert!(committer.round().await.is_err(), "call {call}");
        assert!(world.committed().is_empty());
    }
    committer.round().await.unwrap();
    assert_eq!(world.committed(), [0]);
}

#[tokio::test]
async fn what_is_too_late_is_told_and_does_not_hold_up_the_rest() {
    let world = World::new();
    world.issue(2).await;
    // Epoch 0's window ended at 1015; epoch 1 has just ended.
    world.at(1020);
    let mut committer = world.committer(0);
    committer.round().await.unwrap();
    assert_eq!(world.committed(), [1]);
    assert_eq!(committer.state.of(0), Some(Commitment::Lost));
    assert_eq!(world.core.metrics.commits_missed.value(), 1);
    committer.round().await.unwrap();
    assert_eq!(world.core.metrics.commits_missed.value(), 1, "told once");
    world.ledger.with(|state| state.next_epoch = 2);
    committer.round().await.unwrap();
    assert!(
        committer.state.of(0).is_none(),
        "attested epochs are forgotten"
    );
    assert_eq!(committer.pause(), Duration::from_secs(10));
}

#[tokio::test]
async fn what_was_missed_is_told_also_where_nothing_can_be_sent() {
    let world = World::new();
    world.issue(2).await;
    world.at(1020);
    let mut committer = world.committer(0);
    // Epoch 1's commitment: after the time, the next epoch and its log.
    world.ledger.with(|state| state.fail_at = Some(3));
    assert!(committer.round().await.is_err());
    assert!(world.committed().is_empty());
    assert_eq!(committer.state.of(0), Some(Commitment::Lost));
    assert_eq!(world.core.metrics.commits_missed.value(), 1);
}

#[tokio::test]
async fn epochs_from_before_we_were_added_are_not_ours() {
    let world = World::new();
    world.at(1040);
    // Added in the last second of epoch 2, which therefore is the first we answer for.
    let mut committer = world.committer(1029);
    committer.round().await.unwrap();
    assert_eq!(world.committed(), [3]);
    assert_eq!(committer.state.of(2), Some(Commitment::Lost));
    assert!(committer.state.of(1).is_none());
}

#[tokio::test]
async fn another_root_on_chain_is_not_taken_for_ours() {
    let world = World::new();
    world.issue(1).await;
    world.at(1010);
    world.ledger.with(|state| {
        state.logs.insert(0, B256::repeat_byte(1));
    });
    let mut committer = world.committer(0);
    committer.round().await.unwrap();
    assert_eq!(committer.state.of(0), Some(Commitment::Lost));
}
