//! What an epoch was: a pure function of the evidence.
//!
//! Inputs are what is on chain (terms, registry, roots of ticket logs) and what was handed in (the logs,
//! segment files, probes, the epoch tree before). The outcome is the epoch tree to attest, and for each
//! record and segment that doesn't count the reason. Two verifiers with the same inputs get the same root,
//! and an auditor gets it again from the evidence bundle. No I/O, no clock, no randomness.

use protocol::{
    B256, Epoch, EpochTree, MassOverflow, MoneyError, Network, NodeId, NodeLeaf, RECORD_BYTES,
    RECORDS_MAX, Record, RecordContext, Rejection, RewardTerms, Root, SEGMENT_HEADER_BYTES,
    Segment, SegmentError, TicketId, TicketLog, Timeline, ValueMass, reward, score,
};
use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;
use std::thread;

/// Records that one thread checks at least: about 2 ms, far more than starting it costs.
const RECORDS_PER_THREAD_MIN: usize = 64;

/// Blind probes of one node in an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeCount {
    /// Registry index.
    pub index: u32,
    /// Probes made.
    pub made: u32,
    /// Of these, answered within the service level.
    pub ok: u32,
}

/// Everything an epoch is judged by.
#[derive(Debug, Clone, Copy)]
pub struct EpochInputs<'a> {
    /// The network.
    pub network: Network,
    /// The epoch.
    pub epoch: Epoch,
    /// When the network's epochs are.
    pub timeline: Timeline,
    /// Price and score floor.
    pub terms: RewardTerms,
    /// The nodes registered before the epoch's end, by registry index.
    pub nodes: &'a [NodeId],
    /// Roots of the ticket logs on chain, by issuer. An issuer that committed none has no tickets.
    pub committed: &'a BTreeMap<u32, B256>,
    /// The log of each of them, in any order.
    pub logs: &'a [TicketLog],
    /// Segment files as they were handed in, by registry index; nodes without one are left out.
    pub segments: &'a BTreeMap<u32, Vec<u8>>,
    /// The epoch tree before; `None` in epoch 0. That it is the attested one is for the caller to know.
    pub previous: Option<&'a EpochTree>,
    /// Probes, increasing by index; nodes without one are left out.
    pub probes: &'a [ProbeCount],
}

/// Inputs that no epoch can be judged by. Never the fault of a single node's segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JudgeError {
    /// More nodes than a tree takes.
    #[error("{0} nodes are registered; an epoch tree takes at most {RECORDS_MAX}")]
    TooManyNodes(usize),
    /// A committed log is missing.
    #[error("the ticket log of issuer {issuer} is committed but missing")]
    LogMissing {
        /// Which issuer.
        issuer: u32,
    },
    /// A log that isn't committed, or is there twice.
    #[error("a ticket log of issuer {issuer} that isn't committed, or there twice")]
    LogUnknown {
        /// Which issuer.
        issuer: u32,
    },
    /// A log of another network or epoch, or with another root.
    #[error("the ticket log of issuer {issuer} is not the committed one")]
    LogWrong {
        /// Which issuer.
        issuer: u32,
    },
    /// The tree before is missing, or there where none can be.
    #[error("the epoch tree of epoch {epoch} needs the one before it, and the first needs none")]
    PreviousMissing {
        /// The epoch being judged.
        epoch: Epoch,
    },
    /// The tree before is of another network or epoch.
    #[error("the previous epoch tree is not of the epoch before")]
    PreviousWrong,
    /// A node of the tree before is not registered at its index.
    #[error("the previous epoch tree has another node at index {index} than the registry")]
    PreviousNode {
        /// Registry index.
        index: u32,
    },
    /// A segment or probes of an index that no node has.
    #[error("there is no node with index {index} in this epoch")]
    UnknownNode {
        /// Registry index.
        index: u32,
    },
    /// Probes out of order, or more ok than made, or none made.
    #[error("the probes of node {index} are out of order or no possible count")]
    Probes {
        /// Registry index.
        index: u32,
    },
    /// A reward that doesn't fit.
    #[error("the reward of node {index}: {source}")]
    Reward {
        /// Registry index.
        index: u32,
        /// Why.
        source: MoneyError,
    },
    /// Cumulative rewards that don't fit.
    #[error("cumulative rewards: {0}")]
    Total(#[from] MassOverflow),
}

