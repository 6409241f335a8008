//! The Quittance contracts from Rust: their interfaces, generated from the committed artifacts in
//! `contracts/artifacts`, and [`Chain`], the one place that talks to an EVM node.
//!
//! Everything above asks a [`Chain`]; nothing above builds a transaction or decodes an answer itself.

pub mod abi;
pub mod chain;
pub mod challenge;
mod rules;

pub use alloy::primitives::{Address, B256, U256};
pub use alloy::signers::local::PrivateKeySigner;
pub use chain::{
    Attestation, AttestationTx, BillLeaf, Chain, ChainConfig, ChainError, ChallengeCall,
    ChallengeContracts, Challenged, CommittedLog, DeployConfig, Deployment, Issuer, KeyProof, Node,
    NodeLeaf, Offender, Overturn, Parameters, Payer, Revert, Sent, Settled, Statement, Status,
    TokenConfig, Version, deploy, install_crypto_provider,
};
pub use protocol::Roots;
