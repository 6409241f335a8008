//! Who issues tickets, with which key, and with what at stake.

use super::acting::{AdminSettings, act, admin_args};
use anyhow::Result;
use contracts::U256;
use protocol::{Address, Epoch, IssuerKey};
use std::path::PathBuf;

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
    /// Give an issuer another key.
    RotateIssuerKeyArgs, AdminSettings {
        /// The new ed25519 key, as `quittance control init` shows it for a new folder.
        #[arg(value_name = "KEY")]
        key: IssuerKey,
        /// The issuer's index.
        #[arg(long, value_name = "N")]
        issuer: u32,
        /// The first epoch whose tickets it signs; it must not have begun.
        #[arg(long, value_name = "EPOCH")]
        from_epoch: Epoch,
    }
);
admin_args!(
    /// Put up an issuer's bond.
    BondIssuerArgs, AdminSettings {
        /// The issuer's index.
        #[arg(long, value_name = "N")]
        issuer: u32,
        /// How much, in the token's smallest unit [default: what the network asks of an issuer].
        #[arg(long, value_name = "UNITS")]
        amount: Option<U256>,
    }
);
admin_args!(
    /// Announce that an issuer's bond is taken back, or take it back.
    IssuerArgs, AdminSettings {
        /// The issuer's index.
        #[arg(long, value_name = "N")]
        issuer: u32,
    }
);

pub(super) async fn add(args: AddIssuerArgs) -> Result<()> {
    act(args.settings, args.config, args.json, |chain| {
        chain.add_issuer(args.key.0, args.committer)
    })
    .await
}

pub(super) async fn rotate_key(args: RotateIssuerKeyArgs) -> Result<()> {
    act(args.settings, args.config, args.json, |chain| {
        let (issuer, key) = (args.issuer, args.key.0);
        chain.rotate_issuer_key(issuer, key, args.from_epoch)
    })
    .await
}

pub(super) async fn bond(args: BondIssuerArgs) -> Result<()> {
    act(args.settings, args.config, args.json, |chain| {
        let asked = || U256::from(chain.parameters().issuer_bond);
        let amount = args.amount.unwrap_or_else(asked);
        chain.bond_issuer(args.issuer, amount)
    })
    .await
}

pub(super) async fn unbond(args: IssuerArgs) -> Result<()> {
    act(args.settings, args.config, args.json, |chain| {
        chain.unbond_issuer(args.issuer)
    })
    .await
}

pub(super) async fn withdraw_bond(args: IssuerArgs) -> Result<()> {
    act(args.settings, args.config, args.json, |chain| {
        chain.withdraw_issuer_bond(args.issuer)
    })
    .await
}
