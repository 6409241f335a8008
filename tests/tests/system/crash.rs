//! A node that dies: what it acknowledged it still has, and what it seals is always the same.

use protocol::{Receipt, Segment, TicketId};
use quittance_tests::raw::{Raw, Session};
use quittance_tests::{World, eventually, noise};
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;
use tokio::time::sleep;

const SIZE: u64 = 1 << 20;
/// Times the node is killed while receipts come in.
const KILLS: usize = 4;
/// Times it is killed while it starts.
const STARTS: u32 = 300;
/// Each of these a little later than the one before: from before its first instruction to after its last step.
const LATER: Duration = Duration::from_micros(500);
/// Clients at a time.
const CLIENTS: usize = 3;
/// Receipts that each client has acknowledged before the node is killed.
const ACKED: u32 = 8;

/// What a client knows of its receipts.
#[derive(Debug, Clone, Copy)]
struct Known {
    acked: Receipt,
    sent: u32,
}

/// Signs receipt after receipt until the node is gone; tells of each that is acknowledged.
async fn sign_on(mut session: Session, first: u32, progress: host::watch::Sender<u32>) -> Known {
    let key_receipt = |session: &Session, sequence: u32| Receipt {
        deliveries: sequence,
        within: sequence,
        ..session.receipt(sequence, u64::from(sequence))
    };
    let mut known = Known {
        acked: key_receipt(&session, first),
        sent: first,
    };
    for sequence in first + 1.. {
        let receipt = key_receipt(&session, sequence);
        known.sent = sequence;
        match session.try_sign(receipt).await {
            Ok(acked) => {
                assert_eq!(acked, Ok(sequence));
                known.acked = receipt;
                progress.send_replace(sequence);
            }
            Err(_) => return known,
        }
    }
    unreachable!("the node is killed before there are 2^32 receipts")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_sealed_however_often_the_node_dies() {
    let mut world = World::start(1, |config| config.epoch_seconds = 25).await;
    let published = world
        .publish_files("show", &[("a", &noise(6, SIZE as usize))])
        .await;
    assert_eq!(published.files[0].size, SIZE);
    let epoch = world.epoch_with(20).await;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let raw = Raw::new(&world.control_url);
        let routed = raw.route("show").await.nodes.remove(0);
        assert_eq!(routed.ticket.peek().id.epoch, epoch);
        clients.push((raw, routed));
    }
    let mut known: BTreeMap<TicketId, Known> = BTreeMap::new();

    for kill in 0..KILLS {
        let mut signing = Vec::new();
        for (raw, routed) in &clients {
            // A node that was just restarted is there when it is.
            let connection = eventually("the node to take connections", async || {
                raw.try_connect(routed.node, &routed.address).await.ok()
            })
            .await;
            let session = raw.session(&connection, routed.ticket).await;
            let session = session.expect("the ticket is good");
            let id = session.ticket.id;
            let (acked, sent) = known
                .get(&id)
                .map_or((0, 0), |k| (k.acked.sequence, k.sent));
            assert!(
                (acked..=sent).contains(&session.sequence),
                "after kill {kill} the node holds receipt {}; {acked} was acknowledged, {sent} sent",
                session.sequence
            );
            assert_eq!(session.bytes, u64::from(session.sequence));
            let (progress, watched) = host::watch::channel(0);
            let first = session.sequence;
            let task = tokio::spawn(sign_on(session, first, progress));
            signing.push((id, first, task, watched, connection));
        }
        for (_, first, _, watched, _) in &mut signing {
            let enough = *first + ACKED;
            let reached = watched.wait_for(|acked| *acked >= enough).await;
            reached.expect("the client signs on");
        }
        // All are in the middle of it.
        world.kill_node(0).await;
        for (id, _, task, _, connection) in signing {
            // The system tells nobody that a process died; the client needn't wait for its idle timeout.
            connection.close(0u32.into(), b"");
            known.insert(id, task.await.expect("no panic"));
        }
        world.start_node(0).expect("it starts");
    }

    // What runs goes first: what is killed while it starts has all of it on disk.
    world.kill_node(0).await;
    for start in 0..STARTS {
        world.start_node(0).expect("it starts");
        // No wait for anything: how far it came is the fault.
        sleep(LATER * start).await;
        world.kill_node(0).await;
    }
    world.start_node(0).expect("it starts");

    let sealed = world.segment(0, epoch).await;
    let segment = Segment::from_bytes(&sealed).expect("a segment");
    assert_eq!(segment.records().len(), CLIENTS);
    for record in segment.records() {
        let Known { acked, sent } = known[&record.id];
        let kept = record.receipt.sequence;
        assert!(
            (acked.sequence..=sent).contains(&kept),
            "{kept} is sealed, {} was acknowledged",
            acked.sequence
        );
        assert_eq!(record.receipt.bytes, u64::from(kept));
    }

    // Killed right after sealing, and with the segment lost: the same bytes come of the journal again.
    let path = world.segment_path(0, epoch);
    world.kill_node(0).await;
    for lost in [false, true, true] {
        if lost {
            fs::remove_file(&path).expect("it was sealed");
        }
        world.start_node(0).expect("it starts");
        assert_eq!(world.segment(0, epoch).await, sealed, "lost: {lost}");
        world.kill_node(0).await;
    }
    world.start_node(0).expect("it starts");

    // It is what gets attested.
    world.attested(epoch).await;
    let evidence = world.evidence(epoch).await;
    assert!(evidence.rejections.is_empty());
    assert_eq!(evidence.segments[&0].to_bytes(), sealed);
    // There is one payer: its charge is for the node's whole segment.
    let [charge] = &evidence.charges.leaves[..] else {
        panic!("one payer, one node: {:?}", evidence.charges.leaves);
    };
    let root = segment.root().expect("it fits");
    assert_eq!((charge.payer, charge.node), (0, 0));
    assert_eq!(charge.segment_root, root.hash());
    assert_eq!(evidence.tree.leaves[0].mass, root.mass());
}
