use super::*;
use crate::fixture::{EPOCH, World, client, network, node, receipt, record, ticket};
use proptest::prelude::*;
use protocol::{Mass, Receipt};

#[test]
fn an_honest_epoch_counts_in_full() {
    let world = World::honest(3, 9);
    let judgement = world.judge();
    assert!(judgement.rejections.is_empty() && judgement.refusals.is_empty());
    assert_eq!(judgement.segments.len(), 3);
    let previous = world.previous.as_ref().unwrap();
    let mut total = 0;
    for leaf in &judgement.tree.leaves {
        let segment = &judgement.segments[&leaf.index];
        assert_eq!(segment.to_bytes(), world.segments[&leaf.index]);
        assert_eq!(leaf.segment_root, segment.root().unwrap().hash());
        assert_eq!(leaf.mass.deliveries(), 60, "6 tickets of 10 deliveries");
        assert_eq!(leaf.sla_ppm, 900_000);
        // 10^18 per GiB at 900,000 ppm.
        let reward =
            u128::from(leaf.mass.bytes()) * 10u128.pow(18) * 900_000 / (1 << 30) / 1_000_000;
        assert_eq!(leaf.reward, reward);
        let before = previous.leaves.get(leaf.index as usize);
        let before = before.map_or(0, |leaf| leaf.cumulative);
        assert_eq!(leaf.cumulative, before + reward);
        total += leaf.cumulative;
    }
    assert!(previous.leaves.len() == 2 && previous.leaves[0].cumulative > 0);
    assert_eq!(judgement.root.mass().amount(), total);
    assert_eq!(judgement.root, judgement.tree.root().unwrap());
}

/// One bad record among good ones: left out with its reason, the others count.
fn check_rejected(rejection: Rejection, change: impl Fn(&mut World, &mut Vec<Record>)) {
    let mut world = World::honest(2, 6);
    let mut records = world.records(1);
    let good = records.clone();
    change(&mut world, &mut records);
    world.hand_in(1, records.clone());
    let judgement = world.judge();
    let changed: Vec<_> = records.iter().filter(|r| !good.contains(r)).collect();
    assert_eq!(changed.len(), 1, "{rejection}");
    assert_eq!(
        judgement.rejections,
        [RejectedRecord {
            index: 1,
            ticket: changed[0].id,
            rejection
        }]
    );
    let kept: Vec<_> = records
        .iter()
        .filter(|r| good.contains(r))
        .copied()
        .collect();
    assert_eq!(judgement.segments[&1].records(), kept);
    let bytes: u64 = kept.iter().map(|r| r.receipt.bytes).sum();
    let leaf = judgement.tree.leaves[1];
    assert_eq!(leaf.mass.bytes(), bytes);
    assert_eq!(
        leaf.segment_root,
        judgement.segments[&1].root().unwrap().hash()
    );
    assert!(judgement.refusals.is_empty());
}

/// The same with a receipt that its client did sign.
fn check_signed(rejection: Rejection, change: impl Fn(&mut Receipt)) {
    check_rejected(rejection, |world, records| {
        let id = records[2].id;
        let ticket = world.logs[id.issuer as usize].ticket(id.index).unwrap();
        let mut receipt = records[2].receipt;
        change(&mut receipt);
        records[2] = record(&ticket, receipt);
    });
}

