//! What sled lacks is in memory, and in the log: whenever a crash comes between them, nothing acknowledged is lost.

use super::super::behind::put as put_in_sled;
use super::tests::{Known, check, insert, open, put, sealed};
use super::*;
use crate::store::receipt_log::testing::stored;
use disk::faults::Recorder;
use proptest::prelude::*;
use std::fs;

/// What an index has.
type Entries = BTreeMap<TicketId, u64>;

fn entries_of(db: &sled::Db) -> Entries {
    let all = db.iter().map(|entry| {
        let (key, value) = entry.unwrap();
        let id = TicketId::from_bytes(key[..].try_into().unwrap());
        (id, u64::from_be_bytes(value[..].try_into().unwrap()))
    });
    all.collect()
}

/// What sled has of an epoch.
fn in_sled(journal: &Journal, epoch: Epoch) -> Entries {
    match &journal.epochs[&epoch].index {
        Index::Sled(index) => entries_of(&index.db),
        Index::Memory(_) => panic!("the index of epoch {epoch} isn't in sled"),
    }
}

/// What it should have.
fn newest(journal: &Journal, dir: &Path, epoch: Epoch) -> Entries {
    journal.epochs[&epoch].log.newest(dir, epoch).unwrap()
}

/// What the ticket's last receipt is.
fn last(journal: &mut Journal, epoch: Epoch, index: u32) -> Option<u32> {
    let last = journal.last(stored(epoch, index, 1).record.id).unwrap();
    last.map(|receipt| receipt.sequence)
}

#[test]
fn a_receipt_is_found_while_it_waits_on_its_way_and_in_sled() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path()).unwrap();
    journal.recent_max = 4;
    let found = |journal: &mut Journal, all: [Option<u32>; 3]| {
        for (index, sequence) in (0..).zip(all) {
            assert_eq!(last(journal, 3, index), sequence, "{index}");
            for lesser in 1..=sequence.unwrap_or(0) {
                let refused = insert(journal, 3, index, lesser);
                assert!(matches!(refused, Err(LogError::NotMonotonic)), "{index}");
            }
        }
    };
    put(&mut journal, 3, 0, 5);
    assert!(journal.behind().is_none(), "there is room");
    found(&mut journal, [Some(5), None, None]);
    put(&mut journal, 3, 1, 2);
    let behind = journal.behind().unwrap();
    found(&mut journal, [Some(5), Some(2), None]);
    // A newer one than that which is on its way; one more.
    put(&mut journal, 3, 1, 3);
    put(&mut journal, 3, 2, 1);
    assert!(journal.behind().is_none(), "one after the other");
    journal.caught_up(behind.write());
    found(&mut journal, [Some(5), Some(3), Some(1)]);
    let behind = journal.behind().unwrap();
    journal.caught_up(behind.write());
    found(&mut journal, [Some(5), Some(3), Some(1)]);
    assert_eq!(journal.counts().collect::<Vec<_>>(), [(3, 3)]);
    let expected = newest(&journal, dir.path(), 3);
    assert_eq!(expected.values().copied().collect::<Vec<_>>(), [0, 2, 3]);
    assert_eq!(in_sled(&journal, 3), expected);
}

#[test]
fn no_more_are_in_memory_than_there_is_room_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path()).unwrap();
    journal.recent_max = 20;
    for index in 0..8 {
        put(&mut journal, 3, index, 1);
        put(&mut journal, 4, index, 1);
    }
    assert!(journal.has_room(4) && !journal.has_room(5));
    // Of both epochs at once, and it takes their room until it has arrived.
    let behind = journal.behind().unwrap();
    put(&mut journal, 4, 8, 1);
    assert!(journal.has_room(3) && !journal.has_room(4));
    journal.caught_up(behind.write());
    assert!(journal.has_room(19) && !journal.has_room(20));
    // A ticket's newer receipts take no more.
    for sequence in 2..50 {
        put(&mut journal, 4, 8, sequence);
    }
    assert!(journal.has_room(19));
}

#[test]
fn the_index_of_an_epoch_that_takes_no_more_is_complete_and_so_is_every_one_when_the_journal_closes()
 {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path()).unwrap();
    for index in 0..5 {
        put(&mut journal, 3, index, 1);
        put(&mut journal, 4, index, 1);
    }
    assert!(journal.behind().is_none());
    journal.seal(3).unwrap();
    let behind = journal.behind().unwrap();
    for part in &behind.0 {
        part.write().unwrap();
        let all = newest(&journal, dir.path(), part.epoch);
        assert_eq!(entries_of(&part.db), all, "{}", part.epoch);
    }
    journal.caught_up(behind.write());
    assert!(journal.behind().is_none(), "it has all");
    put(&mut journal, 4, 2, 7);
    journal.close();
    for epoch in [3, 4] {
        let all = newest(&journal, dir.path(), epoch);
        assert_eq!(in_sled(&journal, epoch), all, "{epoch}");
    }
}

