//! Records: which of a segment file count, and whom they charge.

use super::EpochInputs;
use protocol::{
    DeliveryMass, Mass, MassOverflow, NodeId, Payers, RECORD_BYTES, RECORDS_MAX, Record,
    RecordContext, Rejection, Root, SEGMENT_HEADER_BYTES, Segment, SegmentError, TicketLog,
    TreeTop, VerifiedRecord,
};
use std::collections::{BTreeMap, HashMap};
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
    /// The sums of what counts don't fit a root.
    #[error("the segment's sum overflows: {0}")]
    Overflow(#[from] MassOverflow),
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

/// What counts of a segment file.
pub(super) struct Counted {
    /// The records that do.
    pub(super) segment: Segment,
    /// Their sum.
    pub(super) mass: DeliveryMass,
    /// Root of those of each payer, by payer index.
    pub(super) by_payer: BTreeMap<u32, Root<DeliveryMass>>,
}

impl Counted {
    /// `verified` is in the order of ticket ids.
    fn of(file: &Segment, verified: &[VerifiedRecord]) -> Result<Self, SegmentRefusal> {
        let mut mass = DeliveryMass::ZERO;
        let mut tops: BTreeMap<u32, TreeTop<DeliveryMass>> = BTreeMap::new();
        for valid in verified {
            let leaf = valid.record().leaf()?;
            mass = mass.checked_add(leaf.mass)?;
            tops.entry(valid.payer()).or_default().push(leaf)?;
        }
        let by_payer = tops
            .into_iter()
            .map(|(payer, top)| Ok((payer, top.finish()?)))
            .collect::<Result<_, MassOverflow>>()?;
        // What is left out leaves the rest in order.
        let records = verified.iter().map(|valid| *valid.record()).collect();
        let segment = Segment::new(file.network(), file.epoch(), file.node(), records)?;
        Ok(Self {
            segment,
            mass,
            by_payer,
        })
    }
}

/// What is left of a segment file.
pub(super) struct Accepted {
    /// `None` if no record counts.
    pub(super) counted: Option<Counted>,
    pub(super) rejected: Vec<(Record, Rejection)>,
}

/// Checks a segment file of a node that so many tickets name.
pub(super) fn accept(
    inputs: &EpochInputs<'_>,
    payers: &Payers,
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
        payers,
    };
    let (verified, rejected) = verify_all(&context, segment.records(), threads);
    let counted = match verified.as_slice() {
        [] => None,
        verified => Some(Counted::of(&segment, verified)?),
    };
    Ok(Accepted { counted, rejected })
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
