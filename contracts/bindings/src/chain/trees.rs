//! What is attested for an epoch, and the leaves of its trees, as the contracts take them (SPEC section 7).

use alloy::primitives::{Address, B256, Uint, aliases::U120};
use alloy::sol_types::SolValue;
use protocol::Mass;

use super::ChainError;
use crate::abi::{RewardVault, Settlement};

/// Where an epoch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Not attested.
    None,
    /// Attested, and open to challenge.
    Pending,
    /// Attested for good.
    Active,
    /// Was active; the contract has let go of it, and its event remains.
    Archived,
}

impl From<u8> for Status {
    /// The contract's enum, whose values `sol!` gives as numbers. It can return no other.
    fn from(from: u8) -> Self {
        match from {
            0 => Self::None,
            1 => Self::Pending,
            2 => Self::Active,
            _ => Self::Archived,
        }
    }
}

/// What was attested for an epoch, as far as the contract keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attestation {
    /// The epoch.
    pub epoch: u64,
    /// What [`Roots`](protocol::Roots) hash to.
    pub digest: B256,
    /// Sum of all cumulative rewards, and of all cumulative bills, token units, below 2^96.
    pub total: u128,
    /// When its challenge window ends, and it stands for good, Unix seconds.
    pub active_at: u64,
    /// Whose votes made the quorum: bit i is the verifier of index i.
    pub signers: u64,
}

impl From<Settlement::Attestation> for Attestation {
    fn from(from: Settlement::Attestation) -> Self {
        Self {
            epoch: from.epoch.to(),
            digest: from.digest,
            total: from.total.to(),
            active_at: from.activeAt.to(),
            signers: from.signers,
        }
    }
}

/// What a verifier votes for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The epoch.
    pub epoch: u64,
    /// Number of leaves of the nodes tree.
    pub nodes: u32,
    /// Number of leaves of the bills tree.
    pub payers: u32,
    /// Number of leaves of the charges tree.
    pub charges: u32,
    /// Mass of the nodes and of the bills root, token units, below 2^96.
    pub total: u128,
    /// Hash of the nodes tree's uppermost element.
    pub nodes_top: B256,
    /// Hash of the bills tree's uppermost element.
    pub bills_top: B256,
    /// Hash of the charges tree's uppermost element.
    pub charges_top: B256,
    /// BLAKE3 hash of the evidence bundle.
    pub evidence: B256,
}

impl From<Settlement::Statement> for Statement {
    fn from(from: Settlement::Statement) -> Self {
        Self {
            epoch: from.epoch,
            nodes: from.nodes,
            payers: from.payers,
            charges: from.charges,
            total: from.total.to(),
            nodes_top: from.nodesTop,
            bills_top: from.billsTop,
            charges_top: from.chargesTop,
            evidence: from.evidence,
        }
    }
}

impl TryFrom<&Statement> for Settlement::Statement {
    type Error = ChainError;

    fn try_from(from: &Statement) -> Result<Self, ChainError> {
        Ok(Self {
            epoch: from.epoch,
            nodes: from.nodes,
            payers: from.payers,
            charges: from.charges,
            total: amount(from.total)?,
            nodesTop: from.nodes_top,
            billsTop: from.bills_top,
            chargesTop: from.charges_top,
            evidence: from.evidence,
        })
    }
}

/// What an epoch says of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeLeaf {
    /// Registry index.
    pub index: u32,
    /// The ed25519 public key the node had in the epoch.
    pub node: B256,
    /// Delivery mass of its records, 15 bytes big-endian as in SPEC section 6.
    pub mass: [u8; 15],
    /// Probes made.
    pub probes: u32,
    /// Probes answered within the service level.
    pub probes_ok: u32,
    /// Score, parts per million.
    pub sla_ppm: u32,
    /// 1 + place of its last charge in the charges tree; 0 if it has none.
    pub last: u32,
    /// Reward of this epoch, token units.
    pub reward: u128,
    /// Reward of all epochs up to this one, token units.
    pub cumulative: u128,
}

impl From<&protocol::NodeLeaf> for NodeLeaf {
    fn from(leaf: &protocol::NodeLeaf) -> Self {
        Self {
            index: leaf.index,
            node: leaf.node.0,
            mass: leaf.mass.to_bytes(),
            probes: leaf.probes,
            probes_ok: leaf.probes_ok,
            sla_ppm: leaf.sla_ppm,
            last: leaf.last,
            reward: leaf.reward,
            cumulative: leaf.cumulative,
        }
    }
}

impl NodeLeaf {
    /// The 99 bytes of SPEC section 7.
    pub(super) fn packed(&self) -> Vec<u8> {
        RewardVault::NodeLeaf::from(self).abi_encode_packed()
    }
}

impl From<&NodeLeaf> for RewardVault::NodeLeaf {
    fn from(from: &NodeLeaf) -> Self {
        let mass: U120 = Uint::from_be_bytes(from.mass);
        Self {
            index: from.index,
            node: from.node,
            mass,
            probes: from.probes,
            probesOk: from.probes_ok,
            slaPpm: from.sla_ppm,
            last: from.last,
            reward: from.reward,
            cumulative: from.cumulative,
        }
    }
}

/// What an epoch says of one payer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillLeaf {
    /// Payer index.
    pub index: u32,
    /// The payer's account.
    pub payer: Address,
    /// 1 + place of its last charge in the charges tree; 0 if it has none.
    pub last: u32,
    /// Bill of this epoch, token units.
    pub bill: u128,
    /// Bill of all epochs up to this one, token units.
    pub cumulative: u128,
}

impl From<&protocol::BillLeaf> for BillLeaf {
    fn from(leaf: &protocol::BillLeaf) -> Self {
        Self {
            index: leaf.index,
            payer: leaf.payer,
            last: leaf.last,
            bill: leaf.bill,
            cumulative: leaf.cumulative,
        }
    }
}

impl From<&BillLeaf> for RewardVault::BillLeaf {
    fn from(from: &BillLeaf) -> Self {
        Self {
            index: from.index,
            payer: from.payer,
            last: from.last,
            bill: from.bill,
            cumulative: from.cumulative,
        }
    }
}

/// An amount as the contracts hold it.
pub(super) fn amount(amount: u128) -> Result<alloy::primitives::aliases::U96, ChainError> {
    Uint::try_from(amount).map_err(|_| ChainError::AmountTooLarge { amount })
}
