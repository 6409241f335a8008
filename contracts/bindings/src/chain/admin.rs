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

use super::{Answer, Chain, Parameters, Sent};
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
    pub fn owner(&self) -> Answer<'_, Address> {
        self.settlement(Settlement::ownerCall {})
    }

    /// Who was named as the next owner and hasn't accepted, if anyone.
    pub fn pending_owner(&self) -> Answer<'_, Option<Address>> {
        Box::pin(async move {
            let pending = self.settlement(Settlement::pendingOwnerCall {}).await?;
            Ok((!pending.is_zero()).then_some(pending))
        })
    }

    /// Names the next owner, who has to accept; until then nothing changes. Owner only.
    pub fn transfer_ownership(&self, to: Address) -> Answer<'_, Sent> {
        let call = Settlement::transferOwnershipCall { newOwner: to };
        self.send(self.inner.settlement, call)
    }

    /// Becomes the owner, as this account was named.
    pub fn accept_ownership(&self) -> Answer<'_, Sent> {
        self.send(self.inner.settlement, Settlement::acceptOwnershipCall {})
    }

    /// Leaves the network without an owner, for good. Owner only.
    pub fn renounce_ownership(&self) -> Answer<'_, Sent> {
        self.send(self.inner.settlement, Settlement::renounceOwnershipCall {})
    }

    /// Who receives what is slashed and no challenger gets.
    pub fn treasury(&self) -> Answer<'_, Address> {
        self.settlement(Settlement::treasuryCall {})
    }

    /// Seconds between the announcement of a change and its effect.
    pub fn change_delay(&self) -> Answer<'_, u32> {
        self.settlement(Settlement::changeDelayCall {})
    }

    /// The changes that are announced and not made, by when they are due. They are found by the events since
    /// the genesis. Cancel-safe.
    pub fn announced_changes(&self) -> Answer<'_, Vec<Announced>> {
        Box::pin(async move {
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
        })
    }

    /// From when on a change may be made, Unix seconds; `None` if it isn't announced.
    pub fn due(&self, change: Change) -> Answer<'_, Option<u64>> {
        Box::pin(async move {
            let (change, value) = change.parts();
            let due = Settlement::effectiveAtCall { change, value };
            let due = self.settlement(due).await?;
            Ok((!due.is_zero()).then(|| due.saturating_to()))
        })
    }

    /// Makes a change that was announced and is due. Anyone may.
    pub fn apply_change(&self, change: Change) -> Answer<'_, Sent> {
        let (change, value) = change.parts();
        let call = Settlement::applyChangeCall { change, value };
        self.send(self.inner.settlement, call)
    }

    /// Adds a control plane; its index is the number of issuers before. Owner only.
    pub fn add_issuer(&self, key: B256, committer: Address) -> Answer<'_, Sent> {
        let call = Settlement::addIssuerCall { key, committer };
        self.send(self.inner.settlement, call)
    }

    /// Gives an issuer another key from an epoch on that hasn't begun. Its committer or the owner.
    pub fn rotate_issuer_key(&self, issuer: u32, key: B256, from_epoch: u64) -> Answer<'_, Sent> {
        let call = Settlement::rotateIssuerKeyCall {
            issuer,
            key,
            fromEpoch: from_epoch,
        };
        self.send(self.inner.settlement, call)
    }

    /// Admits a verifier, or announces it. Owner only.
    pub fn admit_verifier(&self, verifier: Address) -> Answer<'_, Sent> {
        let call = Settlement::admitVerifierCall { verifier };
        self.send(self.inner.settlement, call)
    }

    /// Dismisses a verifier, or announces it. Owner only.
    pub fn dismiss_verifier(&self, verifier: Address) -> Answer<'_, Sent> {
        let call = Settlement::dismissVerifierCall { verifier };
        self.send(self.inner.settlement, call)
    }

    /// Sets how many verifiers must agree, or announces it. Owner only.
    pub fn set_quorum(&self, quorum: u8) -> Answer<'_, Sent> {
        let call = Settlement::setQuorumCall { quorum_: quorum };
        self.send(self.inner.settlement, call)
    }

    /// Has other parameters hold from an epoch on, which is far enough away. Owner only.
    pub fn schedule<'a>(
        &'a self,
        first_epoch: u64,
        parameters: &'a Parameters,
    ) -> Answer<'a, Sent> {
        Box::pin(async move {
            let call = Settlement::scheduleCall {
                firstEpoch: first_epoch,
                parameters: parameters.try_into()?,
            };
            self.send(self.inner.settlement, call).await
        })
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
