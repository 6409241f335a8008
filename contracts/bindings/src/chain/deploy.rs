//! A new network: its token if it needs one, registry, vault, settlement and challenge contracts.

use std::ops::{Index, IndexMut};

use alloy::primitives::{Address, B256, U256};
use alloy::signers::local::PrivateKeySigner;
use serde::{Deserialize, Serialize};

use super::manifest::{Contract, Manifest};
use super::part::Part;
use super::rpc::Rpc;
use super::{ChainConfig, ChainError, Parameters};
use crate::artifact::code_hash;

/// What a network is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeployConfig {
    /// What it agrees on, until its owner schedules something else.
    pub parameters: Parameters,
    /// Start of epoch 0, Unix seconds. Verifiers are admitted at once before it, and after it with delay.
    pub genesis: u64,
    /// What it pays with.
    pub token: TokenConfig,
    /// Who adds issuers and verifiers; `None` for the deployer.
    pub owner: Option<Address>,
    /// Who receives what is slashed and no challenger gets; `None` for the owner.
    pub treasury: Option<Address>,
    /// Seconds between a change's announcement and its effect.
    pub change_delay: u32,
}

/// What a network pays with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TokenConfig {
    /// An ERC-20 token that is there.
    Existing(Address),
    /// A new one for tests, all of it the deployer's.
    Test {
        /// Its name.
        name: String,
        /// Its symbol.
        symbol: String,
        /// Decimal places of the unit shown to people.
        decimals: u8,
        /// How much there is, token units.
        #[serde(with = "decimal")]
        supply: U256,
    },
}

/// As a decimal string.
mod decimal {
    use alloy::primitives::U256;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        amount: &U256,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(amount)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<U256, D::Error> {
        let text = String::deserialize(from)?;
        U256::from_str_radix(&text, 10).map_err(serde::de::Error::custom)
    }
}

/// Where a network stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// The chain.
    pub chain_id: u64,
    /// What it pays with.
    pub token: Address,
    /// The contract that checks signatures.
    pub ed25519: Address,
    /// The list of nodes.
    pub registry: Address,
    /// What payers fund and nodes are paid from.
    pub vault: Address,
    /// The settlement contract, by which the network is named.
    pub settlement: Address,
    /// Overturns attestations whose records are false.
    pub record_challenges: Address,
    /// Overturns attestations whose trees aren't built as they must be.
    pub tree_challenges: Address,
    /// Overturns attestations whose amounts are false.
    pub money_challenges: Address,
    /// Slashes issuers who break their word.
    pub issuer_challenges: Address,
    /// Takes what nodes force, and overturns attestations that leave it out.
    pub forced_segments: Address,
    /// Answers whether an attestation states a leaf or counts a receipt.
    pub inclusion: Address,
    /// The block the settlement contract was deployed in.
    pub block: u64,
}

/// One of its contracts.
impl Index<Part> for Deployment {
    type Output = Address;

    fn index(&self, part: Part) -> &Address {
        match part {
            Part::Token => &self.token,
            Part::Ed25519 => &self.ed25519,
            Part::Registry => &self.registry,
            Part::Vault => &self.vault,
            Part::Settlement => &self.settlement,
            Part::RecordChallenges => &self.record_challenges,
            Part::TreeChallenges => &self.tree_challenges,
            Part::MoneyChallenges => &self.money_challenges,
            Part::IssuerChallenges => &self.issuer_challenges,
            Part::ForcedSegments => &self.forced_segments,
            Part::Inclusion => &self.inclusion,
        }
    }
}

impl IndexMut<Part> for Deployment {
    fn index_mut(&mut self, part: Part) -> &mut Address {
        match part {
            Part::Token => &mut self.token,
            Part::Ed25519 => &mut self.ed25519,
            Part::Registry => &mut self.registry,
            Part::Vault => &mut self.vault,
            Part::Settlement => &mut self.settlement,
            Part::RecordChallenges => &mut self.record_challenges,
            Part::TreeChallenges => &mut self.tree_challenges,
            Part::MoneyChallenges => &mut self.money_challenges,
            Part::IssuerChallenges => &mut self.issuer_challenges,
            Part::ForcedSegments => &mut self.forced_segments,
            Part::Inclusion => &mut self.inclusion,
        }
    }
}

impl Deployment {
    /// The contracts that may overturn and slash.
    pub fn challenges(&self) -> Vec<Address> {
        let challenges = Part::ALL.into_iter().filter(|part| part.challenges());
        challenges.map(|part| self[part]).collect()
    }
}

/// Deploys a network with an account of no other use meanwhile.
///
/// The contracts name each other, so each gets the addresses that the others will have, which follow from the
/// account and its nonce. Interrupted, it leaves contracts that nothing refers to.
pub async fn deploy(
    rpc: &str,
    key: PrivateKeySigner,
    config: &DeployConfig,
) -> Result<Deployment, ChainError> {
    Ok(deploy_manifest(rpc, key, config).await?.deployment())
}

/// [`deploy`], and all there is to say of it, for others to check.
pub async fn deploy_manifest(
    rpc: &str,
    key: PrivateKeySigner,
    config: &DeployConfig,
) -> Result<Manifest, ChainError> {
    let deployer = key.address();
    let owner = config.owner.unwrap_or(deployer);
    let config = DeployConfig {
        owner: Some(owner),
        treasury: config.treasury.or(Some(owner)),
        ..config.clone()
    };
    let rpc = Rpc::new(&ChainConfig::new(rpc, Address::ZERO).with_key(key))?;
    let chain_id = rpc.chain_id().await?;
    if let TokenConfig::Existing(token) = config.token
        && !rpc.has_code(token).await?
    {
        return Err(ChainError::NoContract {
            address: token,
            chain_id,
        });
    }

    let mut network = Deployment {
        chain_id,
        ..Deployment::default()
    };
    let mut nonce = rpc.nonce("deploy").await?;
    for part in Part::ALL {
        network[part] = match (part, &config.token) {
            (Part::Token, TokenConfig::Existing(token)) => *token,
            _ => {
                let address = deployer.create(nonce);
                nonce += 1;
                address
            }
        };
    }

    let mut manifest = Manifest::new(deployer, config);
    manifest.chain_id = chain_id;
    for part in Part::ALL {
        let address = network[part];
        let mut tx: Option<B256> = None;
        if let Some(code) = part.creation(&network, &manifest.config)? {
            let created = rpc.create(part.contract(), code, address).await?;
            tx = Some(created.tx);
            if part == Part::Settlement {
                manifest.block = created.block;
            }
        }
        let code_hash = code_hash(&rpc.new_code(address).await?);
        let contract = Contract {
            address,
            code_hash,
            tx,
        };
        manifest.contracts.insert(part, contract);
    }
    Ok(manifest)
}
