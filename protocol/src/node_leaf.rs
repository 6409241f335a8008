//! The epoch tree: what every node delivered and earned. SPEC section 7.

use crate::layout::{LayoutError, Put, Reader};
use crate::mass::{DeliveryMass, Mass, MassOverflow, ValueMass};
use crate::merkle::{Element, Root, TreeTop, leaf_hash};
use crate::segment::RECORDS_MAX;
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
