//! `quittance node claim`: what a node earned, up to the newest epoch that is past its challenge window.

use super::args::ClaimArgs;
use super::registered::Registered;
use crate::output;
use crate::settings::{load, require};
use crate::settled::{activate_newest, fetch_tree};
use anyhow::{Context, Result, bail};
use protocol::{Address, B256, Epoch, NodeId, NodeTree};
use serde::Serialize;

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

pub(super) async fn claim(args: ClaimArgs) -> Result<()> {
    let settings = load(args.settings, args.config.as_deref())?;
    let verifier = require(&settings.verifier, "verifier", "a verifier's URL")?;
    let Registered {
        chain, node, entry, ..
    } = Registered::find(&settings).await?;
    let mut claimed = Claimed {
        node,
        payout: entry.payout,
        epoch: None,
        amount: "0".into(),
        tx: None,
    };

    let Some(settled) = activate_newest(&chain).await? else {
        return output::print(args.json, &claimed);
    };
    let epoch = settled.epoch;
    claimed.epoch = Some(epoch);
    let tree: NodeTree = fetch_tree(&verifier, epoch, "tree.qtree").await?;
    let sums = prover::SumTree::of_epoch(&tree)?;
    if sums.root().hash() != settled.nodes {
        bail!(
            "the evidence at {verifier} is not that of epoch {epoch} on the chain; try another verifier"
        );
    }
    let Some(leaf) = tree.leaves.get(entry.index as usize) else {
        return output::print(args.json, &claimed);
    };
    let proof = sums.proof(entry.index.into());
    let proof = proof.context("the tree lost the node")?;
    let (leaf, count) = (leaf.into(), u32::try_from(tree.leaves.len())?);
    let due = chain.claimable(&leaf, count, &proof.0).await?;
    if !due.is_zero() {
        let sent = chain.claim(&leaf, count, &proof.0).await?;
        (claimed.amount, claimed.tx) = (due.to_string(), Some(sent.tx));
    }
    output::print(args.json, &claimed)
}