#[test]
fn each_kind_of_bad_record_is_left_out_with_its_reason() {
    check_rejected(Rejection::UnknownTicket, |_, records| {
        records.last_mut().unwrap().id.index = 99;
    });
    check_rejected(Rejection::UnknownTicket, |_, records| {
        records.last_mut().unwrap().id.issuer = 2;
    });
    check_rejected(Rejection::UnknownTicket, |_, records| {
        records.last_mut().unwrap().id.epoch = EPOCH + 1;
    });
    check_rejected(Rejection::WrongTicket, |_, records| {
        let last = records.last_mut().unwrap();
        last.id.index -= 1;
    });
    check_signed(Rejection::WrongTicket, |r| r.ticket.0[0] ^= 1);
    check_rejected(Rejection::WrongNode, |world, records| {
        // A ticket of node 0, signed by its client, in the place of one of node 1.
        let ticket = world.logs[0].ticket(0).unwrap();
        records[0] = record(&ticket, receipt(&ticket));
    });
    check_signed(Rejection::OverLimit, |r| r.bytes = (1 << 30) + 1);
    check_signed(Rejection::OverLimit, |r| r.bytes = u64::MAX);
    check_signed(Rejection::OverDeliveries, |r| r.within = r.deliveries + 1);
    check_signed(Rejection::OutsideTime, |r| r.signed_at -= 1_001);
    check_signed(Rejection::OutsideTime, |r| r.signed_at += 7_001);
    check_signed(Rejection::ZeroSequence, |r| r.sequence = 0);
    check_rejected(Rejection::BadSignature, |_, records| {
        records[2].signature.0[3] ^= 1;
    });
    check_rejected(Rejection::BadSignature, |_, records| {
        records[2].receipt.bytes += 1;
    });
    check_rejected(Rejection::BadSignature, |_, records| {
        records[2].signature = records[2].receipt.sign(&client(9, 9)).signature;
    });
}

#[test]
fn a_ticket_of_another_network_does_not_count() {
    let mut world = World::honest(2, 6);
    let mut tickets: Vec<_> = (0..6).map(|i| ticket(EPOCH, 0, i, 2)).collect();
    tickets[1].network.chain_id += 1;
    world.logs[0] = TicketLog::new(network(), EPOCH, 0, tickets).unwrap();
    world.commit();
    let records = world.records(1);
    world.hand_in(1, records);
    let judgement = world.judge();
    assert_eq!(judgement.rejections.len(), 1);
    let rejected = judgement.rejections[0];
    assert_eq!(rejected.rejection, Rejection::WrongNetwork);
    assert_eq!(judgement.segments[&1].records().len(), 5);
}

#[test]
fn a_refused_segment_leaves_the_others_untouched() {
    let honest = World::honest(3, 9);
    let expected = honest.judge();
    let file = &honest.segments[&1];
    let reordered = {
        let mut file = file.clone();
        let (first, second) = (SEGMENT_HEADER_BYTES, SEGMENT_HEADER_BYTES + RECORD_BYTES);
        for at in 0..RECORD_BYTES {
            file.swap(first + at, second + at);
        }
        file
    };
    let twice = {
        let mut file = file.clone();
        let (first, second) = (SEGMENT_HEADER_BYTES, SEGMENT_HEADER_BYTES + RECORD_BYTES);
        file.copy_within(first..second, second);
        file
    };
    let foreign = |change: &dyn Fn(&mut Network, &mut Epoch, &mut NodeId)| {
        let (mut network, mut epoch, mut node) = (network(), EPOCH, node(1));
        change(&mut network, &mut epoch, &mut node);
        Segment::new(network, epoch, node, honest.records(1))
            .unwrap()
            .to_bytes()
    };
    let malformed = |refusal: &SegmentRefusal| matches!(refusal, SegmentRefusal::Malformed(_));
    let is_foreign = |refusal: &SegmentRefusal| *refusal == SegmentRefusal::Foreign;
    let too_long = |refusal: &SegmentRefusal| matches!(refusal, SegmentRefusal::TooLong { .. });
    type Case<'a> = (Vec<u8>, &'a dyn Fn(&SegmentRefusal) -> bool);
    let cases: [Case<'_>; 9] = [
        (Vec::new(), &malformed),
        (b"QLOG\0\x01\0\0".to_vec(), &malformed),
        (file[..file.len() - 1].to_vec(), &malformed),
        (reordered, &malformed),
        (twice, &malformed),
        (foreign(&|network, _, _| network.chain_id += 1), &is_foreign),
        (foreign(&|_, epoch, _| *epoch -= 1), &is_foreign),
        (honest.segments[&2].clone(), &is_foreign),
        ([&file[..], &[0; RECORD_BYTES]].concat(), &too_long),
    ];
    for (file, expected_refusal) in cases {
        let mut world = honest.clone();
        world.segments.insert(1, file);
        let judgement = world.judge();
        assert!(
            expected_refusal(&judgement.refusals[&1]),
            "{:?}",
            judgement.refusals
        );
        assert_eq!(judgement.refusals.len(), 1);
        let leaf = judgement.tree.leaves[1];
        assert_eq!((leaf.segment_root, leaf.reward), (B256::ZERO, 0));
        assert_eq!((leaf.mass, leaf.sla_ppm), (Mass::ZERO, 1_000_000));
        assert_eq!(
            leaf.cumulative,
            world.previous.unwrap().leaves[1].cumulative
        );
        for other in [0, 2] {
            assert_eq!(judgement.tree.leaves[other], expected.tree.leaves[other]);
        }
    }
}

