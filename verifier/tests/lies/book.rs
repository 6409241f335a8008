//! An epoch's books, kept by somebody who may lie in any line: from records by payer and node to the trees, with
//! everything that follows from a lie following from it.

use super::network::{EPOCH, World};
use protocol::{
    BillLeaf, ChargeLeaf, DeliveryMass, EpochTree, EpochTrees, Mass, NodeLeaf, Record, Segment,
    TreeTop, charge, score,
};
use quittance_verifier::Evidence;
use std::collections::BTreeMap;

/// Records that a charge is for.
#[derive(Clone, Debug)]
pub struct Part {
    /// Payer index.
    pub payer: u32,
    /// Registry index.
    pub node: u32,
    /// The records, in the order of the segment.
    pub records: Vec<Record>,
    /// The mass that is stated instead of their sum.
    pub mass: Option<DeliveryMass>,
    /// Whether the root states that mass too.
    pub in_root: bool,
    /// The charge's amount instead of what follows.
    pub amount: Option<u128>,
}

/// What the trees are made of.
#[derive(Clone, Debug)]
pub struct Book {
    /// In the order of the charges.
    pub parts: Vec<Part>,
    /// Scores that are given instead of those that follow, by registry index.
    pub scores: BTreeMap<u32, u32>,
    /// Payers who are charged whatever their deposit is.
    pub unlimited: Vec<u32>,
}

impl Book {
    /// What is honest.
    pub fn honest(world: &World) -> Self {
        let payers: BTreeMap<_, u32> = world
            .facts
            .payers
            .iter()
            .zip(0..)
            .map(|(p, i)| (p.account, i))
            .collect();
        let mut parts: BTreeMap<(u32, u32), Vec<Record>> = BTreeMap::new();
        for (node, file) in &world.evidence.segments {
            for record in Segment::from_bytes(file).unwrap().records() {
                let ticket = world.log.ticket(record.id.index).unwrap();
                let payer = payers[&ticket.payer];
                parts.entry((payer, *node)).or_default().push(*record);
            }
        }
        let part = |((payer, node), records): ((u32, u32), Vec<Record>)| Part {
            payer,
            node,
            records,
            mass: None,
            in_root: false,
            amount: None,
        };
        Self {
            parts: parts.into_iter().map(part).collect(),
            scores: BTreeMap::new(),
            unlimited: Vec::new(),
        }
    }

    /// The part of a payer and node.
    pub fn part(&mut self, payer: u32, node: u32) -> &mut Part {
        let mut parts = self.parts.iter_mut();
        parts
            .find(|part| (part.payer, part.node) == (payer, node))
            .unwrap()
    }

    /// Keeps the books: evidence whose trees and segments are these.
    pub fn kept(&self, world: &World) -> Evidence {
        let mut evidence = world.evidence.clone();
        evidence.trees = self.settle(world);
        evidence.segments = self.segments(world);
        evidence
    }

    /// Segment files, in whatever order the records are; a payer's records one after the other where they
    /// don't say.
    fn segments(&self, world: &World) -> BTreeMap<u32, Vec<u8>> {
        let mut by_node: BTreeMap<u32, Vec<Record>> = BTreeMap::new();
        for part in &self.parts {
            by_node.entry(part.node).or_default().extend(&part.records);
        }
        let file = |(node, mut records): (u32, Vec<Record>)| {
            // Between payers the order is free; in a part it is as it is.
            if self
                .parts
                .iter()
                .all(|part| part.records.is_sorted_by(|a, b| a.id < b.id))
            {
                records.sort_by_key(|record| record.id);
            }
            let key = world.facts.nodes.get(node as usize)?;
            let empty = Segment::new(world.facts.network, EPOCH, *key, Vec::new()).unwrap();
            let mut bytes = empty.to_bytes();
            let count = bytes.len() - 4;
            bytes[count..].copy_from_slice(&(records.len() as u32).to_be_bytes());
            bytes.extend(records.iter().flat_map(Record::to_bytes));
            Some((node, bytes))
        };
        by_node.into_iter().filter_map(file).collect()
    }

    fn settle(&self, world: &World) -> EpochTrees {
        let facts = &world.facts;
        let sum = |records: &[Record]| {
            let masses = records.iter().map(|record| record.mass().unwrap());
            masses.fold(DeliveryMass::ZERO, |sum, mass| {
                sum.checked_add(mass).unwrap()
            })
        };
        let mass_of = |part: &Part| part.mass.unwrap_or_else(|| sum(&part.records));
        let mut nodes: Vec<_> = (0u32..)
            .zip(&facts.nodes)
            .map(|(index, node)| {
                let parts = self.parts.iter().filter(|part| part.node == index);
                let mass = parts.fold(DeliveryMass::ZERO, |mass, part| {
                    mass.checked_add(mass_of(part)).unwrap()
                });
                let right = score(mass.deliveries(), mass.within(), 0, 0);
                NodeLeaf {
                    index,
                    node: *node,
                    mass,
                    probes: 0,
                    probes_ok: 0,
                    sla_ppm: self.scores.get(&index).copied().unwrap_or(right),
                    last: 0,
                    reward: 0,
                    cumulative: world.previous.nodes.leaves[index as usize].cumulative,
                }
            })
            .collect();
        let mut bills: Vec<_> = (0u32..)
            .zip(&facts.payers)
            .map(|(index, payer)| BillLeaf {
                index,
                payer: payer.account,
                last: 0,
                bill: 0,
                cumulative: world.previous.bills.leaves[index as usize].cumulative,
            })
            .collect();
        let mut charges: Vec<ChargeLeaf> = Vec::new();
        for part in &self.parts {
            let mut top = TreeTop::default();
            part.records
                .iter()
                .for_each(|record| top.push(record.leaf().unwrap()).unwrap());
            let mut root = top.finish().unwrap();
            let mass = mass_of(part);
            if part.in_root {
                root.top.mass = mass;
            }
            let earner = &mut nodes[part.node as usize];
            // Of a payer that isn't in the tree nothing goes on.
            let bill = bills.get_mut(part.payer as usize);
            let billed = bill.as_ref().map_or(0, |bill| bill.cumulative);
            let deposit = match facts.payers.get(part.payer as usize) {
                Some(_) if self.unlimited.contains(&part.payer) => u128::MAX,
                Some(payer) => payer.deposit,
                None => 0,
            };
            let follows = charge(&facts.terms, mass, earner.sla_ppm, deposit, billed).unwrap();
            let amount = part.amount.unwrap_or(follows);
            let before = earner
                .last
                .checked_sub(1)
                .map(|last| charges[last as usize]);
            let served = before.map_or(DeliveryMass::ZERO, |before| before.served);
            earner.reward += amount;
            earner.cumulative += amount;
            charges.push(ChargeLeaf {
                payer: part.payer,
                node: part.node,
                segment_root: root.hash(),
                mass,
                amount,
                billed: billed + amount,
                earned: earner.reward,
                served: served.checked_add(mass).unwrap(),
                previous: earner.last,
            });
            let place = charges.len() as u32;
            earner.last = place;
            if let Some(bill) = bill {
                bill.bill += amount;
                bill.cumulative += amount;
                bill.last = place;
            }
        }
        let network = facts.network;
        EpochTrees {
            nodes: EpochTree {
                network,
                epoch: EPOCH,
                leaves: nodes,
            },
            bills: EpochTree {
                network,
                epoch: EPOCH,
                leaves: bills,
            },
            charges: EpochTree {
                network,
                epoch: EPOCH,
                leaves: charges,
            },
        }
    }
}
