//! Sending challenges: commit to the call, then make it.
//!
//! Whoever sees a challenge before it is mined could send it first and take the bounty. So a challenger first
//! commits to the hash of its call and its own account, and makes the call in a later block; one who copies
//! call or commitment then has none that is older. The salt that keeps the commitment from being guessed
//! follows from account and call alone, so a challenger that was interrupted finds its commitment again. An account
//! has one commitment, its newest, and makes one challenge after the other.
//!
//! The sending calls aren't cancel-safe: dropped halfway, the transaction may be on its way. Calling again is
//! harmless, since it waits for what is pending and then finds the work done, as a decoded refusal.

use std::collections::BTreeMap;

use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use alloy::rpc::types::TransactionReceipt;
use alloy::sol_types::{SolEvent, SolValue};

use super::{Answer, Chain, ChainError, Sent, none_if};
use crate::abi::{NodeRegistry, Settlement};
use crate::challenge::{Challenge, Contract, Kind, abi};

/// Begins what is signed for a salt, so that nothing else can be meant by it.
const SALT_TAG: &[u8] = b"quittance challenge salt";

/// Where a network's challenges are sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChallengeContracts(BTreeMap<Contract, Address>);

impl ChallengeContracts {
    /// The contract of that name.
    pub fn get(&self, contract: Contract) -> Option<Address> {
        self.0.get(&contract).copied()
    }
}

impl FromIterator<(Contract, Address)> for ChallengeContracts {
    fn from_iter<I: IntoIterator<Item = (Contract, Address)>>(contracts: I) -> Self {
        Self(contracts.into_iter().collect())
    }
}

/// A challenge as this account sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChallengeCall {
    /// What it shows.
    pub kind: Kind,
    /// The contract.
    pub to: Address,
    /// The call.
    pub data: Bytes,
    /// What is committed to beforehand.
    pub commitment: B256,
}

/// Whose stake was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offender {
    /// A verifier that signed.
    Verifier(Address),
    /// An issuer, by its index.
    Issuer(u32),
    /// A node, by its index.
    Node(u32),
}

/// What a challenge did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenged {
    /// The transaction.
    pub sent: Sent,
    /// The first and the last epoch that fell; `None` if it was against an issuer.
    pub overturned: Option<(u64, u64)>,
    /// What was taken, token units.
    pub slashed: Vec<(Offender, U256)>,
    /// Who may withdraw what of it, token units.
    pub credited: Vec<(Address, U256)>,
}

