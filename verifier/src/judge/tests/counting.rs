//! Which of the records handed in and forced count.

use super::*;

#[test]
fn what_a_sum_has_no_room_for_is_left_out_alone() {
    let mut world = World::honest(2, 6);
    let mut records = world.records(1);
    for place in [0, 1] {
        let ticket = world.logs[0].ticket(records[place].id.index).unwrap();
        let mut huge = receipt(&ticket);
        huge.deliveries = u32::MAX - 100;
        records[place] = record(&ticket, huge);
    }
    let second = records[1];
    let left = records.len() - 1;
    world.hand_in(1, records);
    let judgement = world.judge();
    assert!(judgement.refusals.is_empty());
    let [rejected] = judgement.rejections.as_slice() else {
        panic!("{:?}", judgement.rejections);
    };
    assert_eq!(rejected.record, second);
    assert_eq!(rejected.rejection, Rejection::SumOverflow);
    assert_eq!(judgement.segments[&1].records().len(), left);
    assert!(judgement.trees.nodes.leaves[0].reward > 0);
}

#[test]
fn what_is_forced_counts_like_what_is_handed_in() {
    let mut world = World::honest(2, 6);
    let honest = world.judge();
    let records = world.records(1);
    world.segments.remove(&1);
    assert_eq!(world.judge().trees.nodes.leaves[1].reward, 0);

    // In two chunks, of which the later begins with an earlier ticket.
    let (first, second) = records.split_at(2);
    world.forced.insert(1, [second, first].concat());
    assert_eq!(world.judge(), honest);
    // Handed in as well, and nothing counts twice.
    world.hand_in(1, records.clone());
    assert_eq!(world.judge(), honest);
    // A segment that is refused takes nothing from what is forced.
    world.segments.insert(1, b"nonsense".to_vec());
    let judgement = world.judge();
    assert_eq!(judgement.trees, honest.trees);
    assert_eq!(judgement.refusals.len(), 1);
}

#[test]
fn of_several_records_of_a_ticket_the_newest_valid_one_counts() {
    let mut world = World::honest(2, 6);
    let records = world.records(1);
    let ticket = world.logs[0].ticket(records[0].id.index).unwrap();
    let of = |sequence, bytes| {
        let mut receipt = receipt(&ticket);
        (receipt.sequence, receipt.bytes) = (sequence, bytes);
        record(&ticket, receipt)
    };
    let sequence = records[0].receipt.sequence;
    let mut invalid = of(sequence + 9, 1);
    invalid.receipt.bytes = 2;
    let newest = of(sequence + 2, 30);
    let same = of(sequence + 2, 29);
    world
        .forced
        .insert(1, vec![of(sequence + 1, 20), newest, invalid, same]);
    let judgement = world.judge();
    // Of two that are equally new the later.
    assert_eq!(judgement.segments[&1].records()[0], same);
    let [rejected] = judgement.rejections.as_slice() else {
        panic!("{:?}", judgement.rejections);
    };
    assert_eq!(rejected.rejection, Rejection::BadSignature);

    world.forced.insert(1, vec![of(sequence - 1, 20)]);
    assert_eq!(world.judge().segments[&1].records()[0], records[0]);
}

#[test]
fn nobody_forces_for_a_node_that_is_not_there() {
    let mut world = World::honest(2, 6);
    world.forced.insert(2, Vec::new());
    let error = judge(&world.inputs()).unwrap_err();
    assert_eq!(error, JudgeError::UnknownNode { index: 2 });
}
