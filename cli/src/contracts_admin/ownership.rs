//! Whose network it is.

use super::acting::{AdminSettings, act, admin_args};
use anyhow::{Result, ensure};
use protocol::Address;
use std::path::PathBuf;

admin_args!(
    /// Name another owner.
    TransferOwnershipArgs, AdminSettings {
        /// The next owner's account.
        #[arg(value_name = "ADDRESS")]
        to: Address,
    }
);
admin_args!(
    /// Become the owner.
    AcceptOwnershipArgs, AdminSettings {}
);
admin_args!(
    /// Give the network up.
    RenounceOwnershipArgs, AdminSettings {
        /// Say that it is meant: nobody can add an issuer, change who attests or schedule parameters ever again.
        #[arg(long)]
        for_good: bool,
    }
);

pub(super) async fn transfer(args: TransferOwnershipArgs) -> Result<()> {
    act(args.settings, args.config, args.json, |chain| {
        chain.transfer_ownership(args.to)
    })
    .await
}

pub(super) async fn accept(args: AcceptOwnershipArgs) -> Result<()> {
    act(args.settings, args.config, args.json, |chain| {
        chain.accept_ownership()
    })
    .await
}

pub(super) async fn renounce(args: RenounceOwnershipArgs) -> Result<()> {
    ensure!(
        args.for_good,
        "without an owner nobody can add an issuer, change who attests or schedule parameters ever again, and \
         there is no way back: if that is meant, give --for-good"
    );
    act(args.settings, args.config, args.json, |chain| {
        chain.renounce_ownership()
    })
    .await
}
