mod flips;
mod vectors;

use super::examine::{Examined, Had, examine};
use super::opening::{COPIES, open_before};
use super::*;
use crate::chain::EpochFacts;
use crate::evidence::Evidence;
use crate::fixture::{EPOCH, TIMELINE, World, network};
use crate::judge::Previous;
use contracts::challenge::Kind;
use contracts::{AttestationTx, CommittedLog, ForcedChunk};
use protocol::{
    Address, B256, Element, EpochTrees, Mass, Record, Root, Roots, TicketLog, ValueMass,
};

/// Enough for every payer of the fixture.
const FUNDED: u128 = 10u128.pow(25);

/// What the contract makes of a vote for these trees: it states the total itself.
pub(super) fn attest(
    epoch: Epoch,
    trees: &protocol::EpochRoots,
    total: u128,
    before: u128,
) -> AttestationTx {
    let stated = |root: &Root<ValueMass>, amount| {
        let mass = ValueMass::new(amount).unwrap();
        let top = Element { mass, ..root.top };
        Root { top, ..*root }.hash()
    };
    AttestationTx {
        epoch,
        tx: B256::repeat_byte(1),
        block: 9,
        verifier: Address::ZERO,
        roots: Roots {
            nodes: stated(&trees.nodes, total),
            bills: stated(&trees.bills, total),
            charges: stated(&trees.charges, total - before),
            evidence: B256::repeat_byte(2),
        },
        nodes_top: trees.nodes.top.hash,
        nodes: trees.nodes.count as u32,
        payers: trees.bills.count as u32,
        charges: trees.charges.count as u32,
        total,
    }
}

/// What nodes forced, each in one chunk.
fn chunks(world: &World) -> Vec<ForcedChunk> {
    let chunk = |(node, records): (&u32, &Vec<Record>)| ForcedChunk {
        node: *node,
        chunk: 0,
        records: records.clone(),
    };
    world.forced.iter().map(chunk).collect()
}

/// As if the trees before were attested.
fn before(previous: Option<&Previous>) -> Option<AttestationTx> {
    let before = previous?;
    let bills = before.bills.root().unwrap();
    let trees = protocol::EpochRoots {
        nodes: before.nodes.root().unwrap(),
        bills,
        charges: bills,
    };
    Some(attest(before.nodes.epoch, &trees, bills.mass().amount(), 0))
}

fn committed(log: &TicketLog) -> CommittedLog {
    let root = log.root().unwrap();
    CommittedLog {
        issuer: log.issuer(),
        root: root.hash(),
        top: root.top.hash,
        count: root.count as u32,
        max_bytes: root.mass().bytes(),
    }
}

/// What the chain would say if just this evidence had been attested, with the honest total.
pub(super) fn facts(world: &World, evidence: &Evidence) -> AuditFacts {
    let total = world.judge().roots.nodes.mass().amount();
    let before = before(world.previous.as_ref());
    let total_before = before.as_ref().map_or(0, |before| before.total);
    let trees = evidence.trees.roots().unwrap();
    AuditFacts {
        epoch: EpochFacts {
            network: network(),
            epoch: world.epoch,
            timeline: TIMELINE.clone(),
            terms: world.terms,
            nodes: world.nodes.clone(),
            payers: world.payers.clone(),
            committed: world.committed.clone(),
            forced: world.forced.clone(),
            previous: world.previous_roots(),
        },
        attested: attest(evidence.epoch(), &trees, total, total_before),
        bills_top: None,
        before,
        later_payers: Vec::new(),
        logs: world.logs.iter().map(committed).collect(),
        forced: chunks(world),
        funded: FUNDED,
        open_until: Some(100),
        now: 1,
    }
}

