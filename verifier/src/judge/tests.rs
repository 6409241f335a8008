mod counting;

use super::*;
use crate::fixture::{EPOCH, World, client, network, node, payer, receipt, record, ticket};
use proptest::prelude::*;
use protocol::{
    B256, DeliveryMass, Epoch, EpochTree, Mass, Network, NodeId, RECORD_BYTES, Receipt, Root,
    SEGMENT_HEADER_BYTES, TicketLog, ValueMass, score,
};

#[test]
fn an_honest_epoch_counts_in_full() {
    let world = World::honest(3, 9);
    let judgement = world.judge();
    assert!(judgement.rejections.is_empty() && judgement.refusals.is_empty());
    assert_eq!(judgement.segments.len(), 3);
    let previous = world.previous.as_ref().unwrap();
    let mut total = 0;
    for leaf in &judgement.trees.nodes.leaves {
        let segment = &judgement.segments[&leaf.index];
        assert_eq!(segment.to_bytes(), world.segments[&leaf.index]);
        assert_eq!(leaf.mass, segment.root().unwrap().mass());
        assert_eq!(leaf.mass.deliveries(), 60, "6 tickets of 10 deliveries");
        assert_eq!(leaf.sla_ppm, 900_000);
        // 10^18 per GiB at 900,000 ppm, rounded down for each payer.
        let charges = judgement.trees.charges.leaves.iter();
        let charges: Vec<_> = charges.filter(|c| c.node == leaf.index).collect();
        assert_eq!(charges.len(), 2);
        for charge in &charges {
            let bytes = u128::from(charge.mass.bytes());
            let amount = bytes * 10u128.pow(18) * 900_000 / (1 << 30) / 1_000_000;
            assert_eq!(charge.amount, amount);
        }
        let reward: u128 = charges.iter().map(|charge| charge.amount).sum();
        assert_eq!(leaf.reward, reward);
        let before = previous.nodes.leaves.get(leaf.index as usize);
        let before = before.map_or(0, |leaf| leaf.cumulative);
        assert_eq!(leaf.cumulative, before + reward);
        total += leaf.cumulative;
    }
    assert!(previous.nodes.leaves.len() == 2 && previous.nodes.leaves[0].cumulative > 0);
    assert_eq!(judgement.roots.nodes.mass().amount(), total);
    assert_eq!(judgement.roots.bills.mass().amount(), total);
    assert_eq!(judgement.roots, judgement.trees.roots().unwrap());
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
            record: *changed[0],
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
    let leaf = judgement.trees.nodes.leaves[1];
    assert_eq!(leaf.mass.bytes(), bytes);
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
fn a_ticket_whose_payer_nobody_knows_does_not_count() {
    let mut world = World::honest(2, 6);
    let mut tickets: Vec<_> = (0..6).map(|i| ticket(EPOCH, 0, i, 2)).collect();
    tickets[1].payer = payer(9);
    world.logs[0] = TicketLog::new(network(), EPOCH, 0, tickets).unwrap();
    world.commit();
    let records = world.records(1);
    world.hand_in(1, records);
    let judgement = world.judge();
    assert_eq!(judgement.rejections.len(), 1);
    assert_eq!(judgement.rejections[0].rejection, Rejection::UnknownPayer);
    world.payers.push(Payer {
        account: payer(9),
        deposit: 0,
    });
    let judgement = world.judge();
    assert!(judgement.rejections.is_empty());
    let charge = judgement.trees.charges.leaves.last().unwrap();
    assert_eq!((charge.payer, charge.node, charge.amount), (2, 1, 0));
    assert!(charge.mass.bytes() > 0, "served, though nobody pays");
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
        let leaf = judgement.trees.nodes.leaves[1];
        assert_eq!((leaf.last, leaf.reward), (0, 0));
        assert_eq!((leaf.mass, leaf.sla_ppm), (Mass::ZERO, 1_000_000));
        assert_eq!(
            leaf.cumulative,
            world.previous.unwrap().nodes.leaves[1].cumulative
        );
        for other in [0, 2] {
            let [found, expected] = [&judgement, &expected].map(|j| j.trees.nodes.leaves[other]);
            assert_eq!((found.mass, found.reward), (expected.mass, expected.reward));
        }
    }
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
    assert_eq!(without.roots, empty.roots);
    assert_eq!(without.roots, bad.roots);
    assert_eq!(bad.rejections.len(), 6);
    assert!(!bad.segments.contains_key(&1) && bad.segments.contains_key(&0));
    assert_eq!(bad.trees.nodes.leaves[1].last, 0);
}

