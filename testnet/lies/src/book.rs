//! An epoch's books, kept by somebody who may lie in any line: from records by payer and node to the trees, with
//! everything that follows from a lie following from it.

use crate::Scene;
use anyhow::{Context, Result, anyhow};
use protocol::{
    BillLeaf, ChargeLeaf, DeliveryMass, EpochTree, EpochTrees, Mass, NodeLeaf, Record, Segment,
    TreeTop, charge, score,
};
use std::collections::BTreeMap;
use verifier::Evidence;

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

impl Part {
    /// One about which nothing false is said.
    pub fn new((payer, node): (u32, u32), records: Vec<Record>) -> Self {
        Self {
            payer,
            node,
            records,
            mass: None,
            in_root: false,
            amount: None,
        }
    }

    /// What its records add up to.
    ///
    /// # Errors
    /// If they don't.
    pub fn sum(&self) -> Result<DeliveryMass> {
        let mut sum = DeliveryMass::ZERO;
        for record in &self.records {
            sum = sum.checked_add(record.mass()?)?;
        }
        Ok(sum)
    }

    /// What is stated.
    fn stated(&self) -> Result<DeliveryMass> {
        self.mass.map_or_else(|| self.sum(), Ok)
    }
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
    ///
    /// # Errors
    /// If the scene's evidence isn't of one piece.
    pub fn honest(scene: &Scene) -> Result<Self> {
        let mut parts: BTreeMap<(u32, u32), Vec<Record>> = BTreeMap::new();
        for (node, file) in &scene.evidence.segments {
            for record in Segment::from_bytes(file)?.records() {
                let (payer, _) = scene.place(&scene.ticket(record.id)?)?;
                parts.entry((payer, *node)).or_default().push(*record);
            }
        }
        let part = |(place, records)| Part::new(place, records);
        Ok(Self {
            parts: parts.into_iter().map(part).collect(),
            scores: BTreeMap::new(),
            unlimited: Vec::new(),
        })
    }

    /// The part of a payer and node.
    ///
    /// # Errors
    /// If nothing is charged to that payer for that node.
    pub fn part(&mut self, (payer, node): (u32, u32)) -> Result<&mut Part> {
        let mut parts = self.parts.iter_mut();
        parts
            .find(|part| (part.payer, part.node) == (payer, node))
            .with_context(|| format!("payer {payer} has no charge for node {node}"))
    }

    /// Keeps the books: evidence whose trees and segments are these.
    ///
    /// # Errors
    /// If a sum overflows.
    pub fn kept(&self, scene: &Scene) -> Result<Evidence> {
        let mut evidence = scene.evidence.clone();
        evidence.trees = self.settle(scene)?;
        evidence.segments = self.segments(scene)?;
        Ok(evidence)
    }

    /// Segment files, in whatever order the records are; a payer's records one after the other where they
    /// don't say.
    fn segments(&self, scene: &Scene) -> Result<BTreeMap<u32, Vec<u8>>> {
        let mut by_node: BTreeMap<u32, Vec<Record>> = BTreeMap::new();
        for part in &self.parts {
            by_node.entry(part.node).or_default().extend(&part.records);
        }
        let mut parts = self.parts.iter();
        // Between payers the order is free; in a part it is as it is.
        let in_order = parts.all(|part| part.records.is_sorted_by(|a, b| a.id < b.id));
        let (network, epoch) = (scene.facts.network, scene.facts.epoch);
        let mut files = BTreeMap::new();
        for (node, mut records) in by_node {
            let Some(key) = scene.facts.nodes.get(node as usize) else {
                continue;
            };
            if in_order {
                records.sort_by_key(|record| record.id);
            }
            let mut bytes = Segment::new(network, epoch, *key, Vec::new())?.to_bytes();
            let count = bytes.len() - 4;
            bytes[count..].copy_from_slice(&u32::try_from(records.len())?.to_be_bytes());
            bytes.extend(records.iter().flat_map(Record::to_bytes));
            files.insert(node, bytes);
        }
        Ok(files)
    }

