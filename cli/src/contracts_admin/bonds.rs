//! What verifiers put up, how they get it back, and what challengers earned of it.

use super::acting::{AdminSettings, act, admin_args};
use anyhow::Result;
use contracts::U256;
use std::path::PathBuf;

admin_args!(
    /// Put up a verifier's bond.
    BondVerifierArgs, AdminSettings {
        /// How much, in the token's smallest unit [default: what the network asks of a verifier].
        #[arg(long, value_name = "UNITS")]
        amount: Option<U256>,
    }
);
admin_args!(
    /// What needs no more to be said.
    BondArgs, AdminSettings {}
);

pub(super) async fn bond_verifier(args: BondVerifierArgs) -> Result<()> {
    act(args.settings, args.config, args.json, |chain| {
        let asked = || U256::from(chain.parameters().verifier_bond);
        let amount = args.amount.unwrap_or_else(asked);
        chain.post_bond(amount)
    })
    .await
}

pub(super) async fn unbond(args: BondArgs) -> Result<()> {
    act(args.settings, args.config, args.json, |chain| {
        chain.unbond()
    })
    .await
}

pub(super) async fn withdraw_bond(args: BondArgs) -> Result<()> {
    act(args.settings, args.config, args.json, |chain| {
        chain.withdraw_bond()
    })
    .await
}

pub(super) async fn withdraw_bounty(args: BondArgs) -> Result<()> {
    act(args.settings, args.config, args.json, |chain| {
        chain.withdraw_bounty()
    })
    .await
}
