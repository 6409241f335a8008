//! What is acknowledged is there, whatever was cut, lost or damaged; what can't be there is told.

use super::*;
use crate::store::receipt_log::testing::stored;
use crate::store::receipt_log::{each_kept, old};
use disk::faults::{Fault, Recorder};
use std::fs;

pub(super) fn open(dir: &Path) -> Result<Journal, LogError> {
    Journal::open(&Disk::system(), dir, |_| false)
}

pub(super) fn insert(
    journal: &mut Journal,
    epoch: Epoch,
    index: u32,
    sequence: u32,
) -> Result<(), LogError> {
    let stored = stored(epoch, index, sequence);
    journal.insert(stored.record.id, &stored)
}

pub(super) fn put(journal: &mut Journal, epoch: Epoch, index: u32, sequence: u32) {
    insert(journal, epoch, index, sequence).unwrap();
    journal.make_durable().unwrap();
}

/// The newest receipts of an epoch, as they would be sealed.
pub(super) fn sealed(journal: &mut Journal, epoch: Epoch) -> Vec<(u32, u32)> {
    let records = journal.seal(epoch).unwrap();
    let all = records.iter();
    all.map(|r| (r.id.index, r.receipt.sequence)).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

#[test]
fn the_newest_of_each_ticket_comes_back_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path()).unwrap();
    for (index, sequence) in [(300, 1), (2, 1), (2, 5), (70_000, 9), (300, 2)] {
        put(&mut journal, 7, index, sequence);
    }
    let refused = insert(&mut journal, 7, 2, 4);
    assert!(matches!(refused, Err(LogError::NotMonotonic)));
    drop(journal);
    let mut journal = open(dir.path()).unwrap();
    assert_eq!(journal.open_epochs().unwrap(), [7]);
    assert_eq!(journal.counts().collect::<Vec<_>>(), [(7, 3)]);
    let all = [(2, 5), (300, 2), (70_000, 9)];
    assert_eq!(sealed(&mut journal, 7), all);
    // Sealing again, as after a crash before the segment was written, gives the same.
    assert_eq!(sealed(&mut journal, 7), all);
    let late = insert(&mut journal, 7, 1, 1);
    assert!(matches!(late, Err(LogError::Sealed(7))));
    journal.written(7);
    assert!(
        matches!(journal.seal(7), Err(LogError::Sealed(7))),
        "never an empty segment"
    );
}

#[test]
fn two_receipts_of_a_ticket_in_one_group_follow_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path()).unwrap();
    insert(&mut journal, 7, 1, 2).unwrap();
    let lesser = insert(&mut journal, 7, 1, 1);
    assert!(matches!(lesser, Err(LogError::NotMonotonic)));
    insert(&mut journal, 7, 1, 3).unwrap();
    journal.make_durable().unwrap();
    assert_eq!(sealed(&mut journal, 7), [(1, 3)]);
}

#[test]
fn one_process_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let _journal = open(dir.path()).unwrap();
    assert!(matches!(open(dir.path()), Err(LogError::Locked(_))));
}

#[test]
fn what_is_kept_is_read_while_the_node_runs() {
    let dir = tempfile::tempdir().unwrap();
    let kept = |epoch| {
        let mut indices = Vec::new();
        let read = each_kept(&Disk::system(), dir.path(), epoch, &mut |stored| {
            assert_eq!(stored.ticket.peek().id, stored.record.id);
            indices.push(stored.record.id.index);
        });
        read.map(|()| indices)
    };
    let mut journal = open(dir.path()).unwrap();
    put(&mut journal, 3, 300, 1);
    put(&mut journal, 3, 2, 1);
    put(&mut journal, 4, 7, 1);
    assert_eq!(kept(3).unwrap(), [2, 300]);
    journal.seal(3).unwrap();
    journal.written(3);
    assert_eq!(kept(3).unwrap(), [2, 300]);
    assert!(!index_of(dir.path(), 3).exists(), "it has done its work");
    assert!(kept(9).unwrap().is_empty());
    assert!(
        !log::path_in(dir.path(), 9).exists(),
        "reading makes nothing"
    );
    put(&mut journal, 4, 8, 1);
}

