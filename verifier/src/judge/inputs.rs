//! What an epoch is judged by.

pub use bundle::ProbeCount;
use protocol::{
    Address, B256, BillTree, Epoch, MassOverflow, MoneyError, Network, NodeId, NodeTree,
    RECORDS_MAX, Record, RewardTerms, TicketLog, Timeline,
};
use std::collections::BTreeMap;

/// Who pays, as the vault has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payer {
    /// The account.
    pub account: Address,
    /// Its deposit at the epoch's end, token units.
    pub deposit: u128,
}

/// The trees of the epoch before that an epoch goes on from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Previous {
    /// What the nodes had earned.
    pub nodes: NodeTree,
    /// What the payers had been billed.
    pub bills: BillTree,
}

impl Previous {
    /// Hashes of both roots; `None` if they have none.
    pub(crate) fn hashes(&self) -> Option<(B256, B256)> {
        let (nodes, bills) = (self.nodes.root().ok()?, self.bills.root().ok()?);
        Some((nodes.hash(), bills.hash()))
    }
}

/// Everything an epoch is judged by.
#[derive(Debug, Clone, Copy)]
pub struct EpochInputs<'a> {
    /// The network.
    pub network: Network,
    /// The epoch.
    pub epoch: Epoch,
    /// When the network's epochs are.
    pub timeline: &'a Timeline,
    /// Price and score floor.
    pub terms: RewardTerms,
    /// The nodes registered before the epoch's end, by registry index, by their keys in the epoch.
    pub nodes: &'a [NodeId],
    /// The payers registered before the epoch's end, by payer index.
    pub payers: &'a [Payer],
    /// Roots of the ticket logs on chain, by issuer. An issuer that committed none has no tickets.
    pub committed: &'a BTreeMap<u32, B256>,
    /// The log of each of them, in any order.
    pub logs: &'a [TicketLog],
    /// Segment files as they were handed in, by registry index; nodes without one are left out.
    pub segments: &'a BTreeMap<u32, Vec<u8>>,
    /// Records that nodes forced on chain, by registry index, in the order of their chunks.
    pub forced: &'a BTreeMap<u32, Vec<Record>>,
    /// The trees before; `None` in epoch 0. That they are the attested ones is for the caller to know.
    pub previous: Option<&'a Previous>,
    /// Probes, increasing by index; nodes without one are left out.
    pub probes: &'a [ProbeCount],
}

/// Inputs that no epoch can be judged by. Never the fault of a single node's segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JudgeError {
    /// More nodes, payers or charges than a tree takes.
    #[error("{count} {what}; a tree takes at most {RECORDS_MAX}")]
    TooMany {
        /// Leaves of which tree.
        what: &'static str,
        /// How many.
        count: usize,
    },
    /// An account with two payer indices.
    #[error("an account has two payer indices")]
    PayerTwice,
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
    /// The trees before are missing, or there where none can be.
    #[error("the trees of epoch {epoch} need those before them, and the first need none")]
    PreviousMissing {
        /// The epoch being judged.
        epoch: Epoch,
    },
    /// A tree before is of another network or epoch.
    #[error("the previous trees are not of the epoch before")]
    PreviousWrong,
    /// A leaf of a tree before whose node or payer isn't registered at its index.
    #[error("the previous {tree} tree has a leaf {index} that the chain doesn't")]
    PreviousLeaf {
        /// Which tree.
        tree: &'static str,
        /// Registry or payer index.
        index: u32,
    },
    /// Before the epoch, nodes earned another sum than payers were billed.
    #[error("the previous trees don't have the same total")]
    PreviousTotal,
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
    /// A charge that doesn't fit.
    #[error("the charge of payer {payer} at node {node}: {source}")]
    Charge {
        /// Payer index.
        payer: u32,
        /// Registry index.
        node: u32,
        /// Why.
        source: MoneyError,
    },
    /// Amounts that don't fit.
    #[error("cumulative amounts: {0}")]
    Total(#[from] MassOverflow),
}

pub(super) fn check_count(what: &'static str, count: usize) -> Result<(), JudgeError> {
    if count > RECORDS_MAX as usize {
        return Err(JudgeError::TooMany { what, count });
    }
    Ok(())
}
