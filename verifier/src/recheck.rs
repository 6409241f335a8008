//! A verifier's own evidence checked again before it is attested: after a restart, or when the chain may have
//! changed. It holds all of it in memory, as judging does; an auditor ([`crate::audit_epoch`]) doesn't.

use crate::chain::EpochFacts;
use crate::evidence::{Evidence, RejectionLine};
use crate::judge::{EpochInputs, Judgement, Previous, RejectedRecord, judge};
use crate::report::{NodeLine, count_by_index, node_lines};
use protocol::{
    B256, BillLeaf, ChargeLeaf, EpochTree, Mass, NodeLeaf, Payers, RecordContext, Rejection,
};

/// Faults that are told one by one; a bad epoch can have millions.
const FAULTS_MAX: usize = 100;

/// Evidence against chain: the judgement that follows from both, and what is wrong with the evidence.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) judgement: Option<Judgement>,
    pub(crate) faults: Vec<String>,
    pub(crate) nodes: Vec<NodeLine>,
}

/// Judges an epoch anew from its evidence. Pure; uses all cores.
pub(crate) fn check(facts: &EpochFacts, evidence: &Evidence) -> Checked {
    let mut faults = Vec::new();
    let place = (facts.network, facts.epoch);
    let trees = &evidence.trees;
    for (file, found) in [
        ("tree.qtree", (trees.nodes.network, trees.nodes.epoch)),
        ("bills.qbil", (trees.bills.network, trees.bills.epoch)),
        ("charges.qchg", (trees.charges.network, trees.charges.epoch)),
    ] {
        if found != place {
            faults.push(format!("{file} is of another network or epoch"));
        }
    }
    let previous = evidence.previous.as_ref();
    let attested = facts.previous.map(|roots| (roots.nodes, roots.bills));
    if previous.map(Previous::hashes) != attested.map(Some) {
        let tell = |roots: Option<(B256, B256)>| {
            roots.map_or("none".to_owned(), |(nodes, bills)| {
                format!("{nodes} and {bills}")
            })
        };
        let found = tell(previous.and_then(Previous::hashes));
        faults.push(format!(
            "previous.qtree and previous-bills.qbil have the roots {found}, attested for the epoch \
             before are {}",
            tell(attested)
        ));
    }
    let inputs = EpochInputs {
        network: facts.network,
        epoch: facts.epoch,
        timeline: &facts.timeline,
        terms: facts.terms,
        nodes: &facts.nodes,
        payers: &facts.payers,
        committed: &facts.committed,
        logs: &evidence.logs,
        segments: &evidence.segments,
        forced: &facts.forced,
        previous,
        probes: &evidence.probes,
    };
    let judgement = match judge(&inputs) {
        Ok(judgement) => judgement,
        Err(error) => {
            faults.push(error.to_string());
            return Checked {
                judgement: None,
                faults,
                nodes: Vec::new(),
            };
        }
    };
    let rejected = count_by_index(evidence.rejections.iter().map(|line| line.index));
    let mut nodes = node_lines(&judgement, &rejected);
    for (index, refusal) in &judgement.refusals {
        faults.push(format!("segment-{index}.qseg: {refusal}"));
    }
    // What a node forced is on chain, whether it counts or not; nobody attested it for that.
    let forced = |bad: &RejectedRecord| {
        let records = facts.forced.get(&bad.index);
        records.is_some_and(|records| records.contains(&bad.record))
    };
    let counted = judgement.rejections.iter().filter(|bad| !forced(bad));
    for bad in counted.clone() {
        let (index, ticket) = (bad.index, bad.record.id);
        let reason = bad.rejection;
        faults.push(format!("segment-{index}.qseg, ticket {ticket}: {reason}"));
    }
    faults.extend(wrong_refusals(facts, evidence, &judgement));
    for (place, reason) in differences(&trees.nodes, &judgement.trees.nodes, tell_node) {
        faults.push(format!("tree.qtree, node {place}: {reason}"));
        if let Some(line) = nodes.get_mut(place) {
            (line.ok, line.reason) = (false, Some(reason));
        }
    }
    for (place, reason) in differences(&trees.bills, &judgement.trees.bills, tell_bill) {
        faults.push(format!("bills.qbil, payer {place}: {reason}"));
    }
    for (place, reason) in differences(&trees.charges, &judgement.trees.charges, tell_charge) {
        faults.push(format!("charges.qchg, charge {place}: {reason}"));
    }
    for line in &mut nodes {
        let bad = judgement.refusals.contains_key(&line.index)
            || counted.clone().any(|bad| bad.index == line.index);
        if bad && line.ok {
            let reason = "its segment holds what doesn't count".to_owned();
            (line.ok, line.reason) = (false, Some(reason));
        }
    }
    if faults.len() > FAULTS_MAX {
        let more = faults.len() - FAULTS_MAX;
        faults.truncate(FAULTS_MAX);
        faults.push(format!("and {more} more"));
    }
    Checked {
        judgement: Some(judgement),
        faults,
        nodes,
    }
}

