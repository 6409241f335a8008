//! The calls of a network's owner.
//!
//! Who verifies, and how many must agree, is set at once before the genesis. After it a change is only
//! announced, and takes effect when everything that was attested before has become active.
//!
//! None is cancel-safe: dropped halfway, the transaction may be on its way.

use alloy::primitives::{Address, B256};

use super::{Chain, ChainError, Parameters, Sent};
use crate::abi::Settlement;

impl Chain {
    /// Adds a control plane; its index is the number of issuers before. Owner only.
    pub async fn add_issuer(&self, key: B256, committer: Address) -> Result<Sent, ChainError> {
        let call = Settlement::addIssuerCall { key, committer };
        self.send(self.inner.settlement, call).await
    }

    /// Gives an issuer another key from an epoch on that hasn't begun. Its committer or the owner.
    pub async fn rotate_issuer_key(
        &self,
        issuer: u32,
        key: B256,
        from_epoch: u64,
    ) -> Result<Sent, ChainError> {
        let call = Settlement::rotateIssuerKeyCall {
            issuer,
            key,
            fromEpoch: from_epoch,
        };
        self.send(self.inner.settlement, call).await
    }

    /// Admits a verifier, or announces it. Owner only.
    pub async fn admit_verifier(&self, verifier: Address) -> Result<Sent, ChainError> {
        let call = Settlement::admitVerifierCall { verifier };
        self.send(self.inner.settlement, call).await
    }

    /// Dismisses a verifier, or announces it. Owner only.
    pub async fn dismiss_verifier(&self, verifier: Address) -> Result<Sent, ChainError> {
        let call = Settlement::dismissVerifierCall { verifier };
        self.send(self.inner.settlement, call).await
    }

    /// Sets how many verifiers must agree, or announces it. Owner only.
    pub async fn set_quorum(&self, quorum: u8) -> Result<Sent, ChainError> {
        let call = Settlement::setQuorumCall { quorum_: quorum };
        self.send(self.inner.settlement, call).await
    }

    /// Has other parameters hold from an epoch on, which is far enough away. Owner only.
    pub async fn schedule(
        &self,
        first_epoch: u64,
        parameters: &Parameters,
    ) -> Result<Sent, ChainError> {
        let call = Settlement::scheduleCall {
            firstEpoch: first_epoch,
            parameters: parameters.try_into()?,
        };
        self.send(self.inner.settlement, call).await
    }
}
