//! The calls of a network's owner.

use alloy::primitives::{Address, B256};

use super::{Chain, ChainError, Sent};
use crate::abi::Settlement;

impl Chain {
    /// Adds a control plane; its index is the number of issuers before. Owner only.
    pub async fn add_issuer(&self, key: B256, committer: Address) -> Result<Sent, ChainError> {
        self.send(
            self.inner.settlement,
            Settlement::addIssuerCall { key, committer },
        )
        .await
    }

    /// Admits or dismisses a verifier, and voids open votes. Owner only.
    pub async fn set_verifier(&self, verifier: Address, allowed: bool) -> Result<Sent, ChainError> {
        self.send(
            self.inner.settlement,
            Settlement::setVerifierCall { verifier, allowed },
        )
        .await
    }

    /// Sets how many verifiers must agree, and voids open votes. Owner only.
    pub async fn set_quorum(&self, quorum: u8) -> Result<Sent, ChainError> {
        let quorum_ = quorum;
        self.send(self.inner.settlement, Settlement::setQuorumCall { quorum_ })
            .await
    }

    /// Whether an account is a verifier.
    pub async fn is_verifier(&self, account: Address) -> Result<bool, ChainError> {
        self.settlement(Settlement::isVerifierCall { account })
            .await
    }

    /// How many verifiers must agree.
    pub async fn quorum(&self) -> Result<u8, ChainError> {
        self.settlement(Settlement::quorumCall {}).await
    }
}
