//! `quittance node`: make one, run it, claim what it earned, change payout and key, end it.

pub(crate) mod args;
mod check;
mod claim;
mod force;
mod registered;

use crate::keys::{account, signing_key, signing_key_or_new};
use crate::output;
use crate::settings::{folder, load, require};
use anyhow::{Context, Result, bail, ensure};
use args::{
    CheckArgs, ClaimArgs, ExitArgs, ForceArgs, InitArgs, RotateArgs, RunArgs, SetPayoutArgs,
    WithdrawStakeArgs,
};
use clap::Subcommand;
use contracts::{Chain, U256};
use protocol::{Address, B256, NodeId};
use serde::Serialize;
use std::process::ExitCode;

const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make the node's key and register it on the chain, with the stake that the network asks for from the
    /// operator's account; running it again changes nothing.
    Init(InitArgs),
    /// Serve.
    Run(RunArgs),
    /// Collect what the node has earned up to the newest epoch that is past its challenge window.
    Claim(ClaimArgs),
    /// Put the node's receipts of an epoch on the chain, so that no verifier can leave them out.
    ///
    /// For a node that doesn't trust the verifiers to take its segment. It works in the epoch's force window only,
    /// which opens when the last tickets have expired, and costs gas for every receipt. An attestation that then
    /// ignores a receipt which counts can be overturned by anyone: `quittance audit --challenge`.
    Force(ForceArgs),
    /// Hold issuers to the tickets they signed: each must be in its issuer's committed log, as it was signed. Exit
    /// 0 if they are, 1 if not, 2 if undecided, 3 if a challenge could not be sent.
    Check(CheckArgs),
    /// Have the node's rewards paid to another account from now on, those too that it earned and nobody claimed.
    SetPayout(SetPayoutArgs),
    /// Give the node another key, for the epochs that begin later.
    Rotate(RotateArgs),
    /// Leave the network; the stake is free when nothing the node did can be challenged any more.
    Exit(ExitArgs),
    /// Take back the stake of a node that has left.
    WithdrawStake(WithdrawStakeArgs),
}

pub(crate) async fn run(command: Command) -> Result<ExitCode> {
    let done = match command {
        Command::Check(args) => return check::check(args).await,
        Command::Init(args) => init(args).await,
        Command::Run(args) => serve(args).await,
        Command::Claim(args) => claim::claim(args).await,
        Command::Force(args) => force::force(args).await,
        Command::SetPayout(args) => registered::set_payout(args).await,
        Command::Rotate(args) => registered::rotate(args).await,
        Command::Exit(args) => registered::exit(args).await,
        Command::WithdrawStake(args) => registered::withdraw_stake(args).await,
    };
    done.map(|()| ExitCode::SUCCESS)
}

#[derive(Debug, Serialize)]
struct Made {
    node: NodeId,
    index: u32,
    operator: Address,
    payout: Address,
    /// The registration; absent if it was registered before.
    tx: Option<B256>,
}

async fn init(args: InitArgs) -> Result<()> {
    let settings = load(args.settings, args.config.as_deref())?;
    let data_dir = folder(&require(
        &settings.data_dir,
        "data_dir",
        "the node's folder",
    )?)?;
    let operator = account(settings.eth_key_file.as_deref())?;
    let chain = Chain::connect(&settings.chain()?.with_key(operator.clone())).await?;
    let key = signing_key_or_new(&data_dir.join("node.key"))?;
    let node = NodeId::from(key.verifying_key().to_bytes());
    let payout = settings.payout.unwrap_or(operator.address());
    let tx = match chain.index_of(node.0).await? {
        Some(_) => None,
        None => {
            check_stake(&chain, operator.address()).await?;
            let proof = chain.key_proof(&key, operator.address());
            Some(chain.register_node(&proof, payout).await?.tx)
        }
    };
    let index = chain
        .index_of(node.0)
        .await?
        .context("the registry lost the node")?;
    let entries = chain.nodes_from(index).await?;
    let entry = entries.first().context("the registry lost the node")?;
    if entry.operator != operator.address() {
        bail!(
            "node {node} is registered by another account, {}: if that isn't yours, remove {} and run this again for a fresh key",
            entry.operator,
            data_dir.join("node.key").display()
        );
    }
    let made = Made {
        node,
        index,
        operator: entry.operator,
        payout: entry.payout,
        tx,
    };
    output::print(args.json, &made)
}

/// Says what is missing, which the token's own refusal may not.
async fn check_stake(chain: &Chain, operator: Address) -> Result<()> {
    let stake = U256::from(chain.node_stake().await?);
    let balance = chain.token_balance(operator).await?;
    ensure!(
        balance >= stake,
        "a node's stake is {stake} token units, and account {operator} has {balance}: send it more of token {}",
        chain.token()
    );
    Ok(())
}

async fn serve(args: RunArgs) -> Result<()> {
    let settings = load(args.settings, args.config.as_deref())?;
    let data_dir = folder(&require(
        &settings.data_dir,
        "data_dir",
        "the node's folder",
    )?)?;
    let key_path = data_dir.join("node.key");
    if !key_path.exists() {
        bail!(
            "{} is missing: run `quittance node init` first",
            key_path.display()
        );
    }
    let mib = |setting: Option<u64>, default: u64| setting.unwrap_or(default).saturating_mul(MIB);
    let config = ::node::Config {
        host: host::Host::system(),
        key: signing_key(&key_path)?,
        data_dir,
        listen: settings
            .listen
            .unwrap_or_else(|| ([0, 0, 0, 0], 4433).into()),
        public_address: settings.public_address.clone(),
        control: require(&settings.control, "control", "the control plane's URL")?,
        chain: settings.chain()?,
        cache_bytes: settings.cache_gib.unwrap_or(10).saturating_mul(GIB),
        receipt_interval: mib(settings.receipt_interval_mib, 4),
        window: mib(settings.window_mib, 32),
        sessions_max: settings.sessions_max.unwrap_or(10_000),
        bandwidth_mbps: settings.bandwidth_mbps.unwrap_or(100),
    };
    let stop = crate::stop::stop_signal()?;
    let node = ::node::Node::start(config).await?;
    if let Some(address) = node.local_addr() {
        tracing::info!(node = %node.id(), %address, "serving");
    }
    node.run(stop).await?;
    Ok(())
}
