//! What verifier and auditor tell people and programs, as JSON. Amounts are decimal strings of token units.

use crate::judge::Judgement;
use protocol::{Address, B256, BillLeaf, Epoch, NodeId, NodeLeaf};
use serde::Serialize;
use std::collections::BTreeMap;

/// One node in one epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeLine {
    /// Registry index.
    pub index: u32,
    /// The node.
    pub node: NodeId,
    /// Receipted bytes that count.
    pub bytes: u64,
    /// Receipted deliveries.
    pub deliveries: u32,
    /// Of these, within the service level.
    pub within: u32,
    /// Probes made.
    pub probes: u32,
    /// Probes answered within the service level.
    pub probes_ok: u32,
    /// Score, parts per million.
    pub sla_ppm: u32,
    /// Reward of the epoch, token units.
    pub reward: String,
    /// Reward of all epochs so far, token units.
    pub cumulative: String,
    /// Records that count.
    pub records: u64,
    /// Records that don't.
    pub rejected: u64,
    /// In an audit: whether what was attested for the node is right. In a verifier's status: whether its
    /// segment is there, or nobody granted it a ticket.
    pub ok: bool,
    /// Why it isn't.
    pub reason: Option<String>,
}

impl NodeLine {
    /// What a leaf says, without anything to complain of, and without records.
    pub(crate) fn of(leaf: &NodeLeaf) -> Self {
        Self {
            index: leaf.index,
            node: leaf.node,
            bytes: leaf.mass.bytes(),
            deliveries: leaf.mass.deliveries(),
            within: leaf.mass.within(),
            probes: leaf.probes,
            probes_ok: leaf.probes_ok,
            sla_ppm: leaf.sla_ppm,
            reward: leaf.reward.to_string(),
            cumulative: leaf.cumulative.to_string(),
            records: 0,
            rejected: 0,
            ok: true,
            reason: None,
        }
    }
}

/// Lines of all nodes, without anything to complain of. `rejected` is by registry index.
pub(crate) fn node_lines(judgement: &Judgement, rejected: &BTreeMap<u32, u64>) -> Vec<NodeLine> {
    let line = |leaf: &NodeLeaf| NodeLine {
        records: judgement
            .segments
            .get(&leaf.index)
            .map_or(0, |segment| segment.records().len() as u64),
        rejected: rejected.get(&leaf.index).copied().unwrap_or(0),
        ..NodeLine::of(leaf)
    };
    judgement.trees.nodes.leaves.iter().map(line).collect()
}

/// One payer in one epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PayerLine {
    /// Payer index.
    pub index: u32,
    /// The account.
    pub account: Address,
    /// Deposit at the epoch's end, token units.
    pub deposit: String,
    /// Bill of the epoch, token units.
    pub bill: String,
    /// Bills of all epochs so far, token units.
    pub cumulative: String,
    /// Whether what was attested for the payer is right.
    pub ok: bool,
    /// Why it isn't.
    pub reason: Option<String>,
}

impl PayerLine {
    /// What a leaf says, without anything to complain of.
    pub(crate) fn of(leaf: &BillLeaf, deposit: u128) -> Self {
        Self {
            index: leaf.index,
            account: leaf.payer,
            deposit: deposit.to_string(),
            bill: leaf.bill.to_string(),
            cumulative: leaf.cumulative.to_string(),
            ok: true,
            reason: None,
        }
    }
}

/// How often each index occurs.
pub(crate) fn count_by_index(indices: impl IntoIterator<Item = u32>) -> BTreeMap<u32, u64> {
    let mut counts = BTreeMap::new();
    for index in indices {
        *counts.entry(index).or_default() += 1;
    }
    counts
}

/// An attested epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttestedEpoch {
    /// The epoch.
    pub epoch: Epoch,
    /// What its roots and its evidence hash to.
    pub digest: B256,
    /// Sum of all cumulative rewards, token units.
    pub total: String,
}

/// Something that went wrong, and is tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceError {
    /// The epoch that was being worked on.
    pub epoch: Option<Epoch>,
    /// What went wrong.
    pub message: String,
    /// How many times in a row.
    pub times: u32,
}

/// `GET /v1/status` of a verifier.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The network's chain.
    pub chain_id: u64,
    /// The network's contract.
    pub settlement: Address,
    /// The verifier's account.
    pub account: Address,
    /// How many transactions like its last the account can still pay for; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_calls: Option<u64>,
    /// Epochs that are attested: all below this number.
    pub epochs_attested: u64,
    /// The last of them.
    pub last: Option<AttestedEpoch>,
    /// Epochs that this process attested or voted for since it started.
    pub posted: u64,
    /// What is being done.
    pub doing: String,
    /// What went wrong last; gone when it goes well.
    pub last_error: Option<ServiceError>,
    /// The epoch of `nodes`.
    pub judged_epoch: Option<Epoch>,
    /// Each node in the epoch judged last.
    pub nodes: Vec<NodeLine>,
}