#[test]
fn what_was_acknowledged_and_has_rotted_is_told_and_nothing_is_changed() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path()).unwrap();
    for index in 0..20 {
        put(&mut journal, 3, index, 1);
    }
    journal.close();
    drop(journal);
    let path = log::path_in(dir.path(), 3);
    let sound = fs::read(&path).unwrap();
    // One byte of each entry, each time another one; those of the head; a cut; noise; nothing.
    let entries = (0..20).map(|entry| 1024 + entry * 448 + entry * 23);
    let mut images: Vec<_> = entries
        .chain([3, 20, 40])
        .map(|at| {
            let mut rotten = sound.clone();
            rotten[at] ^= 0x10;
            rotten
        })
        .collect();
    images.push(sound[..5000].to_vec());
    images.push(Vec::new());
    images.push(sound.iter().map(|byte| byte ^ 0x5a).collect());
    for (number, image) in images.iter().enumerate() {
        fs::write(&path, image).unwrap();
        let refused = open(dir.path()).unwrap_err();
        assert!(matches!(refused, LogError::Damaged { .. }), "{number}");
        assert!(refused.to_string().contains("epoch-3.log"), "{refused}");
        assert_eq!(fs::read(&path).unwrap(), *image, "{number}");
        assert!(
            each_kept(&Disk::system(), dir.path(), 3, &mut |_| {}).is_err(),
            "{number}"
        );
    }
    fs::write(&path, &images[7]).unwrap();
    let refused = open(dir.path()).unwrap_err().to_string();
    let said = "entry 7 of 20 that were acknowledged can't be read; 12 behind it can";
    assert!(refused.contains(said), "{refused}");
    fs::remove_file(&path).unwrap();
    let refused = open(dir.path()).unwrap_err().to_string();
    assert!(refused.contains("it is gone"), "{refused}");
    fs::write(&path, &sound).unwrap();
    assert_eq!(sealed(&mut open(dir.path()).unwrap(), 3).len(), 20);
}

#[test]
fn whatever_is_wrong_with_an_index_the_receipts_are_there() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path()).unwrap();
    for index in 0..300 {
        insert(&mut journal, 3, index, 1).unwrap();
    }
    for index in 100..200 {
        insert(&mut journal, 3, index, 2).unwrap();
    }
    journal.make_durable().unwrap();
    drop(journal);
    let index = index_of(dir.path(), 3);
    let expected: Vec<_> = (0..300)
        .map(|index| (index, 1 + u32::from((100..200).contains(&index))))
        .collect();
    let damages: [&dyn Fn(); 8] = [
        &|| {
            drop(fs::write(
                index.join("snap.0000000000000099.generating"),
                "",
            ))
        },
        &|| drop(fs::write(index.join("snap.0000000000000099"), "")),
        &|| drop(fs::write(index.join("db"), "")),
        &|| drop(fs::write(index.join("conf"), "?")),
        &|| drop(fs::remove_file(index.join("db"))),
        &|| drop(fs::remove_dir_all(&index)),
        &|| {
            let mut bytes = fs::read(index.join("db")).unwrap();
            for at in (0..bytes.len()).step_by(97) {
                bytes[at] ^= 0x55;
            }
            fs::write(index.join("db"), bytes).unwrap();
        },
        // One of something else.
        &|| {
            let db = sled::open(&index).unwrap();
            db.remove(stored(3, 5, 1).record.id.to_bytes()).unwrap();
            db.insert(stored(3, 150, 1).record.id.to_bytes(), &[0; 8])
                .unwrap();
            db.insert(stored(3, 999, 1).record.id.to_bytes(), &[0; 8])
                .unwrap();
            db.insert("?", "?").unwrap();
            db.flush().unwrap();
        },
    ];
    for (number, damage) in damages.iter().enumerate() {
        damage();
        let mut journal = open(dir.path()).unwrap();
        for (index, sequence) in &expected {
            let last = journal.last(stored(3, *index, 1).record.id).unwrap();
            assert_eq!(last.unwrap().sequence, *sequence, "{number}: {index}");
        }
        assert_eq!(journal.last(stored(3, 999, 1).record.id).unwrap(), None);
        assert_eq!(sealed(&mut journal, 3), expected, "{number}");
    }
    // Not even made anew: a file is in the way of the folder of all of them, and can't become one.
    fs::remove_dir_all(index_dir(dir.path())).unwrap();
    fs::write(index_dir(dir.path()), "").unwrap();
    let mut journal = open(dir.path()).unwrap();
    put(&mut journal, 3, 1, 7);
    let last = journal.last(stored(3, 1, 1).record.id).unwrap();
    assert_eq!(last.unwrap().sequence, 7);
}

