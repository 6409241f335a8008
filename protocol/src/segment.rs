//! Segments: one node's records of one epoch, as a file. SPEC section 7.

use crate::layout::{LayoutError, Put, Reader};
use crate::mass::{DeliveryMass, MassOverflow};
use crate::merkle::{Root, TreeTop};
use crate::record::{RECORD_BYTES, Record};
use crate::{Epoch, Network, NodeId, TicketId};

/// Length of a segment's header.
pub const SEGMENT_HEADER_BYTES: usize = 80;
/// Most records of a segment, tickets of a log, nodes of an epoch.
pub const RECORDS_MAX: u32 = 1 << 22;

const MAGIC: &str = "QSEG";

/// Bytes that are not a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SegmentError {
    /// The layout is wrong.
    #[error("not a segment: {0}")]
    Layout(#[from] LayoutError),
    /// A record does not stand after the one before it.
    #[error("record {id} is out of order or there twice")]
    Order {
        /// The record's ticket.
        id: TicketId,
    },
    /// The sums overflow.
    #[error(transparent)]
    Mass(#[from] MassOverflow),
}

/// One node's records of one epoch: strictly increasing by ticket id; each still to be verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    network: Network,
    epoch: Epoch,
    node: NodeId,
    records: Vec<Record>,
}

impl Segment {
    /// # Errors
    /// If the records are not strictly increasing by ticket id, or too many.
    pub fn new(
        network: Network,
        epoch: Epoch,
        node: NodeId,
        records: Vec<Record>,
    ) -> Result<Self, SegmentError> {
        if records.len() > RECORDS_MAX as usize {
            let count = records.len() as u64;
            return Err(LayoutError::Count {
                count,
                limit: RECORDS_MAX.into(),
            }
            .into());
        }
        if let Some(pair) = records.windows(2).find(|pair| pair[0].id >= pair[1].id) {
            return Err(SegmentError::Order { id: pair[1].id });
        }
        Ok(Self {
            network,
            epoch,
            node,
            records,
        })
    }

    /// The file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(SEGMENT_HEADER_BYTES + self.records.len() * RECORD_BYTES);
        out.put_header(MAGIC);
        out.extend_from_slice(&[0; 2]);
        out.put_network(&self.network);
        out.extend_from_slice(&self.epoch.to_be_bytes());
        out.extend_from_slice(self.node.as_bytes());
        out.extend_from_slice(&(self.records.len() as u32).to_be_bytes());
        for record in &self.records {
            out.extend_from_slice(&record.to_bytes());
        }
        out
    }

    /// # Errors
    /// If layout, length or order are wrong.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SegmentError> {
        let mut reader = Reader::new(bytes);
        reader.header(MAGIC)?;
        reader.reserved()?;
        let network = reader.network()?;
        let epoch = reader.u64()?;
        let node = NodeId(reader.b256()?);
        let count = reader.exact_count(RECORD_BYTES, RECORDS_MAX)?;
        let records = (0..count)
            .map(|_| Ok(Record::from_bytes(&reader.array()?)))
            .collect::<Result<_, LayoutError>>()?;
        Self::new(network, epoch, node, records)
    }

    /// The network it says it is of.
    pub fn network(&self) -> Network {
        self.network
    }

    /// The epoch it says it is of.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The node it says it is of.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// The records, in order.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The root over the records.
    ///
    /// # Errors
    /// If a sum overflows.
    pub fn root(&self) -> Result<Root<DeliveryMass>, MassOverflow> {
        let mut top = TreeTop::default();
        for record in &self.records {
            top.push(record.leaf()?)?;
        }
        top.finish()
    }
}
