//! Makes claims cheaper, once for an epoch that the vault pays by: where many nodes have something to claim, one
//! transaction of the verifier saves each of them a part of its proof.
//!
//! The chain says all there is to know: by which epoch the vault pays, how short its proofs are, what every node was
//! paid, and whose vote completed the attestation. That verifier is the one that shortens, so that several don't pay
//! for it. Nothing is kept on disk: after a crash the next look finds it done or not done.
//!
//! Runs beside the turns that attest, on pauses of its own, so that nothing that fails here holds those up.

use super::backoff::Backoff;
use crate::evidence::{EvidenceStore, TREE_FILE};
use contracts::{Chain, ChainError, Settled};
use protocol::{B256, Epoch, NodeLeaf, NodeTree, depth};
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

/// By so many levels: 16 elements are stored, and each claim has 4 levels less to prove.
const LEVELS: u32 = 4;

/// Why a look didn't get to its end. All are tried again.
#[derive(Debug, thiserror::Error)]
enum ShortenError {
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error("a worker failed: {0}")]
    Worker(#[from] disk::Panicked),
}

/// What a tree gives for shorter proofs.
struct Shorter {
    /// Leaves of the tree.
    nodes: u32,
    unclaimed: usize,
    elements: Vec<u8>,
}

pub(super) struct Shortener {
    chain: Chain,
    store: EvidenceStore,
    /// Nodes that must have something to claim; `None`: never shorten.
    from: Option<NonZeroU32>,
    /// Root of the nodes tree that was looked at last and needs nothing more.
    done: Option<B256>,
}

impl Shortener {
    pub(super) fn new(chain: Chain, store: EvidenceStore, from: Option<NonZeroU32>) -> Self {
        Self {
            chain,
            store,
            from,
            done: None,
        }
    }

    /// Looks what the vault pays by, until shutdown.
    pub(super) async fn turns(&mut self, interval: Duration, shutdown: &CancellationToken) {
        let Some(from) = self.from else {
            return;
        };
        let mut backoff = Backoff::new(interval);
        loop {
            let turn = tokio::select! {
                turn = self.turn(from) => turn,
                () = shutdown.cancelled() => return,
            };
            let pause = match turn {
                Ok(()) => {
                    backoff.reset();
                    interval
                }
                Err(error) => {
                    warn!(%error, "proofs can't be shortened, and claims cost more without; trying again");
                    backoff.next()
                }
            };
            tokio::select! {
                () = sleep(pause) => {}
                () = shutdown.cancelled() => return,
            }
        }
    }

    /// Shortens proofs by the epoch that the vault pays by, if that is this verifier's to do and worth it. Not cancel
    /// safe in one point, which is harmless: the transaction may be on its way, and the next look finds it on chain.
    async fn turn(&mut self, from: NonZeroU32) -> Result<(), ShortenError> {
        let Some(settled) = self.chain.settled().await? else {
            return Ok(());
        };
        // What was decided once stays: nodes only ever have less to claim, and whoever undoes what was stored for
        // this epoch doesn't get this verifier to pay for it again.
        if self.done == Some(settled.nodes) {
            return Ok(());
        }
        if let Some(shorter) = self.worth_it(&settled, from).await? {
            let (nodes, elements) = (shorter.nodes, &shorter.elements);
            let sent = self.chain.shorten_proofs(nodes, elements).await?;
            let (epoch, unclaimed) = (settled.epoch, shorter.unclaimed);
            info!(epoch, unclaimed, tx = %sent.tx, gas = sent.gas_used, "proofs of claims are shorter now");
        }
        self.done = Some(settled.nodes);
        Ok(())
    }

    /// What to store; `None` if it isn't ours to do, or done, or doesn't pay.
    async fn worth_it(
        &self,
        settled: &Settled,
        from: NonZeroU32,
    ) -> Result<Option<Shorter>, ShortenError> {
        let epoch = settled.epoch;
        if settled.levels > 0 || !self.is_ours(epoch).await? {
            return Ok(None);
        }
        let Some(path) = self.store.path(epoch, TREE_FILE) else {
            return Ok(None);
        };
        let claimed = self.chain.claimed_by_all().await?;
        let root = settled.nodes;
        let worker = move || shorter(&path, root, &claimed, from);
        Ok(match disk::try_run(worker).await? {
            Ok(shorter) => shorter,
            Err(detail) => {
                warn!(epoch, detail, "claims stay dearer: its tree isn't here");
                None
            }
        })
    }