#[test]
fn a_log_of_replaced_receipts_is_written_anew() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path()).unwrap();
    journal.compact_bytes = 100_000;
    let path = log::path_in(dir.path(), 3);
    let mut rewritten = 0;
    for sequence in 1..=600 {
        for index in 0..3 {
            insert(&mut journal, 3, index, sequence).unwrap();
        }
        journal.make_durable().unwrap();
        let before = journal.epochs[&3].log.entries();
        journal.compact();
        rewritten += u32::from(journal.epochs[&3].log.entries() < before);
        assert!(journal.epochs[&3].log.bytes() < 110_000);
    }
    assert_eq!(rewritten, 8);
    assert_eq!(fs::metadata(&path).unwrap().len(), 1024 + (1 << 20));
    drop(journal);
    let expected = [(0, 600), (1, 600), (2, 600)];
    let mut journal = open(dir.path()).unwrap();
    assert_eq!(sealed(&mut journal, 3), expected);
}

#[test]
fn a_log_outgrows_its_first_room() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path()).unwrap();
    for index in 0..6000 {
        insert(&mut journal, 3, index, 1).unwrap();
        if index % 512 == 511 {
            journal.make_durable().unwrap();
        }
    }
    journal.make_durable().unwrap();
    drop(journal);
    assert_eq!(sealed(&mut open(dir.path()).unwrap(), 3).len(), 6000);
}

#[test]
fn an_old_journal_is_converted_whenever_the_power_goes() {
    let dir = tempfile::tempdir().unwrap();
    let receipts = dir.path().join("receipts");
    fs::create_dir(&receipts).unwrap();
    let all: Vec<_> = (0..50).map(|index| stored(3, index, index + 1)).collect();
    old::tests::write(&receipts, 3, &all);
    old::tests::write(&receipts, 2, &all[..1]);
    let expected: Vec<_> = (0..50).map(|index| (index, index + 1)).collect();
    let recorder = Recorder::new(dir.path()).unwrap();
    let sealed_2 = |epoch| epoch == 2;
    let mut journal = Journal::open(&disk::Disk::recorded(&recorder), &receipts, sealed_2).unwrap();
    put(&mut journal, 3, 50, 51);
    drop(journal);
    assert!(!old::is_there(&receipts, 3), "it isn't needed any more");
    // A sealed epoch's stays as it is, and is read.
    let mut kept = 0;
    each_kept(&Disk::system(), &receipts, 2, &mut |_| kept += 1).unwrap();
    assert_eq!(kept, 1);
    for operations in 0..=recorder.operations() {
        for seed in [0, 1, 2, 3] {
            let image = tempfile::tempdir().unwrap();
            recorder.power_cut(operations, seed, image.path()).unwrap();
            let receipts = image.path().join("receipts");
            let opened = Journal::open(&Disk::system(), &receipts, sealed_2);
            let found = sealed(&mut opened.unwrap(), 3);
            assert_eq!(found[..50], expected, "{operations} {seed}");
        }
    }
}

