//! The one module that talks RPC.
//!
//! [`Chain`] stands for one network: a settlement contract on a chain, with the registry, vault and token
//! it names. Its calls are in a file for each matter: `nodes`, `money`, `bonds`, `epochs`, `versions`,
//! `inclusion`, `challenges`, `forced`, and `admin` for the owner's; `deploy` makes a network, and `verify` checks
//! one against its `manifest`. Reading needs no key. Sending does, and keeps to three rules:
//!
//! - every call is simulated first, so that a refusal comes back as the contract's own error, decoded,
//!   and costs nothing;
//! - nothing is sent while a transaction of the account is still in the air, which goes on until it is mined: it is given
//!   to the pools again, and replaced by one that offers more; and where there is an
//!   [`Outbox`](crate::Outbox) it is on disk before it is sent, so that a process that was restarted goes on with it;
//! - every wait is bounded, but that for one's turn where others of the process send, too.
//!
//! Keys are held by alloy's signer and never logged; of an RPC URL only scheme, host and port are shown,
//! because providers put their access keys in the rest.

mod admin;
mod bonds;
mod challenges;
mod deploy;
mod deployment;
mod epochs;
mod error;
mod events;
mod forced;
mod inclusion;
mod listed;
mod manifest;
mod money;
mod nodes;
mod part;
mod revert;
mod rpc;
mod sending;
mod transport;
mod trees;
mod types;
mod verify;
mod versions;

use std::sync::Arc;

use alloy::primitives::{Address, B256};
use alloy::sol_types::SolCall;

pub use admin::{Announced, Change, NoChange};
pub use bonds::Verifier;
pub use challenges::{ChallengeCall, ChallengeContracts, Challenged, Offender};
pub use deploy::{deploy, deploy_manifest};
pub use deployment::{DeployConfig, Deployment, TokenConfig};
pub use error::{ChainError, Incoherent};
pub use events::{AttestationTx, CommittedLog, Overturn};
pub use forced::{FORCED_RECORDS_MAX, ForcedChunk};
pub use inclusion::Question;
pub use manifest::{Contract, Manifest};
pub use part::Part;
pub use revert::Revert;
pub use rpc::{Answer, Sent};
pub use transport::rpc_client;
pub use trees::{Attestation, BillLeaf, NodeLeaf, Statement, Status};
pub use types::{ChainConfig, Issuer, KeyProof, Node, Parameters, Payer, Runway, Settled, Version};
pub use verify::{Finding, Found, Verification, Verified, verify};

use crate::Agreed;
use crate::abi::Settlement;
use rpc::Rpc;

/// Nodes or payers read in one call: about 40 kB of answer.
const PAGE_SIZE: u32 = 256;

/// A network's contracts, and an account if a key was given. Cheap to clone; clones share the account and
/// take turns in sending.
#[derive(Clone)]
pub struct Chain {
    inner: Arc<Inner>,
    /// When the window of what is sent closes, chain seconds.
    until: Option<u64>,
}

struct Inner {
    rpc: Rpc,
    chain_id: u64,
    settlement: Address,
    registry: Address,
    vault: Address,
    token: Address,
    agreed: Agreed,
    /// Those of the version that had begun last when connecting.
    parameters: Parameters,
}