/// Why a whole segment doesn't count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SegmentRefusal {
    /// Longer than the node's tickets can fill.
    #[error("{bytes} bytes are more than the node's {tickets} tickets can fill")]
    TooLong {
        /// Length of the file.
        bytes: u64,
        /// Tickets of the logs that name the node.
        tickets: u32,
    },
    /// Header, order or length are wrong.
    #[error(transparent)]
    Malformed(#[from] SegmentError),
    /// The header names another network, epoch or node.
    #[error("the segment is of another network, epoch or node")]
    Foreign,
    /// The sums of what counts don't fit a root.
    #[error("the segment's sum overflows: {0}")]
    Overflow(#[from] MassOverflow),
}

/// A record that doesn't count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RejectedRecord {
    /// Registry index of the node whose segment it is in.
    pub index: u32,
    /// The record's ticket.
    pub ticket: TicketId,
    /// Why.
    pub rejection: Rejection,
}

/// What an epoch was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// All nodes, by registry index.
    pub tree: EpochTree,
    /// The root to attest.
    pub root: Root<ValueMass>,
    /// What counts of each node's segment, by registry index; nodes of which nothing does are left out.
    pub segments: BTreeMap<u32, Segment>,
    /// Records that don't count, by node, then by ticket.
    pub rejections: Vec<RejectedRecord>,
    /// Segments that don't count at all.
    pub refusals: BTreeMap<u32, SegmentRefusal>,
}

/// How many tickets of these logs name each node. A node without any has nothing to hand in.
pub fn tickets_by_node(logs: &[TicketLog]) -> HashMap<NodeId, u32> {
    let mut tickets = HashMap::new();
    for ticket in logs.iter().flat_map(TicketLog::tickets) {
        let count: &mut u32 = tickets.entry(ticket.node).or_default();
        *count = count.saturating_add(1);
    }
    tickets
}

/// Longest segment file that a node with so many tickets can hand in: one record each. It bounds what a
/// verifier takes from a node by what issuers granted it.
pub fn segment_bytes_max(tickets: u32) -> u64 {
    let records = u64::from(tickets.min(RECORDS_MAX));
    SEGMENT_HEADER_BYTES as u64 + records * RECORD_BYTES as u64
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
    let probes = probes_by_index(inputs)?;
    let tickets = tickets_by_node(inputs.logs);

    let mut leaves = Vec::with_capacity(inputs.nodes.len());
    let mut segments = BTreeMap::new();
    let mut rejections = Vec::new();
    let mut refusals = BTreeMap::new();
    for (index, node) in (0u32..).zip(inputs.nodes) {
        let mut counted = None;
        if let Some(file) = inputs.segments.get(&index) {
            let tickets = tickets.get(node).copied().unwrap_or(0);
            match accept(inputs, *node, tickets, file, threads) {
                Ok(accepted) => {
                    rejections.extend(accepted.rejected.into_iter().map(|(ticket, rejection)| {
                        RejectedRecord {
                            index,
                            ticket,
                            rejection,
                        }
                    }));
                    counted = accepted.counted;
                }
                Err(refusal) => {
                    refusals.insert(index, refusal);
                }
            }
        }
        let (segment_root, mass) = match counted {
            Some((segment, root)) => {
                segments.insert(index, segment);
                (root.hash(), root.mass())
            }
            None => (B256::ZERO, protocol::Mass::ZERO),
        };
        let (made, ok) = probes.get(&index).copied().unwrap_or((0, 0));
        let sla_ppm = score(mass.deliveries(), mass.within(), made, ok);
        let earned = reward(&inputs.terms, mass, sla_ppm)
            .map_err(|source| JudgeError::Reward { index, source })?;
        let before = inputs
            .previous
            .and_then(|tree| tree.leaves.get(index as usize))
            .map_or(0, |leaf| leaf.cumulative);
        leaves.push(NodeLeaf {
            index,
            node: *node,
            segment_root,
            mass,
            probes: made,
            probes_ok: ok,
            sla_ppm,
            reward: earned,
            // A sum beyond u128 is beyond the tree's 120 bits, which `root` refuses.
            cumulative: before.saturating_add(earned),
        });
    }
    let tree = EpochTree {
        network: inputs.network,
        epoch: inputs.epoch,
        leaves,
    };
    let root = tree.root()?;
    Ok(Judgement {
        tree,
        root,
        segments,
        rejections,
        refusals,
    })
}

