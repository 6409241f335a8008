//! What an epoch was: a pure function of the evidence.
//!
//! Inputs are what is on chain (terms, registry, payers, roots of ticket logs) and what was handed in (the
//! logs, segment files, probes, the trees before). The outcome is the three trees to attest, and for each
//! record and segment that doesn't count the reason. Two verifiers with the same inputs get the same roots,
//! and an auditor gets them again from the evidence bundle. No I/O, no clock, no randomness.

mod charges;
mod inputs;
mod records;

pub use inputs::{EpochInputs, JudgeError, Payer, Previous, ProbeCount};
pub use records::{SegmentRefusal, segment_bytes_max, tickets_by_node};

use charges::{Served, settle};
use inputs::check_count;
use protocol::{DeliveryMass, EpochRoots, EpochTrees, Payers, Record, Rejection, Root, Segment};
use records::accept;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::thread;

/// A record that doesn't count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RejectedRecord {
    /// Registry index of the node whose segment it is in.
    pub index: u32,
    /// The record.
    pub record: Record,
    /// Why.
    pub rejection: Rejection,
}

/// What an epoch was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// What everyone earned and owes.
    pub trees: EpochTrees,
    /// The roots to attest.
    pub roots: EpochRoots,
    /// What counts of each node's segment, by registry index; nodes of which nothing does are left out.
    pub segments: BTreeMap<u32, Segment>,
    /// Records that don't count, by node, then by ticket.
    pub rejections: Vec<RejectedRecord>,
    /// Segments that don't count at all.
    pub refusals: BTreeMap<u32, SegmentRefusal>,
}

/// Judges an epoch, on all cores.
///
/// # Errors
/// If the inputs don't fit together; a bad segment or record is never an error.
pub fn judge(inputs: &EpochInputs<'_>) -> Result<Judgement, JudgeError> {
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    judge_on(inputs, threads)
}

fn judge_on(inputs: &EpochInputs<'_>, threads: usize) -> Result<Judgement, JudgeError> {
    check_registry(inputs)?;
    check_logs(inputs)?;
    check_previous(inputs)?;
    let payers = payers(inputs)?;
    let probes = probes_by_index(inputs)?;
    let tickets = tickets_by_node(inputs.logs);

    let mut served = Vec::with_capacity(inputs.nodes.len());
    let mut segments = BTreeMap::new();
    let mut rejections = Vec::new();
    let mut refusals = BTreeMap::new();
    for (index, node) in (0u32..).zip(inputs.nodes) {
        let (made, ok) = probes.get(&index).copied().unwrap_or((0, 0));
        let mut of_node = Served::nothing(made, ok);
        let tickets = tickets.get(node).copied().unwrap_or(0);
        let accepted = accept(inputs, &payers, index, *node, tickets, threads);
        rejections.extend(accepted.rejected.into_iter().map(|(record, rejection)| {
            RejectedRecord {
                index,
                record,
                rejection,
            }
        }));
        if let Some(refusal) = accepted.refusal {
            refusals.insert(index, refusal);
        }
        if let Some(counted) = accepted.counted {
            (of_node.mass, of_node.by_payer) = (counted.mass, counted.by_payer);
            segments.insert(index, counted.segment);
        }
        served.push(of_node);
    }
    let (trees, roots) = settled(inputs, served)?;
    Ok(Judgement {
        trees,
        roots,
        segments,
        rejections,
        refusals,
    })
}

/// What nodes are rewarded and payers billed, given what each node served: the sum of what counts, and the root
/// of it for each payer, by registry index. Of the inputs neither logs nor segments are looked at.
///
/// # Errors
/// If the inputs don't fit together.
pub(crate) fn settle_served(
    inputs: &EpochInputs<'_>,
    served: Vec<(DeliveryMass, BTreeMap<u32, Root<DeliveryMass>>)>,
) -> Result<(EpochTrees, EpochRoots), JudgeError> {
    check_registry(inputs)?;
    check_previous(inputs)?;
    payers(inputs)?;
    let probes = probes_by_index(inputs)?;
    let served = (0u32..).zip(served).map(|(index, (mass, by_payer))| {
        let (made, ok) = probes.get(&index).copied().unwrap_or((0, 0));
        let mut of_node = Served::nothing(made, ok);
        (of_node.mass, of_node.by_payer) = (mass, by_payer);
        of_node
    });
    settled(inputs, served.collect())
}

