//! Between the chain's types and the protocol's: the same numbers under both names.

use protocol::{IssuerKey, Network, NodeId, RewardTerms, ServiceTargets, Timeline};

use crate::{Chain, Issuer, Node, NodeLeaf, Parameters};

impl Parameters {
    /// Epochs and windows.
    pub fn timeline(&self) -> Timeline {
        Timeline {
            genesis: self.genesis,
            epoch_length: self.epoch_length,
            ticket_tail: self.ticket_tail,
            commit_window: self.commit_window,
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

impl From<&protocol::NodeLeaf> for NodeLeaf {
    fn from(leaf: &protocol::NodeLeaf) -> Self {
        use protocol::Mass;
        Self {
            index: leaf.index,
            node: leaf.node.0,
            segment_root: leaf.segment_root,
            mass: leaf.mass.to_bytes(),
            probes: leaf.probes,
            probes_ok: leaf.probes_ok,
            sla_ppm: leaf.sla_ppm,
            reward: leaf.reward,
            cumulative: leaf.cumulative,
        }
    }
}
