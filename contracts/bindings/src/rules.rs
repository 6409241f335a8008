//! Between the chain's types and the protocol's: the same numbers under both names.

use protocol::{IssuerKey, Network, NodeId, Root, ValueMass};

use crate::{Chain, Issuer, Node, Statement};

impl Chain {
    /// The network's name: chain and contract.
    pub fn network_id(&self) -> Network {
        let (chain_id, settlement) = self.network();
        Network {
            chain_id,
            settlement,
        }
    }
}

impl Issuer {
    /// Its key, as tickets are checked with it.
    pub fn issuer_key(&self) -> IssuerKey {
        IssuerKey(self.key)
    }
}

impl Node {
    /// Its id.
    pub fn id(&self) -> NodeId {
        NodeId(self.key)
    }
}

impl From<&protocol::Statement> for Statement {
    fn from(from: &protocol::Statement) -> Self {
        // A tree of so many leaves that this isn't their number is one that the contract refuses.
        let count = |root: &Root<ValueMass>| u32::try_from(root.count).unwrap_or(u32::MAX);
        let trees = &from.trees;
        Self {
            epoch: from.epoch,
            nodes: count(&trees.nodes),
            payers: count(&trees.bills),
            charges: count(&trees.charges),
            total: from.total(),
            nodes_top: trees.nodes.top.hash,
            bills_top: trees.bills.top.hash,
            charges_top: trees.charges.top.hash,
            evidence: from.evidence,
        }
    }
}
