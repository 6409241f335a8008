//! `epoch.json`: scores and rewards, and a whole small epoch of three nodes and two payers, of whom one runs
//! out of money. Forge reads it too.

use crate::deliveries::{receipt_for, record_of};
use crate::leaves::{bill_json, charge_json, node_json};
use crate::scene::{
    EPOCH, ISSUER, account, client, collection, key, network_json, public, ticket_at, timeline_json,
};
use crate::values::{hex, network, seed};
use protocol::{
    Address, B256, BillLeaf, ChargeLeaf, DeliveryMass, EpochLeaf, EpochRoots, EpochTree,
    EpochTrees, GIB, Mass, NodeId, NodeLeaf, Record, RewardTerms, Segment, Statement, Ticket,
    TicketLog, charge, reward, score,
};
use quittance_prover::SumTree;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const TERMS: RewardTerms = RewardTerms {
    price_per_gib: 12_345_678_901_234_567_891,
    sla_floor_ppm: 500_000,
};
const UNIT: u128 = 10u128.pow(18);

/// (bytes, deliveries, within, probes, probes ok), with the edges of every rule.
const SERVED: [(u64, u32, u32, u32, u32); 14] = [
    (GIB, 1, 1, 0, 0),
    (GIB, 2, 1, 0, 0),
    // One ppm below the floor, and on it.
    (GIB, 1_000_000, 499_999, 0, 0),
    (GIB, 1_000_000, 500_000, 0, 0),
    (0, 0, 0, 0, 0),
    (1, 1, 1, 0, 0),
    (GIB - 1, 3, 2, 7, 7),
    (GIB + 1, 3, 3, 7, 6),
    // Probes alone can fail a node.
    (5 * GIB, 100, 100, 3, 1),
    (5 * GIB, 0, 0, 1, 1),
    (123_456_789_012_345, 98_765, 98_764, 1_000, 999),
    ((1 << 56) - 1, u32::MAX, u32::MAX, u32::MAX, u32::MAX),
    ((1 << 56) - 1, u32::MAX, u32::MAX - 1, 0, 0),
    (GIB, u32::MAX, 0, 0, 0),
];

fn rewards() -> Vec<Value> {
    SERVED
        .into_iter()
        .map(|(bytes, deliveries, within, probes, probes_ok)| {
            let mass = DeliveryMass::new(bytes, deliveries, within).expect("below 2^56");
            let score = score(deliveries, within, probes, probes_ok);
            json!({
                "bytes": bytes.to_string(), "deliveries": deliveries, "within": within,
                "probes": probes, "probes_ok": probes_ok,
                "score": score,
                "reward": reward(&TERMS, mass, score).expect("fits 96 bits").to_string(),
            })
        })
        .collect()
}

/// Node and payer of each ticket; all are redeemed but the last.
const TICKETS: [(u32, u32); 9] = [
    (0, 0),
    (1, 1),
    (0, 1),
    (2, 0),
    (1, 0),
    (0, 0),
    (2, 1),
    (1, 1),
    (2, 1),
];
/// Probes made of each node, and answered within the service level.
const PROBES: [(u32, u32); 3] = [(0, 0), (4, 3), (0, 0)];
/// By payer: deposit at the epoch's end, and what was billed before. The second has money for its first
/// charge, for a part of its second, and none for its third.
const PAYERS: [(u128, u128); 2] = [(1_000 * UNIT, 4 * UNIT), (45 * UNIT, 3 * UNIT)];
/// What the nodes of the epoch before had earned by then: node 2 was not there.
const EARNED: [u128; 2] = [5 * UNIT, 2 * UNIT];

fn node(index: u32) -> NodeId {
    NodeId::from(public(&key(&format!("node {index}"))))
}

fn payer(index: u32) -> Address {
    account(&format!("payer {index}"))
}

fn tickets() -> Vec<Ticket> {
    (0u32..)
        .zip(TICKETS)
        .map(|(index, (at, paid_by))| Ticket {
            node: node(at),
            payer: payer(paid_by),
            collection: collection(100 * GIB),
            bytes_max: (u64::from(index) + 1) * GIB,
            ..ticket_at(index)
        })
        .collect()
}

/// Node 0 delivers everything within the service level, the others four of five.
fn record(ticket: &Ticket) -> Record {
    let mut receipt = receipt_for(ticket);
    if ticket.node == node(0) {
        receipt.within = receipt.deliveries;
    }
    record_of(ticket, receipt, &client(ticket.id.index))
}