#[test]
fn probes_lower_the_score() {
    let mut world = World::honest(2, 6);
    let probe = |index, made, ok| ProbeCount { index, made, ok };
    world.probes = vec![probe(0, 4, 2), probe(1, 4, 1)];
    let judgement = world.judge();
    let [first, second] = [
        judgement.trees.nodes.leaves[0],
        judgement.trees.nodes.leaves[1],
    ];
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
    let other_epoch = error(&|w| w.previous.as_mut().unwrap().bills.epoch = EPOCH);
    assert_eq!(other_epoch, JudgeError::PreviousWrong);
    let leaf = |tree, index| JudgeError::PreviousLeaf { tree, index };
    let other_payer = error(&|w| w.previous.as_mut().unwrap().bills.leaves[1].payer = payer(9));
    assert_eq!(other_payer, leaf("bills", 1));
    let fewer_payers = error(&|w| w.payers.truncate(1));
    assert_eq!(fewer_payers, leaf("bills", 1));
    let twice = error(&|w| w.payers[1].account = w.payers[0].account);
    assert_eq!(twice, leaf("bills", 1));
    let twice = error(&|w| w.payers.push(w.payers[0]));
    assert_eq!(twice, JudgeError::PayerTwice);
    let unequal = error(&|w| w.previous.as_mut().unwrap().bills.leaves[1].cumulative -= 1);
    assert_eq!(unequal, JudgeError::PreviousTotal);
    let mut rotated = honest.clone();
    rotated.previous.as_mut().unwrap().nodes.leaves[1].node = node(9);
    assert_eq!(
        rotated.judge(),
        honest.judge(),
        "a key may have been another"
    );
    let fewer = error(&|w| {
        w.nodes.truncate(1);
        w.segments.retain(|index, _| *index == 0);
    });
    assert_eq!(fewer, leaf("nodes", 1));
    let stranger = error(&|w| drop(w.segments.insert(3, Vec::new())));
    assert_eq!(stranger, JudgeError::UnknownNode { index: 3 });
    let total = error(&|w| w.previous.as_mut().unwrap().nodes.leaves[0].cumulative = (1 << 96) - 1);
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
    assert_eq!(world.judge().trees.nodes.leaves[1].mass.deliveries(), 30);
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

/// The example of `tests/vectors/epoch.json`, which another program wrote.
#[test]
fn the_golden_epoch_is_judged_as_it_is_written() {
    let golden = crate::fixture::Golden::load();
    let judgement = golden.judge();
    assert!(judgement.rejections.is_empty() && judgement.refusals.is_empty());
    assert_eq!(judgement.trees, golden.trees);
    let statement = protocol::Statement {
        epoch: golden.trees.nodes.epoch,
        trees: judgement.roots,
        evidence: golden.evidence,
    };
    assert_eq!(statement.roots().digest(), golden.digest);
}

/// The rules of SPEC section 7 as they are written there, charge by charge, looking back each time.
fn by_the_book(world: &World) -> Vec<(u32, u32, u128, u128, u128, DeliveryMass, u32)> {
    let tickets = |r: &Record| world.logs[r.id.issuer as usize].ticket(r.id.index).unwrap();
    let mass = |records: &[Record]| {
        let masses = records.iter().map(|r| r.mass().unwrap());
        masses.fold(DeliveryMass::ZERO, |sum, m| sum.checked_add(m).unwrap())
    };
    let mut charges: Vec<(u32, u32, u128, u128, u128, DeliveryMass, u32)> = Vec::new();
    for (p, paying) in (0u32..).zip(&world.payers) {
        for n in 0..world.nodes.len() as u32 {
            let all = world.records(n);
            let own = all.iter().filter(|r| tickets(r).payer == paying.account);
            let own: Vec<Record> = own.copied().collect();
            if own.is_empty() {
                continue;
            }
            let whole = mass(&all);
            let probes = world.probes.iter().find(|probe| probe.index == n);
            let (made, ok) = probes.map_or((0, 0), |probe| (probe.made, probe.ok));
            let score = score(whole.deliveries(), whole.within(), made, ok);
            let worth = match score < world.terms.sla_floor_ppm {
                true => 0,
                false => {
                    let product = u128::from(mass(&own).bytes()) * world.terms.price_per_gib;
                    product * u128::from(score) / ((1 << 30) * 1_000_000)
                }
            };
            let before = world.previous.as_ref().unwrap();
            let before = before
                .bills
                .leaves
                .get(p as usize)
                .map_or(0, |b| b.cumulative);
            let billed = charges
                .iter()
                .filter(|c| c.0 == p)
                .map(|c| c.2)
                .sum::<u128>()
                + before;
            let amount = worth.min(paying.deposit.saturating_sub(billed));
            let earned = charges
                .iter()
                .filter(|c| c.1 == n)
                .map(|c| c.2)
                .sum::<u128>()
                + amount;
            let served = charges
                .iter()
                .rfind(|c| c.1 == n)
                .map_or(DeliveryMass::ZERO, |c| c.5);
            let served = served.checked_add(mass(&own)).unwrap();
            let previous = charges
                .iter()
                .rposition(|c| c.1 == n)
                .map_or(0, |at| at as u32 + 1);
            charges.push((p, n, amount, billed + amount, earned, served, previous));
        }
    }
    charges
}

/// What holds of every epoch, whatever it was.
fn check_sums(world: &World, judgement: &Judgement) {
    let EpochTrees {
        nodes,
        bills,
        charges,
    } = &judgement.trees;
    let amount = |root: Root<ValueMass>| root.mass().amount();
    let before = world.previous.as_ref().unwrap();
    let rewards: u128 = nodes.leaves.iter().map(|leaf| leaf.reward).sum();
    let billed: u128 = bills.leaves.iter().map(|leaf| leaf.bill).sum();
    assert_eq!(rewards, billed);
    assert_eq!(amount(judgement.roots.charges), billed);
    let total = amount(before.nodes.root().unwrap());
    assert_eq!(amount(judgement.roots.nodes), total + rewards);
    for (leaf, payer) in bills.leaves.iter().zip(&world.payers) {
        assert!(leaf.bill == 0 || leaf.cumulative <= payer.deposit);
        let last = leaf
            .last
            .checked_sub(1)
            .map(|at| charges.leaves[at as usize]);
        assert!(last.is_none_or(|c| (c.payer, c.billed) == (leaf.index, leaf.cumulative)));
    }
    for leaf in &nodes.leaves {
        let last = leaf
            .last
            .checked_sub(1)
            .map(|at| charges.leaves[at as usize]);
        let last = last.map_or((leaf.index, 0, DeliveryMass::ZERO), |c| {
            (c.node, c.earned, c.served)
        });
        assert_eq!(last, (leaf.index, leaf.reward, leaf.mass));
    }
    let again = EpochTree::from_bytes(&charges.to_bytes());
    assert_eq!(again.as_ref(), Ok(charges), "in order");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn charges_are_those_of_the_book(
        nodes in 1u32..5,
        tickets in 0u32..9,
        deposits in prop::array::uniform2(prop_oneof![Just(0), 0u128..5_000_000_000, Just(u128::MAX)]),
        poor in prop::option::of(0u32..4),
        price in 0u128..1 << 30,
    ) {
        let mut world = World::honest(nodes, tickets);
        world.terms.price_per_gib = price;
        for (payer, deposit) in world.payers.iter_mut().zip(deposits) {
            // What was billed before is about 10^18: some have more left than that, some less.
            payer.deposit = deposit.saturating_add(world.previous.as_ref().unwrap().bills.leaves[0].cumulative);
        }
        if let Some(index) = poor.filter(|index| *index < nodes) {
            world.probes.push(ProbeCount { index, made: 3, ok: 1 });
        }
        let judgement = world.judge();
        check_sums(&world, &judgement);
        let charges = judgement.trees.charges.leaves.iter();
        let charges: Vec<_> = charges
            .map(|c| (c.payer, c.node, c.amount, c.billed, c.earned, c.served, c.previous))
            .collect();
        prop_assert_eq!(charges, by_the_book(&world));
        world.logs.reverse();
        prop_assert_eq!(world.judge(), judgement);
    }

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
        prop_assert!(judgement.trees.nodes.leaves[1].reward < expected.trees.nodes.leaves[1].reward);
        let [other, before] = [&judgement, &expected].map(|j| j.trees.nodes.leaves[0]);
        prop_assert_eq!((other.mass, other.reward), (before.mass, before.reward));
    }

    #[test]
    fn arbitrary_files_never_panic(file: Vec<u8>) {
        let mut world = World::of(0, 1, 2);
        world.segments.insert(0, file);
        prop_assert_eq!(world.judge().trees.nodes.leaves[0].reward, 0);
    }
}
