//! Challenges: what can be shown to be false on chain, and the call that shows it.
//!
//! A [`Challenge`] is a [`Claim`] against the attestation of an epoch, an [`IssuerClaim`] against an issuer, or a
//! [`NodeClaim`] against a node.
//! Each variant is a function of one of the challenge contracts and has what it takes: see
//! `contracts/src/interfaces`. Building one proves nothing yet; the contract checks everything. Sending is
//! [`Chain::commit_challenge`](crate::Chain::commit_challenge) and
//! [`Chain::reveal_challenge`](crate::Chain::reveal_challenge).

pub mod abi;
mod claim;
mod encode;
mod forced;
mod kind;
mod shown;
mod to_abi;

pub use claim::{Claim, IssuerClaim, LogOf};
pub use forced::{ChargeGap, NodeClaim, RecordGap, ShownForced, Standing};
pub use kind::{Contract, Kind, UnknownKind};
pub use shown::{
    Earlier, ElementPath, MassBytes, RootOpening, Shown, ShownPair, ShownRecord, ShownRecords, Tree,
};

use alloy::primitives::{B256, Bytes};
use protocol::Roots;

/// A claim with whom it is against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// Against an attestation, which falls with all that follow it.
    Attestation {
        /// The epoch.
        epoch: u64,
        /// What was attested.
        roots: Roots,
        /// What is false in it.
        claim: Claim,
    },
    /// Against an issuer, which is slashed; attestations stay.
    Issuer(IssuerClaim),
    /// Against a node, which is slashed; attestations stay.
    Node(NodeClaim),
}

impl Challenge {
    /// Which function it calls.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Attestation { claim, .. } => claim.kind(),
            Self::Issuer(claim) => claim.kind(),
            Self::Node(claim) => claim.kind(),
        }
    }

    /// The contract that has that function.
    pub fn contract(&self) -> Contract {
        self.kind().contract()
    }

    /// The call. The salt keeps a commitment to it from being guessed; without a commitment any will do.
    pub fn call_data(&self, salt: B256) -> Bytes {
        match self {
            Self::Attestation {
                epoch,
                roots,
                claim,
            } => claim.encode(*epoch, roots, salt),
            Self::Issuer(claim) => claim.encode(salt),
            Self::Node(claim) => claim.encode(salt),
        }
    }
}