fn segment(node_index: u32, records: Vec<Record>) -> Segment {
    Segment::new(network(), EPOCH, node(node_index), records).expect("in order")
}

fn tree<L>(epoch: u64, leaves: Vec<L>) -> EpochTree<L> {
    EpochTree {
        network: network(),
        epoch,
        leaves,
    }
}

fn previous() -> EpochTrees {
    let nodes = (0u32..).zip(EARNED).map(|(index, earned)| NodeLeaf {
        index,
        node: node(index),
        mass: DeliveryMass::ZERO,
        probes: 0,
        probes_ok: 0,
        sla_ppm: 1_000_000,
        last: 0,
        reward: 0,
        cumulative: earned,
    });
    let bills = (0u32..).zip(PAYERS).map(|(index, (_, billed))| BillLeaf {
        index,
        payer: payer(index),
        last: 0,
        bill: 0,
        cumulative: billed,
    });
    EpochTrees {
        nodes: tree(EPOCH - 1, nodes.collect()),
        bills: tree(EPOCH - 1, bills.collect()),
        charges: tree(EPOCH - 1, Vec::new()),
    }
}

/// The three trees, and the records of each charge.
fn settle(segments: &[Segment]) -> (EpochTrees, Vec<Segment>) {
    let mut nodes: Vec<_> = (0u32..)
        .zip(segments)
        .map(|(index, segment)| {
            let mass = segment.root().expect("small").mass();
            let (probes, probes_ok) = PROBES[index as usize];
            NodeLeaf {
                index,
                node: node(index),
                mass,
                probes,
                probes_ok,
                sla_ppm: score(mass.deliveries(), mass.within(), probes, probes_ok),
                last: 0,
                reward: 0,
                cumulative: EARNED.get(index as usize).copied().unwrap_or(0),
            }
        })
        .collect();
    let (mut bills, mut charges, mut parts) = (Vec::new(), Vec::<ChargeLeaf>::new(), Vec::new());
    let mut served = BTreeMap::new();
    for (index, (deposit, before)) in (0u32..).zip(PAYERS) {
        let mut bill = BillLeaf {
            index,
            payer: payer(index),
            last: 0,
            bill: 0,
            cumulative: before,
        };
        for node in &mut nodes {
            let records = segments[node.index as usize].records().iter();
            let records = records.filter(|r| TICKETS[r.id.index as usize].1 == index);
            let part = segment(node.index, records.copied().collect());
            if part.records().is_empty() {
                continue;
            }
            let root = part.root().expect("small");
            let mass = root.mass();
            let amount = charge(&TERMS, mass, node.sla_ppm, deposit, bill.cumulative);
            let amount = amount.expect("fits 96 bits");
            let all = served.entry(node.index).or_insert(DeliveryMass::ZERO);
            *all = all.checked_add(mass).expect("small");
            (bill.bill, bill.cumulative) = (bill.bill + amount, bill.cumulative + amount);
            (node.reward, node.cumulative) = (node.reward + amount, node.cumulative + amount);
            charges.push(ChargeLeaf {
                payer: index,
                node: node.index,
                segment_root: root.hash(),
                mass,
                amount,
                billed: bill.cumulative,
                earned: node.reward,
                served: *all,
                previous: node.last,
            });
            parts.push(part);
            (bill.last, node.last) = (charges.len() as u32, charges.len() as u32);
        }
        bills.push(bill);
    }
    let trees = EpochTrees {
        nodes: tree(EPOCH, nodes),
        bills: tree(EPOCH, bills),
        charges: tree(EPOCH, charges),
    };
    (trees, parts)
}

fn tree_json<L: EpochLeaf>(tree: &EpochTree<L>, fields: impl Fn(&L) -> Value) -> Value {
    let sums = SumTree::of_epoch(tree).expect("the sums fit");
    let root = sums.root();
    let leaves = (0u64..).zip(&tree.leaves).map(|(place, leaf)| {
        let mut value = fields(leaf);
        value["proof"] = hex(sums.proof(place).expect("below count").0).into();
        value
    });
    json!({
        "leaves": leaves.collect::<Vec<_>>(),
        "encoding": hex(tree.to_bytes()),
        "count": root.count,
        "top": hex(root.top.hash),
        "total": root.mass().amount().to_string(),
        "root": hex(root.hash()),
    })
}