fn settled(
    inputs: &EpochInputs<'_>,
    served: Vec<Served>,
) -> Result<(EpochTrees, EpochRoots), JudgeError> {
    let trees = settle(inputs, served)?;
    let roots = trees.roots()?;
    if roots.nodes.mass() != roots.bills.mass() {
        // Every charge is on both sides: so it was before.
        return Err(JudgeError::PreviousTotal);
    }
    Ok((trees, roots))
}

fn check_registry(inputs: &EpochInputs<'_>) -> Result<(), JudgeError> {
    check_count("nodes are registered", inputs.nodes.len())?;
    let unknown = |index: &&u32| **index as usize >= inputs.nodes.len();
    let mut handed_in = inputs.segments.keys().chain(inputs.forced.keys());
    match handed_in.find(unknown) {
        Some(&index) => Err(JudgeError::UnknownNode { index }),
        None => Ok(()),
    }
}

fn payers(inputs: &EpochInputs<'_>) -> Result<Payers, JudgeError> {
    check_count("payers are registered", inputs.payers.len())?;
    let payers = Payers::new(inputs.payers.iter().map(|payer| payer.account));
    if payers.len() != inputs.payers.len() {
        return Err(JudgeError::PayerTwice);
    }
    Ok(payers)
}

fn check_logs(inputs: &EpochInputs<'_>) -> Result<(), JudgeError> {
    let mut missing = inputs.committed.clone();
    for log in inputs.logs {
        let issuer = log.issuer();
        let committed = missing
            .remove(&issuer)
            .ok_or(JudgeError::LogUnknown { issuer })?;
        let root = log.root().map(|root| root.hash());
        if log.network() != inputs.network || log.epoch() != inputs.epoch || root != Ok(committed) {
            return Err(JudgeError::LogWrong { issuer });
        }
    }
    match missing.keys().next() {
        Some(&issuer) => Err(JudgeError::LogMissing { issuer }),
        None => Ok(()),
    }
}

fn check_previous(inputs: &EpochInputs<'_>) -> Result<(), JudgeError> {
    let Some(Previous { nodes, bills }) = inputs.previous else {
        return match inputs.epoch {
            0 => Ok(()),
            epoch => Err(JudgeError::PreviousMissing { epoch }),
        };
    };
    let Some(before) = inputs.epoch.checked_sub(1) else {
        return Err(JudgeError::PreviousMissing { epoch: 0 });
    };
    let expected = (inputs.network, before);
    if (nodes.network, nodes.epoch) != expected || (bills.network, bills.epoch) != expected {
        return Err(JudgeError::PreviousWrong);
    }
    // Neither registry ever forgets one. A node's key may be another since; a payer's account may not.
    let wrong = |tree, index| Err(JudgeError::PreviousLeaf { tree, index });
    for (index, leaf) in (0u32..).zip(&nodes.leaves) {
        if leaf.index != index || index as usize >= inputs.nodes.len() {
            return wrong("nodes", index);
        }
    }
    for (index, leaf) in (0u32..).zip(&bills.leaves) {
        let payer = inputs.payers.get(index as usize);
        if leaf.index != index || payer.map(|payer| payer.account) != Some(leaf.payer) {
            return wrong("bills", index);
        }
    }
    Ok(())
}

fn probes_by_index(inputs: &EpochInputs<'_>) -> Result<BTreeMap<u32, (u32, u32)>, JudgeError> {
    let mut probes = BTreeMap::new();
    for &ProbeCount { index, made, ok } in inputs.probes {
        if index as usize >= inputs.nodes.len() {
            return Err(JudgeError::UnknownNode { index });
        }
        let in_order = probes
            .last_key_value()
            .is_none_or(|(last, _)| *last < index);
        if !in_order || made == 0 || ok > made {
            return Err(JudgeError::Probes { index });
        }
        probes.insert(index, (made, ok));
    }
    Ok(probes)
}

#[cfg(test)]
mod tests;