impl Chain {
    /// The contracts of challenges that the settlement contract listens to. Names that this release doesn't
    /// know are left out. Cancel-safe.
    pub fn challenge_contracts(&self) -> Answer<'_, ChallengeContracts> {
        Box::pin(async move {
            let addresses = self.settlement(Settlement::challengersCall {}).await?;
            let mut contracts = BTreeMap::new();
            for address in addresses {
                let name = match self.view(address, abi::nameCall {}).await {
                    Ok(name) => name,
                    // Whoever deployed the network may have named an account, or a contract without a name.
                    Err(ChainError::Reverted { .. } | ChainError::BadAnswer { .. }) => continue,
                    Err(error) => return Err(error),
                };
                if let Some(contract) = Contract::ALL.into_iter().find(|c| c.name() == name) {
                    contracts.entry(contract).or_insert(address);
                }
            }
            Ok(ChallengeContracts(contracts))
        })
    }

    /// Makes a call, of this account if there is one, without sending it, and returns the gas that it would
    /// use. Cancel-safe.
    ///
    /// # Errors
    /// [`ChainError::Reverted`] if it would have no effect.
    pub fn try_challenge<'a>(&'a self, to: Address, call: &'a Challenge) -> Answer<'a, u64> {
        let data = call.call_data(B256::ZERO);
        let rpc = &self.inner.rpc;
        rpc.try_data(call.kind().function(), to, data)
    }

    /// A challenge with this account's salt.
    ///
    /// # Errors
    /// [`ChainError::NoKey`] without an account.
    pub fn challenge_call(
        &self,
        to: Address,
        challenge: &Challenge,
    ) -> Result<ChallengeCall, ChainError> {
        let kind = challenge.kind();
        let unsalted = challenge.call_data(B256::ZERO);
        let subject = [SALT_TAG, &keccak256(&unsalted)[..], to.as_slice()].concat();
        let (account, signature) = self.inner.rpc.sign(kind.function(), &subject)?;
        let data = challenge.call_data(keccak256(signature));
        Ok(ChallengeCall {
            kind,
            to,
            commitment: commitment(account, &data),
            data,
        })
    }

    /// The block that has the commitment to a call, if there is one and it is this account's newest. Cancel-safe.
    pub fn committed_in<'a>(&'a self, call: &'a ChallengeCall) -> Answer<'a, Option<u64>> {
        Box::pin(async move {
            let Some(account) = self.account() else {
                return Ok(None);
            };
            let commitment = call.commitment;
            let committed = Settlement::committedInCall {
                account,
                commitment,
            };
            let block = self.settlement(committed).await?;
            Ok((!block.is_zero()).then(|| block.saturating_to()))
        })
    }

    /// Commits to a call, instead of what this account committed to before. `None` if that was the same.
    pub fn commit_challenge<'a>(&'a self, call: &'a ChallengeCall) -> Answer<'a, Option<Sent>> {
        Box::pin(async move {
            let commitment = call.commitment;
            let commit = Settlement::commitCall { commitment };
            let sent = self.send(self.inner.settlement, commit).await;
            none_if(sent, &["SameCommitment"])
        })
    }

    /// Makes a call. The transaction is sent when the commitment is mined, so it lands in a later block.
    pub fn reveal_challenge<'a>(&'a self, call: &'a ChallengeCall) -> Answer<'a, Challenged> {
        Box::pin(async move {
            let (rpc, data) = (&self.inner.rpc, call.data.clone());
            let receipt = rpc
                .send_data(call.kind.function(), call.to, data, self.until)
                .await?;
            Ok(challenged(&receipt))
        })
    }
}

/// `keccak256(abi.encode(challenger, keccak256(call data)))`: what the contracts compare.
fn commitment(account: Address, data: &[u8]) -> B256 {
    keccak256((account, keccak256(data)).abi_encode())
}

/// What the events of a challenge's transaction say.
fn challenged(receipt: &TransactionReceipt) -> Challenged {
    let mut done = Challenged {
        sent: Sent::from(receipt),
        overturned: None,
        slashed: Vec::new(),
        credited: Vec::new(),
    };
    for log in receipt.logs() {
        let log = &log.inner;
        if let Ok(event) = Settlement::EpochsOverturned::decode_log(log) {
            done.overturned = Some((event.epoch, event.last));
        } else if let Ok(event) = Settlement::VerifierSlashed::decode_log(log) {
            let offender = Offender::Verifier(event.verifier);
            done.slashed.push((offender, event.amount));
        } else if let Ok(event) = Settlement::IssuerSlashed::decode_log(log) {
            let offender = Offender::Issuer(event.issuer);
            done.slashed.push((offender, event.amount));
        } else if let Ok(event) = NodeRegistry::NodeSlashed::decode_log(log) {
            done.slashed
                .push((Offender::Node(event.index), event.amount));
        } else if let Ok(event) = Settlement::BountyCredited::decode_log(log) {
            done.credited.push((event.account, event.amount));
        }
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `abi.encode` of an account and a word is both, the account padded on its left.
    #[test]
    fn a_commitment_is_the_contracts() {
        let account = Address::repeat_byte(0x77);
        let mut preimage = [0; 64];
        preimage[12..32].copy_from_slice(account.as_slice());
        preimage[32..].copy_from_slice(keccak256([1, 2]).as_slice());
        assert_eq!(commitment(account, &[1, 2]), keccak256(preimage));
    }
}
