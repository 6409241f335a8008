//! The epoch tree: what every node delivered and earned. SPEC section 7.

use crate::layout::{LayoutError, Put, RECORDS_MAX, Reader};
use crate::mass::{DeliveryMass, Mass, MassOverflow, ValueMass};
use crate::merkle::{Element, Root, TreeTop, leaf_hash};
use crate::{B256, Epoch, Network, NodeId, Ppm};

/// Length of a node leaf.
pub const NODE_LEAF_BYTES: usize = 127;

const MAGIC: &str = "QTRE";

/// One node's line in an epoch's attestation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeLeaf {
    /// Registry index: the leaf's place.
    pub index: u32,
    /// The node.
    pub node: NodeId,
    /// Root of its segment; zero where it handed in nothing that counts.
    pub segment_root: B256,
    /// Sum over its segment.
    pub mass: DeliveryMass,
    /// Probes made.
    pub probes: u32,
    /// Probes answered within the service level.
    pub probes_ok: u32,
    /// Score.
    pub sla_ppm: Ppm,
    /// Reward of this epoch, token units.
    pub reward: u128,
    /// Rewards of all epochs so far, token units.
    pub cumulative: u128,
}

impl NodeLeaf {
    /// The fixed layout.
    pub fn to_bytes(&self) -> [u8; NODE_LEAF_BYTES] {
        let mut out = Vec::with_capacity(NODE_LEAF_BYTES);
        out.extend_from_slice(&self.index.to_be_bytes());
        out.extend_from_slice(self.node.as_bytes());
        out.extend_from_slice(self.segment_root.as_slice());
        out.extend_from_slice(&self.mass.to_bytes());
        out.extend_from_slice(&self.probes.to_be_bytes());
        out.extend_from_slice(&self.probes_ok.to_be_bytes());
        out.extend_from_slice(&self.sla_ppm.to_be_bytes());
        out.extend_from_slice(&self.reward.to_be_bytes());
        out.extend_from_slice(&self.cumulative.to_be_bytes());
        out.try_into()
            .expect("the fields add up to NODE_LEAF_BYTES")
    }

    /// Every 127 bytes are a node leaf, if not a true one.
    pub fn from_bytes(bytes: &[u8; NODE_LEAF_BYTES]) -> Self {
        Self::read(&mut Reader::new(bytes)).expect("NODE_LEAF_BYTES hold every field")
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, LayoutError> {
        Ok(Self {
            index: reader.u32()?,
            node: NodeId(reader.b256()?),
            segment_root: reader.b256()?,
            mass: DeliveryMass::from_bytes(reader.array()?),
            probes: reader.u32()?,
            probes_ok: reader.u32()?,
            sla_ppm: reader.u32()?,
            reward: reader.u128()?,
            cumulative: reader.u128()?,
        })
    }

    /// Its element in the epoch tree: the mass is the cumulative reward.
    ///
    /// # Errors
    /// If that is 2^120 or more.
    pub fn leaf(&self) -> Result<Element<ValueMass>, MassOverflow> {
        Ok(Element {
            hash: leaf_hash(&self.to_bytes()),
            mass: ValueMass::new(self.cumulative)?,
        })
    }
}

/// All node leaves of an epoch, as a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochTree {
    /// The network.
    pub network: Network,
    /// The epoch.
    pub epoch: Epoch,
    /// Leaf i is registry index i.
    pub leaves: Vec<NodeLeaf>,
}

impl EpochTree {
    /// Longest file: [`RECORDS_MAX`] leaves.
    pub const BYTES_MAX: usize = 48 + RECORDS_MAX as usize * NODE_LEAF_BYTES;

