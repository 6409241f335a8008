//! `quittance contracts show`: what stands on the chain.

use super::acting::{AdminSettings, admin_args, connect};
use super::voters::{Waiting, waiting};
use crate::output;
use crate::settings::load;
use anyhow::Result;
use contracts::{Chain, Parameters, Version};
use protocol::{Address, IssuerKey};
use serde::Serialize;
use std::path::PathBuf;

admin_args!(
    /// Show.
    ShowArgs, AdminSettings {
        /// Show too what this account has: tokens, deposit, bounty. May be given several times.
        #[arg(long = "account", value_name = "ADDRESS")]
        accounts: Vec<Address>,
    }
);

/// Amounts are token units, as decimal strings; times are Unix seconds.
#[derive(Debug, Serialize)]
struct Shown {
    chain_id: u64,
    settlement: Address,
    registry: Address,
    vault: Address,
    token: Address,
    owner: Address,
    /// Named as the next owner.
    pending_owner: Option<Address>,
    treasury: Address,
    genesis: u64,
    /// Seconds from a change's announcement to its effect.
    change_delay: u32,
    /// Seconds from leaving to the time when bond or stake may be withdrawn.
    unbonding: u64,
    /// What holds now.
    parameters: Parameters,
    /// What was scheduled to hold later.
    scheduled: Vec<Version>,
    issuers: Vec<Issuer>,
    verifiers: Vec<Verifier>,
    quorum: u8,
    /// Changes of verifiers and quorum that are announced and not made.
    announced: Vec<Waiting>,
    nodes: u32,
    payers: usize,
    next_epoch: u64,
    funded: String,
    paid: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    accounts: Vec<Account>,
}

#[derive(Debug, Serialize)]
struct Issuer {
    index: u32,
    /// The newest.
    key: IssuerKey,
    committer: Address,
    bond: String,
    /// When its bond may be withdrawn; absent unless that was announced.
    #[serde(skip_serializing_if = "Option::is_none")]
    unbonded_at: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Verifier {
    account: Address,
    /// Whether it may vote, with bond enough.
    admitted: bool,
    bond: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    unbonded_at: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Account {
    account: Address,
    tokens: String,
    deposit: String,
    /// Announced to be withdrawn from the deposit.
    withdrawing: String,
    bounty: String,
}

fn announced(at: u64) -> Option<u64> {
    (at != 0).then_some(at)
}

async fn account(chain: &Chain, account: Address) -> Result<Account> {
    let withdrawing = chain.announced_withdrawal(account).await?;
    Ok(Account {
        account,
        tokens: chain.token_balance(account).await?.to_string(),
        deposit: chain.deposit_of(account).await?.to_string(),
        withdrawing: withdrawing.map_or(0, |(amount, _)| amount).to_string(),
        bounty: chain.bounty_of(account).await?.to_string(),
    })
}

pub(super) async fn show(args: ShowArgs) -> Result<()> {
    let settings = load(args.settings, args.config.as_deref())?;
    let chain = connect(&settings, false).await?;
    let network = chain.network_id();
    let now = chain.now().await?;
    let later = chain.versions().into_iter().skip(1);
    let issuers = chain.issuers().await?.into_iter().map(|issuer| Issuer {
        index: issuer.index,
        key: issuer.issuer_key(),
        committer: issuer.committer,
        bond: issuer.bond.to_string(),
        unbonded_at: announced(issuer.unbonded_at),
    });
    let verifiers = chain.verifiers().await?.into_iter().map(|one| Verifier {
        account: one.account,
        admitted: one.admitted,
        bond: one.bond.to_string(),
        unbonded_at: announced(one.unbonded_at),
    });
    let mut accounts = Vec::new();
    for of in args.accounts {
        accounts.push(account(&chain, of).await?);
    }
    let shown = Shown {
        chain_id: network.chain_id,
        settlement: network.settlement,
        registry: chain.registry(),
        vault: chain.vault(),
        token: chain.token(),
        owner: chain.owner().await?,
        pending_owner: chain.pending_owner().await?,
        treasury: chain.treasury().await?,
        genesis: chain.timeline().genesis(),
        change_delay: chain.change_delay().await?,
        unbonding: chain.unbonding().await?,
        parameters: chain.parameters().clone(),
        scheduled: later.filter(|one| one.start > now).collect(),
        issuers: issuers.collect(),
        verifiers: verifiers.collect(),
        quorum: chain.quorum().await?,
        announced: waiting(&chain).await?,
        nodes: chain.node_count().await?,
        payers: chain.payers().await?.len(),
        next_epoch: chain.next_epoch().await?,
        funded: chain.funded().await?.to_string(),
        paid: chain.paid().await?.to_string(),
        accounts,
    };
    output::print(args.json, &shown)
}
