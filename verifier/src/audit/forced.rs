//! Records that nodes forced on chain: of each ticket the newest that counts, so that it can be seen whether it
//! is counted.

use super::Audited;
use super::logs::Entry;
use super::records::{Checked, Checkers, Fault};
use protocol::{Payers, Record, Rejection, TicketId};
use std::collections::BTreeMap;
use std::io;

/// A record that a node forced, with what was found of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Forced {
    /// Registry index of the node.
    pub(super) node: u32,
    /// Which of its chunks.
    pub(super) chunk: u32,
    /// Where in it.
    pub(super) place: u32,
    /// The record, checked as of that node.
    pub(super) checked: Checked,
}

impl Forced {
    /// The record.
    pub(super) fn record(&self) -> Record {
        self.checked.record
    }

    /// Payer index, if it counts.
    pub(super) fn payer(&self) -> Option<u32> {
        self.checked.found?.ok()
    }
}

/// What a node forced that counts: of each ticket the newest.
pub(super) type Newest = BTreeMap<TicketId, Forced>;

/// Checks every record that was forced, in the order in which they were.
pub(super) fn check_all(audited: &Audited, checkers: &Checkers<'_>) -> io::Result<Vec<Forced>> {
    let mut all = Vec::new();
    for chunk in &audited.facts.forced {
        let Some(checker) = checkers.of(audited, chunk.node) else {
            // The contract lets no other node force.
            continue;
        };
        for (place, record) in (0..).zip(&chunk.records) {
            all.push(Forced {
                node: chunk.node,
                chunk: chunk.chunk,
                place,
                checked: checker.check(*record)?,
            });
        }
    }
    Ok(all)
}

/// Of each node and ticket the newest that counts, by registry index: of the highest sequence, and of several
/// with that the last.
pub(super) fn newest(all: &[Forced]) -> BTreeMap<u32, Newest> {
    let mut newest: BTreeMap<u32, Newest> = BTreeMap::new();
    for forced in all.iter().filter(|forced| forced.payer().is_some()) {
        let record = forced.record();
        let of_node = newest.entry(forced.node).or_default();
        let kept = of_node.entry(record.id).or_insert(*forced);
        if record.receipt.sequence >= kept.record().receipt.sequence {
            *kept = *forced;
        }
    }
    newest
}

/// Why a forced record is its node's own fault: what its ticket alone refutes. What an issuer's log says, or
/// whether a payer is registered, no node can know.
pub(super) fn own_fault(audited: &Audited, forced: &Forced) -> Option<Rejection> {
    let Entry::Ticket(ticket) = forced.checked.entry else {
        return None;
    };
    if ticket.digest() != forced.record().receipt.ticket {
        return None;
    }
    let Some(Err(Fault(rejection))) = forced.checked.found else {
        return None;
    };
    match rejection {
        // The same ticket, at another place than it says itself.
        Rejection::WrongTicket => Some(rejection),
        Rejection::UnknownPayer => {
            // Whoever the payer is, the rest may be wrong too.
            let facts = &audited.facts.epoch;
            let payers = Payers::new([ticket.payer]);
            let place = protocol::RecordPlace {
                network: facts.network,
                epoch: facts.epoch,
                node: *facts.nodes.get(forced.node as usize)?,
                timeline: &facts.timeline,
                payers: &payers,
            };
            forced.record().verify_with(&ticket, &place).err()
        }
        Rejection::UnknownTicket | Rejection::NotMonotonic | Rejection::SumOverflow => None,
        other => Some(other),
    }
}
