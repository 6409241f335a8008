//! The calls of operators, issuers, verifiers and payers.
//!
//! They aren't cancel-safe: dropped halfway, the transaction may be on its way. Calling again is harmless all
//! the same, since it waits for what is pending and then finds the work done, as a decoded refusal. Only
//! [`Chain::fund`] and [`Chain::transfer_token`] would move money a second time.

use alloy::primitives::{Address, B256, Bytes, U256, aliases::U120};

use super::{Chain, ChainError, NodeLeaf, Sent};
use crate::abi::{NodeRegistry, RewardVault, Settlement, TestToken};

impl Chain {
    /// Registers a node, with this account as its operator.
    pub async fn register_node(&self, key: B256, payout: Address) -> Result<Sent, ChainError> {
        self.send(
            self.inner.registry,
            NodeRegistry::registerCall { key, payout },
        )
        .await
    }

    /// Changes where a node of this account is paid.
    pub async fn set_payout(&self, index: u32, payout: Address) -> Result<Sent, ChainError> {
        self.send(
            self.inner.registry,
            NodeRegistry::setPayoutCall { index, payout },
        )
        .await
    }

    /// Commits an issuer's ticket log of an epoch.
    pub async fn commit_ticket_log(
        &self,
        epoch: u64,
        issuer: u32,
        top: B256,
        count: u32,
        max_bytes: u64,
    ) -> Result<Sent, ChainError> {
        let call = Settlement::commitTicketLogCall {
            epoch,
            issuer,
            top,
            count,
            maxBytes: max_bytes,
        };
        self.send(self.inner.settlement, call).await
    }

    /// Votes for what an epoch was. `total` is in token units, below 2^120.
    pub async fn attest(
        &self,
        epoch: u64,
        top: B256,
        nodes: u32,
        total: u128,
        evidence: B256,
    ) -> Result<Sent, ChainError> {
        let total = U120::try_from(total).map_err(|_| ChainError::AmountTooLarge { total })?;
        let call = Settlement::attestCall {
            epoch,
            top,
            nodes,
            total,
            evidence,
        };
        self.send(self.inner.settlement, call).await
    }

    /// Claims what an active epoch states for a node and hasn't been paid.
    pub async fn claim(
        &self,
        epoch: u64,
        leaf: &NodeLeaf,
        proof: &[u8],
    ) -> Result<Sent, ChainError> {
        let proof = Bytes::copy_from_slice(proof);
        let call = Settlement::claimCall {
            epoch,
            leaf: leaf.into(),
            proof,
        };
        self.send(self.inner.settlement, call).await
    }

    /// Funds rewards from this account: approves exactly `amount` token units, then deposits them.
    pub async fn fund(&self, amount: U256) -> Result<Sent, ChainError> {
        let approve = TestToken::approveCall {
            spender: self.inner.vault,
            value: amount,
        };
        self.send(self.inner.token, approve).await?;
        self.send(self.inner.vault, RewardVault::fundCall { amount })
            .await
    }

    /// Sends network tokens from this account to another.
    pub async fn transfer_token(&self, to: Address, amount: U256) -> Result<Sent, ChainError> {
        self.send(
            self.inner.token,
            TestToken::transferCall { to, value: amount },
        )
        .await
    }
}
