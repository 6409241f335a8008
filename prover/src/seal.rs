//! Sealing: a node's records of an epoch become one segment with its tree.
//!
//! [`OpenEpoch`] takes records, [`SealedEpoch`] can't change any more. Sealing is a pure function of the
//! set of records: their order doesn't matter, so a node that crashed while sealing seals the same again.

use crate::tree::SumTree;
use protocol::{
    DeliveryMass, Epoch, MassOverflow, Network, NodeId, Proof, RECORDS_MAX, Record, Root, Segment,
    SegmentError, TicketId,
};

/// Why records can't be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// A record of another epoch.
    #[error("record {id} is not of epoch {epoch}")]
    WrongEpoch {
        /// The record's ticket.
        id: TicketId,
        /// The epoch being sealed.
        epoch: Epoch,
    },
    /// More records than a segment takes.
    #[error("a segment takes at most {RECORDS_MAX} records")]
    Full,
    /// Two records of one ticket; the older one should have been replaced.
    #[error("there are two records of ticket {id}")]
    Twice {
        /// The ticket.
        id: TicketId,
    },
    /// The records' sums are more than a root can state.
    #[error("the segment's sum overflows: {0}")]
    Mass(#[from] MassOverflow),
}

/// An epoch whose records are still coming in: the newest of each ticket.
#[derive(Debug, Clone)]
pub struct OpenEpoch {
    network: Network,
    epoch: Epoch,
    node: NodeId,
    records: Vec<Record>,
}

impl OpenEpoch {
    /// Without any record.
    pub fn new(network: Network, epoch: Epoch, node: NodeId) -> Self {
        Self {
            network,
            epoch,
            node,
            records: Vec::new(),
        }
    }

    /// Adds a record, in any order; one for each ticket.
    ///
    /// # Errors
    /// [`SealError::WrongEpoch`] or [`SealError::Full`]; the epoch is as it was.
    pub fn insert(&mut self, record: Record) -> Result<(), SealError> {
        let (id, epoch) = (record.id, self.epoch);
        if id.epoch != epoch {
            return Err(SealError::WrongEpoch { id, epoch });
        }
        if self.records.len() >= RECORDS_MAX as usize {
            return Err(SealError::Full);
        }
        self.records.push(record);
        Ok(())
    }

    /// Adds records, in any order.
    ///
    /// # Errors
    /// As [`Self::insert`]; those before the refused one are in.
    pub fn extend(&mut self, records: impl IntoIterator<Item = Record>) -> Result<(), SealError> {
        records
            .into_iter()
            .try_for_each(|record| self.insert(record))
    }

    /// Sorts the records, builds the tree; nothing can be added after that.
    ///
    /// # Errors
    /// [`SealError::Twice`] or [`SealError::Mass`].
    pub fn seal(mut self) -> Result<SealedEpoch, SealError> {
        self.records.sort_unstable_by_key(|record| record.id);
        let segment = Segment::new(self.network, self.epoch, self.node, self.records);
        SealedEpoch::from_segment(segment.map_err(|error| match error {
            SegmentError::Order { id } => SealError::Twice { id },
            SegmentError::Layout(_) => SealError::Full,
            SegmentError::Mass(overflow) => SealError::Mass(overflow),
        })?)
    }
}

/// A segment with its tree: final.
#[derive(Debug)]
pub struct SealedEpoch {
    segment: Segment,
    tree: SumTree<DeliveryMass>,
}

impl SealedEpoch {
    /// A segment that was sealed before, read from its file.
    ///
    /// # Errors
    /// [`SealError::WrongEpoch`] or [`SealError::Mass`].
    pub fn from_segment(segment: Segment) -> Result<Self, SealError> {
        let epoch = segment.epoch();
        if let Some(record) = segment.records().iter().find(|r| r.id.epoch != epoch) {
            let id = record.id;
            return Err(SealError::WrongEpoch { id, epoch });
        }
        let tree = SumTree::of_segment(&segment)?;
        Ok(Self { segment, tree })
    }

    /// The segment, in order.
    pub fn segment(&self) -> &Segment {
        &self.segment
    }

    /// The segment, without its tree.
    pub fn into_segment(self) -> Segment {
        self.segment
    }

