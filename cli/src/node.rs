//! `quittance node`: make one, run it, claim what it earned.

use crate::keys::{account, signing_key, signing_key_or_new};
use crate::output;
use crate::settings::{folder, load, require, settings};
use anyhow::{Context, Result, bail};
use clap::Subcommand;
use contracts::{Chain, ChainError, Revert, Status};
use protocol::{Address, B256, Epoch, EpochTree, NodeId};
use serde::Serialize;
use std::net::SocketAddr;
use std::path::PathBuf;

const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make the node's key and register it on the chain; running it again changes nothing.
    Init(InitArgs),
    /// Serve.
    Run(RunArgs),
    /// Collect what the node has earned up to the newest epoch that is past its challenge window.
    Claim(ClaimArgs),
}

settings! {
    @chain
    /// One node's settings.
    NodeSettings {
        /// Folder for the node's key, cache, receipts and segments.
        #[arg(long, env = "QUITTANCE_DATA_DIR", value_name = "DIR")]
        data_dir: PathBuf,
        /// File with the operator account's private key; else QUITTANCE_ETH_KEY. Not needed to run.
        #[arg(long, env = "QUITTANCE_ETH_KEY_FILE", value_name = "FILE")]
        eth_key_file: PathBuf,
        /// Address that rewards are paid to [default: the operator's account].
        #[arg(long, value_name = "ADDRESS")]
        payout: Address,
        /// UDP address to serve at [default: 0.0.0.0:4433].
        #[arg(long, env = "QUITTANCE_LISTEN", value_name = "IP:PORT")]
        listen: SocketAddr,
        /// host:port at which clients reach the node [default: the address served at, if that is one].
        #[arg(long, env = "QUITTANCE_PUBLIC_ADDRESS", value_name = "HOST:PORT")]
        public_address: String,
        /// URL of the control plane.
        #[arg(long, env = "QUITTANCE_CONTROL", value_name = "URL")]
        control: String,
        /// Disk for cached content, GiB [default: 10].
        #[arg(long, value_name = "GIB")]
        cache_gib: u64,
        /// MiB of content after which a client owes a receipt [default: 4].
        #[arg(long, value_name = "MIB")]
        receipt_interval_mib: u64,
        /// MiB of content sent ahead of the last receipt: the most a client can take unsigned
        /// [default: 32].
        #[arg(long, value_name = "MIB")]
        window_mib: u64,
        /// URL of a verifier, for the evidence that a claim needs.
        #[arg(long, env = "QUITTANCE_VERIFIER", value_name = "URL")]
        verifier: String,
    }
}

macro_rules! node_args {
    ($name:ident) => {
        #[derive(Debug, clap::Args)]
        pub(crate) struct $name {
            #[command(flatten)]
            settings: NodeSettings,
            /// TOML file with any of these settings.
            #[arg(long, env = "QUITTANCE_CONFIG", value_name = "FILE")]
            config: Option<PathBuf>,
            /// Print the result as JSON.
            #[arg(long)]
            json: bool,
        }
    };
}
node_args!(InitArgs);
node_args!(RunArgs);
node_args!(ClaimArgs);

pub(crate) async fn run(command: Command) -> Result<()> {
    match command {
        Command::Init(args) => init(args).await,
        Command::Run(args) => serve(args).await,
        Command::Claim(args) => claim(args).await,
    }
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
        None => Some(chain.register_node(node.0, payout).await?.tx),
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
    };
    let stop = crate::stop_signal()?;
    let node = ::node::Node::start(config).await?;
    if let Some(address) = node.local_addr() {
        tracing::info!(node = %node.id(), %address, "serving");
    }
    node.run(stop).await?;
    Ok(())
}

#[derive(Debug, Serialize)]
struct Claimed {
    node: NodeId,
    payout: Address,
    /// Up to and with which epoch.
    epoch: Option<Epoch>,
    /// Token units, as a decimal string.
    amount: String,
    tx: Option<B256>,
}

async fn claim(args: ClaimArgs) -> Result<()> {
    let settings = load(args.settings, args.config.as_deref())?;
    let data_dir = folder(&require(
        &settings.data_dir,
        "data_dir",
        "the node's folder",
    )?)?;
    let verifier = require(&settings.verifier, "verifier", "a verifier's URL")?;
    let operator = account(settings.eth_key_file.as_deref())?;
    let chain = Chain::connect(&settings.chain()?.with_key(operator)).await?;
    let node = NodeId::from(
        signing_key(&data_dir.join("node.key"))?
            .verifying_key()
            .to_bytes(),
    );
    let index = chain
        .index_of(node.0)
        .await?
        .with_context(|| format!("node {node} is not registered: run `quittance node init`"))?;
    let entries = chain.nodes_from(index).await?;
    let payout = entries
        .first()
        .context("the registry lost the node")?
        .payout;
    let nothing = Claimed {
        node,
        payout,
        epoch: None,
        amount: "0".into(),
        tx: None,
    };

    let Some(epoch) = newest_active(&chain).await? else {
        return output::print(args.json, &nothing);
    };
    let attestation = chain
        .attestation(epoch)
        .await?
        .context("the attestation is gone")?;
    let tree = fetch_tree(&verifier, epoch).await?;
    let sums = prover::SumTree::of_epoch(&tree)?;
    if sums.root().hash() != attestation.root {
        bail!(
            "the evidence at {verifier} is not that of epoch {epoch} on the chain; try another verifier"
        );
    }
    let Some(leaf) = tree.leaves.get(index as usize) else {
        return output::print(
            args.json,
            &Claimed {
                epoch: Some(epoch),
                ..nothing
            },
        );
    };
    let proof = sums.proof(index.into()).context("the tree lost the node")?;
    let before = chain.claimed(index).await?;
    match chain.claim(epoch, &leaf.into(), &proof.0).await {
        Ok(sent) => {
            let amount = contracts::U256::from(leaf.cumulative) - before;
            let claimed = Claimed {
                epoch: Some(epoch),
                amount: amount.to_string(),
                tx: Some(sent.tx),
                ..nothing
            };
            output::print(args.json, &claimed)
        }
        Err(ChainError::Reverted { revert, .. }) if is_nothing(&revert) => output::print(
            args.json,
            &Claimed {
                epoch: Some(epoch),
                ..nothing
            },
        ),
        Err(error) => Err(error.into()),
    }
}

fn is_nothing(revert: &Revert) -> bool {
    revert.to_string().contains("NothingToClaim")
}

/// The newest epoch that can be claimed from.
async fn newest_active(chain: &Chain) -> Result<Option<Epoch>> {
    let mut epoch = chain.next_epoch().await?;
    while epoch > 0 {
        epoch -= 1;
        if chain.status(epoch).await? == Status::Active {
            return Ok(Some(epoch));
        }
    }
    Ok(None)
}

/// An epoch's leaves, from a verifier; the chain's root is what says whether they are true.
async fn fetch_tree(verifier: &str, epoch: Epoch) -> Result<EpochTree> {
    let url = format!(
        "{}/v1/evidence/{epoch}/tree.qtree",
        verifier.trim_end_matches('/')
    );
    let unreachable = || format!("cannot fetch {url}");
    let answer = reqwest::get(&url).await.with_context(unreachable)?;
    let mut answer = answer.error_for_status().with_context(unreachable)?;
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.with_context(unreachable)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > EpochTree::BYTES_MAX {
            bail!("{url} is larger than any epoch tree");
        }
    }
    EpochTree::from_bytes(&bytes).with_context(|| format!("{url} is not an epoch tree"))
}
