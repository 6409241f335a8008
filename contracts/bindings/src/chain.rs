//! The one module that talks RPC.
//!
//! [`Chain`] stands for one network: a settlement contract on a chain, with the registry, vault and token
//! it names. Reading needs no key. Sending does, and keeps to three rules:
//!
//! - every call is simulated first, so that a refusal comes back as the contract's own error, decoded,
//!   and costs nothing;
//! - nothing is sent while a transaction of the account is still pending, so that a process that was
//!   restarted in between never sends the same thing twice;
//! - every wait is bounded.
//!
//! Keys are held by alloy's signer and never logged; of an RPC URL only scheme, host and port are shown,
//! because providers put their access keys in the rest.

mod admin;
mod deploy;
mod error;
mod events;
mod rpc;
mod send;
mod types;

use std::sync::Arc;

use alloy::primitives::{Address, B256, Bytes, U256};
use alloy::sol_types::SolCall;

pub use deploy::{DeployConfig, Deployment, TokenConfig, deploy};
pub use error::{ChainError, Revert};
pub use events::AttestationTx;
pub use rpc::{Sent, install_crypto_provider};
pub use types::{Attestation, ChainConfig, Issuer, Node, NodeLeaf, Parameters, Status};

use crate::abi::{NodeRegistry, RewardVault, Settlement, TestToken};
use rpc::Rpc;

/// Nodes read in one call: about 40 kB of answer.
const PAGE_SIZE: u32 = 256;

/// A network's contracts, and an account if a key was given. Cheap to clone; clones share the account and
/// take turns in sending.
#[derive(Clone)]
pub struct Chain {
    inner: Arc<Inner>,
}

struct Inner {
    rpc: Rpc,
    chain_id: u64,
    settlement: Address,
    registry: Address,
    vault: Address,
    token: Address,
    parameters: Parameters,
}

impl Chain {
    /// Connects, and checks that this is the chain and that the settlement contract is on it.
    pub async fn connect(config: &ChainConfig) -> Result<Self, ChainError> {
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
        let parameters = rpc
            .view(settlement, Settlement::parametersCall {})
            .await?
            .into();
        let token = rpc.view(vault, RewardVault::tokenCall {}).await?;
        let inner = Inner {
            rpc,
            chain_id,
            settlement,
            registry,
            vault,
            token,
            parameters,
        };
        Ok(Self {
            inner: Arc::new(inner),
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

    /// What the network agreed on; it never changes.
    pub fn parameters(&self) -> &Parameters {
        &self.inner.parameters
    }

    // ---- Reading ----
    //
    // Cancel-safe, all of them.

    /// Time of the newest block, Unix seconds: the clock that contracts go by.
    pub async fn now(&self) -> Result<u64, ChainError> {
        Ok(self.inner.rpc.latest_block().await?.timestamp)
    }

    /// All issuers, by index.
    pub async fn issuers(&self) -> Result<Vec<Issuer>, ChainError> {
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
            });
        }
        Ok(issuers)
    }

    /// Number of registered nodes.
    pub async fn node_count(&self) -> Result<u32, ChainError> {
        self.view(self.inner.registry, NodeRegistry::countCall {})
            .await
    }

    /// All registered nodes, by index, read a page at a time.
    pub async fn nodes(&self) -> Result<Vec<Node>, ChainError> {
        self.nodes_from(0).await
    }

    /// The registered nodes from index `first` on: what is new to one who knows the others. Payout accounts
    /// of known ones may have changed.
    pub async fn nodes_from(&self, first: u32) -> Result<Vec<Node>, ChainError> {
        let mut nodes = Vec::new();
        let mut next = first;
        loop {
            let page = NodeRegistry::pageCall {
                first: next,
                limit: PAGE_SIZE,
            };
            let page = self.view(self.inner.registry, page).await?;
            let full = page.len() == PAGE_SIZE as usize;
            for node in page {
                nodes.push(Node {
                    index: next,
                    key: node.key,
                    operator: node.operator,
                    payout: node.payout,
                    registered_at: node.registeredAt,
                });
                next += 1;
            }
            if !full {
                return Ok(nodes);
            }
        }
    }

