//! A start whose power is cut: at each of its writes, and 300 times at some of them. The next one has everything.

use super::*;
use crate::store::receipt_log::testing;
use crate::store::refused;
use bytes::Bytes;
use contracts::{Parameters, Version};
use disk::faults::{Fault, Recorder};
use host::Host;
use protocol::{Address, ContentHash, Epoch, SignedTicket, TICKET_BYTES};
use std::fs;

const NETWORK: Network = Network {
    chain_id: 1,
    settlement: Address::ZERO,
};
const TICKETS: u32 = 30;
/// Its journal is as earlier versions wrote it; of the others as now.
const OLD: Epoch = 6;
const EPOCHS: [Epoch; 3] = [5, OLD, 7];
/// Has a segment already.
const SEALED: Epoch = 4;
static BLOB: [u8; 50_000] = [7; 50_000];

fn agreed() -> Agreed {
    let parameters = Parameters {
        epoch_length: 100,
        ticket_tail: 10,
        commit_window: 10,
        force_window: 10,
        challenge_window: 10,
        sla_floor_ppm: 0,
        ttfb_ms_max: 500,
        throughput_min: 1,
        price_per_gib: 1,
        verifier_bond: 0,
        issuer_bond: 0,
        node_stake: 0,
    };
    let first = Version {
        first_epoch: 0,
        start: 1_000,
        parameters,
    };
    Agreed::new(vec![first]).unwrap()
}

fn open(disk: &Disk, dir: &Path) -> Result<Stores, StartError> {
    let node = NodeId::from([9; 32]);
    let host = Host {
        disk: disk.clone(),
        ..Host::system()
    };
    Stores::open(&host, dir, u64::MAX, NETWORK, node, agreed())
}

fn refused_ticket() -> SignedTicket {
    SignedTicket {
        ticket: [3; TICKET_BYTES].into(),
        signature: [3; 64].into(),
    }
}

/// A node's folder in which everything is begun: all of it was acknowledged.
async fn used(dir: &Path) -> ContentHash {
    let receipts = dir.join("receipts");
    fs::create_dir_all(&receipts).unwrap();
    for epoch in EPOCHS.into_iter().chain([SEALED]) {
        match epoch {
            OLD => testing::write_old(&receipts, epoch, TICKETS),
            _ => testing::write(&receipts, epoch, TICKETS),
        }
    }
    let stores = open(&Disk::system(), &fresh(dir)).unwrap();
    stores.standing.drain(true).unwrap();
    stores.refused.keep(&refused_ticket());
    let mut incoming = stores.content.incoming().unwrap();
    incoming.write(Bytes::from_static(&BLOB)).await.unwrap();
    let blob = incoming.finish(None).await.unwrap();
    stores.log.close().await;
    drop(stores);
    for name in ["cache", "standing.json", refused::FILE] {
        #[expect(clippy::disallowed_methods, reason = "no power is cut here")]
        fs::rename(fresh(dir).join(name), dir.join(name)).unwrap();
    }
    fs::remove_dir_all(fresh(dir)).unwrap();
    // What earlier processes left half done.
    fs::create_dir_all(dir.join("segments")).unwrap();
    fs::write(dir.join(format!("segments/epoch-{SEALED}.qseg")), "sealed").unwrap();
    fs::write(dir.join("segments/epoch-5.qseg.unfinished"), "half").unwrap();
    fs::write(dir.join("cache/incoming/3"), "half").unwrap();
    fs::write(receipts.join("epoch-9.log.unfinished"), "half").unwrap();
    let torn = receipts.join("epoch-7.log");
    let mut bytes = fs::read(&torn).unwrap();
    let end = 1024 + TICKETS as usize * 448;
    bytes[end..end + 700].fill(9);
    fs::write(&torn, bytes).unwrap();
    let path = dir.join(refused::FILE);
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend_from_slice(&[9; 100]);
    fs::write(&path, bytes).unwrap();
    blob.hash()
}

fn fresh(dir: &Path) -> PathBuf {
    dir.join("fresh")
}

async fn check(dir: &Path, blob: &ContentHash, what: &str) {
    let opened = open(&Disk::system(), dir);
    let stores = opened.unwrap_or_else(|error| panic!("{what}: {error}"));
    for epoch in EPOCHS {
        for index in [0, 7, TICKETS - 1] {
            let id = testing::stored(epoch, index, 1).record.id;
            let last = stores.log.last(id).await.unwrap();
            assert_eq!(last.unwrap().sequence, index + 1, "{what}: {id:?}");
        }
    }
    let counts = stores.log.counts().into_iter();
    let expected = EPOCHS.map(|epoch| (epoch, u64::from(TICKETS)));
    assert_eq!(counts.collect::<Vec<_>>(), expected, "{what}");
    assert!(stores.segments.is_sealed(SEALED) && !stores.segments.is_sealed(5));
    assert!(stores.standing.draining(), "{what}");
    let kept = stores.content.get(blob).expect(what);
    assert_eq!(kept.read_whole(1 << 20).unwrap(), BLOB, "{what}");
    let mut found = Vec::new();
    let epoch = refused_ticket().peek().id.epoch;
    refused::of_epoch(dir, epoch, &mut |ticket| found.push(ticket)).unwrap();
    assert_eq!(found, [refused_ticket()], "{what}");
    stores.log.close().await;
}

