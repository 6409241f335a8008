//! The calls of a network's owner.
//!
//! Who verifies, and how many must agree, is set at once before the genesis. After it a change is only
//! announced, and takes effect when everything that was attested before has become active.
//!
//! None is cancel-safe: dropped halfway, the transaction may be on its way.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use alloy::primitives::aliases::U160;
use alloy::primitives::{Address, B256};
use alloy::rpc::types::Filter;
use alloy::sol_types::SolEvent;

use super::{Chain, ChainError, Parameters, Sent};
use crate::abi::Settlement;

/// What the owner may change of those who vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// That account votes from then on.
    Admit(Address),
    /// That account doesn't vote any more.
    Dismiss(Address),
    /// So many must agree.
    Quorum(u8),
}

impl Change {
    /// As the contract takes it: kind, and account or quorum.
    fn parts(self) -> (u8, U160) {
        match self {
            Self::Admit(account) => (0, account.into()),
            Self::Dismiss(account) => (1, account.into()),
            Self::Quorum(quorum) => (2, U160::from(quorum)),
        }
    }

    /// From the contract's own; `None` if it is none that this version knows.
    fn from_parts(kind: u8, value: U160) -> Option<Self> {
        match kind {
            0 => Some(Self::Admit(value.into())),
            1 => Some(Self::Dismiss(value.into())),
            2 => value.try_into().ok().map(Self::Quorum),
            _ => None,
        }
    }
}

/// As [`str::parse`] takes it: `admit:ADDRESS`, `dismiss:ADDRESS` or `quorum:N`.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Admit(account) => write!(f, "admit:{account:#x}"),
            Self::Dismiss(account) => write!(f, "dismiss:{account:#x}"),
            Self::Quorum(quorum) => write!(f, "quorum:{quorum}"),
        }
    }
}

/// Text that names no change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a change is admit:ADDRESS, dismiss:ADDRESS or quorum:N, as `quittance contracts show` has it"
)]
pub struct NoChange;

impl FromStr for Change {
    type Err = NoChange;

    fn from_str(text: &str) -> Result<Self, NoChange> {
        let (kind, value) = text.split_once(':').ok_or(NoChange)?;
        match kind {
            "admit" => value.parse().map(Self::Admit).map_err(|_| NoChange),
            "dismiss" => value.parse().map(Self::Dismiss).map_err(|_| NoChange),
            "quorum" => value.parse().map(Self::Quorum).map_err(|_| NoChange),
            _ => Err(NoChange),
        }
    }
}

/// A change that is announced and not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announced {
    /// The change.
    pub change: Change,
    /// From when on anyone may make it, Unix seconds.
    pub due: u64,
}

impl Chain {
    /// Who adds issuers, changes who votes, and schedules parameters.
    pub async fn owner(&self) -> Result<Address, ChainError> {
        self.settlement(Settlement::ownerCall {}).await
    }

    /// Who was named as the next owner and hasn't accepted, if anyone.
    pub async fn pending_owner(&self) -> Result<Option<Address>, ChainError> {
        let pending = self.settlement(Settlement::pendingOwnerCall {}).await?;
        Ok((!pending.is_zero()).then_some(pending))
    }

    /// Names the next owner, who has to accept; until then nothing changes. Owner only.
    pub async fn transfer_ownership(&self, to: Address) -> Result<Sent, ChainError> {
        let call = Settlement::transferOwnershipCall { newOwner: to };
        self.send(self.inner.settlement, call).await
    }

    /// Becomes the owner, as this account was named.
    pub async fn accept_ownership(&self) -> Result<Sent, ChainError> {
        self.send(self.inner.settlement, Settlement::acceptOwnershipCall {})
            .await
    }

    /// Leaves the network without an owner, for good. Owner only.
    pub async fn renounce_ownership(&self) -> Result<Sent, ChainError> {
        self.send(self.inner.settlement, Settlement::renounceOwnershipCall {})
            .await
    }

    /// Who receives what is slashed and no challenger gets.
    pub async fn treasury(&self) -> Result<Address, ChainError> {
        self.settlement(Settlement::treasuryCall {}).await
    }

    /// Seconds between the announcement of a change and its effect.
    pub async fn change_delay(&self) -> Result<u32, ChainError> {
        self.settlement(Settlement::changeDelayCall {}).await
    }

    /// The changes that are announced and not made, by when they are due. They are found by the events since
    /// the genesis. Cancel-safe.
    pub async fn announced_changes(&self) -> Result<Vec<Announced>, ChainError> {
        let filter = Filter::new()
            .address(self.inner.settlement)
            .event_signature(Settlement::ChangeAnnounced::SIGNATURE_HASH);
        // Before the genesis changes are made at once.
        let logs = self.logs_since(self.timeline().genesis(), &filter).await?;
        let changes: BTreeSet<_> = logs
            .iter()
            .filter_map(|log| {
                let event = Settlement::ChangeAnnounced::decode_log(&log.inner).ok()?;
                Change::from_parts(event.change, event.value)
            })
            .collect();
        let mut announced = Vec::new();
        for change in changes {
            if let Some(due) = self.due(change).await? {
                announced.push(Announced { change, due });
            }
        }
        announced.sort_by_key(|announced| announced.due);
        Ok(announced)
    }

    /// From when on a change may be made, Unix seconds; `None` if it isn't announced.
    pub async fn due(&self, change: Change) -> Result<Option<u64>, ChainError> {
        let (change, value) = change.parts();
        let due = Settlement::effectiveAtCall { change, value };
        let due = self.settlement(due).await?;
        Ok((!due.is_zero()).then(|| due.saturating_to()))
    }

    /// Makes a change that was announced and is due. Anyone may.
    pub async fn apply_change(&self, change: Change) -> Result<Sent, ChainError> {
        let (change, value) = change.parts();
        let call = Settlement::applyChangeCall { change, value };
        self.send(self.inner.settlement, call).await
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_read_as_it_is_written() {
        let account = Address::repeat_byte(0xab);
        for change in [
            Change::Admit(account),
            Change::Dismiss(account),
            Change::Quorum(3),
        ] {
            assert_eq!(change.to_string().parse(), Ok(change));
        }
        for wrong in ["", "quorum", "quorum:256", "admit:0x12", "remove:3"] {
            assert_eq!(wrong.parse::<Change>(), Err(NoChange), "{wrong}");
        }
    }
}
