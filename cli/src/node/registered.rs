//! What an operator does with a node that is registered: change where it is paid, rotate its key, leave, get the
//! stake back.

use super::args::{ExitArgs, NodeSettings, RotateArgs, SetPayoutArgs, WithdrawStakeArgs};
use crate::contracts_admin::refused::advised;
use crate::keys::{account, signing_key, signing_key_or_new};
use crate::output;
use crate::settings::{folder, load, require};
use anyhow::{Context, Result, ensure};
use contracts::{Chain, Node};
use protocol::{Address, B256, Epoch, NodeId};
use serde::Serialize;

/// A node that is registered, and its operator's connection to the chain.
pub(super) struct Registered {
    pub(super) chain: Chain,
    pub(super) operator: Address,
    /// As the key in its folder names it.
    pub(super) node: NodeId,
    /// As the registry has it.
    pub(super) entry: Node,
}

impl Registered {
    /// Finds the node whose key is in the folder.
    pub(super) async fn find(settings: &NodeSettings) -> Result<Self> {
        let data_dir = folder(&require(
            &settings.data_dir,
            "data_dir",
            "the node's folder",
        )?)?;
        let account = account(settings.eth_key_file.as_deref())?;
        let operator = account.address();
        let chain = Chain::connect(&settings.chain()?.with_key(account)).await?;
        let key = signing_key(&data_dir.join("node.key"))?;
        let node = NodeId::from(key.verifying_key().to_bytes());
        let index = chain.index_of(node.0).await?;
        let index = index
            .with_context(|| format!("node {node} is not registered: run `quittance node init`"))?;
        let entries = chain.nodes_from(index).await?;
        let entry = entries.into_iter().next();
        Ok(Self {
            chain,
            operator,
            node,
            entry: entry.context("the registry lost the node")?,
        })
    }
}

#[derive(Debug, Serialize)]
struct Rotated {
    index: u32,
    old: NodeId,
    new: NodeId,
    /// The first epoch that is the new key's.
    from_epoch: Epoch,
    tx: B256,
}

/// What was done to a node's stake.
#[derive(Debug, Serialize)]
struct Staked {
    node: NodeId,
    index: u32,
    /// Token units at stake before, as a decimal string.
    stake: String,
    /// From when on the stake can be withdrawn, Unix seconds; absent when it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    free_at: Option<u64>,
    tx: B256,
}

/// Where a node is paid.
#[derive(Debug, Serialize)]
struct Paid {
    node: NodeId,
    index: u32,
    payout: Address,
    /// Absent if it was that before.
    tx: Option<B256>,
}

pub(super) async fn set_payout(args: SetPayoutArgs) -> Result<()> {
    let settings = load(args.settings, args.config.as_deref())?;
    let Registered {
        chain, node, entry, ..
    } = Registered::find(&settings).await?;
    let tx = if entry.payout == args.to {
        None
    } else {
        let sent = chain.set_payout(entry.index, args.to).await;
        Some(advised(&chain, sent).await?.tx)
    };
    let paid = Paid {
        node,
        index: entry.index,
        payout: args.to,
        tx,
    };
    output::print(args.json, &paid)
}

pub(super) async fn rotate(args: RotateArgs) -> Result<()> {
    let settings = load(args.settings, args.config.as_deref())?;
    let registered = Registered::find(&settings).await?;
    let chain = &registered.chain;
    let key = signing_key_or_new(&args.new_key)?;
    let new = NodeId::from(key.verifying_key().to_bytes());
    ensure!(
        new != registered.node,
        "{} holds the key that the node has already",
        args.new_key.display()
    );
    let index = registered.entry.index;
    let proof = chain.key_proof(&key, registered.operator);
    let sent = advised(chain, chain.rotate_node(index, &proof).await).await?;
    // The block it was mined in is no newer than this one: an epoch that began in between is counted out.
    let now = chain.now().await?;
    let current = chain.timeline().epoch_at_ms(now.saturating_mul(1000));
    let rotated = Rotated {
        index,
        old: registered.node,
        new,
        from_epoch: current.map_or(0, |epoch| epoch + 1),
        tx: sent.tx,
    };
    output::print(args.json, &rotated)
}

pub(super) async fn exit(args: ExitArgs) -> Result<()> {
    let settings = load(args.settings, args.config.as_deref())?;
    let registered = Registered::find(&settings).await?;
    let chain = &registered.chain;
    let sent = advised(chain, chain.exit_node(registered.entry.index).await).await?;
    // Of an exit that is mined the registry knows until when.
    let entries = chain.nodes_from(registered.entry.index).await?;
    let free_at = entries.first().map(|entry| entry.exit_at);
    output::print(args.json, &staked(&registered, sent.tx, free_at))
}

pub(super) async fn withdraw_stake(args: WithdrawStakeArgs) -> Result<()> {
    let settings = load(args.settings, args.config.as_deref())?;
    let registered = Registered::find(&settings).await?;
    let index = registered.entry.index;
    let chain = &registered.chain;
    let sent = advised(chain, chain.withdraw_stake(index).await).await?;
    output::print(args.json, &staked(&registered, sent.tx, None))
}

fn staked(registered: &Registered, tx: B256, free_at: Option<u64>) -> Staked {
    Staked {
        node: registered.node,
        index: registered.entry.index,
        stake: registered.entry.stake.to_string(),
        free_at,
        tx,
    }
}
