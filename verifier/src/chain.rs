//! What the chain says of an epoch, in the protocol's types.

use crate::Answer;
use crate::judge::Payer;
use contracts::{Chain, ChainError, Node};
use futures::future::join_all;
use futures::{StreamExt, TryStreamExt, stream};
use protocol::{B256, Epoch, Network, NodeId, Record, RewardTerms, Roots, Timeline};
use std::collections::BTreeMap;

/// Questions to the chain that are open at a time.
const QUESTIONS_AT_ONCE: usize = 16;

/// Everything on chain that an epoch is judged by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochFacts {
    /// The network.
    pub network: Network,
    /// The epoch.
    pub epoch: Epoch,
    /// When the epochs are, as far as this one depends on it.
    pub timeline: Timeline,
    /// Price and score floor.
    pub terms: RewardTerms,
    /// The nodes registered before the epoch's end, by registry index, by their keys in the epoch.
    pub nodes: Vec<NodeId>,
    /// The payers registered before the epoch's end, by payer index, with their deposits then.
    pub payers: Vec<Payer>,
    /// Roots of the committed ticket logs, by issuer.
    pub committed: BTreeMap<u32, B256>,
    /// Records that nodes forced, by registry index, in the order of their chunks.
    pub forced: BTreeMap<u32, Vec<Record>>,
    /// What was attested for the epoch before; `None` in epoch 0, or if it isn't attested.
    pub previous: Option<Roots>,
}

/// Roots of the committed logs, by issuer. One that isn't committed is empty.
async fn ticket_logs(
    chain: &Chain,
    epoch: Epoch,
    end: u64,
) -> Result<BTreeMap<u32, B256>, ChainError> {
    let mut committed = BTreeMap::new();
    for issuer in chain.issuers().await? {
        if issuer.added_at >= end {
            continue;
        }
        if let Some(root) = chain.ticket_log(epoch, issuer.index).await? {
            committed.insert(issuer.index, root);
        }
    }
    Ok(committed)
}

/// The nodes of an epoch by the keys they have in it: the newest from before its start, or their first. A key set
/// in the very second of the start is for the epochs after it.
async fn nodes(chain: &Chain, start: u64, end: u64) -> Result<Vec<NodeId>, ChainError> {
    let nodes = chain.nodes().await?.into_iter();
    // Registration times never decrease with the index.
    let nodes = nodes.take_while(|node| node.registered_at < end);
    let key = async |node: Node| Ok(NodeId(chain.key_at(node.index, start).await?));
    let keys = stream::iter(nodes.map(key)).buffered(QUESTIONS_AT_ONCE);
    keys.try_collect().await
}

/// The payers of an epoch, with their deposits at its end.
async fn payers(chain: &Chain, end: u64) -> Result<Vec<Payer>, ChainError> {
    let payers = chain.payers().await?.into_iter();
    // As with nodes.
    let payers = payers.take_while(|payer| payer.registered_at < end);
    let deposit = async |payer: contracts::Payer| {
        let deposit = chain.deposit_at(payer.account, end).await?;
        Ok(Payer {
            account: payer.account,
            // No amount comes near 2^128: more than that is as good as that.
            deposit: deposit.saturating_to(),
        })
    };
    let deposits = stream::iter(payers.map(deposit)).buffered(QUESTIONS_AT_ONCE);
    deposits.try_collect().await
}

/// Reads what the chain says of an epoch. Cancel safe.
///
/// # Errors
/// If the chain can't be asked.
pub fn epoch_facts<'a>(
    chain: &'a Chain,
    epoch: Epoch,
) -> Answer<'a, Result<EpochFacts, ChainError>> {
    Box::pin(async move {
        let timeline = chain.timeline().through(epoch);
        let (start, end) = (timeline.start(epoch), timeline.end(epoch));
        let previous = match epoch.checked_sub(1) {
            Some(before) => chain.attestation_tx(before).await?,
            None => None,
        };
        Ok(EpochFacts {
            network: chain.network_id(),
            epoch,
            timeline,
            terms: chain.parameters_at(epoch).await?.terms(),
            nodes: nodes(chain, start, end).await?,
            payers: payers(chain, end).await?,
            committed: ticket_logs(chain, epoch, end).await?,
            forced: chain.forced_records(epoch).await?,
            previous: previous.map(|attested| attested.roots),
        })
    })
}

/// Why it isn't known what the chain says.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FactsError {
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(
        "of {of} RPC URLs, no more than {agreed} say the same of epoch {epoch} ({failed}); a bond hangs on it, so it is \
         waited until more than half do"
    )]
    NoMajority {
        epoch: Epoch,
        of: usize,
        agreed: usize,
        failed: String,
    },
}

/// What more than half of the RPCs say of an epoch. Who attests what one of them alone says has its bond hang on that
/// one's word. Cancel safe.
pub(crate) fn agreed_facts<'a>(
    chain: &'a Chain,
    epoch: Epoch,
) -> Answer<'a, Result<EpochFacts, FactsError>> {
    Box::pin(async move {
        let apart = chain.apart()?;
        if apart.len() == 1 {
            return Ok(epoch_facts(chain, epoch).await?);
        }
        let asked = apart.iter().map(|chain| epoch_facts(chain, epoch));
        let (mut said, mut failed) = (Vec::new(), Vec::new());
        for answer in join_all(asked).await {
            match answer {
                Ok(facts) => said.push(facts),
                Err(error) => failed.push(error.to_string()),
            }
        }
        let failed = match failed.is_empty() {
            true => "none failed".to_owned(),
            false => failed.join("; "),
        };
        majority(said, apart.len()).map_err(|agreed| FactsError::NoMajority {
            epoch,
            of: apart.len(),
            agreed,
            failed,
        })
    })
}

/// What more than half of so many say; or how many say the same at most.
fn majority<T: PartialEq>(said: Vec<T>, of: usize) -> Result<T, usize> {
    let votes = |one: &T| said.iter().filter(|other| *other == one).count();
    let most = said.iter().map(votes).max().unwrap_or(0);
    if most * 2 <= of {
        return Err(most);
    }
    let place = said.iter().position(|one| votes(one) == most);
    let chosen = place.and_then(|place| said.into_iter().nth(place));
    chosen.ok_or(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_is_believed_alone() {
        assert_eq!(majority(vec![1, 1], 2), Ok(1));
        assert_eq!(majority(vec![1, 2], 2), Err(1));
        // One that doesn't answer says nothing, and counts.
        assert_eq!(majority(vec![1], 2), Err(1));
        assert_eq!(majority(vec![2, 1, 1], 3), Ok(1));
        assert_eq!(majority(vec![1, 1], 3), Ok(1));
        assert_eq!(majority(vec![1, 1, 2, 2], 4), Err(2));
        assert_eq!(majority(Vec::<u8>::new(), 1), Err(0));
    }
}
