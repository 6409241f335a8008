//! `quittance contracts`: deploy a network, add who may issue and verify, put up bonds, fund it, read it.

mod bonds;
mod deploy;
mod payer;
mod verify;

use crate::keys::account;
use crate::output;
use crate::settings::{load, settings};
use anyhow::Result;
use bonds::{BondIssuerArgs, BondVerifierArgs, UnbondArgs, WithdrawBondArgs};
use clap::Subcommand;
use contracts::{Chain, Parameters, Sent};
use deploy::DeployArgs;
use payer::{FundArgs, WithdrawArgs};
use protocol::{Address, B256, IssuerKey};
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;
use verify::VerifyArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Deploy token (for tests), registry, vault, settlement and challenges.
    Deploy(Box<DeployArgs>),
    /// Check a deployer's manifest against the chain: exit 0 if all is true, 1 if not, 2 if undecided.
    Verify(VerifyArgs),
    /// Let a control plane issue tickets and commit its logs.
    AddIssuer(AddIssuerArgs),
    /// Let an account attest, once it has put up its bond; after the genesis only announced at first.
    AddVerifier(AddVerifierArgs),
    /// Put up an issuer's bond; anyone may.
    BondIssuer(BondIssuerArgs),
    /// Put up the acting verifier's bond, without which it has no vote.
    BondVerifier(BondVerifierArgs),
    /// Stop the acting verifier's voting, to get its bond back later.
    Unbond(UnbondArgs),
    /// Take back the acting verifier's bond, when none of its votes can be challenged any more.
    WithdrawBond(WithdrawBondArgs),
    /// Deposit what deliveries on the acting account's behalf are paid from.
    Fund(FundArgs),
    /// Get back what the acting account deposited and isn't billed: announce first, then withdraw.
    Withdraw(WithdrawArgs),
    /// Show what stands on the chain.
    Show(ShowArgs),
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
use admin_args;

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

/// Connects as the acting account, does one thing, prints its transaction.
async fn act(
    settings: AdminSettings,
    config: Option<PathBuf>,
    json: bool,
    action: impl AsyncFnOnce(&Chain) -> Result<Sent>,
) -> Result<()> {
    let settings = load(settings, config.as_deref())?;
    let chain = connect(&settings, true).await?;
    let sent = action(&chain).await?;
    output::print(json, &Transaction::from(sent))
}

pub(crate) async fn run(command: Command) -> Result<ExitCode> {
    let outcome = match command {
        Command::Verify(args) => return verify::verify(args).await,
        Command::Deploy(args) => deploy::deploy(*args).await,
        Command::AddIssuer(args) => {
            act(args.settings, args.config, args.json, async |chain| {
                Ok(chain.add_issuer(args.key.0, args.committer).await?)
            })
            .await
        }
        Command::AddVerifier(args) => {
            act(args.settings, args.config, args.json, async |chain| {
                Ok(chain.admit_verifier(args.account).await?)
            })
            .await
        }
        Command::BondIssuer(args) => bonds::bond_issuer(args).await,
        Command::BondVerifier(args) => bonds::bond_verifier(args).await,
        Command::Unbond(args) => bonds::unbond(args).await,
        Command::WithdrawBond(args) => bonds::withdraw_bond(args).await,
        Command::Fund(args) => payer::fund(args).await,
        Command::Withdraw(args) => payer::withdraw(args).await,
        Command::Show(args) => show(args).await,
    };
    outcome.map(|()| ExitCode::SUCCESS)
}

#[derive(Debug, Serialize)]
struct Shown {
    chain_id: u64,
    settlement: Address,
    registry: Address,
    vault: Address,
    token: Address,
    genesis: u64,
    parameters: Parameters,
    issuers: Vec<IssuerKey>,
    nodes: u32,
    payers: usize,
    quorum: u8,
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
        genesis: chain.timeline().genesis,
        parameters: chain.parameters().clone(),
        issuers: chain
            .issuers()
            .await?
            .iter()
            .map(|issuer| issuer.issuer_key())
            .collect(),
        nodes: chain.node_count().await?,
        payers: chain.payers().await?.len(),
        quorum: chain.quorum().await?,
        next_epoch: chain.next_epoch().await?,
        funded: chain.funded().await?.to_string(),
        paid: chain.paid().await?.to_string(),
    };
    output::print(args.json, &shown)
}
