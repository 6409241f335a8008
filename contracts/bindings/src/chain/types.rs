//! What goes in and comes out of a [`Chain`](super::Chain), in plain Rust types.

use std::fmt;
use std::time::Duration;

use alloy::primitives::{Address, B256, U256};
use alloy::signers::local::PrivateKeySigner;
use host::Http;
use protocol::{NodeId, Signature};
use serde::{Deserialize, Serialize};

use super::ChainError;
use super::trees::amount;
use crate::abi::Settlement;
use crate::outbox::{CAP, Outbox};

/// How to reach a network, and who one is there.
#[derive(Clone)]
pub struct ChainConfig {
    /// URLs of EVM nodes' JSON-RPC, http or https, with commas between. The next is asked where one fails; all are given
    /// what is sent.
    pub rpc: String,
    /// The settlement contract.
    pub settlement: Address,
    /// The chain id that is expected there; `None` takes any.
    pub chain_id: Option<u64>,
    /// The account's key; reading needs none.
    pub key: Option<PrivateKeySigner>,
    /// The network that it is asked over.
    pub http: Http,
    /// How long to wait for one answer.
    pub request_timeout: Duration,
    /// How long to wait for a transaction to be mined. It isn't given up then, but goes on at the next call.
    pub confirm_timeout: Duration,
    /// The most that is offered for gas, wei for each.
    pub fee_cap: u128,
    /// Where what is being sent is kept; `None`: only in memory.
    pub outbox: Option<Outbox>,
}

impl ChainConfig {
    /// One asked over this network, without a key or an expected chain id; 15 s for an answer, 2 min for a transaction.
    pub fn new(http: &Http, rpc: impl Into<String>, settlement: Address) -> Self {
        Self {
            rpc: rpc.into(),
            settlement,
            chain_id: None,
            key: None,
            http: http.clone(),
            request_timeout: Duration::from_secs(15),
            confirm_timeout: Duration::from_secs(120),
            fee_cap: CAP,
            outbox: None,
        }
    }

    /// With an account to send from.
    pub fn with_key(mut self, key: PrivateKeySigner) -> Self {
        self.key = Some(key);
        self
    }

    /// With a place where what is being sent is kept.
    pub fn with_outbox(mut self, outbox: Outbox) -> Self {
        self.outbox = Some(outbox);
        self
    }

    /// With the chain id that is expected.
    pub fn with_chain_id(mut self, chain_id: u64) -> Self {
        self.chain_id = Some(chain_id);
        self
    }
}

/// Shows the account, never the key, and nothing of the URL, which may hold a provider's access key.
impl fmt::Debug for ChainConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChainConfig")
            .field("settlement", &self.settlement)
            .field("chain_id", &self.chain_id)
            .field("account", &self.key.as_ref().map(PrivateKeySigner::address))
            .finish_non_exhaustive()
    }
}

/// How far an account's money reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Runway {
    /// What it has, wei.
    pub balance: U256,
    /// How many transactions like its last that pays for, rounded down.
    pub calls: u64,
}

/// What a network agrees on for some epochs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Seconds an epoch lasts.
    pub epoch_length: u32,
    /// Seconds after its epoch's end that a ticket may still be used.
    pub ticket_tail: u32,
    /// Seconds after an epoch's end in which issuers commit their ticket logs.
    pub commit_window: u32,
    /// Seconds after the ticket tail in which nodes may force commitments and nobody attests.
    pub force_window: u32,
    /// Seconds an attestation stands open to challenge.
    pub challenge_window: u32,
    /// Score below which nothing is paid, parts per million.
    pub sla_floor_ppm: u32,
    /// Time to first byte that is still within the service level, milliseconds.
    pub ttfb_ms_max: u32,
    /// Throughput that is still within the service level, bytes per second.
    pub throughput_min: u64,
    /// Price of 2^30 delivered bytes at full score, token units.
    #[serde(with = "protocol::decimal")]
    pub price_per_gib: u128,
    /// What a verifier must have at stake to vote, token units.
    #[serde(with = "protocol::decimal")]
    pub verifier_bond: u128,
    /// What an issuer has at stake, token units.
    #[serde(with = "protocol::decimal")]
    pub issuer_bond: u128,
    /// What a node has at stake, token units.
    #[serde(with = "protocol::decimal")]
    pub node_stake: u128,
}