    /// The root: its mass is what the segment's records state together.
    pub fn root(&self) -> Root<DeliveryMass> {
        self.tree.root()
    }

    /// Place and proof of a ticket's record; `None` if the segment has none for it.
    pub fn proof(&self, id: TicketId) -> Option<(u64, Proof)> {
        let records = self.segment.records();
        let at = records.binary_search_by_key(&id, |record| record.id).ok()?;
        let index = at as u64;
        Some((index, self.tree.proof(index)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use protocol::{B256, Receipt};

    const EPOCH: Epoch = 7;

    fn record(issuer: u32, index: u32, bytes: u64, deliveries: u32) -> Record {
        let id = TicketId {
            epoch: EPOCH,
            issuer,
            index,
        };
        Record {
            id,
            receipt: Receipt {
                ticket: B256::repeat_byte(index as u8),
                sequence: 1,
                bytes,
                deliveries,
                within: deliveries,
                signed_at: 1,
            },
            signature: [index as u8; 64].into(),
        }
    }

    fn open() -> OpenEpoch {
        let network = Network {
            chain_id: 1,
            settlement: [5; 20].into(),
        };
        OpenEpoch::new(network, EPOCH, NodeId::from([9; 32]))
    }

    fn sealed(records: impl IntoIterator<Item = Record>) -> Result<SealedEpoch, SealError> {
        let mut epoch = open();
        epoch.extend(records)?;
        epoch.seal()
    }

    #[test]
    fn a_sealed_epoch_proves_each_of_its_records() {
        for count in [0u32, 1, 2, 3, 5, 8, 9, 33] {
            let records = (0..count).rev().map(|i| record(i % 2, i, 100, 2));
            let epoch = sealed(records).unwrap();
            let root = epoch.root();
            assert_eq!(root, epoch.segment().root().unwrap());
            assert_eq!(root.count, u64::from(count));
            assert_eq!(root.mass().bytes(), u64::from(count) * 100);
            for record in epoch.segment().records() {
                let (index, proof) = epoch.proof(record.id).unwrap();
                let leaf = record.leaf().unwrap();
                assert_eq!(proof.verify(&root, index, leaf), Ok(()));
            }
            assert!(epoch.proof(record(0, count + 1, 0, 0).id).is_none());
            let again = Segment::from_bytes(&epoch.segment().to_bytes()).unwrap();
            assert_eq!(SealedEpoch::from_segment(again).unwrap().root(), root);
        }
    }

    #[test]
    fn what_cannot_be_sealed_says_why() {
        let two = [record(0, 4, 1, 1), record(0, 3, 1, 1), record(0, 4, 2, 1)];
        let id = two[0].id;
        assert_eq!(sealed(two).unwrap_err(), SealError::Twice { id });

        let mut other = record(0, 1, 1, 1);
        other.id.epoch = EPOCH + 1;
        let error = SealError::WrongEpoch {
            id: other.id,
            epoch: EPOCH,
        };
        assert_eq!(sealed([other]).unwrap_err(), error);
        let network = open().network;
        let segment = Segment::new(network, EPOCH, NodeId::from([9; 32]), vec![other]).unwrap();
        assert_eq!(SealedEpoch::from_segment(segment).unwrap_err(), error);

        let huge = [record(0, 0, 1, u32::MAX), record(0, 1, 1, 1)];
        assert!(matches!(sealed(huge), Err(SealError::Mass(_))));
        let huge = [record(0, 0, 1 << 56, 1)];
        assert!(matches!(sealed(huge), Err(SealError::Mass(_))));
    }

    proptest! {
        #[test]
        fn order_does_not_matter(mut records in prop::collection::btree_map((0u32..3, 0u32..100), (0u64..1 << 40, 0u32..9), 0..40)
                .prop_map(|map| map.into_iter().map(|((issuer, index), (bytes, n))| record(issuer, index, bytes, n)).collect::<Vec<_>>())
                .prop_shuffle()) {
            let one = sealed(records.clone()).unwrap();
            records.reverse();
            let other = sealed(records).unwrap();
            prop_assert_eq!(one.segment().to_bytes(), other.segment().to_bytes());
            prop_assert_eq!(one.root(), other.root());
        }
    }
}
