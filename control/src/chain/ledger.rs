//! What the control plane asks of the chain, so that tests can answer in its place.

use crate::tickets::ticket_log::Seal;
use contracts::{Chain, ChainError};
use protocol::{Address, B256, Epoch, NodeId};
use std::future::Future;

/// The calls that membership and commitments need. Reads are cancel safe; sending is not, and harmless
/// to repeat.
pub(crate) trait Ledger: Clone + Send + Sync + 'static {
    /// Time of the newest block, Unix seconds.
    fn now(&self) -> impl Future<Output = Result<u64, ChainError>> + Send;

    /// The epoch to be attested next; for those before nothing can be committed any more.
    fn next_epoch(&self) -> impl Future<Output = Result<Epoch, ChainError>> + Send;

    /// Root of our log of an epoch, if it is committed.
    fn ticket_log(
        &self,
        epoch: Epoch,
        issuer: u32,
    ) -> impl Future<Output = Result<Option<B256>, ChainError>> + Send;

    /// Commits a log and waits until that is mined.
    fn commit(
        &self,
        epoch: Epoch,
        issuer: u32,
        seal: Seal,
    ) -> impl Future<Output = Result<(), ChainError>> + Send;

    /// Keys of the registered nodes from registry index `first` on.
    fn nodes_from(
        &self,
        first: u32,
    ) -> impl Future<Output = Result<Vec<NodeId>, ChainError>> + Send;

    /// Sum of all bills up to an attested epoch, token units; 0 if it isn't attested.
    fn billed_to_all(&self, epoch: Epoch) -> impl Future<Output = Result<u128, ChainError>> + Send;

    /// Root of an attested epoch's bills tree, if it is attested.
    fn bills_root(
        &self,
        epoch: Epoch,
    ) -> impl Future<Output = Result<Option<B256>, ChainError>> + Send;

    /// What a payer has deposited and not announced to withdraw, token units, bills not deducted.
    fn deposit_of(&self, payer: Address) -> impl Future<Output = Result<u128, ChainError>> + Send;

    /// Price of 2^30 bytes in an epoch, token units.
    fn price_at(&self, epoch: Epoch) -> impl Future<Output = Result<u128, ChainError>> + Send;

    /// Accounts of the registered payers from payer index `first` on.
    fn payers_from(
        &self,
        first: u32,
    ) -> impl Future<Output = Result<Vec<Address>, ChainError>> + Send;
}

impl Ledger for Chain {
    async fn now(&self) -> Result<u64, ChainError> {
        Chain::now(self).await
    }

    async fn next_epoch(&self) -> Result<Epoch, ChainError> {
        Chain::next_epoch(self).await
    }

    async fn ticket_log(&self, epoch: Epoch, issuer: u32) -> Result<Option<B256>, ChainError> {
        Chain::ticket_log(self, epoch, issuer).await
    }

    async fn commit(&self, epoch: Epoch, issuer: u32, seal: Seal) -> Result<(), ChainError> {
        let sent = self
            .commit_ticket_log(epoch, issuer, seal.top, seal.count, seal.bytes_max)
            .await?;
        tracing::debug!(epoch, tx = %sent.tx, gas = sent.gas_used, "ticket log committed");
        Ok(())
    }

    async fn nodes_from(&self, first: u32) -> Result<Vec<NodeId>, ChainError> {
        let nodes = Chain::nodes_from(self, first).await?;
        Ok(nodes.into_iter().map(|node| NodeId(node.key)).collect())
    }

    async fn billed_to_all(&self, epoch: Epoch) -> Result<u128, ChainError> {
        let attested = self.attestation(epoch).await?;
        Ok(attested.map_or(0, |attested| attested.total))
    }

    async fn bills_root(&self, epoch: Epoch) -> Result<Option<B256>, ChainError> {
        let attested = self.attestation_tx(epoch).await?;
        Ok(attested.map(|attested| attested.roots.bills))
    }

    async fn deposit_of(&self, payer: Address) -> Result<u128, ChainError> {
        // A deposit is below 2^96.
        Ok(Chain::deposit_of(self, payer).await?.saturating_to())
    }

    async fn price_at(&self, epoch: Epoch) -> Result<u128, ChainError> {
        Ok(self.parameters_at(epoch).await?.price_per_gib)
    }

    async fn payers_from(&self, first: u32) -> Result<Vec<Address>, ChainError> {
        let payers = Chain::payers(self).await?.into_iter();
        let payers = payers.skip_while(|payer| payer.index < first);
        Ok(payers.map(|payer| payer.account).collect())
    }
}
