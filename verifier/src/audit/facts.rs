//! What the chain says that an attestation is audited by.

use crate::chain::{EpochFacts, epoch_facts};
use contracts::{AttestationTx, Chain, ChainError, CommittedLog, ForcedChunk};
use protocol::{Address, B256, DeliveryMass, Epoch, Roots, ValueMass};

use super::tree::StatedRoot;

/// What the chain says of an attested epoch.
#[derive(Debug, Clone)]
pub(super) struct AuditFacts {
    /// What the epoch is judged by.
    pub(super) epoch: EpochFacts,
    /// What was attested.
    pub(super) attested: AttestationTx,
    /// Uppermost element of the bills tree, where the vote tells.
    pub(super) bills_top: Option<B256>,
    /// What was attested for the epoch before; `None` in epoch 0.
    pub(super) before: Option<AttestationTx>,
    /// Accounts that the vault has known since the epoch's end or later, by payer index after the others.
    pub(super) later_payers: Vec<Address>,
    /// What issuers committed, by issuer.
    pub(super) logs: Vec<CommittedLog>,
    /// What nodes forced, each node's chunks in their order.
    pub(super) forced: Vec<ForcedChunk>,
    /// All that payers have deposited now, token units.
    pub(super) funded: u128,
    /// Until when the attestation can be challenged, Unix seconds; `None` if the contract has let go of it.
    pub(super) open_until: Option<u64>,
    /// Time of the chain, Unix seconds.
    pub(super) now: u64,
}

/// Reads it. Cancel safe.
///
/// # Errors
/// If the chain can't be asked. `Ok(None)` if the epoch isn't attested.
pub(super) async fn read(chain: &Chain, epoch: Epoch) -> Result<Option<AuditFacts>, ChainError> {
    let Some(attested) = chain.attestation_tx(epoch).await? else {
        return Ok(None);
    };
    let before = match epoch.checked_sub(1) {
        Some(before) => chain.attestation_tx(before).await?,
        None => None,
    };
    let vote = chain.vote_in(attested.tx).await?;
    let facts = epoch_facts(chain, epoch).await?;
    let payers = chain.payers().await?.into_iter();
    Ok(Some(AuditFacts {
        bills_top: vote.map(|vote| vote.bills_top),
        later_payers: payers
            .skip(facts.payers.len())
            .map(|payer| payer.account)
            .collect(),
        logs: chain.committed_logs(epoch).await?,
        forced: chain.forced_chunks(epoch).await?,
        funded: chain.funded().await?.saturating_to(),
        open_until: chain.attestation(epoch).await?.map(|a| a.active_at),
        now: chain.now().await?,
        epoch: facts,
        attested,
        before,
    }))
}

impl AuditFacts {
    /// What was attested.
    pub(super) fn roots(&self) -> &Roots {
        &self.attested.roots
    }

    /// The sum of all cumulative rewards before this epoch.
    pub(super) fn total_before(&self) -> u128 {
        self.before.as_ref().map_or(0, |before| before.total)
    }

    /// The three roots as they are stated: nodes, bills, charges.
    pub(super) fn stated(&self) -> [StatedRoot<ValueMass>; 3] {
        let attested = &self.attested;
        let root = |hash, count, amount: u128| StatedRoot {
            hash,
            // The contract holds amounts in 96 bits.
            mass: ValueMass::new(amount).unwrap_or_default(),
            count,
        };
        let added = attested.total.saturating_sub(self.total_before());
        [
            root(attested.roots.nodes, attested.nodes, attested.total),
            root(attested.roots.bills, attested.payers, attested.total),
            root(attested.roots.charges, attested.charges, added),
        ]
    }

    /// The account of a payer index, whenever it was registered.
    pub(super) fn account(&self, payer: u32) -> Option<Address> {
        let (payers, index) = (&self.epoch.payers, payer as usize);
        match payers.get(index) {
            Some(payer) => Some(payer.account),
            None => self.later_payers.get(index - payers.len()).copied(),
        }
    }

    /// A log as an issuer committed it.
    pub(super) fn log(&self, issuer: u32) -> Option<&CommittedLog> {
        self.logs.iter().find(|log| log.issuer == issuer)
    }
}

/// The root of a log as it is stated.
pub(super) fn log_root(log: &CommittedLog) -> StatedRoot<DeliveryMass> {
    StatedRoot {
        hash: log.root,
        // The contract refuses 2^56 and more.
        mass: DeliveryMass::new(log.max_bytes, log.count, 0).unwrap_or_default(),
        count: log.count,
    }
}
