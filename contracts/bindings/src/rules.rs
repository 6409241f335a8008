//! Between the chain's types and the protocol's: the same numbers under both names.

use protocol::{
    IssuerKey, Network, NodeId, RewardTerms, Root, ServiceTargets, Timeline, ValueMass,
};

use crate::{Chain, Issuer, Node, Parameters, Statement};

impl Parameters {
    /// Epochs and windows of a network that begins with `genesis`, Unix seconds.
    pub fn timeline(&self, genesis: u64) -> Timeline {
        Timeline {
            genesis,
            epoch_length: self.epoch_length,
            ticket_tail: self.ticket_tail,
            commit_window: self.commit_window,
            force_window: self.force_window,
            challenge_window: self.challenge_window,
        }
    }

    /// What is paid for.
    pub fn terms(&self) -> RewardTerms {
        RewardTerms {
            price_per_gib: self.price_per_gib,
            sla_floor_ppm: self.sla_floor_ppm,
        }
    }

    /// The service level.
    pub fn targets(&self) -> ServiceTargets {
        ServiceTargets {
            ttfb_ms_max: self.ttfb_ms_max,
            throughput_min: self.throughput_min,
        }
    }
}

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
