//! What verifiers and issuers put up, and how verifiers get it back.

use super::{AdminSettings, act, admin_args};
use anyhow::Result;
use contracts::U256;
use std::path::PathBuf;

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
    /// Put up a verifier's bond.
    BondVerifierArgs, AdminSettings {
        /// How much, in the token's smallest unit [default: what the network asks of a verifier].
        #[arg(long, value_name = "UNITS")]
        amount: Option<U256>,
    }
);
admin_args!(
    /// Stop voting.
    UnbondArgs, AdminSettings {}
);
admin_args!(
    /// Take the bond back.
    WithdrawBondArgs, AdminSettings {}
);

pub(super) async fn bond_issuer(args: BondIssuerArgs) -> Result<()> {
    act(args.settings, args.config, args.json, async |chain| {
        let asked = || U256::from(chain.parameters().issuer_bond);
        let amount = args.amount.unwrap_or_else(asked);
        Ok(chain.bond_issuer(args.issuer, amount).await?)
    })
    .await
}

pub(super) async fn bond_verifier(args: BondVerifierArgs) -> Result<()> {
    act(args.settings, args.config, args.json, async |chain| {
        let asked = || U256::from(chain.parameters().verifier_bond);
        let amount = args.amount.unwrap_or_else(asked);
        Ok(chain.post_bond(amount).await?)
    })
    .await
}

pub(super) async fn unbond(args: UnbondArgs) -> Result<()> {
    act(args.settings, args.config, args.json, async |chain| {
        Ok(chain.unbond().await?)
    })
    .await
}

pub(super) async fn withdraw_bond(args: WithdrawBondArgs) -> Result<()> {
    act(args.settings, args.config, args.json, async |chain| {
        Ok(chain.withdraw_bond().await?)
    })
    .await
}
