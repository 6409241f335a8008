//! What verifiers and issuers have at stake, and what challengers earned of it.
//!
//! The sending calls aren't cancel-safe: dropped halfway, the transaction may be on its way. Calling again is
//! harmless, except that [`Chain::post_bond`] and [`Chain::bond_issuer`] would move money a second time.

use alloy::primitives::{Address, U256};

use super::{Chain, ChainError, Sent};
use crate::abi::Settlement;

impl Chain {
    /// Whether an account is a verifier that may vote.
    pub async fn is_verifier(&self, account: Address) -> Result<bool, ChainError> {
        self.settlement(Settlement::isVerifierCall { account })
            .await
    }

    /// How many verifiers must agree.
    pub async fn quorum(&self) -> Result<u8, ChainError> {
        self.settlement(Settlement::quorumCall {}).await
    }

    /// Puts up a verifier's bond from this account: approves exactly `amount` token units, then posts them.
    pub async fn post_bond(&self, amount: U256) -> Result<Sent, ChainError> {
        self.approve(self.inner.settlement, amount).await?;
        self.send(self.inner.settlement, Settlement::bondCall { amount })
            .await
    }

    /// Stops voting, so that the bond is free when nobody can challenge this account's votes any more.
    pub async fn unbond(&self) -> Result<Sent, ChainError> {
        self.send(self.inner.settlement, Settlement::unbondCall {})
            .await
    }

    /// Takes back the bond of this account that has stopped voting.
    pub async fn withdraw_bond(&self) -> Result<Sent, ChainError> {
        self.send(self.inner.settlement, Settlement::withdrawBondCall {})
            .await
    }

    /// Puts up an issuer's bond from this account: approves exactly `amount` token units, then posts them.
    pub async fn bond_issuer(&self, issuer: u32, amount: U256) -> Result<Sent, ChainError> {
        self.approve(self.inner.settlement, amount).await?;
        let call = Settlement::bondIssuerCall { issuer, amount };
        self.send(self.inner.settlement, call).await
    }

    /// What an account earned by challenges and hasn't withdrawn, token units.
    pub async fn bounty_of(&self, account: Address) -> Result<U256, ChainError> {
        let bounty = Settlement::bountiesCall { account };
        Ok(U256::from(self.settlement(bounty).await?))
    }

    /// Pays out what this account earned by challenges.
    pub async fn withdraw_bounty(&self) -> Result<Sent, ChainError> {
        self.send(self.inner.settlement, Settlement::withdrawBountyCall {})
            .await
    }
}
