//! What the commands of `quittance contracts` share: settings, an account that acts, the transaction it sent.

use super::refused::advised;
use crate::keys::account;
use crate::output;
use crate::settings::{load, settings};
use anyhow::Result;
use contracts::{Answer, Chain, Sent};
use protocol::B256;
use serde::Serialize;
use std::path::PathBuf;

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

pub(super) use admin_args;

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

pub(super) async fn connect(settings: &AdminSettings, acting: bool) -> Result<Chain> {
    let mut config = settings.chain()?;
    if acting {
        config.key = Some(account(settings.eth_key_file.as_deref())?);
    }
    Ok(Chain::connect(&config).await?)
}

/// Connects as the acting account, does one thing, prints its transaction.
pub(super) async fn act(
    settings: AdminSettings,
    config: Option<PathBuf>,
    json: bool,
    action: impl FnOnce(&Chain) -> Answer<'_, Sent>,
) -> Result<()> {
    acting(settings, config, json, Box::new(action)).await
}

type Action<'a> = Box<dyn FnOnce(&Chain) -> Answer<'_, Sent> + 'a>;

/// The same for all actions, so that it is compiled once.
async fn acting(
    settings: AdminSettings,
    config: Option<PathBuf>,
    json: bool,
    action: Action<'_>,
) -> Result<()> {
    let settings = load(settings, config.as_deref())?;
    let chain = connect(&settings, true).await?;
    let sent = advised(&chain, action(&chain).await).await?;
    output::print(json, &Transaction::from(sent))
}