#[tokio::test]
async fn a_start_whose_power_is_cut_at_any_write_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let blob = used(dir.path()).await;
    let recorder = Recorder::new(dir.path()).unwrap();
    drop(open(&disk::Disk::recorded(&recorder), dir.path()).unwrap());
    let all = recorder.operations();
    let each = (0..=all).map(|operations| (operations, operations as u64));
    let some = (0..300u64).map(|seed| ((seed as usize * 7919) % (all + 1), seed));
    for (operations, seed) in each.chain(some) {
        let image = tempfile::tempdir().unwrap();
        recorder.power_cut(operations, seed, image.path()).unwrap();
        check(
            image.path(),
            &blob,
            &format!("{operations} of {all}, seed {seed}"),
        )
        .await;
    }
}

#[tokio::test]
async fn a_start_that_fails_at_any_write_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let blob = used(dir.path()).await;
    for at in 0.. {
        let recorder = Recorder::new(dir.path()).unwrap();
        let fault = [Fault::Full, Fault::Io, Fault::ReadOnly][at % 3];
        recorder.fail_from(at, fault);
        if let Ok(stores) = open(&disk::Disk::recorded(&recorder), dir.path()) {
            stores.log.close().await;
        }
        if recorder.operations() < at {
            break;
        }
        check(dir.path(), &blob, &format!("{fault:?} at {at}")).await;
    }
}

/// Changes something `count` times; gives after which operation each was acknowledged.
fn acknowledged(
    recorder: &std::sync::Arc<Recorder>,
    count: u8,
    mut change: impl FnMut(u8),
) -> Vec<usize> {
    let mut after = vec![0];
    for number in 1..=count {
        change(number);
        after.push(recorder.operations());
    }
    after
}

/// Cuts 100 times; gives each folder, with how many changes were acknowledged.
fn cuts(recorder: &Recorder, after: &[usize], mut check: impl FnMut(&Path, u8)) {
    let all = recorder.operations();
    for seed in 0..100u64 {
        let operations = (seed as usize * 7919) % (all + 1);
        let image = tempfile::tempdir().unwrap();
        recorder.power_cut(operations, seed, image.path()).unwrap();
        let least = after.iter().filter(|at| **at <= operations).count() - 1;
        check(image.path(), least as u8);
    }
}

#[test]
fn what_a_node_was_told_and_what_it_refused_outlast_power_cuts() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::new(dir.path()).unwrap();
    let standing = OrdersFile::open(&disk::Disk::recorded(&recorder), dir.path()).unwrap();
    let after = acknowledged(&recorder, 20, |number| {
        standing.drain(number % 2 == 1).unwrap();
    });
    cuts(&recorder, &after, |image, least| {
        let standing = OrdersFile::open(&Disk::system(), image).unwrap();
        let next = (least + 1) % 2 == 1;
        assert!([least % 2 == 1, next].contains(&standing.draining()));
    });

    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::new(dir.path()).unwrap();
    let refused = RefusedTickets::open(&disk::Disk::recorded(&recorder), dir.path()).unwrap();
    let ticket = |number: u8| SignedTicket {
        ticket: [number; TICKET_BYTES].into(),
        signature: [number; 64].into(),
    };
    let after = acknowledged(&recorder, 20, |number| refused.keep(&ticket(number)));
    cuts(&recorder, &after, |image, least| {
        drop(RefusedTickets::open(&Disk::system(), image).unwrap());
        for number in 1..=least {
            let mut found = Vec::new();
            let epoch = ticket(number).peek().id.epoch;
            refused::of_epoch(image, epoch, &mut |ticket| found.push(ticket)).unwrap();
            assert_eq!(found, [ticket(number)], "{least}");
        }
    });
}

#[tokio::test]
async fn a_sealed_segment_outlasts_power_cuts_and_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    testing::write(&dir.path().join("receipts"), 5, TICKETS);
    let recorder = Recorder::new(dir.path()).unwrap();
    let stores = open(&disk::Disk::recorded(&recorder), dir.path()).unwrap();
    stores.segments.seal(5, &stores.log).await.unwrap();
    let sealed_at = recorder.operations();
    let name = "segments/epoch-5.qseg";
    let whole = fs::read(dir.path().join(name)).unwrap();
    drop(stores);
    let all = recorder.operations();
    for seed in 0..100u64 {
        let operations = (seed as usize * 7919) % (all + 1);
        let image = tempfile::tempdir().unwrap();
        recorder.power_cut(operations, seed, image.path()).unwrap();
        let stores = open(&Disk::system(), image.path()).unwrap();
        let sealed = stores.segments.is_sealed(5);
        assert!(sealed || operations < sealed_at, "{operations}");
        stores.segments.seal(5, &stores.log).await.unwrap();
        assert_eq!(fs::read(image.path().join(name)).unwrap(), whole);
    }
}