#[test]
fn an_index_that_cannot_be_written_to_is_in_memory_from_then_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path()).unwrap();
    journal.recent_max = 8;
    for index in 0..4 {
        put(&mut journal, 3, index, 1);
        put(&mut journal, 4, index, 1);
    }
    let behind = journal.behind().unwrap();
    put(&mut journal, 3, 1, 2);
    drop(behind);
    journal.caught_up(Written(vec![(3, Err("no room".into())), (4, Ok(()))]));
    assert!(matches!(journal.epochs[&3].index, Index::Memory(_)));
    assert!(matches!(journal.epochs[&4].index, Index::Sled(_)));
    put(&mut journal, 3, 2, 3);
    put(&mut journal, 3, 9, 1);
    assert_eq!(
        [0, 1, 2, 3, 9].map(|index| last(&mut journal, 3, index)),
        [1, 2, 3, 1, 1].map(Some)
    );
    assert!(journal.behind().is_none(), "nothing waits for it");
    journal.close();
    drop(journal);
    let mut journal = open(dir.path()).unwrap();
    assert!(matches!(journal.epochs[&3].index, Index::Sled(_)));
    assert_eq!(
        sealed(&mut journal, 3),
        [(0, 1), (1, 2), (2, 3), (3, 1), (9, 1)]
    );
    assert_eq!(sealed(&mut journal, 4).len(), 4);
}

#[test]
fn where_index_and_log_both_fail_nothing_more_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path()).unwrap();
    journal.recent_max = 2;
    put(&mut journal, 3, 1, 1);
    let behind = journal.behind().unwrap();
    let path = log::path_in(dir.path(), 3);
    let mut bytes = fs::read(&path).unwrap();
    bytes[1100] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert!(!journal.has_room(2));
    drop(behind);
    journal.caught_up(Written(vec![(3, Err("no room".into()))]));
    let refused = insert(&mut journal, 3, 2, 1);
    assert!(matches!(refused, Err(LogError::Broken(_))));
    assert!(journal.has_room(2), "who waits is told");
}

#[test]
fn while_receipts_are_on_their_way_no_log_is_written_anew_and_no_index_removed() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(dir.path()).unwrap();
    (journal.recent_max, journal.compact_bytes) = (2, 1_000);
    for sequence in 1..=20 {
        put(&mut journal, 3, 1, sequence);
        put(&mut journal, 4, 1, sequence);
    }
    let behind = journal.behind().unwrap();
    journal.compact();
    journal.written(4);
    assert_eq!(journal.epochs[&3].log.entries(), 20);
    assert!(index_of(dir.path(), 4).exists());
    journal.caught_up(behind.write());
    assert!(!index_of(dir.path(), 4).exists(), "it has done its work");
    journal.compact();
    assert_eq!(journal.epochs[&3].log.entries(), 1);
    let expected = newest(&journal, dir.path(), 3);
    assert_eq!(last(&mut journal, 3, 1), Some(20));
    assert_eq!(in_sled(&journal, 3), expected);
}

/// What the index had from which operation on.
type Moment = (usize, Entries);

