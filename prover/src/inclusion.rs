//! Proofs that an attestation states a node's leaf or counts a receipt, from an epoch's evidence.
//!
//! The evidence is believed here: whoever wants to know whether a proof holds checks it against what is
//! attested and committed, by [`ReceiptProof::check`] or on the contract.

use crate::tree::SumTree;
use protocol::{
    Address, ChargeTree, MassOverflow, NodeProof, NodeTree, Placed, ReceiptProof, Record, Segment,
    Ticket, TicketId, TicketLog, TreeLeaf,
};

/// Why there is no such proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InclusionProofError {
    /// No leaf of the node.
    #[error("the nodes tree has {count} leaves, none of them node {index}'s")]
    NoNode {
        /// Registry index.
        index: u32,
        /// Leaves of the tree.
        count: usize,
    },
    /// The issuer committed no log.
    #[error("there is no ticket log of issuer {issuer} for epoch {}", id.epoch)]
    NoLog {
        /// The ticket.
        id: TicketId,
        /// Its issuer.
        issuer: u32,
    },
    /// No ticket of that index.
    #[error(
        "no such ticket: issuer {} granted {count} tickets in epoch {}, with the indices below that",
        id.issuer, id.epoch
    )]
    NoTicket {
        /// The ticket.
        id: TicketId,
        /// Tickets in its log.
        count: usize,
    },
    /// The segment that counts has no record of the ticket.
    #[error("the segment that counts has no record of ticket {0}")]
    NoRecord(TicketId),
    /// The charges tree has no charge of its payer and node.
    #[error("no charge of payer {payer} at node {node}, where the record of ticket {id} would be")]
    NoCharge {
        /// The ticket.
        id: TicketId,
        /// Payer index.
        payer: u32,
        /// Registry index.
        node: u32,
    },
    /// Sums that don't fit: nothing that could have been attested.
    #[error(transparent)]
    Mass(#[from] MassOverflow),
}

/// The leaf at a place, with its proof in the tree over all of them; `None` if there is none.
fn placed<L: TreeLeaf + Clone>(
    leaves: &[L],
    place: usize,
) -> Result<Option<Placed<L>>, MassOverflow> {
    let Some(leaf) = leaves.get(place) else {
        return Ok(None);
    };
    let elements = leaves.iter().map(TreeLeaf::element);
    let tree = SumTree::new(elements.collect::<Result<_, _>>()?)?;
    let proof = tree.proof(place as u64).expect("the leaf is there");
    Ok(Some(Placed {
        leaf: leaf.clone(),
        // Files of leaves hold at most 2^22.
        place: place as u32,
        count: leaves.len() as u32,
        proof,
    }))
}

/// Proves a node's leaf.
///
/// # Errors
/// If the tree has none of that registry index.
pub fn prove_node(tree: &NodeTree, index: u32) -> Result<NodeProof, InclusionProofError> {
    let none = InclusionProofError::NoNode {
        index,
        count: tree.leaves.len(),
    };
    let node = placed(&tree.leaves, index as usize)?.ok_or(none)?;
    Ok(NodeProof { node })
}

/// The ticket of an id, in the log that has it.
///
/// # Errors
/// If the issuer has no log here, or the log no such index.
pub fn find_ticket(logs: &[TicketLog], id: TicketId) -> Result<Ticket, InclusionProofError> {
    let log = log_of(logs, id)?;
    log.ticket(id.index).ok_or(InclusionProofError::NoTicket {
        id,
        count: log.tickets().len(),
    })
}

fn log_of(logs: &[TicketLog], id: TicketId) -> Result<&TicketLog, InclusionProofError> {
    let of = |log: &&TicketLog| (log.epoch(), log.issuer()) == (id.epoch, id.issuer);
    let issuer = id.issuer;
    logs.iter()
        .find(of)
        .ok_or(InclusionProofError::NoLog { id, issuer })
}

/// The records of a segment whose tickets name that payer: what a charge is for.
pub fn records_of_payer(segment: &Segment, logs: &[TicketLog], payer: Address) -> Vec<Record> {
    let names =
        |record: &&Record| find_ticket(logs, record.id).is_ok_and(|ticket| ticket.payer == payer);
    segment.records().iter().filter(names).copied().collect()
}

/// Proves the receipt of a ticket. `segment` has the records of the ticket's node that count, `payer` and
/// `node` are payer and registry index of those whom the ticket names, `logs` all logs of the epoch.
///
/// # Errors
/// If ticket, record or charge aren't there.
pub fn prove_receipt(
    logs: &[TicketLog],
    segment: &Segment,
    charges: &ChargeTree,
    payer: u32,
    node: u32,
    id: TicketId,
) -> Result<ReceiptProof, InclusionProofError> {
    let ticket = find_ticket(logs, id)?;
    let records = records_of_payer(segment, logs, ticket.payer);
    let record = records.binary_search_by_key(&id, |record| record.id);
    let record = record.map_err(|_| InclusionProofError::NoRecord(id))?;
    let by_parties = |charge: &protocol::ChargeLeaf| (charge.payer, charge.node);
    let charge = charges
        .leaves
        .binary_search_by_key(&(payer, node), by_parties)
        .map_err(|_| InclusionProofError::NoCharge { id, payer, node })?;
    let there = "found there a moment ago";
    let log = log_of(logs, id)?.tickets();
    Ok(ReceiptProof {
        charge: placed(&charges.leaves, charge)?.expect(there),
        record: placed(&records, record)?.expect(there),
        ticket: placed(log, id.index as usize)?.expect(there),
    })
}

#[cfg(test)]
mod tests;
