//! What a network's deployer states of it, for [`verify`](super::verify()) to check.

use std::collections::BTreeMap;

use alloy::primitives::{Address, B256};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use super::deployment::{DeployConfig, Deployment, TokenConfig};
use super::part::Part;

/// What a network's deployer states of it. As JSON, with addresses and hashes in hexadecimal and amounts as
/// decimal strings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Manifest {
    /// The version of this crate that deployed it.
    pub version: String,
    /// The chain.
    pub chain_id: u64,
    /// The block the settlement contract was deployed in: nothing of the network is older.
    pub block: u64,
    /// The account that deployed it.
    pub deployer: Address,
    /// What it was deployed with; owner and treasury are named.
    pub config: DeployConfig,
    /// All of its contracts.
    pub contracts: BTreeMap<Part, Contract>,
}

/// A deployed contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// Where it stands.
    pub address: Address,
    /// Keccak-256 of its runtime code.
    pub code_hash: B256,
    /// The transaction that deployed it; `None` for a token that was there before.
    pub tx: Option<B256>,
}

impl Manifest {
    /// One that names no contracts yet.
    pub(super) fn new(deployer: Address, config: DeployConfig) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").into(),
            chain_id: 0,
            block: 0,
            deployer,
            config,
            contracts: BTreeMap::new(),
        }
    }

    /// Where the network stands.
    pub fn deployment(&self) -> Deployment {
        let mut network = Deployment {
            chain_id: self.chain_id,
            block: self.block,
            ..Deployment::default()
        };
        for (part, contract) in &self.contracts {
            network[*part] = contract.address;
        }
        network
    }
}

/// Only with all contracts, each with its transaction.
impl<'de> Deserialize<'de> for Manifest {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Stated {
            version: String,
            chain_id: u64,
            block: u64,
            deployer: Address,
            config: DeployConfig,
            contracts: BTreeMap<Part, Contract>,
        }
        let stated = Stated::deserialize(from)?;
        let (config, version) = (&stated.config, &stated.version);
        for part in Part::ALL {
            let role = part.role();
            let Some(contract) = stated.contracts.get(&part) else {
                return Err(D::Error::custom(format!(
                    "it is of version {version}, and names no {role}"
                )));
            };
            let was_there = part == Part::Token && matches!(config.token, TokenConfig::Existing(_));
            if was_there == contract.tx.is_some() {
                let has = if was_there { "a" } else { "no" };
                return Err(D::Error::custom(format!(
                    "it has {has} transaction that deployed the {role}"
                )));
            }
        }
        if config.owner.is_none() || config.treasury.is_none() {
            return Err(D::Error::custom("it doesn't name owner and treasury"));
        }
        Ok(Self {
            version: stated.version,
            chain_id: stated.chain_id,
            block: stated.block,
            deployer: stated.deployer,
            config: stated.config,
            contracts: stated.contracts,
        })
    }
}
