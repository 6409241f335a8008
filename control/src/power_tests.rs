//! What was acknowledged is there after a power cut, and the control plane's own opening takes what is left.

use crate::contents::catalogue::Catalogue;
use crate::contents::handed_in::HandedIn;
use crate::contents::origin_address::Allowed;
use crate::contents::origins::{self, Origins};
use crate::contents::seal_keys::SealKeys;
use crate::http::admin_tokens::{Role, TokenFile};
use crate::nodes::orders::Orders;
use crate::testing::TestClock;
use crate::tickets::ticket_log::OpenLog;
use crate::tickets::ticket_log::fixture::{HEAD, first_version, ticket};
use disk::faults::{Fault, Recorder};
use disk::{Disk, DiskError};
use protocol::api::OriginSource;
use protocol::{Address, ContentHash, Entry, Manifest, NodeId, Order};
use std::collections::BTreeSet;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

/// Cuts 100 times; gives each folder, with how many steps were acknowledged by then.
fn cuts(recorder: &Arc<Recorder>, after: &[usize], check: impl FnMut(&Path, usize)) {
    cuts_of(100, recorder, after, check);
}

fn cuts_of(
    seeds: u64,
    recorder: &Arc<Recorder>,
    after: &[usize],
    mut check: impl FnMut(&Path, usize),
) {
    let all = recorder.operations();
    for seed in 0..seeds {
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
        if group % 3 == 0 {
            log.mark();
        }
        after.extend(tickets.iter().map(|_| recorder.operations()));
    }
    let count = after.len() as u32;
    cuts(&recorder, &after, |image, least| {
        let log = OpenLog::open(&Disk::system(), &image.join("log"), HEAD).unwrap();
        assert!((least as u32..=count).contains(&log.count()));
    });
}

#[test]
fn a_ticket_log_that_is_converted_has_every_ticket_after_power_cuts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    std::fs::write(&path, first_version(30)).unwrap();
    let recorder = Recorder::new(dir.path()).unwrap();
    let mut log = OpenLog::open(&disk::Disk::recorded(&recorder), &path, HEAD).unwrap();
    let mut after = Vec::new();
    log.append(&[ticket(30)]).unwrap();
    after.push(recorder.operations());
    cuts(&recorder, &after, |image, least| {
        let log = OpenLog::open(&Disk::system(), &image.join("log"), HEAD).unwrap();
        assert!((30 + least as u32..=31).contains(&log.count()));
    });
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

fn manifest(number: u8) -> Manifest {
    Manifest::new(vec![Entry {
        path: "a".into(),
        content: ContentHash::from([number; 32]),
        size: 1,
        media_type: "text/plain".into(),
    }])
    .unwrap()
}

#[test]
fn what_was_published_is_there_after_power_cuts() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::new(dir.path()).unwrap();
    let catalogue = Catalogue::open(&disk::Disk::recorded(&recorder), dir.path()).unwrap();
    let payer = Address::repeat_byte(1);
    let mut after = Vec::new();
    for number in 0..20u8 {
        // New names, and new versions of a name.
        let name = format!("film-{}", number % 7);
        catalogue
            .publish(&name, &manifest(number), payer, None, Vec::new(), 1)
            .unwrap();
        after.push(recorder.operations());
    }
    cuts(&recorder, &after, |image, least| {
        let catalogue = Catalogue::open(&Disk::system(), image).unwrap();
        for number in 0..least as u8 {
            let id = manifest(number).id();
            let found = catalogue.manifest(&id).unwrap();
            assert_eq!(found.id(), id, "{number} of {least}");
        }
        for name in (0..7.min(least)).map(|number| format!("film-{number}")) {
            assert!(catalogue.find(&name).is_some(), "{name} of {least}");
        }
    });
}

#[test]
fn admin_tokens_outlast_power_cuts_and_removed_ones_stay_removed() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::new(dir.path()).unwrap();
    let file = TokenFile::of(&host_of(&disk::Disk::recorded(&recorder)), dir.path());
    let mut after = Vec::new();
    for number in 0..12u8 {
        match number % 3 {
            2 => file.remove(&format!("t{}", number - 1)).unwrap(),
            _ => drop(
                file.add(&format!("t{number}"), Role::Read, None, 1)
                    .unwrap(),
            ),
        }
        after.push(recorder.operations());
    }
    let expected = |steps: usize| {
        let mut names: Vec<String> = Vec::new();
        for number in 0..steps {
            match number % 3 {
                2 => drop(names.pop()),
                _ => names.push(format!("t{number}")),
            }
        }
        names
    };
    cuts(&recorder, &after, |image, least| {
        let found = TokenFile::of(&host::Host::system(), image).list().unwrap();
        let names: Vec<_> = found.into_iter().map(|token| token.name).collect();
        // The one that was under way may be there, too.
        let may = [expected(least), expected((least + 1).min(12))];
        assert!(may.contains(&names), "{names:?} of {least}");
    });
}

#[test]
fn an_order_that_was_given_is_there_after_power_cuts() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::new(dir.path()).unwrap();
    let clock = TestClock::at(1000);
    let orders = Orders::open(&disk::Disk::recorded(&recorder), dir.path(), clock.clock()).unwrap();
    let node = NodeId::from([1; 32]);
    let (mut after, mut given) = (Vec::new(), Vec::new());
    for number in 0..20 {
        let collection = manifest(number).id();
        let push = Order::Push { collection };
        given.push(orders.give(&push, &[node], None).unwrap());
        after.push(recorder.operations());
    }
    cuts(&recorder, &after, |image, least| {
        let orders = Orders::open(&Disk::system(), image, clock.clock()).unwrap();
        let due = orders.outstanding(&node, 0).into_iter();
        let due: Vec<_> = due.map(|(id, _)| id).collect();
        assert!(due.starts_with(&given[..least]), "{due:?} of {least}");
    });
}

#[test]
fn content_that_stays_at_an_origin_is_known_after_power_cuts() {
    const SIZE: usize = 50_000;
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::new(dir.path()).unwrap();
    let disk = disk::Disk::recorded(&recorder);
    let open = |disk: &Disk, dir: &Path| {
        let keys = Arc::new(SealKeys::open(&host_of(disk), dir).unwrap());
        Origins::open(
            &host_of(disk),
            &dir.join("origins"),
            Allowed::default(),
            keys,
        )
    };
    open(&disk, dir.path()).unwrap();
    let (mut after, mut hashes) = (Vec::new(), Vec::new());
    for number in 0..4u8 {
        let coming = dir.path().join("origins/coming").join(number.to_string());
        let mut outboard = tempfile::tempfile().unwrap();
        let content = [number; SIZE];
        let hash = content::write_outboard(&mut &content[..], SIZE as u64, &mut outboard).unwrap();
        let mut bytes = Vec::new();
        outboard.seek(SeekFrom::Start(0)).unwrap();
        outboard.read_to_end(&mut bytes).unwrap();
        disk.create(&coming)
            .and_then(|file| file.write_all_at(&bytes, 0))
            .unwrap();
        let source = OriginSource {
            url: "https://origin.test/film".into(),
            size: SIZE as u64,
            validator: None,
            seal: None,
        };
        origins::keep(&disk, &dir.path().join("origins"), hash, source, &coming).unwrap();
        hashes.push(hash);
        after.push(recorder.operations());
    }
    // So many that one in which only the second of two names is kept is among them.
    cuts_of(250, &recorder, &after, |image, least| {
        let origins = open(&Disk::system(), image).unwrap();
        for hash in &hashes[..least] {
            assert!(origins.find(hash).is_some(), "{hash} of {least}");
        }
    });
}