    /// Whether the vote that attested the epoch was this account's.
    async fn is_ours(&self, epoch: Epoch) -> Result<bool, ChainError> {
        let attested = self.chain.attestation_tx(epoch).await?;
        let attested_by = attested.map(|attested| attested.verifier);
        Ok(attested_by.is_some() && attested_by == self.chain.account())
    }
}

/// What to store of the tree in a file, which must have that root; `None` if fewer than `from` nodes have something to
/// claim, or its proofs are as short as can be. Blocks.
fn shorter(
    path: &Path,
    root: B256,
    claimed: &[u128],
    from: NonZeroU32,
) -> Result<Option<Shorter>, String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let tree = NodeTree::from_bytes(&bytes).map_err(|error| error.to_string())?;
    let found = tree.root().map_err(|error| error.to_string())?.hash();
    if found != root {
        return Err(format!("its root is {found}, not {root}"));
    }
    let unclaimed = unclaimed(&tree.leaves, claimed);
    // A file has fewer leaves than that.
    let nodes = tree.leaves.len() as u32;
    let levels = LEVELS.min(depth(nodes.into()));
    if unclaimed < from.get() as usize || levels == 0 {
        debug!(unclaimed, "proofs stay as they are");
        return Ok(None);
    }
    let elements = tree.below_top(levels).map_err(|error| error.to_string())?;
    Ok(elements.map(|elements| Shorter {
        nodes,
        unclaimed,
        elements,
    }))
}

/// How many nodes were paid less than they earned.
fn unclaimed(leaves: &[NodeLeaf], claimed: &[u128]) -> usize {
    let paid = claimed.iter().copied().chain(std::iter::repeat(0));
    let both = leaves.iter().zip(paid);
    both.filter(|(leaf, paid)| leaf.cumulative > *paid).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::World;

    /// A tree in which node i has earned i + 1 so far.
    fn tree(count: u32) -> NodeTree {
        let mut tree = World::honest(1, 1).judge().trees.nodes;
        let one = tree.leaves[0];
        let leaf = |index| NodeLeaf {
            index,
            cumulative: u128::from(index) + 1,
            ..one
        };
        tree.leaves = (0..count).map(leaf).collect();
        tree
    }

    fn looked_at(tree: &NodeTree, claimed: &[u128], from: u32) -> Result<Option<Shorter>, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(TREE_FILE);
        std::fs::write(&path, tree.to_bytes()).unwrap();
        let root = tree.root().unwrap().hash();
        shorter(&path, root, claimed, NonZeroU32::new(from).unwrap())
    }

    #[test]
    fn who_has_something_to_claim() {
        let leaves = tree(4).leaves;
        assert_eq!(unclaimed(&leaves, &[]), 4);
        assert_eq!(unclaimed(&leaves, &[1, 1, 3]), 2);
        assert_eq!(unclaimed(&leaves, &[1, 2, 3, 4, 5]), 0);
    }

    #[test]
    fn few_claims_are_not_worth_it() {
        let tree = tree(20);
        let claimed: Vec<u128> = (1..=18).collect();
        let found = looked_at(&tree, &claimed, 2).unwrap().expect("worth it");
        assert_eq!((found.nodes, found.unclaimed), (20, 2));
        assert!(looked_at(&tree, &claimed, 3).unwrap().is_none());
    }

    #[test]
    fn small_trees_are_kept_whole_and_one_leaf_needs_no_proof() {
        for (count, elements) in [
            (2, 2),
            (3, 4),
            (8, 8),
            (9, 16),
            (16, 16),
            (17, 16),
            (40, 16),
        ] {
            let found = looked_at(&tree(count), &[], 1).unwrap();
            let found = found.unwrap_or_else(|| panic!("{count} leaves"));
            assert_eq!(found.elements.len(), 47 * elements, "{count} leaves");
        }
        assert!(looked_at(&tree(1), &[], 1).unwrap().is_none());
    }

    #[test]
    fn only_the_tree_that_the_vault_pays_by_is_used() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(TREE_FILE);
        let (root, from) = (tree(4).root().unwrap().hash(), NonZeroU32::MIN);
        assert!(shorter(&path, root, &[], from).is_err(), "no file");
        std::fs::write(&path, tree(5).to_bytes()).unwrap();
        let error = shorter(&path, root, &[], from).err().unwrap();
        assert!(error.contains("its root is"), "{error}");
        std::fs::write(&path, tree(4).to_bytes()).unwrap();
        assert!(shorter(&path, root, &[], from).unwrap().is_some());
    }
}
