//! What the chain says of an epoch, in the protocol's types.

use contracts::{Chain, ChainError};
use protocol::{B256, Epoch, Network, NodeId, RewardTerms, Timeline};
use std::collections::BTreeMap;

/// Everything on chain that an epoch is judged by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochFacts {
    /// The network.
    pub network: Network,
    /// The epoch.
    pub epoch: Epoch,
    /// When the network's epochs are.
    pub timeline: Timeline,
    /// Price and score floor.
    pub terms: RewardTerms,
    /// The nodes registered before the epoch's end, by registry index.
    pub nodes: Vec<NodeId>,
    /// Roots of the committed ticket logs, by issuer.
    pub committed: BTreeMap<u32, B256>,
    /// The attested root of the epoch before; `None` in epoch 0, or if it isn't attested.
    pub previous_root: Option<B256>,
}

/// Roots of the committed logs by issuer, and the issuers of the epoch that have committed none.
pub(crate) async fn ticket_logs(
    chain: &Chain,
    epoch: Epoch,
) -> Result<(BTreeMap<u32, B256>, Vec<u32>), ChainError> {
    let end = chain.parameters().timeline().end(epoch);
    let (mut committed, mut missing) = (BTreeMap::new(), Vec::new());
    for issuer in chain.issuers().await? {
        if issuer.added_at >= end {
            continue;
        }
        match chain.ticket_log(epoch, issuer.index).await? {
            Some(root) => drop(committed.insert(issuer.index, root)),
            None => missing.push(issuer.index),
        }
    }
    Ok((committed, missing))
}

/// The attested root of an epoch, whether the contract still has it or only its event.
pub(crate) async fn attested_root(chain: &Chain, epoch: Epoch) -> Result<Option<B256>, ChainError> {
    if let Some(attestation) = chain.attestation(epoch).await? {
        return Ok(Some(attestation.root));
    }
    let attested = chain.attestation_tx(epoch).await?;
    Ok(attested.map(|attested| attested.root))
}

/// Reads what the chain says of an epoch. Cancel safe.
///
/// # Errors
/// If the chain can't be asked.
pub async fn epoch_facts(chain: &Chain, epoch: Epoch) -> Result<EpochFacts, ChainError> {
    let parameters = chain.parameters();
    let end = parameters.timeline().end(epoch);
    let (committed, _) = ticket_logs(chain, epoch).await?;
    let nodes = chain.nodes().await?;
    let nodes = nodes
        .into_iter()
        // Registration times never decrease with the index.
        .take_while(|node| node.registered_at < end)
        .map(|node| NodeId(node.key))
        .collect();
    let previous_root = match epoch.checked_sub(1) {
        Some(before) => attested_root(chain, before).await?,
        None => None,
    };
    Ok(EpochFacts {
        network: chain.network_id(),
        epoch,
        timeline: parameters.timeline(),
        terms: parameters.terms(),
        nodes,
        committed,
        previous_root,
    })
}
