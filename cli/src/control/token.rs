//! `quittance control token`: who may use the admin API.

use crate::output;
use anyhow::{Context, Result};
use clap::Subcommand;
use control::{AdminToken, Role, TokenFile};
use protocol::Address;
use serde::Serialize;
use std::path::PathBuf;

/// Tokens of the admin API. They are kept in the data folder as hashes; a control plane that runs takes every
/// change at once.
///
/// operator: everything. owner: publishes at its account's expense, and lists, unpublishes, pushes, purges and revokes
/// what its account pays for. read: sees the status and metrics.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  quittance control token add studio --role owner --account 0x… --data-dir DIR
  quittance control token add screen --role read --data-dir DIR
  quittance control token remove screen --data-dir DIR")]
pub(crate) enum Command {
    /// Make a token and show it, this once.
    Add {
        /// What it is called in logs and lists.
        name: String,
        /// owner, operator or read.
        #[arg(long)]
        role: Role,
        /// Of an owner: the account that pays for what it publishes.
        #[arg(long, value_name = "ADDRESS")]
        account: Option<Address>,
        #[command(flatten)]
        place: Place,
    },
    /// List tokens, besides the operator's in admin.token.
    List(Place),
    /// Remove a token: it is refused from now on.
    Remove {
        /// What it is called.
        name: String,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Place {
    /// The control plane's folder.
    #[arg(long, env = "QUITTANCE_DATA_DIR", value_name = "DIR")]
    data_dir: PathBuf,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

impl Place {
    fn file(&self) -> Result<TokenFile> {
        let dir = &self.data_dir;
        let there = dir.canonicalize();
        let there = there.with_context(|| {
            let shown = dir.display();
            format!("there is no folder {shown}: run `quittance control init` first")
        })?;
        Ok(TokenFile::of(&host::Host::system(), &there))
    }
}

#[derive(Serialize)]
struct Added {
    name: String,
    role: Role,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<Address>,
    token: String,
}

#[derive(Serialize)]
struct Listed {
    name: String,
    role: Role,
    account: Option<Address>,
    created_at_ms: u64,
}

impl From<AdminToken> for Listed {
    fn from(token: AdminToken) -> Self {
        Self {
            name: token.name,
            role: token.role,
            account: token.account,
            created_at_ms: token.created_at_ms,
        }
    }
}

pub(crate) fn run(command: Command) -> Result<()> {
    match command {
        Command::Add {
            name,
            role,
            account,
            place,
        } => {
            let now = host::Clock::system().now_ms();
            let token = place.file()?.add(&name, role, account, now)?;
            let added = Added {
                name,
                role,
                account,
                token,
            };
            output::print(place.json, &added)
        }
        Command::List(place) => list(&place),
        Command::Remove { name, place } => Ok(place.file()?.remove(&name)?),
    }
}

#[allow(clippy::print_stdout)]
fn list(place: &Place) -> Result<()> {
    let tokens = place.file()?.list()?;
    let listed: Vec<_> = tokens.into_iter().map(Listed::from).collect();
    if place.json {
        return output::print(true, &listed);
    }
    let width = listed.iter().map(|token| token.name.len()).max();
    let width = width.unwrap_or(0);
    for token in &listed {
        let account = token.account.map(|account| account.to_string());
        let account = account.unwrap_or_default();
        let line = format!("{:width$}  {:8}  {account}", token.name, token.role.name());
        println!("{}", line.trim_end());
    }
    Ok(())
}
