//! What payers deposit, how they get back what they aren't billed, and the epoch that both are reckoned by.

use super::acting::{AdminSettings, Transaction, act, admin_args, connect};
use super::refused::advised;
use crate::keys::account;
use crate::output;
use crate::settings::{load, require, settings};
use crate::settled::{activate_newest, fetch_tree};
use anyhow::{Context, Result, bail};
use contracts::{Chain, U256};
use protocol::{Address, B256, BillTree, Epoch};
use serde::Serialize;
use std::path::PathBuf;

settings! {
    @chain
    /// Which network, who acts, and where the evidence is.
    WithdrawSettings {
        /// File with the payer's private key; else QUITTANCE_ETH_KEY.
        #[arg(long, env = "QUITTANCE_ETH_KEY_FILE", value_name = "FILE")]
        eth_key_file: PathBuf,
        /// URL of a verifier, for the evidence that a withdrawal needs; an announcement needs none.
        #[arg(long, env = "QUITTANCE_VERIFIER", value_name = "URL")]
        verifier: String,
    }
}

admin_args!(
    /// Deposit.
    FundArgs, AdminSettings {
        /// How much, in the token's smallest unit.
        #[arg(value_name = "UNITS")]
        amount: U256,
    }
);
admin_args!(
    /// Get a deposit back.
    WithdrawArgs, WithdrawSettings {
        /// Announce so much, in the token's smallest unit: it pays for no later epoch, and can be withdrawn
        /// when an epoch is settled that ends after the announcement. Without it, withdraw what was announced.
        #[arg(long, value_name = "UNITS")]
        announce: Option<U256>,
    }
);

admin_args!(
    /// Activate.
    ActivateArgs, AdminSettings {}
);

/// What the vault pays by.
#[derive(Debug, Serialize)]
struct Activated {
    /// The newest epoch that is past its challenge window; absent if there is none yet.
    epoch: Option<Epoch>,
}

#[derive(Debug, Serialize)]
struct Withdrawn {
    payer: Address,
    /// The settled epoch by whose bills it was reckoned.
    epoch: Epoch,
    /// Bills of all epochs up to it, token units, as a decimal string.
    billed: String,
    tx: B256,
}

pub(super) async fn fund(args: FundArgs) -> Result<()> {
    act(args.settings, args.config, args.json, |chain| {
        chain.fund(args.amount)
    })
    .await
}

pub(super) async fn activate(args: ActivateArgs) -> Result<()> {
    let settings = load(args.settings, args.config.as_deref())?;
    let chain = connect(&settings, true).await?;
    let settled = activate_newest(&chain).await?;
    let epoch = settled.map(|settled| settled.epoch);
    output::print(args.json, &Activated { epoch })
}

pub(super) async fn withdraw(args: WithdrawArgs) -> Result<()> {
    let settings = load(args.settings, args.config.as_deref())?;
    let signer = account(settings.eth_key_file.as_deref())?;
    let payer = signer.address();
    let chain = settings.chain()?.with_key(signer);
    if let Some(amount) = args.announce {
        let chain = Chain::connect(&chain).await?;
        let sent = advised(&chain, chain.announce_withdrawal(amount).await).await?;
        return output::print(args.json, &Transaction::from(sent));
    }
    let verifier = require(&settings.verifier, "verifier", "a verifier's URL")?;
    let chain = Chain::connect(&chain).await?;
    let Some(settled) = activate_newest(&chain).await? else {
        bail!("no epoch is settled yet: the first is when its challenge window has passed");
    };
    let epoch = settled.epoch;
    let bills: BillTree = fetch_tree(&verifier, epoch, "bills.qbil").await?;
    let sums = prover::SumTree::of_epoch(&bills)?;
    if sums.root().hash() != settled.bills {
        bail!(
            "the bills at {verifier} are not those of epoch {epoch} on the chain; try another verifier"
        );
    }
    let leaf = bills.leaves.iter().find(|leaf| leaf.payer == payer);
    let leaf = leaf.with_context(|| {
        format!("account {payer} has no bill in epoch {epoch}: it deposited later, or never")
    })?;
    let proof = sums
        .proof(leaf.index.into())
        .context("the tree lost the payer")?;
    let count = u32::try_from(bills.leaves.len())?;
    let sent = chain.withdraw(&leaf.into(), count, &proof.0).await;
    let sent = advised(&chain, sent).await?;
    let withdrawn = Withdrawn {
        payer,
        epoch,
        billed: leaf.cumulative.to_string(),
        tx: sent.tx,
    };
    output::print(args.json, &withdrawn)
}