/// Audits evidence by what the chain says.
pub(super) fn audit(facts: AuditFacts, evidence: &Evidence) -> Examined {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in evidence.files() {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let files = EvidenceFiles::in_folder(folder.path());
    let before = match facts.before {
        Some(_) => match open_before(&facts, &files, COPIES) {
            Ok(trees) => Before {
                trees: Some(trees),
                fault: None,
            },
            Err(fault) => Before {
                trees: None,
                fault: Some(fault),
            },
        },
        None => Before::default(),
    };
    examine(Arc::new(facts), Had::Files(&files), before, &NoProgress).unwrap()
}

/// What is found in evidence that was attested just so.
fn found(world: &World, evidence: &Evidence) -> Examined {
    audit(facts(world, evidence), evidence)
}

fn kinds(examined: &Examined) -> Vec<&str> {
    examined.lies_by_kind.keys().map(String::as_str).collect()
}

fn clean(examined: &Examined) {
    assert_eq!(kinds(examined), Vec::<&str>::new());
    assert_eq!(examined.gaps, Vec::<String>::new());
}

#[test]
fn an_honest_attestation_is_confirmed() {
    let mut world = World::honest(3, 9);
    // A bad record was left out by the verifier: that is no fault of the attestation.
    let mut records = world.records(1);
    records[0].signature.0[0] ^= 1;
    world.hand_in(1, records);
    let evidence = world.evidence();
    let facts = facts(&world, &evidence);
    let roots = facts.attested.roots;
    let examined = audit(facts, &evidence);
    clean(&examined);
    assert_eq!(examined.roots, Some(roots));
    assert_eq!(examined.signatures, 17);
    assert!(examined.nodes.iter().all(|line| line.ok));
    assert!(examined.payers.iter().all(|line| line.ok));
    let line = &examined.nodes[1];
    assert_eq!((line.records, line.rejected), (5, 1));
    for (nodes, tickets) in [(1, 0), (1, 1), (5, 3), (4, 16)] {
        let world = World::honest(nodes, tickets);
        let examined = found(&world, &world.evidence());
        clean(&examined);
        let world = World::of(0, nodes, tickets);
        let examined = found(&world, &world.evidence());
        clean(&examined);
    }
}

/// Lies in leaves, and what is to be found of each. Where a leaf's amount changes, so does its tree's sum, which
/// isn't the total that is stated any more.
#[test]
fn every_lie_in_a_leaf_is_found_with_what_shows_it() {
    let world = World::honest(3, 9);
    type Planted = (&'static [Kind], fn(&mut EpochTrees));
    let lies: &[Planted] = &[
        (&[Kind::WrongScore, Kind::WrongAmount], |t| {
            t.nodes.leaves[1].sla_ppm = 1_000_000;
        }),
        (&[Kind::WrongReward, Kind::WrongCumulative], |t| {
            t.nodes.leaves[1].reward += 1;
        }),
        (&[Kind::WrongReward, Kind::WrongCumulative], |t| {
            t.nodes.leaves[1].reward -= 1;
        }),
        (&[Kind::WrongCumulative, Kind::WrongSum], |t| {
            t.nodes.leaves[1].cumulative -= 1;
        }),
        (&[Kind::WrongReward, Kind::LaterChargeOfNode], |t| {
            t.nodes.leaves[1].last -= 1;
        }),
        (&[Kind::RewardWithoutCharge, Kind::LaterChargeOfNode], |t| {
            t.nodes.leaves[1].last = 0;
        }),
        (&[Kind::RewardWithoutCharge], |t| {
            t.nodes.leaves[1].last = 99
        }),
        (&[Kind::WrongNode], |t| t.nodes.leaves[1].node.0.0[0] ^= 1),
        (&[Kind::WrongNode], |t| t.nodes.leaves[1].index = 2),
        (&[Kind::WrongCumulativeBill], |t| {
            t.bills.leaves[1].bill += 1
        }),
        (
            &[Kind::WrongBill, Kind::WrongCumulativeBill, Kind::WrongSum],
            |t| t.bills.leaves[1].cumulative += 1,
        ),
        (&[Kind::WrongPayer], |t| {
            t.bills.leaves[1].payer = Address::ZERO
        }),
        (&[Kind::WrongBill, Kind::LaterChargeOfPayer], |t| {
            t.bills.leaves[1].last -= 1;
        }),
        (&[Kind::BillWithoutCharge, Kind::LaterChargeOfPayer], |t| {
            t.bills.leaves[1].last = 0;
        }),
        (
            &[
                Kind::WrongAmount,
                Kind::WrongBilled,
                Kind::WrongEarned,
                Kind::WrongSum,
            ],
            |t| t.charges.leaves[4].amount += 1,
        ),
        (&[Kind::WrongBilled, Kind::WrongBill], |t| {
            t.charges.leaves[5].billed += 1;
        }),
        (&[Kind::WrongEarned, Kind::WrongReward], |t| {
            t.charges.leaves[4].earned -= 1;
        }),
        (&[Kind::WrongEarned], |t| t.charges.leaves[4].previous += 1),
        (&[Kind::SkippedCharge, Kind::WrongEarned], |t| {
            t.charges.leaves[4].previous = 0;
        }),
        (&[Kind::WrongEarned, Kind::WrongReward], |t| {
            t.charges.leaves[4].served = Mass::ZERO;
        }),
        (&[Kind::ChargesOutOfOrder], |t| {
            t.charges.leaves.swap(1, 2);
        }),
    ];
    for (expected, lie) in lies {
        let mut evidence = world.evidence();
        lie(&mut evidence.trees);
        let examined = found(&world, &evidence);
        assert_eq!(examined.gaps, Vec::<String>::new());
        let mut expected: Vec<_> = expected.iter().map(|kind| kind.function()).collect();
        expected.sort_unstable();
        let mut kinds = kinds(&examined);
        if expected == ["chargesOutOfOrder"] {
            // What refers to the places is false then too.
            kinds.retain(|kind| *kind == "chargesOutOfOrder");
        }
        kinds.sort_unstable();
        assert_eq!(kinds, expected);
        let sum = kinds.contains(&"wrongSum");
        let told = |lie: &Lie| lie.shown.is_some() != lie.unshown.is_some();
        assert!(examined.lies.iter().all(told));
        assert!(sum || examined.lies.iter().all(|lie| lie.shown.is_some()));
    }
}
