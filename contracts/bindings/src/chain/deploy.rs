//! A new network: its token if it needs one, registry, vault, settlement and challenge contracts.

use alloy::primitives::{Address, Bytes, U256};
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolConstructor;
use serde::{Deserialize, Serialize};

use super::rpc::Rpc;
use super::{ChainConfig, ChainError, Parameters};
use crate::abi::{
    Ed25519, ForcedSegments, Inclusion, IssuerChallenges, MoneyChallenges, NodeRegistry,
    RecordChallenges, RewardVault, Settlement, TestToken, TreeChallenges,
};

/// What a network is to be.
#[derive(Clone, Debug)]
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

impl Deployment {
    /// The contracts that may overturn and slash.
    pub fn challenges(&self) -> [Address; 5] {
        [
            self.record_challenges,
            self.tree_challenges,
            self.money_challenges,
            self.issuer_challenges,
            self.forced_segments,
        ]
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
    let deployer = key.address();
    let owner = config.owner.unwrap_or(deployer);
    let parameters = (&config.parameters).try_into()?;
    let rpc = Rpc::new(&ChainConfig::new(rpc, Address::ZERO).with_key(key))?;
    let chain_id = rpc.chain_id().await?;

    let mut nonce = rpc.nonce("deploy").await?;
    let mut next = || {
        let address = deployer.create(nonce);
        nonce += 1;
        address
    };
    let token = match &config.token {
        TokenConfig::Existing(token) if !rpc.has_code(*token).await? => {
            return Err(ChainError::NoContract {
                address: *token,
                chain_id,
            });
        }
        TokenConfig::Existing(token) => *token,
        TokenConfig::Test { .. } => next(),
    };
    let mut network = Deployment {
        chain_id,
        token,
        ed25519: next(),
        registry: next(),
        vault: next(),
        settlement: next(),
        record_challenges: next(),
        tree_challenges: next(),
        money_challenges: next(),
        issuer_challenges: next(),
        forced_segments: next(),
        inclusion: next(),
        block: 0,
    };

    if let TokenConfig::Test {
        name,
        symbol,
        decimals,
        supply,
    } = &config.token
    {
        let arguments = TestToken::constructorCall {
            name_: name.clone(),
            symbol_: symbol.clone(),
            decimals_: *decimals,
            supply: *supply,
        };
        let code = code(&TestToken::BYTECODE, &arguments);
        rpc.create("TestToken", code, network.token).await?;
    }
    let ed25519 = Ed25519::BYTECODE.to_vec();
    rpc.create("Ed25519", ed25519, network.ed25519).await?;
    let arguments = NodeRegistry::constructorCall {
        token_: network.token,
        ed25519_: network.ed25519,
        vault_: network.vault,
        settlement_: network.settlement,
    };
    let registry = code(&NodeRegistry::BYTECODE, &arguments);
    rpc.create("NodeRegistry", registry, network.registry)
        .await?;
    let arguments = RewardVault::constructorCall {
        token_: network.token,
        registry_: network.registry,
        settlement_: network.settlement,
    };
    let vault = code(&RewardVault::BYTECODE, &arguments);
    rpc.create("RewardVault", vault, network.vault).await?;
    let arguments = Settlement::constructorCall {
        config: Settlement::Config {
            registry: network.registry,
            vault: network.vault,
            ed25519: network.ed25519,
            token: network.token,
            owner,
            treasury: config.treasury.unwrap_or(owner),
            changeDelay: config.change_delay,
            genesis: config.genesis,
            challengers: network.challenges().to_vec(),
        },
        first: parameters,
    };
    let settlement = code(&Settlement::BYTECODE, &arguments);
    network.block = rpc
        .create("Settlement", settlement, network.settlement)
        .await?;
    let settlement_ = network.settlement;
    let arguments = RecordChallenges::constructorCall { settlement_ };
    let records = code(&RecordChallenges::BYTECODE, &arguments);
    rpc.create("RecordChallenges", records, network.record_challenges)
        .await?;
    let arguments = TreeChallenges::constructorCall { settlement_ };
    let trees = code(&TreeChallenges::BYTECODE, &arguments);
    rpc.create("TreeChallenges", trees, network.tree_challenges)
        .await?;
    let arguments = MoneyChallenges::constructorCall { settlement_ };
    let money = code(&MoneyChallenges::BYTECODE, &arguments);
    rpc.create("MoneyChallenges", money, network.money_challenges)
        .await?;
    let arguments = IssuerChallenges::constructorCall { settlement_ };
    let issuers = code(&IssuerChallenges::BYTECODE, &arguments);
    rpc.create("IssuerChallenges", issuers, network.issuer_challenges)
        .await?;
    let arguments = ForcedSegments::constructorCall { settlement_ };
    let forced = code(&ForcedSegments::BYTECODE, &arguments);
    rpc.create("ForcedSegments", forced, network.forced_segments)
        .await?;
    let arguments = Inclusion::constructorCall { settlement_ };
    let inclusion = code(&Inclusion::BYTECODE, &arguments);
    rpc.create("Inclusion", inclusion, network.inclusion)
        .await?;
    Ok(network)
}

/// Creation code with the constructor's arguments.
fn code(bytecode: &Bytes, arguments: &impl SolConstructor) -> Vec<u8> {
    [&bytecode[..], &arguments.abi_encode()].concat()
}
