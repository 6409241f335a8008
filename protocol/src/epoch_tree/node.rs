//! What an epoch says of one node.

use super::leaf::EpochLeaf;
use crate::layout::{LayoutError, Reader};
use crate::mass::{DeliveryMass, Mass};
use crate::{NodeId, Ppm};

/// Length of a node leaf.
pub const NODE_LEAF_BYTES: usize = 99;

/// One node's line in an epoch's attestation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeLeaf {
    /// Registry index: the leaf's place.
    pub index: u32,
    /// The key the node has in the epoch.
    pub node: NodeId,
    /// Sum over all its valid records.
    pub mass: DeliveryMass,
    /// Probes made.
    pub probes: u32,
    /// Probes answered within the service level.
    pub probes_ok: u32,
    /// Score.
    pub sla_ppm: Ppm,
    /// 1 + place of its last charge in the charges tree; 0 if it has none.
    pub last: u32,
    /// Reward of this epoch, token units.
    pub reward: u128,
    /// Rewards of all epochs so far, token units.
    pub cumulative: u128,
}

impl EpochLeaf for NodeLeaf {
    type Bytes = [u8; NODE_LEAF_BYTES];
    const BYTES: usize = NODE_LEAF_BYTES;
    const MAGIC: &'static str = "QTRE";

    fn to_bytes(&self) -> Self::Bytes {
        let mut out = Vec::with_capacity(NODE_LEAF_BYTES);
        out.extend_from_slice(&self.index.to_be_bytes());
        out.extend_from_slice(self.node.as_bytes());
        out.extend_from_slice(&self.mass.to_bytes());
        out.extend_from_slice(&self.probes.to_be_bytes());
        out.extend_from_slice(&self.probes_ok.to_be_bytes());
        out.extend_from_slice(&self.sla_ppm.to_be_bytes());
        out.extend_from_slice(&self.last.to_be_bytes());
        out.extend_from_slice(&self.reward.to_be_bytes());
        out.extend_from_slice(&self.cumulative.to_be_bytes());
        out.try_into()
            .expect("the fields add up to NODE_LEAF_BYTES")
    }

    fn from_bytes(bytes: &Self::Bytes) -> Self {
        let mut reader = Reader::new(bytes);
        let mut read = || {
            Ok::<_, LayoutError>(Self {
                index: reader.u32()?,
                node: NodeId(reader.b256()?),
                mass: DeliveryMass::from_bytes(reader.array()?),
                probes: reader.u32()?,
                probes_ok: reader.u32()?,
                sla_ppm: reader.u32()?,
                last: reader.u32()?,
                reward: reader.u128()?,
                cumulative: reader.u128()?,
            })
        };
        read().expect("NODE_LEAF_BYTES hold every field")
    }

    /// The cumulative reward.
    fn amount(&self) -> u128 {
        self.cumulative
    }

    fn may_stand(&self, place: u32, _: Option<&Self>) -> bool {
        self.index == place
    }
}
