//! The registry: who serves, with which key, and what it has at stake.
//!
//! The sending calls aren't cancel-safe: dropped halfway, the transaction may be on its way. Calling again is
//! harmless, since it waits for what is pending and then finds the work done, as a decoded refusal.

use alloy::primitives::{Address, B256, U256};
use protocol::{NodeId, SigningKey, Tag, registration_digest, sign};

use super::types::KeyProof;
use super::{Answer, Chain, Node, PAGE_SIZE, Sent, none_if};
use crate::abi::{NodeRegistry, RewardVault, Settlement};

impl Chain {
    /// Number of registered nodes.
    pub fn node_count(&self) -> Answer<'_, u32> {
        self.registry_view(NodeRegistry::countCall {})
    }

    /// All registered nodes, by index, read a page at a time.
    pub fn nodes(&self) -> Answer<'_, Vec<Node>> {
        self.nodes_from(0)
    }

    /// The registered nodes from index `first` on: what is new to one who knows the others. Key, payout
    /// account and stake of known ones may have changed.
    pub fn nodes_from(&self, first: u32) -> Answer<'_, Vec<Node>> {
        Box::pin(async move {
            let mut nodes = Vec::new();
            let mut next = first;
            loop {
                let (first, limit) = (next, PAGE_SIZE);
                let page = NodeRegistry::pageCall { first, limit };
                let page = self.registry_view(page).await?;
                let accounts = RewardVault::accountsCall { first, limit };
                let accounts = self.vault_view(accounts).await?;
                let full = page.len() == PAGE_SIZE as usize;
                // A node that registered between the two calls is in the second only, at its end.
                for (node, account) in page.into_iter().zip(accounts) {
                    nodes.push(Node {
                        index: next,
                        key: node.key,
                        operator: node.operator,
                        payout: account.payout,
                        registered_at: node.registeredAt,
                        stake: node.stake.to(),
                        exit_at: node.exitAt,
                    });
                    next += 1;
                }
                if !full {
                    return Ok(nodes);
                }
            }
        })
    }

    /// Registry index of the node with that key, if it is registered.
    pub fn index_of(&self, key: B256) -> Answer<'_, Option<u32>> {
        Box::pin(async move {
            let index = self.registry_view(NodeRegistry::indexOfCall { key }).await;
            none_if(index, &["UnknownNode"])
        })
    }

    /// The key that a node had by its rotations in the blocks before `time`, Unix seconds; its first one if there
    /// were none. With an epoch's start, its key in that epoch.
    pub fn key_at(&self, index: u32, time: u64) -> Answer<'_, B256> {
        let time = U256::from(time);
        self.registry_view(NodeRegistry::keyAtCall { index, time })
    }

    /// What a node that registers now must put at stake, token units.
    pub fn node_stake(&self) -> Answer<'_, u128> {
        Box::pin(async move {
            let stake = self.settlement(Settlement::nodeStakeCall {}).await?;
            Ok(stake.to())
        })
    }

    /// What shows that the key's owner wants `operator` to register it here.
    pub fn key_proof(&self, key: &SigningKey, operator: Address) -> KeyProof {
        let digest = registration_digest(self.inner.chain_id, self.inner.registry, operator);
        KeyProof {
            node: NodeId::from(key.verifying_key().to_bytes()),
            signature: sign(key, Tag::Registration, &digest),
        }
    }

    /// Registers a node, with this account as its operator, who puts up its stake: approves exactly that,
    /// then registers. The proof must name this account.
    pub fn register_node<'a>(&'a self, proof: &'a KeyProof, payout: Address) -> Answer<'a, Sent> {
        Box::pin(async move {
            let stake = self.node_stake().await?;
            let (r, s) = proof.halves();
            let key = proof.node.0;
            let call = NodeRegistry::registerCall { key, payout, r, s };
            match U256::from(stake) {
                U256::ZERO => self.send(self.inner.registry, call).await,
                stake => self.send_approved(self.inner.registry, stake, call).await,
            }
        })
    }

    /// Gives a node of this account another key, for the epochs that start later.
    pub fn rotate_node<'a>(&'a self, index: u32, proof: &'a KeyProof) -> Answer<'a, Sent> {
        let (r, s) = proof.halves();
        let call = NodeRegistry::rotateCall {
            index,
            newKey: proof.node.0,
            r,
            s,
        };
        self.send(self.inner.registry, call)
    }

    /// Changes where a node of this account is paid.
    pub fn set_payout(&self, index: u32, payout: Address) -> Answer<'_, Sent> {
        let call = NodeRegistry::setPayoutCall { index, payout };
        self.send(self.inner.registry, call)
    }

    /// Ends the service of a node of this account; its stake is free when nobody can challenge it any more.
    pub fn exit_node(&self, index: u32) -> Answer<'_, Sent> {
        self.send(self.inner.registry, NodeRegistry::exitCall { index })
    }

    /// Takes back the stake of a node of this account that has left.
    pub fn withdraw_stake(&self, index: u32) -> Answer<'_, Sent> {
        let call = NodeRegistry::withdrawStakeCall { index };
        self.send(self.inner.registry, call)
    }
}
