//! What the chain says of an epoch, in the protocol's types.

use crate::Answer;
use crate::judge::Payer;
use contracts::{Chain, ChainConfig, ChainError, Node};
use futures::stream::FuturesUnordered;
use futures::{StreamExt, TryStreamExt, stream};
use protocol::{B256, Epoch, Network, NodeId, Record, RewardTerms, Roots, Timeline};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::timeout;

/// Questions to the chain that are open at a time.
const QUESTIONS_AT_ONCE: usize = 16;
/// What one RPC of several says of an epoch is there by then: several questions for each of ten thousand nodes, at a
/// tenth of a second each. One that answers without end has no vote.
const FACTS_WITHIN: Duration = Duration::from_secs(600);

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
/// one's word. Those that answer later aren't waited for. Cancel safe.
pub(crate) fn agreed_facts<'a>(
    chain: &'a Chain,
    epoch: Epoch,
) -> Answer<'a, Result<EpochFacts, FactsError>> {
    Box::pin(async move {
        let apart = chain.apart()?;
        let of = apart.len();
        if of == 1 {
            return Ok(epoch_facts(chain, epoch).await?);
        }
        let asked = apart.iter().map(|alone| facts_alone(alone, epoch));
        let mut asked: FuturesUnordered<_> = asked.collect();
        let (mut said, mut failed) = (Vec::new(), Vec::new());
        while let Some(answer) = asked.next().await {
            match answer {
                Ok(facts) => said.push(facts),
                Err(error) => failed.push(error),
            }
            if let Ok(place) = majority(&said, of) {
                return Ok(said.swap_remove(place));
            }
        }
        let failed = match failed.is_empty() {
            true => "none failed".to_owned(),
            false => failed.join("; "),
        };
        let agreed = majority(&said, of).err().unwrap_or_default();
        Err(FactsError::NoMajority {
            epoch,
            of,
            agreed,
            failed,
        })
    })
}

/// What one RPC says, from the addresses of the contracts on; or why it says nothing.
async fn facts_alone(config: &ChainConfig, epoch: Epoch) -> Result<EpochFacts, String> {
    let facts = async {
        let chain = Chain::connect(config).await?;
        epoch_facts(&chain, epoch).await
    };
    match timeout(FACTS_WITHIN, facts).await {
        Ok(facts) => facts.map_err(|error: ChainError| error.to_string()),
        Err(_) => Err(format!("no end within {} s", FACTS_WITHIN.as_secs())),
    }
}

/// The place of what more than half of so many say; or how many say the same at most.
fn majority<T: PartialEq>(said: &[T], of: usize) -> Result<usize, usize> {
    let votes = said
        .iter()
        .map(|one| said.iter().filter(|other| *other == one).count());
    let most = votes.enumerate().max_by_key(|(_, votes)| *votes);
    match most {
        Some((place, votes)) if votes * 2 > of => Ok(place),
        most => Err(most.map_or(0, |(_, votes)| votes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_is_believed_alone() {
        let agreed = |said: &[u8], of| majority(said, of).map(|place| said[place]);
        assert_eq!(agreed(&[1, 1], 2), Ok(1));
        assert_eq!(agreed(&[1, 2], 2), Err(1));
        // One that doesn't answer says nothing, and counts.
        assert_eq!(agreed(&[1], 2), Err(1));
        assert_eq!(agreed(&[2, 1, 1], 3), Ok(1));
        assert_eq!(agreed(&[1, 1], 3), Ok(1));
        assert_eq!(agreed(&[1, 1, 2, 2], 4), Err(2));
        assert_eq!(agreed(&[], 1), Err(0));
    }
}