impl Chain {
    /// Connects, and checks that this is the chain and that the settlement contract is on it.
    pub fn connect<'a>(config: &'a ChainConfig) -> Answer<'a, Self> {
        Box::pin(async move {
            let rpc = Rpc::new(config)?;
            let chain_id = rpc.chain_id().await?;
            if let Some(expected) = config.chain_id
                && expected != chain_id
            {
                return Err(ChainError::WrongChain {
                    url: rpc.url().into(),
                    expected,
                    found: chain_id,
                });
            }
            let settlement = config.settlement;
            if !rpc.has_code(settlement).await? {
                return Err(ChainError::NoContract {
                    address: settlement,
                    chain_id,
                });
            }
            let registry = rpc.view(settlement, Settlement::registryCall {}).await?;
            let vault = rpc.view(settlement, Settlement::vaultCall {}).await?;
            let token = rpc.view(settlement, Settlement::tokenCall {}).await?;
            let versions = listed::read(&rpc, settlement).await?;
            let agreed = Agreed::new(versions.clone())?;
            let now = rpc.latest_block().await?.timestamp;
            let current = listed::newest_begun(&versions, now);
            let inner = Inner {
                rpc,
                chain_id,
                settlement,
                registry,
                vault,
                token,
                agreed,
                parameters: versions[current].parameters.clone(),
            };
            Ok(Self {
                inner: Arc::new(inner),
                until: None,
            })
        })
    }

    /// Chain id and settlement contract: together they name the network (SPEC section 2).
    pub fn network(&self) -> (u64, Address) {
        (self.inner.chain_id, self.inner.settlement)
    }

    /// The node registry's address.
    pub fn registry(&self) -> Address {
        self.inner.registry
    }

    /// The reward vault's address.
    pub fn vault(&self) -> Address {
        self.inner.vault
    }

    /// The address of the token of all amounts.
    pub fn token(&self) -> Address {
        self.inner.token
    }

    /// The account that sends, if a key was given.
    pub fn account(&self) -> Option<Address> {
        self.inner.rpc.account()
    }

    /// How far the account's money reached after its last transaction; `None` before the first.
    pub fn runway(&self) -> Option<Runway> {
        self.inner.rpc.runway()
    }

    /// How to reach the same network by each of its RPC URLs alone, to read from: for who believes none of them alone,
    /// also in what is read when connecting.
    ///
    /// # Errors
    /// [`ChainError::BadUrl`].
    pub fn apart(&self) -> Result<Vec<ChainConfig>, ChainError> {
        self.inner.rpc.apart()
    }

    /// The same, for what has to be mined by then, chain seconds: more is offered for it as that comes nearer, and
    /// whoever reads the log is told before it is missed.
    pub fn until(&self, until: u64) -> Self {
        Self {
            until: Some(until),
            ..self.clone()
        }
    }

    // ---- Reading ----
    //
    // Cancel-safe, all of them.

    /// Time of the newest block, Unix seconds: the clock that contracts go by.
    pub fn now(&self) -> Answer<'_, u64> {
        Box::pin(async move { Ok(self.inner.rpc.latest_block().await?.timestamp) })
    }

    /// All issuers, by index.
    pub fn issuers(&self) -> Answer<'_, Vec<Issuer>> {
        Box::pin(async move {
            let count = self.settlement(Settlement::issuerCountCall {}).await?;
            let mut issuers = Vec::new();
            for index in 0..count {
                let issuer = self
                    .settlement(Settlement::issuerAtCall { issuer: index })
                    .await?;
                issuers.push(Issuer {
                    index,
                    key: issuer.key,
                    committer: issuer.committer,
                    added_at: issuer.addedAt,
                    bond: issuer.bond.to(),
                    unbonded_at: issuer.unbondedAt,
                });
            }
            Ok(issuers)
        })
    }

    /// The key that an issuer's tickets of an epoch are signed with.
    pub fn issuer_key_at(&self, issuer: u32, epoch: u64) -> Answer<'_, B256> {
        let call = Settlement::issuerKeyAtCall { issuer, epoch };
        self.settlement(call)
    }

    // ---- Inside ----

    fn view<C: SolCall + 'static>(&self, to: Address, call: C) -> Answer<'_, C::Return> {
        self.inner.rpc.view(to, call)
    }

    fn registry_view<C: SolCall + 'static>(&self, call: C) -> Answer<'_, C::Return> {
        self.view(self.inner.registry, call)
    }

    fn vault_view<C: SolCall + 'static>(&self, call: C) -> Answer<'_, C::Return> {
        self.view(self.inner.vault, call)
    }

    fn settlement<C: SolCall + 'static>(&self, call: C) -> Answer<'_, C::Return> {
        self.view(self.inner.settlement, call)
    }

    fn send<C: SolCall>(&self, to: Address, call: C) -> Answer<'_, Sent> {
        self.inner.rpc.send(to, call, self.until)
    }
}

/// Turns the named refusals into `None`.
fn none_if<T>(result: Result<T, ChainError>, names: &[&str]) -> Result<Option<T>, ChainError> {
    match result {
        Err(ChainError::Reverted { revert, .. }) if names.contains(&revert.name.as_str()) => {
            Ok(None)
        }
        other => other.map(Some),
    }
}