    /// The file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(48 + self.leaves.len() * NODE_LEAF_BYTES);
        out.put_header(MAGIC);
        out.extend_from_slice(&[0; 2]);
        out.put_network(&self.network);
        out.extend_from_slice(&self.epoch.to_be_bytes());
        out.extend_from_slice(&(self.leaves.len() as u32).to_be_bytes());
        for leaf in &self.leaves {
            out.extend_from_slice(&leaf.to_bytes());
        }
        out
    }

    /// # Errors
    /// If layout or length are wrong, or a leaf is not at its index.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LayoutError> {
        let mut reader = Reader::new(bytes);
        reader.header(MAGIC)?;
        reader.reserved()?;
        let network = reader.network()?;
        let epoch = reader.u64()?;
        let count = reader.exact_count(NODE_LEAF_BYTES, RECORDS_MAX)?;
        let leaves = (0..count)
            .map(|index| {
                let leaf = NodeLeaf::read(&mut reader)?;
                if leaf.index == index {
                    Ok(leaf)
                } else {
                    Err(LayoutError::Range("index"))
                }
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            network,
            epoch,
            leaves,
        })
    }

    /// The root to attest: its mass is what all nodes earned so far.
    ///
    /// # Errors
    /// If a sum overflows.
    pub fn root(&self) -> Result<Root<ValueMass>, MassOverflow> {
        let mut top = TreeTop::default();
        for leaf in &self.leaves {
            top.push(leaf.leaf()?)?;
        }
        top.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NETWORK: Network = Network {
        chain_id: 1,
        settlement: crate::Address::ZERO,
    };

    fn leaf(index: u32) -> NodeLeaf {
        let mut leaf = NodeLeaf::from_bytes(&[0; NODE_LEAF_BYTES]);
        (leaf.index, leaf.cumulative) = (index, 5);
        leaf
    }

    fn tree(leaves: Vec<NodeLeaf>) -> EpochTree {
        EpochTree {
            network: NETWORK,
            epoch: 9,
            leaves,
        }
    }

    #[test]
    fn each_leaf_stands_at_its_index() {
        let good = tree(vec![leaf(0), leaf(1)]);
        assert_eq!(EpochTree::from_bytes(&good.to_bytes()).unwrap(), good);
        assert_eq!(good.root().unwrap().mass().amount(), 10);
        for wrong in [
            vec![leaf(1)],
            vec![leaf(0), leaf(0)],
            vec![leaf(0), leaf(2)],
        ] {
            let read = EpochTree::from_bytes(&tree(wrong).to_bytes());
            assert_eq!(read, Err(LayoutError::Range("index")));
        }
    }

    #[test]
    fn an_amount_that_is_no_mass_has_no_root() {
        let mut leaves = vec![leaf(0), leaf(1)];
        leaves[0].cumulative = u128::MAX;
        assert!(tree(leaves.clone()).root().is_err());
        leaves[0].cumulative = ValueMass::END - 5;
        assert!(tree(leaves.clone()).root().is_err());
        leaves[0].cumulative -= 1;
        assert!(tree(leaves).root().is_ok());
    }

    #[test]
    fn the_length_is_exactly_what_the_count_says() {
        let bytes = tree(vec![leaf(0), leaf(1)]).to_bytes();
        for cut in 0..bytes.len() {
            assert!(EpochTree::from_bytes(&bytes[..cut]).is_err());
        }
        assert!(EpochTree::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
        for count in [0, 1, 3, RECORDS_MAX, u32::MAX] {
            let mut altered = bytes.clone();
            altered[44..48].copy_from_slice(&count.to_be_bytes());
            assert!(EpochTree::from_bytes(&altered).is_err());
        }
    }

    proptest! {
        #[test]
        fn every_127_bytes_are_a_leaf(a: [u8; 32], b: [u8; 32], c: [u8; 32], d: [u8; 31]) {
            let bytes = [&a[..], &b, &c, &d].concat().try_into().unwrap();
            let leaf = NodeLeaf::from_bytes(&bytes);
            prop_assert_eq!(leaf.to_bytes(), bytes);
            let _ = leaf.leaf();
        }

        #[test]
        fn arbitrary_bytes_never_panic(tail: Vec<u8>) {
            let _ = EpochTree::from_bytes(&tail);
            let bytes = [b"QTRE\x00\x01\x00\x00", &tail[..]].concat();
            let _ = EpochTree::from_bytes(&bytes);
        }
    }
}