#[test]
fn an_old_journal_that_lost_tickets_is_told() {
    let dir = tempfile::tempdir().unwrap();
    old::tests::write(dir.path(), 3, &[stored(3, 1, 1)]);
    for (count, said) in [
        (2, "2 tickets were on disk, 1 are"),
        (1, "1 tickets were on disk, 0 are"),
    ] {
        old::tests::write_count(dir.path(), 3, count);
        if count == 1 {
            fs::remove_dir_all(dir.path().join("epoch-3")).unwrap();
        }
        let refused = open(dir.path()).unwrap_err();
        assert!(matches!(refused, LogError::Damaged { .. }), "{refused}");
        assert!(refused.to_string().contains(said), "{refused}");
    }
}

/// What a client knows at some operation: the newest that was acknowledged, the newest that was sent.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    pub(super) acknowledged: BTreeMap<(Epoch, u32), u32>,
    pub(super) sent: BTreeMap<(Epoch, u32), u32>,
}

/// Appends in groups to two epochs, compacts, seals, starts anew; gives what is known from which operation on.
fn work(recorder: &Arc<Recorder>, dir: &Path) -> Vec<(usize, Known)> {
    let mut history = vec![(0, Known::default())];
    let mut known = Known::default();
    let (mut sequence, mut journal) = (0, None);
    for group in 0..60u32 {
        let journal = journal.get_or_insert_with(|| {
            let mut journal =
                Journal::open(&disk::Disk::recorded(recorder), dir, |_| false).unwrap();
            journal.compact_bytes = 20_000;
            journal
        });
        for place in 0..=group % 7 {
            let (epoch, index) = (5 + u64::from(place % 3 == 1), place * 3 % 5);
            sequence += 1;
            known.sent.insert((epoch, index), sequence);
            history.push((recorder.operations(), known.clone()));
            insert(journal, epoch, index, sequence).unwrap();
        }
        journal.make_durable().unwrap();
        known.acknowledged = known.sent.clone();
        history.push((recorder.operations(), known.clone()));
        journal.compact();
        if group % 3 == 0 {
            journal.mark();
        }
        if group % 20 == 19 {
            journal.close();
        }
    }
    history
}

/// Opens what a crash left, and gives it.
pub(super) fn check(
    history: &[(usize, Known)],
    operations: usize,
    dir: &Path,
    what: &str,
) -> Journal {
    let at = |operations| {
        let past = history.iter().take_while(|(at, _)| *at <= operations);
        &past.last().unwrap().1
    };
    let mut journal = open(dir).unwrap_or_else(|error| panic!("{what}: {error}"));
    for (ticket, sequence) in &at(operations).acknowledged {
        let id = stored(ticket.0, ticket.1, 1).record.id;
        let last = journal.last(id).unwrap();
        let last = last
            .unwrap_or_else(|| panic!("{what}: {ticket:?} is lost"))
            .sequence;
        let sent = at(operations).sent[ticket];
        assert!((*sequence..=sent).contains(&last), "{what}: {ticket:?}");
    }
    for epoch in journal.open_epochs().unwrap() {
        for (index, sequence) in sealed(&mut journal, epoch) {
            let id = stored(epoch, index, 1).record.id;
            let last = journal.last(id).unwrap().unwrap();
            assert_eq!(last.sequence, sequence, "{what}");
        }
    }
    journal
}

