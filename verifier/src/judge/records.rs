//! Records: which of a segment file count, and whom they charge.

use super::inputs::EpochInputs;
use protocol::{
    DeliveryMass, Mass, NodeId, Payers, RECORD_BYTES, RECORDS_MAX, Record, RecordContext,
    Rejection, Root, SEGMENT_HEADER_BYTES, Segment, SegmentError, TicketLog, TreeTop,
    VerifiedRecord,
};
use std::collections::BTreeMap;
use std::thread;

/// Records that one thread checks at least: about 2 ms, far more than starting it costs.
const RECORDS_PER_THREAD_MIN: usize = 64;

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
}

/// How many tickets of these logs name each node. A node without any has nothing to hand in.
pub fn tickets_by_node(logs: &[TicketLog]) -> BTreeMap<NodeId, u32> {
    let mut tickets = BTreeMap::new();
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

/// What counts of a node's records.
pub(super) struct Counted {
    /// The records that do.
    pub(super) segment: Segment,
    /// Their sum.
    pub(super) mass: DeliveryMass,
    /// Root of those of each payer, by payer index.
    pub(super) by_payer: BTreeMap<u32, Root<DeliveryMass>>,
}

/// Of valid records, in the order of ticket ids, those that the node's sum has room for. The others are named in
/// `rejected`: so a record that was forced is left out for its sum alone, which can be shown.
fn count(
    context: &RecordContext<'_>,
    verified: &[VerifiedRecord],
    rejected: &mut Vec<(Record, Rejection)>,
) -> Option<Counted> {
    let mut mass = DeliveryMass::ZERO;
    let mut tops: BTreeMap<u32, TreeTop<DeliveryMass>> = BTreeMap::new();
    let mut records = Vec::with_capacity(verified.len());
    for valid in verified {
        let record = *valid.record();
        let leaf = record.leaf().expect("a valid record's bytes are a mass");
        let sum = mass.checked_add(leaf.mass);
        let (Ok(sum), true) = (sum, records.len() < RECORDS_MAX as usize) else {
            rejected.push((record, Rejection::SumOverflow));
            continue;
        };
        mass = sum;
        let top = tops.entry(valid.payer()).or_default();
        top.push(leaf).expect("a part of a sum that fits");
        records.push(record);
    }
    if records.is_empty() {
        return None;
    }
    let by_payer = tops
        .into_iter()
        .map(|(payer, top)| (payer, top.finish().expect("a part of a sum that fits")))
        .collect();
    let segment = Segment::new(context.network, context.epoch, context.node, records);
    Some(Counted {
        segment: segment.expect("one record a ticket, in order, and not too many"),
        mass,
        by_payer,
    })
}

/// What is left of a node's records.
pub(super) struct Accepted {
    /// `None` if no record counts.
    pub(super) counted: Option<Counted>,
    /// By ticket; of one ticket the segment's before those forced.
    pub(super) rejected: Vec<(Record, Rejection)>,
    /// Why nothing of the segment file counts.
    pub(super) refusal: Option<SegmentRefusal>,
}

/// Checks the records of a node that so many tickets name: those of its segment file, if it handed one in, and
/// those it forced. Of each ticket the newest valid one counts.
pub(super) fn accept(
    inputs: &EpochInputs<'_>,
    payers: &Payers,
    index: u32,
    node: NodeId,
    tickets: u32,
    threads: usize,
) -> Accepted {
    let context = RecordContext {
        network: inputs.network,
        epoch: inputs.epoch,
        node,
        timeline: inputs.timeline,
        logs: inputs.logs,
        payers,
    };
    let file = inputs.segments.get(&index);
    let (mut records, refusal) = match file.map(|file| read(&context, tickets, file)) {
        None => (Vec::new(), None),
        Some(Ok(segment)) => (segment.records().to_vec(), None),
        Some(Err(refusal)) => (Vec::new(), Some(refusal)),
    };
    records.extend(inputs.forced.get(&index).into_iter().flatten());
    // Stable: of one ticket the segment's stay before the forced ones, and these in their order.
    records.sort_by_key(|record| record.id);
    records.dedup();
    let (mut verified, mut rejected) = verify_all(&context, &records, threads);
    keep_newest(&mut verified);
    let counted = count(&context, &verified, &mut rejected);
    rejected.sort_by_key(|(record, _)| record.id);
    Accepted {
        counted,
        rejected,
        refusal,
    }
}

fn read(context: &RecordContext<'_>, tickets: u32, file: &[u8]) -> Result<Segment, SegmentRefusal> {
    let bytes = file.len() as u64;
    if bytes > segment_bytes_max(tickets) {
        return Err(SegmentRefusal::TooLong { bytes, tickets });
    }
    let segment = Segment::from_bytes(file)?;
    let found = (segment.network(), segment.epoch(), segment.node());
    if found != (context.network, context.epoch, context.node) {
        return Err(SegmentRefusal::Foreign);
    }
    Ok(segment)
}

/// Of each ticket's records, which stand together, the one of the highest sequence, and of several the last.
fn keep_newest(verified: &mut Vec<VerifiedRecord>) {
    verified.dedup_by(|next, kept| {
        let (newer, older) = (next.record(), kept.record());
        if newer.id != older.id {
            return false;
        }
        if newer.receipt.sequence >= older.receipt.sequence {
            std::mem::swap(next, kept);
        }
        true
    });
}

type Verified = (Vec<VerifiedRecord>, Vec<(Record, Rejection)>);

/// Checks every record in full. The order is the records' whatever the number of threads.
fn verify_all(context: &RecordContext<'_>, records: &[Record], threads: usize) -> Verified {
    let verify = |records: &[Record]| {
        let mut verified = Verified::default();
        for record in records {
            match record.verify(context) {
                Ok(valid) => verified.0.push(valid),
                Err(rejection) => verified.1.push((*record, rejection)),
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
