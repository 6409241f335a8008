//! `quittance contracts`: deploy a network, add who may issue and verify, fund it, read it.

use crate::keys::account;
use crate::output;
use crate::settings::{load, require, settings};
use anyhow::{Context, Result};
use clap::Subcommand;
use contracts::{Chain, DeployConfig, Parameters, Sent, TokenConfig, U256};
use protocol::{Address, B256, IssuerKey};
use serde::Serialize;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Deploy token (for tests), registry, vault and settlement.
    Deploy(DeployArgs),
    /// Let a control plane issue tickets and commit its logs.
    AddIssuer(AddIssuerArgs),
    /// Let an account attest.
    AddVerifier(AddVerifierArgs),
    /// Put money into the vault that rewards are paid from.
    Fund(FundArgs),
    /// Show what stands on the chain.
    Show(ShowArgs),
}

settings! {
    /// What a new network agrees on.
    DeploySettings {
        /// URL of an Ethereum node's JSON-RPC.
        #[arg(long, env = "QUITTANCE_RPC", value_name = "URL", hide_env_values = true)]
        rpc: String,
        /// File with the deploying account's private key; else QUITTANCE_ETH_KEY.
        #[arg(long, env = "QUITTANCE_ETH_KEY_FILE", value_name = "FILE")]
        eth_key_file: PathBuf,
        /// ERC-20 token to pay with [default: a new one for tests, all of it the deployer's].
        #[arg(long, value_name = "ADDRESS")]
        token: Address,
        /// Start of epoch 0, Unix seconds [default: now].
        #[arg(long, value_name = "SECONDS")]
        genesis: u64,
        /// Seconds an epoch lasts [default: 3600].
        #[arg(long, value_name = "SECONDS")]
        epoch_length: u32,
        /// Seconds after its epoch's end that a ticket may still be used [default: 60].
        #[arg(long, value_name = "SECONDS")]
        ticket_tail: u32,
        /// Seconds after an epoch's end to commit ticket logs in [default: 600].
        #[arg(long, value_name = "SECONDS")]
        commit_window: u32,
        /// Seconds an attestation stands open to challenge [default: 86400].
        #[arg(long, value_name = "SECONDS")]
        challenge_window: u32,
        /// Score below which nothing is paid, parts per million [default: 500000].
        #[arg(long, value_name = "PPM")]
        sla_floor_ppm: u32,
        /// Time to first byte within the service level, milliseconds [default: 500].
        #[arg(long, value_name = "MS")]
        ttfb_ms_max: u32,
        /// Throughput within the service level, bytes per second [default: 1000000].
        #[arg(long, value_name = "BYTES")]
        throughput_min: u64,
        /// Price of a GiB at full score, in the token's smallest unit [default: 10^16].
        #[arg(long, value_name = "UNITS")]
        price_per_gib: u128,
    }
}

settings! {
    @chain
    /// Which network, and who acts.
    AdminSettings {
        /// File with the acting account's private key; else QUITTANCE_ETH_KEY.
        #[arg(long, env = "QUITTANCE_ETH_KEY_FILE", value_name = "FILE")]
        eth_key_file: PathBuf,
    }
}

