//! What is shown of records that a node forced: that they are there and count, and that they are left out.

use alloy::primitives::{B256, Bytes};
use alloy::sol_types::SolCall;
use protocol::{ChargeLeaf, NodeLeaf, Proof, Record, Ticket};

use super::abi;
use super::shown::{ElementPath, Shown};
use super::to_abi::ToAbi;

/// A record in a chunk that its node forced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownForced {
    /// Registry index of the node.
    pub node: u32,
    /// Which of its chunks of the epoch.
    pub chunk: u32,
    /// The record in the chunk.
    pub record: Shown<Record>,
    /// The ticket that it is for.
    pub ticket: Ticket,
}

/// What a forced record counts by, besides itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Payer index of who pays by the ticket.
    pub payer: u32,
    /// The ticket's leaf in its issuer's log.
    pub entry: ElementPath,
    /// What the epoch says of the node.
    pub node: Shown<NodeLeaf>,
}

/// Two neighbouring charges with nothing between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChargeGap {
    /// How many charges are on the left.
    pub place: u32,
    /// Number of charges.
    pub count: u32,
    /// The one before, if there is one.
    pub left: Option<Shown<ChargeLeaf>>,
    /// The one after, if there is one.
    pub right: Option<Shown<ChargeLeaf>>,
}

/// Two neighbouring records of a charge with nothing between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordGap {
    /// The charge.
    pub charge: Shown<ChargeLeaf>,
    /// How many records are on the left.
    pub place: u32,
    /// Number of records.
    pub count: u32,
    /// The one before with its proof, if there is one.
    pub left: Option<(Record, Proof)>,
    /// The one after with its proof, if there is one.
    pub right: Option<(Record, Proof)>,
}

/// What a node did wrong. Each is a function of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeClaim {
    /// It forced a record that the ticket alone refutes.
    ForcedInvalid {
        /// The epoch.
        epoch: u64,
        /// The record.
        forced: Box<ShownForced>,
    },
}

impl NodeClaim {
    pub(super) fn encode(&self, salt: B256) -> Bytes {
        let Self::ForcedInvalid { epoch, forced } = self;
        let (epoch, forced) = (*epoch, forced.to_abi());
        let call = abi::forcedInvalidCall {
            epoch,
            forced,
            salt,
        };
        call.abi_encode().into()
    }
}

impl ToAbi for ShownForced {
    type Abi = abi::ForcedProof;
    fn to_abi(&self) -> abi::ForcedProof {
        let record = &self.record;
        abi::ForcedProof {
            node: self.node,
            chunk: self.chunk,
            place: record.place,
            count: record.count,
            record: record.leaf.to_abi(),
            proof: record.proof.0.clone().into(),
            ticket: self.ticket.to_abi(),
        }
    }
}

impl ToAbi for Standing {
    type Abi = abi::Standing;
    fn to_abi(&self) -> abi::Standing {
        abi::Standing {
            payer: self.payer,
            entry: self.entry.to_abi(),
            node: self.node.to_abi(),
        }
    }
}

impl ToAbi for ChargeGap {
    type Abi = abi::ChargeGap;
    fn to_abi(&self) -> abi::ChargeGap {
        abi::ChargeGap {
            place: self.place,
            count: self.count,
            left: self.left.to_abi(),
            right: self.right.to_abi(),
        }
    }
}

impl ToAbi for RecordGap {
    type Abi = abi::RecordGap;
    fn to_abi(&self) -> abi::RecordGap {
        let shown = |record: &Option<(Record, Proof)>| match record {
            Some((record, proof)) => (record.to_abi(), Bytes::from(proof.0.clone())),
            None => Default::default(),
        };
        let (left, left_proof) = shown(&self.left);
        let (right, right_proof) = shown(&self.right);
        abi::RecordGap {
            charge: self.charge.to_abi(),
            place: self.place,
            count: self.count,
            left,
            leftProof: left_proof,
            right,
            rightProof: right_proof,
        }
    }
}
