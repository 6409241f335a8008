//! A new network: its token if it needs one, registry, vault and settlement contract.

use alloy::primitives::{Address, U256};
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolConstructor;
use serde::{Deserialize, Serialize};

use super::rpc::Rpc;
use super::{ChainConfig, ChainError, Parameters};
use crate::abi::{NodeRegistry, RewardVault, Settlement, TestToken};

/// What a network is to be.
#[derive(Clone, Debug)]
pub struct DeployConfig {
    /// What it agrees on.
    pub parameters: Parameters,
    /// What it pays with.
    pub token: TokenConfig,
    /// Who adds issuers and verifiers; `None` for the deployer.
    pub owner: Option<Address>,
    /// The contract that may overturn attestations; `None` for none.
    pub challenges: Option<Address>,
}

/// What a network pays with.
#[derive(Clone, Debug)]
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
        supply: U256,
    },
}

/// Where a network stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// The chain.
    pub chain_id: u64,
    /// What it pays with.
    pub token: Address,
    /// The list of nodes.
    pub registry: Address,
    /// What payers fund and nodes are paid from.
    pub vault: Address,
    /// The settlement contract, by which the network is named.
    pub settlement: Address,
    /// The block the settlement contract was deployed in.
    pub block: u64,
}

/// Deploys a network with an account of no other use meanwhile.
///
/// Vault and settlement contract name each other, so the vault gets the address that the settlement contract
/// will have, which follows from the account and its nonce; the settlement contract checks it. Interrupted,
/// it leaves contracts that nothing refers to.
pub async fn deploy(
    rpc: &str,
    key: PrivateKeySigner,
    config: &DeployConfig,
) -> Result<Deployment, ChainError> {
    let deployer = key.address();
    let rpc = Rpc::new(&ChainConfig::new(rpc, Address::ZERO).with_key(key))?;
    let chain_id = rpc.chain_id().await?;

    let token = match &config.token {
        TokenConfig::Existing(token) if !rpc.has_code(*token).await? => {
            return Err(ChainError::NoContract {
                address: *token,
                chain_id,
            });
        }
        TokenConfig::Existing(token) => *token,
        TokenConfig::Test {
            name,
            symbol,
            decimals,
            supply,
        } => {
            let arguments = TestToken::constructorCall {
                name_: name.clone(),
                symbol_: symbol.clone(),
                decimals_: *decimals,
                supply: *supply,
            };
            let code = [&TestToken::BYTECODE[..], &arguments.abi_encode()].concat();
            rpc.create("TestToken", |_| code.into()).await?.0
        }
    };
    let (registry, _) = rpc
        .create("NodeRegistry", |_| NodeRegistry::BYTECODE.clone())
        .await?;
    let vault_code = |nonce: u64| {
        let settlement_ = deployer.create(nonce + 1);
        let arguments = RewardVault::constructorCall {
            token_: token,
            settlement_,
        };
        [&RewardVault::BYTECODE[..], &arguments.abi_encode()]
            .concat()
            .into()
    };
    let (vault, _) = rpc.create("RewardVault", vault_code).await?;
    let arguments = Settlement::constructorCall {
        terms: (&config.parameters).into(),
        registry_: registry,
        vault_: vault,
        owner: config.owner.unwrap_or(deployer),
        challenges_: config.challenges.unwrap_or_default(),
    };
    let code = [&Settlement::BYTECODE[..], &arguments.abi_encode()].concat();
    let (settlement, block) = rpc.create("Settlement", |_| code.into()).await?;
    Ok(Deployment {
        chain_id,
        token,
        registry,
        vault,
        settlement,
        block,
    })
}