fn check_registry(inputs: &EpochInputs<'_>) -> Result<(), JudgeError> {
    let count = inputs.nodes.len();
    if count > RECORDS_MAX as usize {
        return Err(JudgeError::TooManyNodes(count));
    }
    match inputs.segments.keys().find(|i| **i as usize >= count) {
        Some(&index) => Err(JudgeError::UnknownNode { index }),
        None => Ok(()),
    }
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
    let Some(tree) = inputs.previous else {
        return match inputs.epoch {
            0 => Ok(()),
            epoch => Err(JudgeError::PreviousMissing { epoch }),
        };
    };
    let Some(before) = inputs.epoch.checked_sub(1) else {
        return Err(JudgeError::PreviousMissing { epoch: 0 });
    };
    if tree.network != inputs.network || tree.epoch != before {
        return Err(JudgeError::PreviousWrong);
    }
    for (index, leaf) in (0u32..).zip(&tree.leaves) {
        // Nodes are never removed from the registry, so each is still at its index.
        if leaf.index != index || inputs.nodes.get(index as usize) != Some(&leaf.node) {
            return Err(JudgeError::PreviousNode { index });
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

/// What is left of a segment file.
struct Accepted {
    /// `None` if no record counts.
    counted: Option<(Segment, Root<protocol::DeliveryMass>)>,
    rejected: Vec<(TicketId, Rejection)>,
}

fn accept(
    inputs: &EpochInputs<'_>,
    node: NodeId,
    tickets: u32,
    file: &[u8],
    threads: usize,
) -> Result<Accepted, SegmentRefusal> {
    let bytes = file.len() as u64;
    if bytes > segment_bytes_max(tickets) {
        return Err(SegmentRefusal::TooLong { bytes, tickets });
    }
    let segment = Segment::from_bytes(file)?;
    let (network, epoch) = (inputs.network, inputs.epoch);
    if (segment.network(), segment.epoch(), segment.node()) != (network, epoch, node) {
        return Err(SegmentRefusal::Foreign);
    }
    let context = RecordContext {
        network,
        epoch,
        node,
        timeline: inputs.timeline,
        logs: inputs.logs,
    };
    let (accepted, rejected) = verify_all(&context, segment.records(), threads);
    if accepted.is_empty() {
        let counted = None;
        return Ok(Accepted { counted, rejected });
    }
    // What is left out leaves the rest in order.
    let segment = Segment::new(network, epoch, node, accepted)?;
    let root = segment.root()?;
    let counted = Some((segment, root));
    Ok(Accepted { counted, rejected })
}

type Verified = (Vec<Record>, Vec<(TicketId, Rejection)>);

/// Checks every record in full. The order is the records' whatever the number of threads.
fn verify_all(context: &RecordContext<'_>, records: &[Record], threads: usize) -> Verified {
    let verify = |records: &[Record]| {
        let mut verified = Verified::default();
        for record in records {
            match record.verify(context) {
                Ok(valid) => verified.0.push(*valid.record()),
                Err(rejection) => verified.1.push((record.id, rejection)),
            }
        }
        verified
    };
    let chunk = records.len().div_ceil(threads.max(1));
    let chunk = chunk.max(RECORDS_PER_THREAD_MIN);
    let Some((first, rest)) = records.split_at_checked(chunk) else {
        return verify(records);
    };
    thread::scope(|scope| {
        let others: Vec<_> = rest
            .chunks(chunk)
            .map(|part| scope.spawn(move || verify(part)))
            .collect();
        let mut all = verify(first);
        for other in others {
            let (accepted, rejected) = other.join().expect("verifying never panics");
            all.0.extend(accepted);
            all.1.extend(rejected);
        }
        all
    })
}

#[cfg(test)]
mod tests;
