use super::*;
use crate::fixture::{World, network};
use protocol::{Address, TicketLog};

fn facts(world: &World) -> EpochFacts {
    EpochFacts {
        network: network(),
        epoch: world.epoch,
        timeline: crate::fixture::TIMELINE.clone(),
        terms: world.terms,
        nodes: world.nodes.clone(),
        payers: world.payers.clone(),
        committed: world.committed.clone(),
        forced: world.forced.clone(),
        previous: world.previous_roots(),
    }
}

/// Faults found in evidence.
fn faults(facts: &EpochFacts, evidence: &Evidence) -> Vec<String> {
    check(facts, evidence).faults
}

#[test]
fn an_honest_attestation_is_confirmed() {
    let mut world = World::honest(3, 9);
    // A bad record was left out by the verifier: that is no fault of the attestation.
    let mut records = world.records(1);
    records[0].signature.0[0] ^= 1;
    world.hand_in(1, records);
    let evidence = world.evidence();
    let checked = check(&facts(&world), &evidence);
    assert_eq!(checked.faults, Vec::<String>::new());
    assert_eq!(checked.nodes.len(), 3);
    assert!(checked.nodes.iter().all(|line| line.ok));
    let line = &checked.nodes[1];
    assert_eq!((line.records, line.rejected), (5, 1));
}

#[test]
fn every_lie_in_a_leaf_is_found() {
    let world = World::honest(3, 9);
    type Lie = fn(&mut protocol::NodeLeaf);
    let lies: [Lie; 8] = [
        |leaf| leaf.reward += 1,
        |leaf| leaf.cumulative += 1,
        |leaf| leaf.cumulative -= 1,
        |leaf| leaf.sla_ppm = 1_000_000,
        |leaf| leaf.mass = protocol::Mass::ZERO,
        |leaf| leaf.last += 1,
        |leaf| leaf.probes = 1,
        |leaf| leaf.node.0.0[0] ^= 1,
    ];
    for lie in lies {
        let mut evidence = world.evidence();
        lie(&mut evidence.trees.nodes.leaves[1]);
        let checked = check(&facts(&world), &evidence);
        assert_eq!(checked.faults.len(), 1, "{:?}", checked.faults);
        let ok = |index: usize| checked.nodes[index].ok;
        assert!(!ok(1) && ok(0) && ok(2));
    }
}

#[test]
fn every_lie_in_a_bill_or_a_charge_is_found() {
    let world = World::honest(3, 9);
    type BillLie = fn(&mut protocol::BillLeaf);
    let lies: [BillLie; 5] = [
        |leaf| leaf.bill += 1,
        |leaf| leaf.cumulative += 1,
        |leaf| leaf.cumulative -= 1,
        |leaf| leaf.last -= 1,
        |leaf| leaf.payer = Address::ZERO,
    ];
    for lie in lies {
        let mut evidence = world.evidence();
        lie(&mut evidence.trees.bills.leaves[1]);
        let faults = faults(&facts(&world), &evidence);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].contains("bills.qbil, payer 1"), "{faults:?}");
    }
    type ChargeLie = fn(&mut ChargeLeaf);
    let lies: [ChargeLie; 8] = [
        |leaf| leaf.amount += 1,
        |leaf| leaf.billed += 1,
        |leaf| leaf.earned -= 1,
        |leaf| leaf.previous += 1,
        |leaf| leaf.segment_root.0[0] ^= 1,
        |leaf| leaf.mass = protocol::Mass::ZERO,
        |leaf| leaf.served = protocol::Mass::ZERO,
        |leaf| leaf.node += 7,
    ];
    for lie in lies {
        let mut evidence = world.evidence();
        lie(&mut evidence.trees.charges.leaves[4]);
        let found = faults(&facts(&world), &evidence);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].contains("charge 4: attested: payer 1"),
            "{found:?}"
        );
    }
}

