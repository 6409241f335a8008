//! What an owner does before there is a network: contracts are deployed, parties admitted, stakes and bonds put up.

use super::evm::CHAIN_ID;
use super::ground::World;
use super::parts::Provider;
use super::plan::{GENESIS_IN_S, PARAMETERS, Plan};
use anyhow::{Context, Result};
use contracts::{
    Address, B256, Chain, ChainConfig, DeployConfig, PrivateKeySigner, TokenConfig, U256,
};
use host::Host;
use protocol::SigningKey;

/// Deposited for what viewers get, token units.
const DEPOSIT: u64 = 1_000_000_000_000;

/// What the saver deposits, token units.
pub const SAVED: u64 = 1_000;

/// Everybody who has a key, by role.
pub struct Parties {
    /// A payer that never has anything served: it deposits, and announces before the genesis to take all back.
    pub saver: PrivateKeySigner,
    /// The account that owns the contracts, and pays for what is watched.
    pub owner: PrivateKeySigner,
    /// The account that commits ticket logs.
    pub committer: PrivateKeySigner,
    /// The issuer's key, which signs tickets.
    pub issuer: SigningKey,
    /// Key and operator's account of each node, by registry index.
    pub nodes: Vec<(SigningKey, PrivateKeySigner)>,
    /// The verifiers' accounts.
    pub verifiers: Vec<PrivateKeySigner>,
}

impl Parties {
    /// Those of a plan; a name decides a key.
    pub(super) fn of(plan: &Plan, world: &World) -> Self {
        let nodes = (0..plan.nodes).map(|node| {
            let operator = account(world, &format!("operator {node} account"));
            (key(world, &format!("node {node} key")), operator)
        });
        let verifiers = 0..plan.verifiers;
        Self {
            saver: account(world, "saver account"),
            owner: account(world, "owner account"),
            committer: account(world, "committer account"),
            issuer: key(world, "issuer key"),
            nodes: nodes.collect(),
            verifiers: verifiers
                .map(|verifier| account(world, &format!("verifier {verifier} account")))
                .collect(),
        }
    }

    /// All accounts, each with more ether than it can spend, wei.
    pub(super) fn funded(&self) -> Vec<(Address, U256)> {
        let operators = self.nodes.iter().map(|(_, operator)| operator);
        let all = [&self.owner, &self.committer, &self.saver].into_iter();
        let all = all.chain(&self.verifiers).chain(operators);
        let ether = U256::from(10).pow(U256::from(24));
        all.map(|account| (account.address(), ether)).collect()
    }
}

/// An account that a name decides.
pub(super) fn account(world: &World, name: &str) -> PrivateKeySigner {
    let mut secret = [0; 32];
    world.dice(name).fill(&mut secret);
    // All but some 2^-128 of what can be drawn is a key.
    PrivateKeySigner::from_bytes(&B256::from(secret)).expect("a key")
}

/// A key that a name decides.
pub(super) fn key(world: &World, name: &str) -> SigningKey {
    let mut secret = [0; 32];
    world.dice(name).fill(&mut secret);
    SigningKey::from_bytes(&secret)
}

/// Deploys the contracts and admits the parties; gives the chain as its owner has it.
pub(super) async fn found(host: &Host, rpc: &str, parties: &Parties) -> Result<Chain> {
    let chain = deploy(host, rpc, &parties.owner).await;
    let chain = chain.context("deploying")?;
    let issuer = B256::from(parties.issuer.verifying_key().to_bytes());
    let committer = parties.committer.address();
    chain.add_issuer(issuer, committer).await?;
    chain.fund(U256::from(DEPOSIT)).await?;
    let saved = U256::from(SAVED);
    chain.transfer_token(parties.saver.address(), saved).await?;
    let saver = as_account(host, rpc, &chain, &parties.saver).await?;
    saver.fund(saved).await.context("saving")?;
    for verifier in &parties.verifiers {
        let bond = U256::from(PARAMETERS.verifier_bond);
        chain.admit_verifier(verifier.address()).await?;
        chain.transfer_token(verifier.address(), bond).await?;
        let bonding = as_account(host, rpc, &chain, verifier).await?;
        bonding.post_bond(bond).await.context("bonding")?;
    }
    let quorum = u8::try_from(parties.verifiers.len())?;
    if quorum > 1 {
        chain.set_quorum(quorum).await?;
    }
    for (node, (key, operator)) in parties.nodes.iter().enumerate() {
        let stake = U256::from(PARAMETERS.node_stake);
        chain.transfer_token(operator.address(), stake).await?;
        let registering = as_account(host, rpc, &chain, operator).await?;
        let proof = registering.key_proof(key, operator.address());
        let payout = payout(node);
        let registered = registering.register_node(&proof, payout).await;
        registered.context("registering")?;
    }
    // Not in the block after the deposit: what is estimated there, as of that block's time, overwrites the deposit's entry, and
    // what is mined a second later makes one of its own, for more gas.
    saver.announce_withdrawal(saved).await.context("saving")?;
    Ok(chain)
}

/// Whom a node's wages are paid to: an account that does nothing else.
pub(super) fn payout(node: usize) -> Address {
    Address::left_padding_from(&(0x9000 + node as u64).to_be_bytes())
}

/// The chain as one of these accounts has it.
pub(super) async fn as_account(
    host: &Host,
    rpc: &str,
    chain: &Chain,
    account: &PrivateKeySigner,
) -> Result<Chain> {
    let config = ChainConfig::new(&host.http, rpc, chain.network().1);
    Ok(Chain::connect(&config.with_key(account.clone())).await?)
}

/// The chain as somebody asks it at a URL.
pub(super) fn provider(rpc: String, chain: &Chain) -> Provider {
    Provider {
        rpc,
        chain_id: CHAIN_ID,
        settlement: chain.network().1,
    }
}

async fn deploy(host: &Host, rpc: &str, owner: &PrivateKeySigner) -> Result<Chain> {
    let config = DeployConfig {
        parameters: PARAMETERS,
        genesis: host.clock.now_ms() / 1000 + GENESIS_IN_S,
        token: TokenConfig::Test {
            name: "Test".into(),
            symbol: "TEST".into(),
            decimals: 6,
            supply: U256::from(10).pow(U256::from(18)),
        },
        owner: None,
        treasury: None,
        change_delay: 1_000,
    };
    let manifest = contracts::deploy_manifest(&host.http, rpc, owner.clone(), &config).await?;
    let settlement = manifest.deployment().settlement;
    let config = ChainConfig::new(&host.http, rpc, settlement);
    Ok(Chain::connect(&config.with_key(owner.clone())).await?)
}