/// The records of one charge, and that they are in its segment.
fn records_json(part: &Segment) -> Value {
    let sums = SumTree::of_segment(part).expect("the sums fit");
    let records = (0u64..).zip(part.records()).map(|(index, record)| {
        json!({
            "index": index,
            "encoding": hex(record.to_bytes()),
            "proof": hex(sums.proof(index).expect("below count").0),
        })
    });
    json!({ "top": hex(sums.root().top.hash), "records": records.collect::<Vec<_>>() })
}

fn log_json(log: &TicketLog) -> Value {
    let sums = SumTree::of_ticket_log(log).expect("the sums fit");
    let proofs = (0..sums.count()).map(|i| hex(sums.proof(i).expect("below count").0));
    json!({
        "issuer": ISSUER,
        "encoding": hex(log.to_bytes()),
        "count": sums.count(),
        "top": hex(sums.root().top.hash),
        "mass": hex(sums.root().mass().to_bytes()),
        "root": hex(sums.root().hash()),
        "proofs": proofs.collect::<Vec<_>>(),
    })
}

pub(crate) fn epoch() -> Value {
    let log = TicketLog::new(network(), EPOCH, ISSUER, tickets()).expect("each at its place");
    let redeemed = &log.tickets()[..TICKETS.len() - 1];
    let segments: Vec<_> = (0..PROBES.len() as u32)
        .map(|index| {
            let own = redeemed.iter().filter(|t| t.node == node(index));
            segment(index, own.map(record).collect())
        })
        .collect();
    let previous = previous();
    let (trees, parts) = settle(&segments);
    let roots = trees.roots().expect("the sums fit");
    check_example(&previous, &trees, &roots);
    let statement = Statement {
        epoch: EPOCH,
        trees: roots,
        evidence: B256::from(seed("evidence")),
    };
    let mut charges = tree_json(&trees.charges, charge_json);
    for (charge, part) in charges["leaves"]
        .as_array_mut()
        .expect("leaves")
        .iter_mut()
        .zip(&parts)
    {
        charge["segment"] = records_json(part);
    }
    json!({
        "price_per_gib": TERMS.price_per_gib.to_string(),
        "sla_floor_ppm": TERMS.sla_floor_ppm,
        "rewards": rewards(),
        "network": network_json(&network()),
        "timeline": timeline_json(),
        "epoch": EPOCH,
        "payers": (0u32..).zip(PAYERS).map(|(index, (deposit, _))| json!({
            "index": index, "account": hex(payer(index)), "deposit": deposit.to_string(),
        })).collect::<Vec<_>>(),
        "log": log_json(&log),
        "segments": segments.iter().map(|s| hex(s.to_bytes())).collect::<Vec<_>>(),
        "probes": (0u32..).zip(PROBES).filter(|(_, (made, _))| *made > 0).map(|(index, (made, ok))| json!({
            "index": index, "made": made, "ok": ok,
        })).collect::<Vec<_>>(),
        "previous": {
            "nodes": tree_json(&previous.nodes, node_json),
            "bills": tree_json(&previous.bills, bill_json),
        },
        "nodes": tree_json(&trees.nodes, node_json),
        "bills": tree_json(&trees.bills, bill_json),
        "charges": charges,
        "total": statement.total().to_string(),
        "evidence": hex(statement.evidence),
        "digest": hex(statement.roots().digest()),
    })
}

/// What the example is there to show, and what holds of every epoch.
fn check_example(previous: &EpochTrees, trees: &EpochTrees, roots: &EpochRoots) {
    let before = previous.roots().expect("the sums fit");
    let [nodes, bills, charged] =
        [roots.nodes, roots.bills, roots.charges].map(|r| r.mass().amount());
    assert_eq!(nodes, bills);
    assert_eq!(charged, nodes - before.nodes.mass().amount());
    assert_eq!(
        trees.bills.leaves[1].cumulative, PAYERS[1].0,
        "it spent everything"
    );
    let paid: Vec<_> = trees
        .charges
        .leaves
        .iter()
        .map(|c| (c.payer, c.node, c.amount))
        .collect();
    assert!(matches!(
        paid[..],
        [
            (0, 0, _),
            (0, 1, _),
            (0, 2, _),
            (1, 0, 1..),
            (1, 1, 1..),
            (1, 2, 0)
        ]
    ));
}
