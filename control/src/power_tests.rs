//! What was acknowledged is there after a power cut, and the control plane's own opening takes what is left.

use crate::catalogue::Catalogue;
use crate::handed_in::HandedIn;
use crate::seal_keys::SealKeys;
use crate::ticket_log::{Head, OpenLog};
use disk::faults::{Fault, Recorder};
use disk::{Disk, DiskError};
use protocol::{
    Address, ClientKey, CollectionId, ContentHash, NO_VIEWER_TOKEN, Network, NodeId, Ticket,
    TicketId,
};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

const HEAD: Head = Head {
    network: Network {
        chain_id: 31_337,
        settlement: Address::repeat_byte(7),
    },
    epoch: 5,
    issuer: 2,
};

fn ticket(index: u32) -> Ticket {
    Ticket {
        network: HEAD.network,
        id: TicketId {
            epoch: HEAD.epoch,
            issuer: HEAD.issuer,
            index,
        },
        node: NodeId::from([1; 32]),
        client: ClientKey::from([2; 32]),
        collection: CollectionId::from([3; 32]),
        payer: Address::repeat_byte(4),
        viewer_token: NO_VIEWER_TOKEN,
        bytes_max: 1000 + u64::from(index),
        issued_at: 1_000_000,
        expires_at: 1_060_000,
    }
}

/// Cuts 100 times; gives each folder, with how many steps were acknowledged by then.
fn cuts(recorder: &Arc<Recorder>, after: &[usize], mut check: impl FnMut(&Path, usize)) {
    let all = recorder.operations();
    for seed in 0..100u64 {
        let operations = (seed as usize * 7919) % (all + 1);
        let image = tempfile::tempdir().unwrap();
        recorder.power_cut(operations, seed, image.path()).unwrap();
        check(
            image.path(),
            after.iter().filter(|at| **at <= operations).count(),
        );
    }
}

fn host_of(disk: &Disk) -> host::Host {
    host::Host {
        disk: disk.clone(),
        ..host::Host::system()
    }
}

#[test]
fn a_ticket_that_left_is_in_its_log_after_power_cuts() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::new(dir.path()).unwrap();
    let mut log = OpenLog::open(
        &disk::Disk::recorded(&recorder),
        &dir.path().join("log"),
        HEAD,
    )
    .unwrap();
    let mut after = Vec::new();
    for group in 0..15 {
        // Of one ticket to several sectors.
        let tickets: Vec<_> = (0..=group % 4)
            .map(|place| ticket(log.count() + place))
            .collect();
        log.append(&tickets).unwrap();
        after.extend(tickets.iter().map(|_| recorder.operations()));
    }
    let count = after.len() as u32;
    let mut refused = 0;
    cuts(&recorder, &after, |image, least| {
        let path = image.join("log");
        match OpenLog::open(&Disk::system(), &path, HEAD) {
            Ok(log) => assert!((least as u32..=count).contains(&log.count())),
            Err(_) => refused += 1,
        }
    });
    // A tail that is torn in other ways than by zeros to its end is refused rather than cut, and nothing is lost.
    assert!(refused < 20, "{refused}");
}

#[test]
fn who_handed_in_what_outlasts_power_cuts() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::new(dir.path()).unwrap();
    let account = Some(Address::repeat_byte(1));
    let open = |disk: &Disk, dir: &Path| {
        HandedIn::open(disk, dir, |_| true, || Ok::<_, DiskError>(BTreeSet::new())).unwrap()
    };
    let kept = open(&disk::Disk::recorded(&recorder), dir.path());
    let mut after = Vec::new();
    for number in 0..30 {
        kept.keep(account, [ContentHash::from([number; 32])])
            .unwrap();
        after.push(recorder.operations());
    }
    cuts(&recorder, &after, |image, least| {
        let kept = open(&Disk::system(), image);
        for number in 0..least as u8 {
            assert!(kept.may_publish(account, ContentHash::from([number; 32])));
        }
    });
    // A failing write keeps nothing of its own, and all of the others.
    for (at, fault) in [(0, Fault::Full), (1, Fault::Io), (0, Fault::ReadOnly)] {
        let new = ContentHash::from([100; 32]);
        recorder.fail(recorder.operations() + at, fault);
        assert!(kept.keep(account, [new]).is_err(), "{fault:?}");
        assert!(!kept.may_publish(account, new));
        assert!(
            open(&Disk::system(), dir.path()).may_publish(account, ContentHash::from([29; 32]))
        );
    }
}

#[test]
fn seal_keys_and_the_catalogue_open_after_power_cuts() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::new(dir.path()).unwrap();
    let disk = disk::Disk::recorded(&recorder);
    let keys = SealKeys::open(&host_of(&disk), dir.path()).unwrap();
    Catalogue::open(&disk, &dir.path().join("catalogue")).unwrap();
    let mut after = Vec::new();
    let mut made = Vec::new();
    for number in 0..10 {
        let name = format!("film-{number}");
        made.push(keys.for_name(&name, None, false, |_| false, 1).unwrap());
        after.push(recorder.operations());
    }
    cuts(&recorder, &after, |image, least| {
        let keys = SealKeys::open(&host::Host::system(), image).unwrap();
        for key in &made[..least] {
            assert!(keys.find(&key.id()).is_some(), "{least}");
        }
        Catalogue::open(&Disk::system(), &image.join("catalogue")).unwrap();
    });
}
