//! What a store took in is there after a power cut, whole.

#![allow(missing_docs)]

use bytes::Bytes;
use disk::Disk;
use disk::faults::{Fault, Recorder};
use protocol::ContentHash;
use quittance_content::{OnDamage, Store};

fn bytes(number: u8) -> Vec<u8> {
    vec![number; 20_000 + 7_000 * usize::from(number)]
}

async fn put(store: &Store, number: u8) -> Option<ContentHash> {
    let mut incoming = store.incoming().ok()?;
    incoming.write(Bytes::from(bytes(number))).await.ok()?;
    Some(incoming.finish(None).await.ok()?.hash())
}

#[tokio::test]
async fn what_is_taken_in_outlasts_power_cuts() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::new(dir.path()).unwrap();
    let root = dir.path().join("store");
    let store = Store::open(
        &disk::Disk::recorded(&recorder),
        &root,
        u64::MAX,
        OnDamage::Refuse,
    )
    .unwrap();
    let mut taken = Vec::new();
    for number in 0..8 {
        let hash = put(&store, number).await.unwrap();
        taken.push((recorder.operations(), number, hash));
    }
    let all = recorder.operations();
    for seed in 0..100u64 {
        let operations = (seed as usize * 7919) % (all + 1);
        let image = tempfile::tempdir().unwrap();
        recorder.power_cut(operations, seed, image.path()).unwrap();
        // As the control plane opens it, which has the only copy.
        let root = image.path().join("store");
        let store = Store::open(&Disk::system(), &root, u64::MAX, OnDamage::Refuse).unwrap();
        for (at, number, hash) in &taken {
            match store.get(hash) {
                Some(blob) => assert_eq!(blob.read_whole(1 << 20).unwrap(), bytes(*number)),
                None => assert!(*at > operations, "seed {seed}: {number} is lost"),
            }
        }
    }
}

#[tokio::test]
async fn whatever_fails_what_was_taken_in_stays_and_the_rest_can_come_again() {
    for at in 0..24 {
        let dir = tempfile::tempdir().unwrap();
        let recorder = Recorder::new(dir.path()).unwrap();
        let store = Store::open(
            &disk::Disk::recorded(&recorder),
            dir.path(),
            u64::MAX,
            OnDamage::Refuse,
        )
        .unwrap();
        let first = put(&store, 1).await.unwrap();
        let fault = [Fault::Full, Fault::Io, Fault::ReadOnly][at % 3];
        recorder.fail_from(recorder.operations() + at, fault);
        let second = put(&store, 2).await;
        assert_eq!(store.get(&first).unwrap().size(), 27_000);
        let removed = store.remove(&first);
        assert!(removed.is_err() || second.is_some() || fault == Fault::Full);
        assert_eq!(store.contains(&first), removed.is_err());
        recorder.heal();
        drop(store);
        let store = Store::open(
            &disk::Disk::recorded(&recorder),
            dir.path(),
            u64::MAX,
            OnDamage::Discard,
        )
        .unwrap();
        assert!(put(&store, 2).await.is_some(), "{fault:?} at {at}");
    }
}
