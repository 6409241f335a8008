//! The Quittance contracts from Rust: their interfaces, generated from the committed artifacts in
//! `contracts/artifacts`, and [`Chain`], the one place that talks to an EVM node.
//!
//! Everything above asks a [`Chain`]; nothing above builds a transaction or decodes an answer itself.

pub mod abi;
mod agreed;
mod artifact;
pub mod chain;
pub mod challenge;
mod outbox;
mod rules;

pub use agreed::Agreed;
pub use alloy::primitives::{Address, B256, Bytes, U256};
pub use alloy::signers::local::PrivateKeySigner;
pub use chain::{
    Announced, Answer, Attestation, AttestationTx, BillLeaf, Chain, ChainConfig, ChainError,
    ChallengeCall, ChallengeContracts, Challenged, Change, CommittedLog, Contract, DeployConfig,
    Deployment, FORCED_RECORDS_MAX, Finding, ForcedChunk, Found, Incoherent, Issuer, KeyProof,
    Manifest, NoChange, Node, NodeLeaf, Offender, Overturn, Parameters, Part, Payer, Question,
    Revert, Runway, Sent, Settled, Statement, Status, TokenConfig, Verification, Verified,
    Verifier, Version, deploy, deploy_manifest, rpc_client, verify,
};
pub use outbox::{CAP, Fees, Outbox, OutboxError};
pub use protocol::Roots;