#[test]
fn a_refusal_without_its_reason_is_found() {
    let mut world = World::honest(3, 9);
    let honest = world.records(1)[0];
    let mut records = world.records(1);
    records[0].signature.0[0] ^= 1;
    world.hand_in(1, records);
    let facts = facts(&world);
    assert_eq!(faults(&facts, &world.evidence()), Vec::<String>::new());
    type Lie = fn(&mut RejectionLine);
    let lies: [Lie; 3] = [
        |line| line.code = 8,
        |line| line.reason = "over_limit".to_owned(),
        |line| line.index = 9,
    ];
    for lie in lies {
        let mut evidence = world.evidence();
        lie(&mut evidence.rejections[0]);
        let found = faults(&facts, &evidence);
        assert!(
            found.len() == 1 && found[0].contains("rejections.json"),
            "{found:?}"
        );
    }
    // A record that counts, left out.
    let mut evidence = world.evidence();
    evidence.rejections[0].record = honest;
    let found = faults(&facts, &evidence);
    assert!(found[0].contains("the record counts"), "{found:?}");
}

#[test]
fn deposits_are_the_chains() {
    let world = World::honest(3, 9);
    let mut facts = facts(&world);
    facts.payers[1].deposit = 10u128.pow(18);
    let found = faults(&facts, &world.evidence()).join("\n");
    assert!(found.contains("payer 1"), "{found}");
}

#[test]
fn evidence_that_does_not_carry_the_attestation_is_found() {
    let world = World::honest(3, 9);
    let facts = facts(&world);
    let found = |change: &dyn Fn(&mut Evidence)| {
        let mut evidence = world.evidence();
        change(&mut evidence);
        let found = faults(&facts, &evidence);
        assert!(!found.is_empty());
        found.join("\n")
    };
    let bad_signature = found(&|e| {
        let file = e.segments.get_mut(&2).unwrap();
        let last = file.len() - 1;
        file[last] ^= 1;
    });
    assert!(bad_signature.contains("bad_signature"), "{bad_signature}");
    let left_out = found(&|e| {
        e.segments.remove(&2);
    });
    assert!(left_out.contains("node 2"), "{left_out}");
    let log = found(&|e| {
        e.logs.pop();
    });
    assert!(log.contains("issuer 1"), "{log}");
    let previous = found(&|e| e.previous.as_mut().unwrap().nodes.leaves[0].cumulative -= 1);
    assert!(previous.contains("previous.qtree"), "{previous}");
    found(&|e| e.previous = None);
    found(&|e| e.trees.nodes.epoch += 1);
    found(&|e| e.trees.bills.epoch += 1);
    found(&|e| e.trees.charges.epoch += 1);
    found(&|e| {
        e.trees.nodes.leaves.pop();
    });
    found(&|e| {
        e.probes.push(crate::ProbeCount {
            index: 0,
            made: 1,
            ok: 0,
        })
    });
    found(&|e| e.segments.insert(1, Vec::new()).map_or((), drop));
}

#[test]
fn a_ticket_that_was_not_committed_pays_nothing() {
    // The attester adds a ticket to a log, and a receipt for it.
    let honest = World::honest(2, 6);
    let mut forged = World::honest(2, 7);
    forged.previous = honest.previous.clone();
    let evidence = forged.evidence();
    assert_ne!(honest.logs, forged.logs);
    let found = faults(&facts(&honest), &evidence);
    assert!(found[0].contains("not the committed one"), "{found:?}");
    let total = |logs: &[TicketLog]| logs.iter().map(|l| l.tickets().len()).sum::<usize>();
    assert_eq!(total(&evidence.logs), 14);
}

#[test]
fn countless_faults_are_told_in_part() {
    let world = World::honest(1, 200);
    let mut evidence = world.evidence();
    let mut records = world.records(0);
    records.iter_mut().for_each(|r| r.signature.0[1] ^= 1);
    let mut bad = world.clone();
    bad.hand_in(0, records);
    evidence.segments = bad.segments;
    let checked = check(&facts(&world), &evidence);
    assert_eq!(checked.faults.len(), FAULTS_MAX + 1);
    assert!(!checked.nodes[0].ok);
}

#[test]
fn what_was_forced_and_left_out_is_found() {
    let mut world = World::honest(2, 6);
    let records = world.records(1);
    world.segments.remove(&1);
    let ignoring = world.evidence();
    world.forced.insert(1, records.clone());
    assert_eq!(
        check(&facts(&world), &world.evidence()).faults,
        Vec::<String>::new()
    );
    assert!(!check(&facts(&world), &ignoring).faults.is_empty());

    // One that doesn't count is left out rightly.
    let mut wrong = records[0];
    wrong.receipt.bytes += 1;
    world.forced.get_mut(&1).unwrap().push(wrong);
    assert_eq!(
        check(&facts(&world), &world.evidence()).faults,
        Vec::<String>::new()
    );
}