impl From<Settlement::Parameters> for Parameters {
    fn from(from: Settlement::Parameters) -> Self {
        Self {
            epoch_length: from.epochLength,
            ticket_tail: from.ticketTail,
            commit_window: from.commitWindow,
            force_window: from.forceWindow,
            challenge_window: from.challengeWindow,
            sla_floor_ppm: from.slaFloorPpm,
            ttfb_ms_max: from.ttfbMsMax,
            throughput_min: from.throughputMin,
            price_per_gib: from.pricePerGib.to(),
            verifier_bond: from.verifierBond.to(),
            issuer_bond: from.issuerBond.to(),
            node_stake: from.nodeStake.to(),
        }
    }
}

impl TryFrom<&Parameters> for Settlement::Parameters {
    type Error = ChainError;

    fn try_from(from: &Parameters) -> Result<Self, ChainError> {
        Ok(Self {
            epochLength: from.epoch_length,
            ticketTail: from.ticket_tail,
            commitWindow: from.commit_window,
            forceWindow: from.force_window,
            challengeWindow: from.challenge_window,
            slaFloorPpm: from.sla_floor_ppm,
            ttfbMsMax: from.ttfb_ms_max,
            throughputMin: from.throughput_min,
            pricePerGib: amount(from.price_per_gib)?,
            verifierBond: amount(from.verifier_bond)?,
            issuerBond: amount(from.issuer_bond)?,
            nodeStake: amount(from.node_stake)?,
        })
    }
}

/// Parameters, and the epochs they are for: from `first_epoch` to the next version's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The first epoch they are for.
    pub first_epoch: u64,
    /// When that epoch starts, Unix seconds.
    pub start: u64,
    /// The parameters.
    pub parameters: Parameters,
}

impl From<Settlement::Version> for Version {
    fn from(from: Settlement::Version) -> Self {
        Self {
            first_epoch: from.firstEpoch,
            start: from.start,
            parameters: from.parameters.into(),
        }
    }
}

/// A control plane that issues tickets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// Its index in tickets.
    pub index: u32,
    /// Its ed25519 public key.
    pub key: B256,
    /// The account that commits its ticket logs.
    pub committer: Address,
    /// When it was added, Unix seconds; it answers for the epochs that end later.
    pub added_at: u64,
    /// What it has at stake, token units.
    pub bond: u128,
    /// When its bond may be withdrawn, Unix seconds; 0 unless that was announced.
    pub unbonded_at: u64,
}

/// A registered node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its registry index, and place in every nodes tree.
    pub index: u32,
    /// Its ed25519 public key.
    pub key: B256,
    /// The account that registered it.
    pub operator: Address,
    /// The account that receives its rewards.
    pub payout: Address,
    /// When it was registered, Unix seconds; the epochs that end later have it as a leaf.
    pub registered_at: u64,
    /// What it has at stake, token units.
    pub stake: u128,
    /// When its stake may be withdrawn, Unix seconds; 0 unless its operator announced that it leaves.
    pub exit_at: u64,
}

/// Shows that whoever has a node's key wants an operator to register it (SPEC section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyProof {
    /// The node: its ed25519 public key.
    pub node: NodeId,
    /// Its signature.
    pub signature: Signature,
}

impl KeyProof {
    /// The two halves of the signature, R and S.
    pub(super) fn halves(&self) -> (B256, B256) {
        let (r, s) = self.signature.split_at(32);
        (B256::from_slice(r), B256::from_slice(s))
    }
}

/// An account that deposited into the vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payer {
    /// Its payer index, and place in every bills tree.
    pub index: u32,
    /// The account.
    pub account: Address,
    /// When it first deposited, Unix seconds; the epochs that end later have it as a leaf.
    pub registered_at: u64,
    /// What it has deposited and not withdrawn, bills included, token units.
    pub deposit: U256,
}

/// The newest epoch that the vault pays by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The epoch.
    pub epoch: u64,
    /// Root of its nodes tree.
    pub nodes: B256,
    /// Root of its bills tree.
    pub bills: B256,
    /// How many levels the proofs of claims may lack at the upper end.
    pub levels: u8,
}
