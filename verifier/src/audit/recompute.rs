//! What the epoch was, by the records of the evidence: as verifiers compute it, beside what they attested.

use super::facts::AuditFacts;
use super::findings::{Findings, Unprovable};
use super::segments::Scan;
use super::{Audited, Gaps};
use crate::judge::{EpochInputs, JudgeError, Previous, ProbeCount, settle_served};
use crate::recheck::{tell_bill, tell_charge, tell_node};
use crate::report::{NodeLine, PayerLine};
use protocol::{
    BillLeaf, EpochLeaf, EpochRoots, EpochTree, EpochTrees, NodeLeaf, Roots, Statement,
};
use std::collections::BTreeMap;

/// The trees that the evidence comes to.
pub(super) struct Recomputed {
    trees: EpochTrees,
    roots: EpochRoots,
}

impl Recomputed {
    /// With the evidence that is attested.
    pub(super) fn roots(&self, facts: &AuditFacts) -> Roots {
        let statement = Statement {
            epoch: facts.attested.epoch,
            trees: self.roots,
            evidence: facts.attested.roots.evidence,
        };
        statement.roots()
    }

    pub(super) fn total(&self) -> u128 {
        self.roots.nodes.mass().amount()
    }
}

/// Computes the trees from what counts of the segments; `None` if something for it isn't known.
pub(super) fn recompute(
    audited: &Audited,
    scans: &BTreeMap<u32, Scan>,
    probes: Option<&[ProbeCount]>,
    findings: &mut Findings,
    gaps: &mut Gaps,
) -> Option<Recomputed> {
    let facts = &audited.facts.epoch;
    if scans.values().any(|scan| scan.unjudged > 0) {
        return None;
    }
    let probes = probes?;
    let before = match (audited.facts.attested.epoch, &audited.before) {
        (0, _) => None,
        (_, Some((nodes, bills))) => {
            if !nodes.is_whole() || !bills.is_whole() {
                return None;
            }
            let (network, epoch) = (facts.network, facts.epoch - 1);
            Some(Previous {
                nodes: tree(network, epoch, nodes.leaves()),
                bills: tree(network, epoch, bills.leaves()),
            })
        }
        (_, None) => return None,
    };
    let nothing = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let inputs = EpochInputs {
        network: facts.network,
        epoch: facts.epoch,
        timeline: &facts.timeline,
        terms: facts.terms,
        nodes: &facts.nodes,
        payers: &facts.payers,
        committed: &nothing.0,
        logs: &[],
        segments: &nothing.1,
        forced: &nothing.2,
        previous: before.as_ref(),
        probes,
    };
    let served = (0u32..).zip(&facts.nodes).map(|(index, _)| {
        let Some(scan) = scans.get(&index) else {
            return Default::default();
        };
        let roots = scan.groups.iter();
        let roots = roots.filter_map(|(payer, group)| Some((*payer, group.valid?)));
        (scan.mass, roots.collect())
    });
    match settle_served(&inputs, served.collect()) {
        Ok((trees, roots)) => Some(Recomputed { trees, roots }),
        Err(
            error @ (JudgeError::Charge { .. } | JudgeError::Total(_) | JudgeError::PreviousTotal),
        ) => {
            findings.unprovable(Unprovable::Root, || {
                format!("what the evidence comes to fits no attestation: {error}")
            });
            None
        }
        Err(error) => {
            gaps.push(format!("the epoch can't be recomputed: {error}"));
            None
        }
    }
}