#[test]
fn sums_that_overflow_refuse_the_segment_and_not_the_epoch() {
    let mut world = World::honest(2, 6);
    let mut records = world.records(1);
    for place in [0, 1] {
        let ticket = world.logs[0].ticket(records[place].id.index).unwrap();
        let mut huge = receipt(&ticket);
        huge.deliveries = u32::MAX;
        records[place] = record(&ticket, huge);
    }
    world.hand_in(1, records);
    let judgement = world.judge();
    let refusal = judgement.refusals[&1];
    assert!(matches!(refusal, SegmentRefusal::Overflow(_)), "{refusal}");
    assert!(judgement.tree.leaves[0].reward > 0);
}

#[test]
fn nothing_handed_in_and_nothing_that_counts_are_the_same_leaf() {
    let mut world = World::honest(2, 6);
    world.segments.remove(&1);
    let without = world.judge();
    world.hand_in(1, Vec::new());
    let empty = world.judge();
    let mut records = world.records(1);
    records.iter_mut().for_each(|r| r.signature.0[0] ^= 1);
    world.hand_in(1, records);
    let bad = world.judge();
    assert_eq!(without.root, empty.root);
    assert_eq!(without.root, bad.root);
    assert_eq!(bad.rejections.len(), 6);
    assert!(!bad.segments.contains_key(&1) && bad.segments.contains_key(&0));
    assert_eq!(bad.tree.leaves[1].segment_root, B256::ZERO);
}

#[test]
fn probes_lower_the_score() {
    let mut world = World::honest(2, 6);
    let probe = |index, made, ok| ProbeCount { index, made, ok };
    world.probes = vec![probe(0, 4, 2), probe(1, 4, 1)];
    let judgement = world.judge();
    let [first, second] = [judgement.tree.leaves[0], judgement.tree.leaves[1]];
    assert_eq!(
        (first.probes, first.probes_ok, first.sla_ppm),
        (4, 2, 500_000)
    );
    assert!(first.reward > 0, "on the floor");
    assert_eq!((second.sla_ppm, second.reward), (250_000, 0));
    for wrong in [
        vec![probe(1, 1, 1), probe(0, 1, 1)],
        vec![probe(1, 1, 1), probe(1, 1, 1)],
        vec![probe(0, 1, 2)],
        vec![probe(0, 0, 0)],
        vec![probe(2, 1, 1)],
    ] {
        world.probes = wrong;
        assert!(judge(&world.inputs()).is_err());
    }
}

