//! Segments: one node's records of one epoch, as a file. SPEC section 7.

use crate::layout::{LayoutError, Put, RECORDS_MAX, Reader};
use crate::mass::{DeliveryMass, MassOverflow};
use crate::merkle::{Root, TreeTop};
use crate::record::{RECORD_BYTES, Record};
use crate::{Epoch, Network, NodeId, TicketId};

/// Length of a segment's header.
pub const SEGMENT_HEADER_BYTES: usize = 80;

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

/// What a segment's file says before its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The network.
    pub network: Network,
    /// The epoch.
    pub epoch: Epoch,
    /// The node.
    pub node: NodeId,
    /// Records that follow; the rest of the file has [`RECORD_BYTES`] for each.
    pub count: u32,
}

impl SegmentHeader {
    /// # Errors
    /// If it is none, or the count is above the limit.
    pub fn from_bytes(bytes: &[u8; SEGMENT_HEADER_BYTES]) -> Result<Self, LayoutError> {
        let mut reader = Reader::new(bytes);
        let (network, epoch, node) = read_header(&mut reader)?;
        let count = reader.count(RECORDS_MAX)?;
        Ok(Self {
            network,
            epoch,
            node,
            count,
        })
    }
}

/// All of the header but the count.
fn read_header(reader: &mut Reader<'_>) -> Result<(Network, Epoch, NodeId), LayoutError> {
    reader.header(MAGIC)?;
    reader.reserved()?;
    Ok((reader.network()?, reader.u64()?, NodeId(reader.b256()?)))
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
        let (network, epoch, node) = read_header(&mut reader)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Receipt;
    use proptest::prelude::*;

    fn record(index: u32) -> Record {
        Record {
            id: TicketId {
                epoch: 3,
                issuer: 0,
                index,
            },
            receipt: Receipt::from_bytes(&[1; 60]),
            signature: [2; 64].into(),
        }
    }

    fn segment(indices: &[u32]) -> Result<Segment, SegmentError> {
        let network = Network {
            chain_id: 1,
            settlement: [4; 20].into(),
        };
        let records = indices.iter().map(|index| record(*index)).collect();
        Segment::new(network, 3, NodeId::from([5; 32]), records)
    }

    #[test]
    fn records_must_increase() {
        assert!(segment(&[]).is_ok() && segment(&[0, 1, 7]).is_ok());
        for wrong in [&[1, 1][..], &[0, 2, 1], &[5, 6, 6]] {
            assert!(matches!(segment(wrong), Err(SegmentError::Order { .. })));
        }
        // The reader refuses what the constructor refuses.
        let mut bytes = segment(&[1, 2]).unwrap().to_bytes();
        bytes.copy_within(SEGMENT_HEADER_BYTES + RECORD_BYTES.., SEGMENT_HEADER_BYTES);
        let id = record(2).id;
        assert_eq!(Segment::from_bytes(&bytes), Err(SegmentError::Order { id }));
    }

    #[test]
    fn the_length_is_exactly_what_the_count_says() {
        let bytes = segment(&[1, 2]).unwrap().to_bytes();
        for cut in 0..bytes.len() {
            assert!(Segment::from_bytes(&bytes[..cut]).is_err());
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(Segment::from_bytes(&longer).is_err());
        for (at, value) in [(0, b'X'), (5, 2), (7, 1), (76, 1), (79, 3)] {
            let mut altered = bytes.clone();
            altered[at] = value;
            assert!(Segment::from_bytes(&altered).is_err(), "byte {at}");
        }
        // The largest count, and one more: refused before anything is allocated for it.
        for count in [RECORDS_MAX, RECORDS_MAX + 1, u32::MAX] {
            let mut altered = bytes.clone();
            altered[76..80].copy_from_slice(&count.to_be_bytes());
            assert!(Segment::from_bytes(&altered).is_err());
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(tail: Vec<u8>) {
            let _ = Segment::from_bytes(&tail);
            let bytes = [b"QSEG\x00\x01\x00\x00", &tail[..]].concat();
            let _ = Segment::from_bytes(&bytes);
        }

        #[test]
        fn whatever_is_read_is_written_the_same(head: [u8; 68], records in prop::collection::vec(prop::array::uniform32(any::<u8>()), 0..5)) {
            let mut bytes = b"QSEG\x00\x01\x00\x00".to_vec();
            bytes.extend_from_slice(&head);
            bytes.extend_from_slice(&(records.len() as u32).to_be_bytes());
            for (record, index) in records.iter().zip(0u8..) {
                let mut whole = record.repeat(5);
                whole.truncate(RECORD_BYTES);
                whole[0] = index;
                bytes.extend_from_slice(&whole);
            }
            let segment = Segment::from_bytes(&bytes).unwrap();
            prop_assert_eq!(segment.to_bytes(), bytes);
            // Stated sums may overflow: an error, never a panic.
            let _ = segment.root();
        }
    }
}
