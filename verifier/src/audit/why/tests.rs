use super::super::opening::{COPIES, open_before};
use super::super::tests::facts;
use super::super::{Before, NoProgress};
use super::*;
use crate::evidence::{Evidence, RejectionLine};
use crate::fixture::World;
use protocol::{Rejection, Segment};

const ALL: Wanted = Wanted {
    limit: 1000,
    ticket: None,
};

fn explained(world: &World, evidence: &Evidence, index: u32, wanted: Wanted) -> Explanation {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in evidence.files() {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let files = EvidenceFiles::in_folder(folder.path());
    let facts = facts(world, evidence);
    let before = match facts.before {
        Some(_) => Before {
            trees: Some(open_before(&facts, &files, COPIES).unwrap()),
            fault: None,
        },
        None => Before::default(),
    };
    explain(Arc::new(facts), &files, before, index, wanted, &NoProgress).unwrap()
}

/// Nodes whose records were partly left out, partly forced, partly never handed in.
fn mixed() -> World {
    let mut world = World::honest(3, 9);
    let mut records = world.records(1);
    records[0].signature.0[0] ^= 1;
    world.hand_in(1, records);
    let mut records = world.records(2);
    let forced = records.remove(0);
    records.remove(0);
    world.hand_in(2, records);
    world.forced.insert(2, vec![forced]);
    world
}

#[test]
fn what_is_true_is_told_to_the_last_unit() {
    let world = mixed();
    let evidence = world.evidence();
    for (index, leaf) in (0..).zip(&evidence.trees.nodes.leaves) {
        let told = explained(&world, &evidence, index, ALL);
        assert_eq!(told.verdict, Verdict::True, "{told:?}");
        let (score, reward) = (&told.reckoning.score, &told.reckoning.reward);
        assert_eq!(score.bytes, leaf.mass.bytes());
        assert_eq!(score.sla_ppm, leaf.sla_ppm);
        assert_eq!(reward.amount, leaf.reward.to_string());
        assert_eq!(reward.cumulative, leaf.cumulative.to_string());
        let charged = evidence.trees.charges.leaves.iter();
        let charged = charged.filter(|charge| charge.node == index);
        let amounts: Vec<_> = charged.map(|charge| charge.amount.to_string()).collect();
        let told_amounts = told
            .reckoning
            .charges
            .iter()
            .map(|line| line.amount.clone());
        assert_eq!(told_amounts.collect::<Vec<_>>(), amounts);
        let receipts = &told.receipts;
        let bytes: u64 = receipts.counted.lines.iter().map(|line| line.bytes).sum();
        assert_eq!(bytes, leaf.mass.bytes());
        let of_all = receipts.counted.count + receipts.rejected.count + receipts.unredeemed.count;
        assert_eq!(of_all, receipts.tickets_granted);
    }
}

#[test]
fn each_record_is_in_one_state() {
    let world = mixed();
    let evidence = world.evidence();
    let told = explained(&world, &evidence, 1, ALL).receipts;
    assert_eq!((told.rejected.count, told.unredeemed.count), (1, 0));
    let rejected = &told.rejected.lines[0];
    assert_eq!(
        (rejected.code, rejected.reason.as_str()),
        (9, "bad_signature")
    );
    assert_eq!(rejected.meaning, meaning(Rejection::BadSignature));
    assert!(rejected.record.ticket.payer.is_some());

    let told = explained(&world, &evidence, 2, ALL).receipts;
    assert_eq!((told.records_forced, told.records_superseded), (1, 0));
    let forced = told.counted.lines.iter().filter(|line| line.forced);
    let forced: Vec<_> = forced.map(|line| line.ticket.ticket).collect();
    assert_eq!(forced, [world.forced[&2][0].id]);
    assert_eq!(told.unredeemed.count, 1);

    // One ticket's line, and none at all; the counts remain.
    let ticket = told.unredeemed.lines[0].ticket.ticket;
    let one = Wanted {
        ticket: Some(ticket),
        ..ALL
    };
    let told_one = explained(&world, &evidence, 2, one).receipts;
    assert_eq!(told_one.unredeemed, told.unredeemed);
    assert_eq!(told_one.counted.lines, []);
    assert_eq!(told_one.counted.count, told.counted.count);
    let none = Wanted { limit: 0, ..ALL };
    let told_none = explained(&world, &evidence, 2, none).receipts;
    assert_eq!(told_none.counted.count, told.counted.count);
    assert_eq!(told_none.counted.lines, []);
}

#[test]
fn what_contradicts_the_attestation_is_told() {
    let world = mixed();
    let contradictions = |change: fn(&mut Evidence)| {
        let mut evidence = world.evidence();
        change(&mut evidence);
        let told = explained(&world, &evidence, 1, ALL);
        assert_eq!(told.verdict, Verdict::False, "{told:?}");
        told.contradictions.join("\n")
    };
    let said = contradictions(|evidence| evidence.trees.nodes.leaves[1].reward += 1);
    assert!(said.contains("the reward is "), "{said}");
    let said = contradictions(|evidence| evidence.trees.nodes.leaves[1].sla_ppm -= 1);
    assert!(said.contains("the score is "), "{said}");
    let said = contradictions(|evidence| {
        let file = evidence.segments.get_mut(&1).unwrap();
        let segment = Segment::from_bytes(file).unwrap();
        let (network, epoch, node) = (segment.network(), segment.epoch(), segment.node());
        let records = segment.records()[1..].to_vec();
        *file = Segment::new(network, epoch, node, records)
            .unwrap()
            .to_bytes();
    });
    assert!(said.contains("the sum of bytes is "), "{said}");
    // Left out for a reason that isn't so.
    let said = contradictions(|evidence| {
        let line = evidence.rejections.iter_mut().find(|line| line.index == 1);
        let line: &mut RejectionLine = line.unwrap();
        (line.code, line.reason) = (Rejection::OutsideTime.code(), Rejection::OutsideTime.name());
    });
    assert!(
        said.contains("left out for outside_time, and the reason is bad_signature"),
        "{said}"
    );
}

#[test]
fn every_reason_has_a_sentence() {
    for rejection in Rejection::ALL {
        assert!(meaning(rejection).ends_with('.'), "{rejection}");
    }
}