#[test]
fn inputs_that_do_not_fit_together_are_errors() {
    let honest = World::honest(3, 4);
    let error = |change: &dyn Fn(&mut World)| {
        let mut world = honest.clone();
        change(&mut world);
        judge(&world.inputs()).unwrap_err()
    };
    let missing = error(&|w| drop(w.logs.pop()));
    assert_eq!(missing, JudgeError::LogMissing { issuer: 1 });
    let uncommitted = error(&|w| {
        w.committed.remove(&1);
    });
    assert_eq!(uncommitted, JudgeError::LogUnknown { issuer: 1 });
    let twice = error(&|w| w.logs[1] = w.logs[0].clone());
    assert_eq!(twice, JudgeError::LogUnknown { issuer: 0 });
    let root = error(&|w| {
        w.committed.insert(0, B256::ZERO);
    });
    assert_eq!(root, JudgeError::LogWrong { issuer: 0 });
    let epoch = error(&|w| {
        w.logs[0] = World::of(EPOCH + 1, 3, 4).logs[0].clone();
        w.commit();
    });
    assert_eq!(epoch, JudgeError::LogWrong { issuer: 0 });
    let no_previous = error(&|w| w.previous = None);
    assert_eq!(no_previous, JudgeError::PreviousMissing { epoch: EPOCH });
    let other_epoch = error(&|w| w.previous.as_mut().unwrap().epoch = EPOCH);
    assert_eq!(other_epoch, JudgeError::PreviousWrong);
    let other_node = error(&|w| w.previous.as_mut().unwrap().leaves[1].node = node(9));
    assert_eq!(other_node, JudgeError::PreviousNode { index: 1 });
    let fewer = error(&|w| {
        w.nodes.truncate(1);
        w.segments.retain(|index, _| *index == 0);
    });
    assert_eq!(fewer, JudgeError::PreviousNode { index: 1 });
    let stranger = error(&|w| drop(w.segments.insert(3, Vec::new())));
    assert_eq!(stranger, JudgeError::UnknownNode { index: 3 });
    let total = error(&|w| w.previous.as_mut().unwrap().leaves[0].cumulative = (1 << 120) - 1);
    assert!(matches!(total, JudgeError::Total(_)));

    let mut first = World::of(0, 2, 3);
    first.previous = honest.previous.clone();
    assert!(
        judge(&first.inputs()).is_err(),
        "before epoch 0 there is none"
    );
}

#[test]
fn an_issuer_that_committed_nothing_has_no_tickets() {
    let mut world = World::honest(2, 6);
    world.logs.pop();
    world.commit();
    let file = world.segments[&1].clone();
    // All of both issuers' tickets: more than the one log grants.
    let judgement = world.judge();
    assert!(matches!(
        judgement.refusals[&1],
        SegmentRefusal::TooLong { .. }
    ));
    assert!(file.len() as u64 > segment_bytes_max(3));
    let records = world.records(1);
    world.hand_in(1, records);
    assert_eq!(world.judge().tree.leaves[1].mass.deliveries(), 30);
}

#[test]
fn the_number_of_threads_and_the_order_of_logs_do_not_matter() {
    let mut world = World::honest(2, 170);
    let mut records = world.records(1);
    records
        .iter_mut()
        .step_by(7)
        .for_each(|r| r.signature.0[9] ^= 1);
    world.hand_in(1, records);
    let one = judge_on(&world.inputs(), 1).unwrap();
    assert_eq!(one.rejections.len(), 170usize.div_ceil(7));
    for threads in [0, 2, 3, 5, 64] {
        assert_eq!(judge_on(&world.inputs(), threads).unwrap(), one);
    }
    world.logs.reverse();
    assert_eq!(world.judge(), one);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// A node that alters any byte of its segment gets at most what it would have got, and harms no other.
    #[test]
    fn altered_bytes_never_pay_more(at: prop::sample::Index, bit in 0u8..8) {
        let honest = World::honest(2, 4);
        let expected = honest.judge();
        let mut world = honest.clone();
        let file = world.segments.get_mut(&1).unwrap();
        let at = at.index(file.len());
        file[at] ^= 1 << bit;
        let judgement = world.judge();
        prop_assert!(judgement.tree.leaves[1].reward < expected.tree.leaves[1].reward);
        prop_assert_eq!(judgement.tree.leaves[0], expected.tree.leaves[0]);
    }

    #[test]
    fn arbitrary_files_never_panic(file: Vec<u8>) {
        let mut world = World::of(0, 1, 2);
        world.segments.insert(0, file);
        prop_assert_eq!(world.judge().tree.leaves[0].reward, 0);
    }
}
