//! An epoch's course on the settlement contract: logs are committed, verifiers vote.
//!
//! The sending calls aren't cancel-safe: dropped halfway, the transaction may be on its way. Calling again is
//! harmless, since it waits for what is pending and then finds the work done, as a decoded refusal.

use alloy::primitives::B256;

use super::{Answer, Attestation, Chain, Sent, Statement, Status, none_if};
use crate::abi::Settlement;

impl Chain {
    /// Root of an issuer's ticket log of an epoch, if it is committed.
    pub fn ticket_log(&self, epoch: u64, issuer: u32) -> Answer<'_, Option<B256>> {
        Box::pin(async move {
            let root = self
                .settlement(Settlement::ticketLogCall { epoch, issuer })
                .await?;
            // No root is zero: it is a keccak-256 digest.
            Ok((!root.is_zero()).then_some(root))
        })
    }

    /// Commits an issuer's ticket log of an epoch: until its commit window is over.
    pub fn commit_ticket_log(
        &self,
        epoch: u64,
        issuer: u32,
        top: B256,
        count: u32,
        max_bytes: u64,
    ) -> Answer<'_, Sent> {
        let call = Settlement::commitTicketLogCall {
            epoch,
            issuer,
            top,
            count,
            maxBytes: max_bytes,
        };
        let until = self.timeline().commit_until(epoch);
        self.inner
            .rpc
            .send(self.inner.settlement, call, Some(until))
    }

    /// The epoch to be attested next; all below are.
    pub fn next_epoch(&self) -> Answer<'_, u64> {
        self.settlement(Settlement::nextEpochCall {})
    }

    /// Where an epoch stands.
    pub fn status(&self, epoch: u64) -> Answer<'_, Status> {
        Box::pin(async move {
            let status = self.settlement(Settlement::statusCall { epoch }).await?;
            Ok(status.into())
        })
    }

    /// What was attested for an epoch, pending or active. `None` if it isn't, or so long ago that the
    /// contract has let go of it; [`Self::attestation_tx`] still finds it then.
    pub fn attestation(&self, epoch: u64) -> Answer<'_, Option<Attestation>> {
        Box::pin(async move {
            let found = self.settlement(Settlement::attestationCall { epoch }).await;
            Ok(none_if(found, &["NotAttested", "EpochArchived"])?.map(Attestation::from))
        })
    }

    /// Votes for what an epoch was.
    pub fn attest<'a>(&'a self, statement: &'a Statement) -> Answer<'a, Sent> {
        Box::pin(async move {
            let s = statement.try_into()?;
            self.send(self.inner.settlement, Settlement::attestCall { s })
                .await
        })
    }
}
