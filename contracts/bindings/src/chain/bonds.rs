//! What verifiers and issuers have at stake, and what challengers earned of it.
//!
//! The sending calls aren't cancel-safe: dropped halfway, the transaction may be on its way. Calling again is
//! harmless, except that [`Chain::post_bond`] and [`Chain::bond_issuer`] would move money a second time.

use alloy::primitives::{Address, U256};

use super::{Answer, Chain, Sent};
use crate::abi::Settlement;

/// An account that was admitted as a verifier once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifier {
    /// The account. Its place in the list is its bit among the signers of an attestation.
    pub account: Address,
    /// Whether it may vote, but for its bond.
    pub admitted: bool,
    /// What it has at stake, token units.
    pub bond: u128,
    /// When its bond may be withdrawn, Unix seconds; 0 unless it announced that, and then it doesn't vote.
    pub unbonded_at: u64,
}

impl Chain {
    /// All accounts that were ever admitted as verifiers, by their place among the signers.
    pub fn verifiers(&self) -> Answer<'_, Vec<Verifier>> {
        Box::pin(async move {
            let mut verifiers = Vec::new();
            for account in self.settlement(Settlement::verifiersCall {}).await? {
                let known = Settlement::verifierOfCall { account };
                let known = self.settlement(known).await?;
                verifiers.push(Verifier {
                    account,
                    admitted: known.admitted,
                    bond: known.bond.to(),
                    unbonded_at: known.unbondedAt.to(),
                });
            }
            Ok(verifiers)
        })
    }

    /// Seconds from an announcement by whoever leaves now to the time when bond or stake may be withdrawn.
    pub fn unbonding(&self) -> Answer<'_, u64> {
        Box::pin(async move {
            let seconds = self.settlement(Settlement::unbondingCall {}).await?;
            Ok(seconds.saturating_to())
        })
    }

    /// Whether an account is a verifier that may vote.
    pub fn is_verifier(&self, account: Address) -> Answer<'_, bool> {
        self.settlement(Settlement::isVerifierCall { account })
    }

    /// How many verifiers must agree.
    pub fn quorum(&self) -> Answer<'_, u8> {
        self.settlement(Settlement::quorumCall {})
    }

    /// Puts up a verifier's bond from this account: approves exactly `amount` token units, then posts them.
    pub fn post_bond(&self, amount: U256) -> Answer<'_, Sent> {
        Box::pin(async move {
            let call = Settlement::bondCall { amount };
            self.send_approved(self.inner.settlement, amount, call)
                .await
        })
    }

    /// Stops voting, so that the bond is free when nobody can challenge this account's votes any more.
    pub fn unbond(&self) -> Answer<'_, Sent> {
        self.send(self.inner.settlement, Settlement::unbondCall {})
    }

    /// Takes back the bond of this account that has stopped voting.
    pub fn withdraw_bond(&self) -> Answer<'_, Sent> {
        self.send(self.inner.settlement, Settlement::withdrawBondCall {})
    }

    /// Puts up an issuer's bond from this account: approves exactly `amount` token units, then posts them.
    pub fn bond_issuer(&self, issuer: u32, amount: U256) -> Answer<'_, Sent> {
        Box::pin(async move {
            let call = Settlement::bondIssuerCall { issuer, amount };
            self.send_approved(self.inner.settlement, amount, call)
                .await
        })
    }

    /// Announces that an issuer's bond is taken back; it stays at stake until nothing the issuer did can be
    /// challenged any more. Its committer only.
    pub fn unbond_issuer(&self, issuer: u32) -> Answer<'_, Sent> {
        let call = Settlement::unbondIssuerCall { issuer };
        self.send(self.inner.settlement, call)
    }

    /// Takes back an issuer's bond that was announced, to its committer, who only may.
    pub fn withdraw_issuer_bond(&self, issuer: u32) -> Answer<'_, Sent> {
        let call = Settlement::withdrawIssuerBondCall { issuer };
        self.send(self.inner.settlement, call)
    }

    /// What an account earned by challenges and hasn't withdrawn, token units.
    pub fn bounty_of(&self, account: Address) -> Answer<'_, U256> {
        Box::pin(async move {
            let bounty = Settlement::bountiesCall { account };
            Ok(U256::from(self.settlement(bounty).await?))
        })
    }

    /// Pays out what this account earned by challenges.
    pub fn withdraw_bounty(&self) -> Answer<'_, Sent> {
        self.send(self.inner.settlement, Settlement::withdrawBountyCall {})
    }
}