/// Appends in groups, with an index that always lags, and writes the log anew; gives what is known, and what the index
/// has, from which operation on.
fn work(recorder: &Arc<Recorder>, dir: &Path) -> (Vec<(usize, Known)>, Vec<Moment>) {
    let mut journal = Journal::open(&Disk::recorded(recorder), dir, |_| false).unwrap();
    (journal.compact_bytes, journal.recent_max) = (8_000, 6);
    let mut history = vec![(0, Known::default())];
    let (mut known, mut index) = (Known::default(), Entries::new());
    let mut moments = vec![(0, index.clone())];
    let mut under_way = None;
    for sequence in 1..=90u32 {
        known.sent.insert((5, sequence * 3 % 5), sequence);
        history.push((recorder.operations(), known.clone()));
        insert(&mut journal, 5, sequence * 3 % 5, sequence).unwrap();
        if !sequence.is_multiple_of(3) {
            continue;
        }
        journal.make_durable().unwrap();
        known.acknowledged = known.sent.clone();
        history.push((recorder.operations(), known.clone()));
        under_way = under_way.or_else(|| journal.behind());
        // It comes late, and with each of its entries a crash may come.
        if sequence.is_multiple_of(9)
            && let Some(Behind(parts)) = under_way.take()
        {
            let part = &parts[0];
            for (id, known) in part.entries.iter() {
                put_in_sled(&part.db, *id, known.position).unwrap();
                index.insert(*id, known.position);
                moments.push((recorder.operations(), index.clone()));
            }
            assert_eq!(entries_of(&part.db), index);
            drop(parts);
            journal.caught_up(Written(vec![(5, Ok(()))]));
        }
        let before = journal.epochs[&5].log.entries();
        journal.compact();
        if journal.epochs[&5].log.entries() < before {
            index = newest(&journal, dir, 5);
            moments.push((recorder.operations(), index.clone()));
        }
        journal.mark();
    }
    (history, moments)
}

#[test]
fn a_power_cut_between_log_and_index_loses_nothing_at_any_operation() {
    let dir = tempfile::tempdir().unwrap();
    let receipts = dir.path().join("receipts");
    let recorder = Recorder::new(dir.path()).unwrap();
    let (history, moments) = work(&recorder, &receipts);
    let all = recorder.operations();
    assert!(moments.len() > 30 && all > 90, "{} {all}", moments.len());
    for operations in 0..=all {
        let image = tempfile::tempdir().unwrap();
        recorder
            .power_cut(operations, operations as u64, image.path())
            .unwrap();
        let there = image.path().join("receipts");
        // The index as it was then, or as the system kept it: at any earlier time.
        let until = moments.partition_point(|(at, _)| *at <= operations);
        let moment = match operations % 2 {
            0 => until - 1,
            _ => operations * 7919 % until,
        };
        if log::path_in(&there, 5).exists() {
            let db = sled::open(index_of(&there, 5)).unwrap();
            for (id, position) in &moments[moment].1 {
                put_in_sled(&db, *id, *position).unwrap();
            }
        }
        let what = format!("{operations} of {all}, index {moment}");
        let journal = check(&history, operations, &there, &what);
        // Mended, so it needs nothing of what was in memory.
        if !journal.open_epochs().unwrap().is_empty() {
            assert_eq!(in_sled(&journal, 5), newest(&journal, &there, 5), "{what}");
        }
    }
}

#[derive(Debug, Clone)]
enum Act {
    Append(u32),
    /// Begins to write to the index, and ends.
    Begin,
    End,
    Compact,
    /// The process ends in order, and as if it was killed.
    Close,
    Kill,
    Seal,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        12 => (0..6u32).prop_map(Act::Append),
        3 => Just(Act::Begin),
        3 => Just(Act::End),
        2 => Just(Act::Compact),
        1 => Just(Act::Close),
        1 => Just(Act::Kill),
        1 => Just(Act::Seal),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_is_done_the_newest_of_each_ticket_is_found(acts in prop::collection::vec(act(), 1..80)) {
        let dir = tempfile::tempdir().unwrap();
        let fresh = || {
            let mut journal = open(dir.path()).unwrap();
            (journal.compact_bytes, journal.recent_max) = (6_000, 4);
            journal
        };
        let (mut journal, mut under_way, mut expected) = (fresh(), None::<Behind>, BTreeMap::new());
        for (sequence, act) in (1..).zip(acts) {
            match act {
                Act::Append(index) => {
                    put(&mut journal, 3, index, sequence);
                    expected.insert(index, sequence);
                }
                Act::Begin => under_way = under_way.or_else(|| journal.behind()),
                Act::End => {
                    if let Some(behind) = under_way.take() {
                        journal.caught_up(behind.write());
                    }
                }
                Act::Compact => journal.compact(),
                Act::Seal => {
                    let all: Vec<_> = expected.clone().into_iter().collect();
                    prop_assert_eq!(sealed(&mut journal, 3), all);
                    journal.closed.clear();
                }
                Act::Close | Act::Kill => {
                    let behind = under_way.take();
                    if matches!(act, Act::Close) {
                        if let Some(behind) = behind {
                            journal.caught_up(behind.write());
                        }
                        journal.close();
                    }
                    drop(journal);
                    journal = fresh();
                }
            }
            for index in 0..6 {
                prop_assert_eq!(last(&mut journal, 3, index), expected.get(&index).copied());
            }
        }
    }
}