/// Records that the attester left out with another reason than they give, or though they count.
fn wrong_refusals(facts: &EpochFacts, evidence: &Evidence, judgement: &Judgement) -> Vec<String> {
    let payers = Payers::new(facts.payers.iter().map(|payer| payer.account));
    let wrong = |line: &RejectionLine| {
        let (index, ticket) = (line.index, line.ticket);
        let found = match facts.nodes.get(index as usize) {
            None => "there is no such node".to_owned(),
            Some(node) => {
                let context = RecordContext {
                    network: facts.network,
                    epoch: facts.epoch,
                    node: *node,
                    timeline: &facts.timeline,
                    logs: &evidence.logs,
                    payers: &payers,
                };
                let has_room = || {
                    let leaf = judgement.trees.nodes.leaves.get(index as usize)?;
                    let sum = leaf.mass.checked_add(line.record.leaf().ok()?.mass);
                    Some(sum.is_ok())
                };
                let valid = line.record.verify(&context).and_then(|_| match has_room() {
                    Some(true) => Ok(()),
                    _ => Err(Rejection::SumOverflow),
                });
                match valid {
                    Err(found)
                        if (found.code(), found.name()) == (line.code, line.reason.clone()) =>
                    {
                        return None;
                    }
                    Err(found) => found.to_string(),
                    Ok(()) => "the record counts".to_owned(),
                }
            }
        };
        let stated = &line.reason;
        Some(format!(
            "rejections.json, node {index}, ticket {ticket}: stated {stated}; found: {found}"
        ))
    };
    evidence.rejections.iter().filter_map(wrong).collect()
}

/// Leaves that aren't the same in both trees, by place, with what each says.
fn differences<L: PartialEq>(
    stated: &EpochTree<L>,
    computed: &EpochTree<L>,
    tell: impl Fn(&L) -> String,
) -> Vec<(usize, String)> {
    let (stated, computed) = (&stated.leaves, &computed.leaves);
    let tell = |leaf: Option<&L>| leaf.map_or("nothing".to_owned(), &tell);
    (0..stated.len().max(computed.len()))
        .map(|place| (place, stated.get(place), computed.get(place)))
        .filter(|(_, stated, computed)| stated != computed)
        .map(|(place, stated, computed)| {
            let (stated, computed) = (tell(stated), tell(computed));
            (place, format!("attested: {stated}; recomputed: {computed}"))
        })
        .collect()
}

pub(crate) fn tell_node(leaf: &NodeLeaf) -> String {
    let NodeLeaf {
        node,
        mass,
        probes,
        probes_ok,
        sla_ppm,
        last,
        reward,
        cumulative,
        ..
    } = leaf;
    let node = node.short();
    format!(
        "key {node}, {mass:?}, probes {probes_ok} of {probes}, score {sla_ppm}, reward {reward}, \
         cumulative {cumulative}, last {last}"
    )
}

pub(crate) fn tell_bill(leaf: &BillLeaf) -> String {
    let BillLeaf {
        payer,
        last,
        bill,
        cumulative,
        ..
    } = leaf;
    format!("account {payer}, bill {bill}, cumulative {cumulative}, last {last}")
}

pub(crate) fn tell_charge(leaf: &ChargeLeaf) -> String {
    let ChargeLeaf {
        payer,
        node,
        segment_root,
        mass,
        amount,
        billed,
        earned,
        served,
        previous,
    } = leaf;
    format!(
        "payer {payer} at node {node}, {mass:?}, segment root {segment_root}, amount {amount}, \
         billed {billed}, earned {earned}, served {served:?}, previous {previous}"
    )
}

#[cfg(test)]
mod tests;
