//! What goes in and comes out of a [`Chain`](super::Chain), in plain Rust types.

use std::fmt;
use std::time::Duration;

use alloy::primitives::{Address, B256, Uint, aliases::U120};
use alloy::signers::local::PrivateKeySigner;
use serde::{Deserialize, Serialize};

use crate::abi::Settlement;

/// How to reach a network, and who one is there.
#[derive(Clone)]
pub struct ChainConfig {
    /// URL of an EVM node's JSON-RPC, http or https.
    pub rpc: String,
    /// The settlement contract.
    pub settlement: Address,
    /// The chain id that is expected there; `None` takes any.
    pub chain_id: Option<u64>,
    /// The account's key; reading needs none.
    pub key: Option<PrivateKeySigner>,
    /// How long to wait for one answer.
    pub request_timeout: Duration,
    /// How long to wait for a transaction to be mined.
    pub confirm_timeout: Duration,
}

impl ChainConfig {
    /// A configuration without a key or an expected chain id; 15 s for an answer, 2 min for a transaction.
    pub fn new(rpc: impl Into<String>, settlement: Address) -> Self {
        Self {
            rpc: rpc.into(),
            settlement,
            chain_id: None,
            key: None,
            request_timeout: Duration::from_secs(15),
            confirm_timeout: Duration::from_secs(120),
        }
    }

    /// With an account to send from.
    pub fn with_key(mut self, key: PrivateKeySigner) -> Self {
        self.key = Some(key);
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

/// What a network agreed on once and for all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Start of epoch 0, Unix seconds.
    pub genesis: u64,
    /// Seconds an epoch lasts.
    pub epoch_length: u32,
    /// Seconds after its epoch's end that a ticket may still be used.
    pub ticket_tail: u32,
    /// Seconds after an epoch's end in which issuers commit their ticket logs.
    pub commit_window: u32,
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
}

impl From<Settlement::Parameters> for Parameters {
    fn from(from: Settlement::Parameters) -> Self {
        Self {
            genesis: from.genesis,
            epoch_length: from.epochLength,
            ticket_tail: from.ticketTail,
            commit_window: from.commitWindow,
            challenge_window: from.challengeWindow,
            sla_floor_ppm: from.slaFloorPpm,
            ttfb_ms_max: from.ttfbMsMax,
            throughput_min: from.throughputMin,
            price_per_gib: from.pricePerGib,
        }
    }
}

impl From<&Parameters> for Settlement::Parameters {
    fn from(from: &Parameters) -> Self {
        Self {
            genesis: from.genesis,
            epochLength: from.epoch_length,
            ticketTail: from.ticket_tail,
            commitWindow: from.commit_window,
            challengeWindow: from.challenge_window,
            slaFloorPpm: from.sla_floor_ppm,
            ttfbMsMax: from.ttfb_ms_max,
            throughputMin: from.throughput_min,
            pricePerGib: from.price_per_gib,
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
}

/// A registered node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its registry index, and place in every epoch tree.
    pub index: u32,
    /// Its ed25519 public key.
    pub key: B256,
    /// The account that registered it.
    pub operator: Address,
    /// The account that receives its rewards.
    pub payout: Address,
    /// When it was registered, Unix seconds; the epochs that end later have it as a leaf.
    pub registered_at: u64,
}

/// Where an epoch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Not attested.
    None,
    /// Attested, and open to challenge.
    Pending,
    /// Attested for good: rewards can be claimed with it.
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

/// What was attested for an epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attestation {
    /// The epoch.
    pub epoch: u64,
    /// Root of the epoch tree.
    pub root: B256,
    /// Sum of all cumulative rewards, token units, below 2^120.
    pub total: u128,
    /// Number of leaves.
    pub nodes: u32,
    /// When the quorum was reached, Unix seconds.
    pub attested_at: u64,
}

impl From<Settlement::Attestation> for Attestation {
    fn from(from: Settlement::Attestation) -> Self {
        Self {
            epoch: from.epoch,
            root: from.root,
            total: from.total.to(),
            nodes: from.nodes,
            attested_at: from.attestedAt.to(),
        }
    }
}

/// What an epoch says of one node (SPEC section 7), as the contract takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeLeaf {
    /// Registry index.
    pub index: u32,
    /// The node's ed25519 public key.
    pub node: B256,
    /// Merkle-sum root of its receipts; zero if it handed in nothing that counts.
    pub segment_root: B256,
    /// Delivery mass of the segment, 15 bytes big-endian as in SPEC section 6.
    pub mass: [u8; 15],
    /// Probes made.
    pub probes: u32,
    /// Probes answered within the service level.
    pub probes_ok: u32,
    /// Score, parts per million.
    pub sla_ppm: u32,
    /// Reward of this epoch, token units.
    pub reward: u128,
    /// Reward of all epochs up to this one, token units.
    pub cumulative: u128,
}

impl From<&NodeLeaf> for Settlement::NodeLeaf {
    fn from(from: &NodeLeaf) -> Self {
        let mass: U120 = Uint::from_be_bytes(from.mass);
        Self {
            index: from.index,
            node: from.node,
            segmentRoot: from.segment_root,
            mass,
            probes: from.probes,
            probesOk: from.probes_ok,
            slaPpm: from.sla_ppm,
            reward: from.reward,
            cumulative: from.cumulative,
        }
    }
}
