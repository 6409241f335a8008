//! `quittance contracts shorten-proofs`: where many nodes claim, each pays less.

use super::acting::{Transaction, admin_args};
use super::refused::advised;
use crate::keys::account;
use crate::output;
use crate::settings::{load, require, settings};
use crate::settled::{activate_newest, fetch_tree};
use anyhow::{Context, Result, bail};
use contracts::Chain;
use protocol::NodeTree;
use std::path::PathBuf;

settings! {
    @chain
    /// Which network, who pays, and where the evidence is.
    ShortenSettings {
        /// File with the acting account's private key; else QUITTANCE_ETH_KEY.
        #[arg(long, env = "QUITTANCE_ETH_KEY_FILE", value_name = "FILE")]
        eth_key_file: PathBuf,
        /// URL of a verifier, for the evidence.
        #[arg(long, env = "QUITTANCE_VERIFIER", value_name = "URL")]
        verifier: String,
    }
}

admin_args!(
    /// Shorten proofs.
    ShortenArgs, ShortenSettings {
        /// By so many levels. Each saves about 900 gas a claim; this transaction stores 2^LEVELS words, for 155,000
        /// gas at 4 levels, 430,000 the first time.
        #[arg(long, value_name = "LEVELS", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=8))]
        levels: u8,
    }
);

/// Has the vault pay by the newest epoch that it may, and keep a level of that epoch's nodes tree.
pub(super) async fn shorten(args: ShortenArgs) -> Result<()> {
    let settings = load(args.settings, args.config.as_deref())?;
    let signer = account(settings.eth_key_file.as_deref())?;
    let verifier = require(&settings.verifier, "verifier", "a verifier's URL")?;
    let chain = Chain::connect(&settings.chain()?.with_key(signer)).await?;
    let Some(settled) = activate_newest(&chain).await? else {
        bail!("no epoch is settled yet: the first is when its challenge window has passed");
    };
    let epoch = settled.epoch;
    let tree: NodeTree = fetch_tree(&verifier, epoch, "tree.qtree").await?;
    if tree.root()?.hash() != settled.nodes {
        bail!(
            "the evidence at {verifier} is not that of epoch {epoch} on the chain; try another verifier"
        );
    }
    let nodes = u32::try_from(tree.leaves.len())?;
    let levels = args.levels;
    let elements = tree.below_top(levels.into())?.with_context(|| {
        format!("a tree of {nodes} nodes has fewer than {levels} levels below its top; its proofs are short")
    })?;
    let sent = advised(&chain, chain.shorten_proofs(nodes, &elements).await).await?;
    output::print(args.json, &Transaction::from(sent))
}