    /// Registry index of the node with that key, if it is registered.
    pub async fn index_of(&self, key: B256) -> Result<Option<u32>, ChainError> {
        let index = self
            .view(self.inner.registry, NodeRegistry::indexOfCall { key })
            .await;
        none_if(index, &["UnknownNode"])
    }

    /// Root of an issuer's ticket log of an epoch, if it is committed.
    pub async fn ticket_log(&self, epoch: u64, issuer: u32) -> Result<Option<B256>, ChainError> {
        let root = self
            .settlement(Settlement::ticketLogCall { epoch, issuer })
            .await?;
        // No root is zero: it is a keccak-256 digest.
        Ok((!root.is_zero()).then_some(root))
    }

    /// The epoch to be attested next; all below are.
    pub async fn next_epoch(&self) -> Result<u64, ChainError> {
        self.settlement(Settlement::nextEpochCall {}).await
    }

    /// Where an epoch stands.
    pub async fn status(&self, epoch: u64) -> Result<Status, ChainError> {
        Ok(self
            .settlement(Settlement::statusCall { epoch })
            .await?
            .into())
    }

    /// What was attested for an epoch, pending or active. `None` if it isn't, or so long ago that the
    /// contract has let go of it; [`Self::attestation_tx`] still finds it then.
    pub async fn attestation(&self, epoch: u64) -> Result<Option<Attestation>, ChainError> {
        let found = self.settlement(Settlement::attestationCall { epoch }).await;
        Ok(none_if(found, &["NotAttested", "EpochArchived"])?.map(Attestation::from))
    }

    /// All that payers ever funded, token units.
    pub async fn funded(&self) -> Result<U256, ChainError> {
        self.view(self.inner.vault, RewardVault::totalFundedCall {})
            .await
    }

    /// All that was ever paid to nodes, token units.
    pub async fn paid(&self) -> Result<U256, ChainError> {
        self.view(self.inner.vault, RewardVault::totalPaidCall {})
            .await
    }

    /// What a payer ever funded, token units.
    pub async fn deposit_of(&self, payer: Address) -> Result<U256, ChainError> {
        self.view(self.inner.vault, RewardVault::depositsCall { payer })
            .await
    }

    /// What a node was ever paid, token units.
    pub async fn claimed(&self, index: u32) -> Result<U256, ChainError> {
        self.settlement(Settlement::claimedCall { index }).await
    }

    /// What [`Self::claim`] would pay now, token units; 0 if all is paid.
    pub async fn claimable(
        &self,
        epoch: u64,
        leaf: &NodeLeaf,
        proof: &[u8],
    ) -> Result<U256, ChainError> {
        let proof = Bytes::copy_from_slice(proof);
        self.settlement(Settlement::claimableCall {
            epoch,
            leaf: leaf.into(),
            proof,
        })
        .await
    }

    /// An account's balance of the network's token, token units.
    pub async fn token_balance(&self, account: Address) -> Result<U256, ChainError> {
        self.view(self.inner.token, TestToken::balanceOfCall { account })
            .await
    }

    /// Decimal places and symbol of the network's token.
    pub async fn token_unit(&self) -> Result<(u8, String), ChainError> {
        let decimals = self
            .view(self.inner.token, TestToken::decimalsCall {})
            .await?;
        let symbol = self
            .view(self.inner.token, TestToken::symbolCall {})
            .await?;
        Ok((decimals, symbol))
    }

    // ---- Inside ----

    async fn view<C: SolCall>(&self, to: Address, call: C) -> Result<C::Return, ChainError> {
        self.inner.rpc.view(to, call).await
    }

    async fn settlement<C: SolCall>(&self, call: C) -> Result<C::Return, ChainError> {
        self.view(self.inner.settlement, call).await
    }

    async fn send<C: SolCall>(&self, to: Address, call: C) -> Result<Sent, ChainError> {
        self.inner.rpc.send(to, call).await
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