    /// The leaves of nodes, before anything is charged.
    fn nodes(&self, scene: &Scene) -> Result<Vec<NodeLeaf>> {
        let earned = |index: u32| {
            let previous = scene.evidence.previous.as_ref()?;
            let leaf = previous.nodes.leaves.get(index as usize)?;
            Some(leaf.cumulative)
        };
        let mut nodes = Vec::new();
        for (index, node) in (0u32..).zip(&scene.facts.nodes) {
            let mut mass = DeliveryMass::ZERO;
            for part in self.parts.iter().filter(|part| part.node == index) {
                mass = mass.checked_add(part.stated()?)?;
            }
            let right = score(mass.deliveries(), mass.within(), 0, 0);
            nodes.push(NodeLeaf {
                index,
                node: *node,
                mass,
                probes: 0,
                probes_ok: 0,
                sla_ppm: self.scores.get(&index).copied().unwrap_or(right),
                last: 0,
                reward: 0,
                cumulative: earned(index).unwrap_or_default(),
            });
        }
        Ok(nodes)
    }

    /// The leaves of payers, before anything is charged.
    fn bills(scene: &Scene) -> Vec<BillLeaf> {
        let billed = |index: u32| {
            let previous = scene.evidence.previous.as_ref()?;
            let leaf = previous.bills.leaves.get(index as usize)?;
            Some(leaf.cumulative)
        };
        let payers = (0u32..).zip(&scene.facts.payers);
        let leaf = |(index, payer): (u32, &verifier::Payer)| BillLeaf {
            index,
            payer: payer.account,
            last: 0,
            bill: 0,
            cumulative: billed(index).unwrap_or_default(),
        };
        payers.map(leaf).collect()
    }

    fn settle(&self, scene: &Scene) -> Result<EpochTrees> {
        let facts = &scene.facts;
        let mut nodes = self.nodes(scene)?;
        let mut bills = Self::bills(scene);
        let mut charges: Vec<ChargeLeaf> = Vec::new();
        for part in &self.parts {
            let mut top = TreeTop::default();
            for record in &part.records {
                top.push(record.leaf()?)?;
            }
            let mut root = top.finish()?;
            let mass = part.stated()?;
            if part.in_root {
                root.top.mass = mass;
            }
            let earner = nodes.get_mut(part.node as usize);
            let earner = earner.context("a part of no node")?;
            // Of a payer that isn't in the tree nothing goes on.
            let bill = bills.get_mut(part.payer as usize);
            let billed = bill.as_ref().map_or(0, |bill| bill.cumulative);
            let deposit = match facts.payers.get(part.payer as usize) {
                Some(_) if self.unlimited.contains(&part.payer) => u128::MAX,
                Some(payer) => payer.deposit,
                None => 0,
            };
            let follows = charge(&facts.terms, mass, earner.sla_ppm, deposit, billed)
                .map_err(|error| anyhow!("a charge can't be computed: {error:?}"))?;
            let amount = part.amount.unwrap_or(follows);
            let before = earner.last.checked_sub(1);
            let served = before.map_or(DeliveryMass::ZERO, |last| charges[last as usize].served);
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
                served: served.checked_add(mass)?,
                previous: earner.last,
            });
            let place = u32::try_from(charges.len())?;
            earner.last = place;
            if let Some(bill) = bill {
                bill.bill += amount;
                bill.cumulative += amount;
                bill.last = place;
            }
        }
        let (network, epoch) = (facts.network, facts.epoch);
        Ok(EpochTrees {
            nodes: EpochTree {
                network,
                epoch,
                leaves: nodes,
            },
            bills: EpochTree {
                network,
                epoch,
                leaves: bills,
            },
            charges: EpochTree {
                network,
                epoch,
                leaves: charges,
            },
        })
    }
}