#[test]
fn no_acknowledged_receipt_is_lost_at_a_power_cut() {
    let dir = tempfile::tempdir().unwrap();
    let receipts = dir.path().join("receipts");
    let recorder = Recorder::new(dir.path()).unwrap();
    let history = work(&recorder, &receipts);
    let all = recorder.operations();
    for seed in 0..100 {
        let image = tempfile::tempdir().unwrap();
        let operations = (seed as usize * 7919) % (all + 1);
        recorder.power_cut(operations, seed, image.path()).unwrap();
        let there = image.path().join("receipts");
        if seed % 3 == 2 && there.is_dir() {
            // An index of another time.
            copy(&receipts.join("index"), &there.join("index"));
            for epoch in [5, 6].map(|epoch| (epoch, log::path_in(&there, epoch))) {
                if !epoch.1.exists() {
                    let _ = fs::remove_dir_all(index_of(&there, epoch.0));
                }
            }
        }
        check(
            &history,
            operations,
            &there,
            &format!("seed {seed} at {operations}"),
        );
    }
}

#[test]
fn after_a_failed_sync_nothing_is_taken_and_what_a_start_says_then_holds() {
    for seed in 0..100 {
        let dir = tempfile::tempdir().unwrap();
        let recorder = Recorder::new(dir.path()).unwrap();
        let disk = disk::Disk::recorded(&recorder);
        let mut journal = Journal::open(&disk, dir.path(), |_| false).unwrap();
        put(&mut journal, 3, 1, 1);
        insert(&mut journal, 3, 1, 2).unwrap();
        insert(&mut journal, 3, 2, 1).unwrap();
        // The write, then the sync.
        recorder.fail(recorder.operations() + 1, Fault::Io);
        let failed = journal.make_durable().unwrap_err();
        assert!(failed.to_string().contains("cannot flush"), "{failed}");
        for _ in 0..2 {
            let refused = insert(&mut journal, 3, 3, 1);
            assert!(matches!(refused, Err(LogError::Broken(_))));
            assert!(matches!(journal.make_durable(), Err(LogError::Broken(_))));
            assert!(matches!(journal.open_epochs(), Err(LogError::Broken(_))));
        }
        drop(journal);
        // The system still shows what it could not write: a start that told a client so must keep it.
        let mut journal = Journal::open(&disk, dir.path(), |_| false).unwrap();
        let ids = [1, 2].map(|index| stored(3, index, 1).record.id);
        let said = ids.map(|id| journal.last(id).unwrap().map(|last| last.sequence));
        assert_eq!(said, [Some(2), Some(1)]);
        let image = tempfile::tempdir().unwrap();
        let all = recorder.operations();
        recorder.power_cut(all, seed, image.path()).unwrap();
        let mut journal = open(image.path()).unwrap();
        let kept = ids.map(|id| journal.last(id).unwrap().map(|last| last.sequence));
        assert_eq!(kept, said, "{seed}");
    }
}

#[test]
fn whichever_operation_fails_what_was_acknowledged_is_there() {
    let count = {
        let dir = tempfile::tempdir().unwrap();
        let recorder = Recorder::new(dir.path()).unwrap();
        work(&recorder, &dir.path().join("receipts"));
        recorder.operations()
    };
    for (number, at) in (0..count).step_by(11).enumerate() {
        let fault = [Fault::Full, Fault::Io, Fault::ReadOnly][number % 3];
        let dir = tempfile::tempdir().unwrap();
        let receipts = dir.path().join("receipts");
        let recorder = Recorder::new(dir.path()).unwrap();
        recorder.fail_from(at, fault);
        let mut acknowledged = BTreeMap::new();
        if let Ok(mut journal) =
            Journal::open(&disk::Disk::recorded(&recorder), &receipts, |_| false)
        {
            journal.compact_bytes = 20_000;
            for sequence in 1..=300 {
                let index = sequence % 5;
                let taken = insert(&mut journal, 5, index, sequence);
                if taken.is_ok() && journal.make_durable().is_ok() {
                    acknowledged.insert(index, sequence);
                }
                journal.compact();
                journal.mark();
            }
        }
        recorder.heal();
        let mut journal = open(&receipts).unwrap();
        for (index, sequence) in acknowledged {
            let last = journal.last(stored(5, index, 1).record.id).unwrap();
            assert!(last.unwrap().sequence >= sequence, "{fault:?} at {at}");
        }
    }
}