macro_rules! admin_args {
    ($(#[$meta:meta])* $name:ident, $settings:ident { $($(#[$field_meta:meta])* $field:ident: $ty:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug, clap::Args)]
        pub(crate) struct $name {
            $($(#[$field_meta])* $field: $ty,)*
            #[command(flatten)]
            settings: $settings,
            /// TOML file with any of these settings.
            #[arg(long, env = "QUITTANCE_CONFIG", value_name = "FILE")]
            config: Option<PathBuf>,
            /// Print the result as JSON.
            #[arg(long)]
            json: bool,
        }
    };
}

admin_args!(
    /// Deploy.
    DeployArgs, DeploySettings {}
);
admin_args!(
    /// Add an issuer.
    AddIssuerArgs, AdminSettings {
        /// The control plane's ed25519 key, as `quittance control init` shows it.
        #[arg(value_name = "KEY")]
        key: IssuerKey,
        /// The account that commits its ticket logs.
        #[arg(value_name = "ADDRESS")]
        committer: Address,
    }
);
admin_args!(
    /// Add a verifier.
    AddVerifierArgs, AdminSettings {
        /// The verifier's account.
        #[arg(value_name = "ADDRESS")]
        account: Address,
    }
);
admin_args!(
    /// Fund the vault.
    FundArgs, AdminSettings {
        /// How much, in the token's smallest unit.
        #[arg(value_name = "UNITS")]
        amount: U256,
    }
);
admin_args!(
    /// Show.
    ShowArgs, AdminSettings {}
);

/// A transaction, as printed.
#[derive(Debug, Serialize)]
pub(crate) struct Transaction {
    pub(crate) tx: B256,
    pub(crate) gas: u64,
}

impl From<Sent> for Transaction {
    fn from(sent: Sent) -> Self {
        Self {
            tx: sent.tx,
            gas: sent.gas_used,
        }
    }
}

async fn connect(settings: &AdminSettings, acting: bool) -> Result<Chain> {
    let mut config = settings.chain()?;
    if acting {
        config.key = Some(account(settings.eth_key_file.as_deref())?);
    }
    Ok(Chain::connect(&config).await?)
}

pub(crate) async fn run(command: Command) -> Result<()> {
    match command {
        Command::Deploy(args) => deploy(args).await,
        Command::AddIssuer(args) => {
            let settings = load(args.settings, args.config.as_deref())?;
            let sent = connect(&settings, true)
                .await?
                .add_issuer(args.key.0, args.committer)
                .await?;
            output::print(args.json, &Transaction::from(sent))
        }
        Command::AddVerifier(args) => {
            let settings = load(args.settings, args.config.as_deref())?;
            let sent = connect(&settings, true)
                .await?
                .set_verifier(args.account, true)
                .await?;
            output::print(args.json, &Transaction::from(sent))
        }
        Command::Fund(args) => {
            let settings = load(args.settings, args.config.as_deref())?;
            let sent = connect(&settings, true).await?.fund(args.amount).await?;
            output::print(args.json, &Transaction::from(sent))
        }
        Command::Show(args) => show(args).await,
    }
}

async fn deploy(args: DeployArgs) -> Result<()> {
    let settings = load(args.settings, args.config.as_deref())?;
    let rpc = require(&settings.rpc, "rpc", "an Ethereum node's URL")?;
    let key = account(settings.eth_key_file.as_deref())?;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("the clock is wrong")?
        .as_secs();
    let config = DeployConfig {
        parameters: Parameters {
            genesis: settings.genesis.unwrap_or(now),
            epoch_length: settings.epoch_length.unwrap_or(3600),
            ticket_tail: settings.ticket_tail.unwrap_or(60),
            commit_window: settings.commit_window.unwrap_or(600),
            challenge_window: settings.challenge_window.unwrap_or(86_400),
            sla_floor_ppm: settings.sla_floor_ppm.unwrap_or(500_000),
            ttfb_ms_max: settings.ttfb_ms_max.unwrap_or(500),
            throughput_min: settings.throughput_min.unwrap_or(1_000_000),
            price_per_gib: settings.price_per_gib.unwrap_or(10u128.pow(16)),
        },
        token: match settings.token {
            Some(token) => TokenConfig::Existing(token),
            None => TokenConfig::Test {
                name: "Quittance test token".into(),
                symbol: "QTT".into(),
                decimals: 18,
                // A million.
                supply: U256::from(10u128.pow(24)),
            },
        },
        owner: None,
        challenges: None,
    };
    let deployment = contracts::deploy(&rpc, key, &config).await?;
    output::print(args.json, &deployment)
}

#[derive(Debug, Serialize)]
struct Shown {
    chain_id: u64,
    settlement: Address,
    registry: Address,
    vault: Address,
    token: Address,
    parameters: Parameters,
    issuers: Vec<IssuerKey>,
    nodes: u32,
    next_epoch: u64,
    /// Token units, as decimal strings.
    funded: String,
    paid: String,
}

async fn show(args: ShowArgs) -> Result<()> {
    let settings = load(args.settings, args.config.as_deref())?;
    let chain = connect(&settings, false).await?;
    let network = chain.network_id();
    let shown = Shown {
        chain_id: network.chain_id,
        settlement: network.settlement,
        registry: chain.registry(),
        vault: chain.vault(),
        token: chain.token(),
        parameters: chain.parameters().clone(),
        issuers: chain
            .issuers()
            .await?
            .iter()
            .map(|issuer| issuer.issuer_key())
            .collect(),
        nodes: chain.node_count().await?,
        next_epoch: chain.next_epoch().await?,
        funded: chain.funded().await?.to_string(),
        paid: chain.paid().await?.to_string(),
    };
    output::print(args.json, &shown)
}
