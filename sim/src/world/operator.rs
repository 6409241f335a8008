//! What operators do: they force what a verifier left out, have the vault pay by an epoch that stands, and claim what
//! their node earned. As `quittance node force` and `quittance node claim` do.

use super::network::Network;
use super::parts::evidence_url;
use anyhow::{Context, Result, ensure};
use contracts::{FORCED_RECORDS_MAX, Settled, Status, U256};
use host::Host;
use protocol::{Epoch, EpochTree, NodeTree, Segment};

/// What an operator was paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// By which epoch: all that was earned up to and with it is paid.
    pub epoch: Epoch,
    /// Token units.
    pub amount: U256,
}

impl Network {
    /// Has the vault pay by an epoch that is past its challenge window, unless it pays by it or a later one.
    ///
    /// # Errors
    /// What is in the way.
    pub async fn activate(&self, epoch: Epoch) -> Result<Settled> {
        let settled = self.chain.settled().await?;
        if let Some(settled) = settled.filter(|settled| settled.epoch >= epoch) {
            return Ok(settled);
        }
        let status = self.chain.status(epoch).await?;
        ensure!(status == Status::Active, "epoch {epoch} is {status:?}");
        let attested = self.chain.attestation_tx(epoch).await?;
        let attested = attested.with_context(|| format!("epoch {epoch} has no event"))?;
        self.chain.activate(epoch, &attested.roots).await?;
        let settled = self.chain.settled().await?;
        settled.context("the vault pays by no epoch")
    }

    /// An operator claims what its node earned up to the epoch that the vault pays by: with a verifier's evidence, at
    /// its own cost.
    ///
    /// # Errors
    /// What is in the way.
    pub async fn claim(&self, node: usize) -> Result<Claimed> {
        let (host, operator) = &self.operators[node];
        let settled = operator.settled().await?;
        let settled = settled.context("the vault pays by no epoch")?;
        let tree = self.nodes_tree(host, settled.epoch).await?;
        let index = u32::try_from(node)?;
        let sums = prover::SumTree::of_epoch(&tree)?;
        ensure!(
            sums.root().hash() == settled.nodes,
            "the evidence isn't that of epoch {} on the chain",
            settled.epoch
        );
        let mut claimed = Claimed {
            epoch: settled.epoch,
            amount: U256::ZERO,
        };
        let Some(leaf) = tree.leaves.get(node) else {
            return Ok(claimed);
        };
        let proof = sums.proof(index.into()).context("the tree lost the node")?;
        let (leaf, count) = (leaf.into(), u32::try_from(tree.leaves.len())?);
        let due = operator.claimable(&leaf, count, &proof.0).await?;
        if !due.is_zero() {
            operator.claim(&leaf, count, &proof.0).await?;
            claimed.amount = due;
        }
        Ok(claimed)
    }

    /// An operator puts its node's records of an epoch on chain, so that no verifier can leave them out: in the force
    /// window. Gives how many, at most what one transaction takes.
    ///
    /// # Errors
    /// What is in the way.
    pub async fn force(&self, node: usize, epoch: Epoch) -> Result<usize> {
        let folder = self.nodes[node].machine().folder();
        let file = std::fs::read(folder.join(format!("segments/epoch-{epoch}.qseg")))?;
        let segment = Segment::from_bytes(&file)?;
        let records = segment.records();
        let records = &records[..records.len().min(FORCED_RECORDS_MAX)];
        let (_, operator) = &self.operators[node];
        let index = u32::try_from(node)?;
        operator.force_commit(epoch, index, records).await?;
        Ok(records.len())
    }

    /// The nodes tree of an epoch, of the first verifier that has it.
    async fn nodes_tree(&self, host: &Host, epoch: Epoch) -> Result<NodeTree> {
        let mut failed = None;
        for verifier in &self.verifiers {
            let url = evidence_url(verifier.machine().ip());
            let url = format!("{url}/v1/evidence/{epoch}/tree.qtree");
            match host
                .http
                .read(host.http.get(&url), NodeTree::BYTES_MAX)
                .await
            {
                Ok(bytes) => return Ok(EpochTree::from_bytes(&bytes)?),
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.context("there is no verifier")?.into())
    }
}