fn tree<'a, L: EpochLeaf + 'a>(
    network: protocol::Network,
    epoch: protocol::Epoch,
    leaves: impl Iterator<Item = (u32, &'a L)>,
) -> EpochTree<L> {
    EpochTree {
        network,
        epoch,
        leaves: leaves.map(|(_, leaf)| *leaf).collect(),
    }
}

/// Tells leaves that aren't as recomputed, where nothing false has been found that could be why.
pub(super) fn compare(audited: &Audited, recomputed: &Recomputed, findings: &mut Findings) {
    if findings.explain_leaves() {
        return;
    }
    let trees = &recomputed.trees;
    if let Some(nodes) = &audited.nodes {
        for place in 0..count(nodes.count(), &trees.nodes.leaves) {
            let (attested, right) = (nodes.leaf(place), trees.nodes.leaves.get(place as usize));
            differ(("node", place), attested, right, tell_node, findings);
        }
    }
    if let Some(bills) = &audited.bills {
        for place in 0..count(bills.count(), &trees.bills.leaves) {
            let (attested, right) = (bills.leaf(place), trees.bills.leaves.get(place as usize));
            differ(("payer", place), attested, right, tell_bill, findings);
        }
    }
    if let Some(charges) = &audited.charges {
        for place in 0..count(charges.count(), &trees.charges.leaves) {
            let right = trees.charges.leaves.get(place as usize);
            differ(
                ("charge", place),
                charges.leaf(place),
                right,
                tell_charge,
                findings,
            );
        }
    }
}

fn count<L>(stated: u32, leaves: &[L]) -> u32 {
    stated.max(leaves.len() as u32)
}

fn differ<L: PartialEq>(
    (what, place): (&str, u32),
    attested: Option<&L>,
    right: Option<&L>,
    tell: impl Fn(&L) -> String,
    findings: &mut Findings,
) {
    if attested != right {
        findings.unprovable(Unprovable::Leaf, || {
            let difference = difference(attested, right, tell);
            format!("{what} {place} is {difference}")
        });
    }
}

fn difference<L>(attested: Option<&L>, right: Option<&L>, tell: impl Fn(&L) -> String) -> String {
    let tell = |leaf: Option<&L>| leaf.map_or("nothing".to_owned(), &tell);
    let (attested, right) = (tell(attested), tell(right));
    format!("attested as: {attested}; recomputed: {right}")
}

/// A line for each node and payer: as recomputed, and whether that is what is attested.
pub(super) fn lines(
    audited: &Audited,
    recomputed: Option<&Recomputed>,
    scans: &BTreeMap<u32, Scan>,
) -> (Vec<NodeLine>, Vec<PayerLine>) {
    let unknown = || Some("it could not be recomputed".to_owned());
    let nodes = audited.nodes.as_ref();
    let node_line = |leaf: &NodeLeaf, place: u32| {
        let attested = nodes.and_then(|nodes| nodes.leaf(place));
        let reason = match recomputed {
            None => unknown(),
            Some(_) if attested == Some(leaf) => None,
            Some(_) => Some(difference(attested, Some(leaf), tell_node)),
        };
        let scan = scans.get(&place);
        let mut line = NodeLine::of(leaf);
        line.records = scan.map_or(0, |scan| scan.counted);
        line.rejected = scan.map_or(0, |scan| scan.invalid);
        (line.ok, line.reason) = (reason.is_none(), reason);
        line
    };
    let bills = audited.bills.as_ref();
    let payer_line = |leaf: &BillLeaf, place: u32| {
        let attested = bills.and_then(|bills| bills.leaf(place));
        let reason = match recomputed {
            None => unknown(),
            Some(_) if attested == Some(leaf) => None,
            Some(_) => Some(difference(attested, Some(leaf), tell_bill)),
        };
        let payer = audited.facts.epoch.payers.get(place as usize);
        let mut line = PayerLine::of(leaf, payer.map_or(0, |payer| payer.deposit));
        (line.ok, line.reason) = (reason.is_none(), reason);
        line
    };
    match recomputed {
        Some(Recomputed { trees, .. }) => {
            let nodes = (0u32..).zip(&trees.nodes.leaves);
            let bills = (0u32..).zip(&trees.bills.leaves);
            (
                nodes.map(|(place, leaf)| node_line(leaf, place)).collect(),
                bills.map(|(place, leaf)| payer_line(leaf, place)).collect(),
            )
        }
        None => {
            let nodes = nodes.into_iter().flat_map(|nodes| nodes.leaves());
            let bills = bills.into_iter().flat_map(|bills| bills.leaves());
            (
                nodes.map(|(place, leaf)| node_line(leaf, place)).collect(),
                bills.map(|(place, leaf)| payer_line(leaf, place)).collect(),
            )
        }
    }
}
