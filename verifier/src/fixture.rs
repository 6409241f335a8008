//! A small network for this crate's tests: issuers, nodes, clients, one epoch of honest deliveries.

use crate::evidence::Evidence;
use crate::judge::{EpochInputs, Judgement, ProbeCount, judge};
use protocol::{
    Address, B256, ClientKey, CollectionId, Epoch, EpochTree, Network, NodeId, Receipt, Record,
    RewardTerms, Segment, SigningKey, Ticket, TicketId, TicketLog, Timeline, keccak256,
};
use std::collections::BTreeMap;

pub(crate) const EPOCH: Epoch = 5;

pub(crate) fn network() -> Network {
    Network {
        chain_id: 31_337,
        settlement: Address::repeat_byte(7),
    }
}

pub(crate) fn node(index: u32) -> NodeId {
    NodeId::from(keccak256(format!("node {index}")).0)
}

pub(crate) fn client(issuer: u32, index: u32) -> SigningKey {
    SigningKey::from_bytes(&keccak256(format!("client {issuer} {index}")).0)
}

/// A ticket that names node `index % nodes`.
/// Epochs of 100 s from the beginning of time.
pub(crate) const TIMELINE: Timeline = Timeline {
    genesis: 0,
    epoch_length: 100,
    ticket_tail: 10,
    commit_window: 10,
    challenge_window: 10,
};

pub(crate) fn ticket(epoch: Epoch, issuer: u32, index: u32, nodes: u32) -> Ticket {
    Ticket {
        network: network(),
        id: TicketId {
            epoch,
            issuer,
            index,
        },
        node: node(index % nodes),
        client: ClientKey::from(client(issuer, index).verifying_key().to_bytes()),
        collection: CollectionId::from([3; 32]),
        payer: Address::ZERO,
        viewer_token: B256::ZERO,
        bytes_max: 1 << 30,
        issued_at: TIMELINE.start(epoch) * 1000 + 1_000,
        expires_at: TIMELINE.start(epoch) * 1000 + 9_000,
    }
}

pub(crate) fn receipt(ticket: &Ticket) -> Receipt {
    Receipt {
        ticket: ticket.digest(),
        sequence: 2,
        bytes: 700_000_000 + u64::from(ticket.id.index),
        deliveries: 10,
        within: 9,
        signed_at: ticket.issued_at + 1_000,
    }
}

pub(crate) fn record(ticket: &Ticket, receipt: Receipt) -> Record {
    let signed = receipt.sign(&client(ticket.id.issuer, ticket.id.index));
    Record {
        id: ticket.id,
        receipt,
        signature: signed.signature,
    }
}

/// Owned inputs of an epoch.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) epoch: Epoch,
    pub(crate) terms: RewardTerms,
    pub(crate) nodes: Vec<NodeId>,
    pub(crate) committed: BTreeMap<u32, B256>,
    pub(crate) logs: Vec<TicketLog>,
    pub(crate) segments: BTreeMap<u32, Vec<u8>>,
    pub(crate) previous: Option<EpochTree>,
    pub(crate) probes: Vec<ProbeCount>,
}

impl World {
    /// Honest nodes that redeemed every ticket of two issuers; epoch 5 follows an epoch 4 in which half of
    /// the nodes were there.
    pub(crate) fn honest(nodes: u32, tickets: u32) -> Self {
        let mut tree = Self::of(0, nodes.div_ceil(2), tickets).judge().tree;
        tree.epoch = EPOCH - 1;
        let mut world = Self::of(EPOCH, nodes, tickets);
        world.previous = Some(tree);
        world
    }

    /// Without a tree before.
    pub(crate) fn of(epoch: Epoch, nodes: u32, tickets: u32) -> Self {
        let logs: Vec<_> = (0..2)
            .map(|issuer| {
                let tickets = (0..tickets).map(|index| ticket(epoch, issuer, index, nodes));
                TicketLog::new(network(), epoch, issuer, tickets.collect()).unwrap()
            })
            .collect();
        let mut world = Self {
            epoch,
            terms: RewardTerms {
                price_per_gib: 10u128.pow(18),
                sla_floor_ppm: 500_000,
            },
            nodes: (0..nodes).map(node).collect(),
            committed: BTreeMap::new(),
            logs,
            segments: BTreeMap::new(),
            previous: None,
            probes: Vec::new(),
        };
        world.commit();
        for index in 0..nodes {
            let records = world.records(index);
            world.hand_in(index, records);
        }
        world
    }

    /// Commits the logs as they are now.
    pub(crate) fn commit(&mut self) {
        let root = |log: &TicketLog| (log.issuer(), log.root().unwrap().hash());
        self.committed = self.logs.iter().map(root).collect();
    }

    /// What an honest node has for the tickets that name it.
    pub(crate) fn records(&self, index: u32) -> Vec<Record> {
        let tickets = self.logs.iter().flat_map(TicketLog::tickets);
        tickets
            .filter(|ticket| ticket.node == node(index))
            .map(|ticket| record(ticket, receipt(ticket)))
            .collect()
    }

    pub(crate) fn hand_in(&mut self, index: u32, records: Vec<Record>) {
        let segment = Segment::new(network(), self.epoch, node(index), records).unwrap();
        self.segments.insert(index, segment.to_bytes());
    }

    pub(crate) fn inputs(&self) -> EpochInputs<'_> {
        EpochInputs {
            network: network(),
            epoch: self.epoch,
            timeline: TIMELINE,
            terms: self.terms,
            nodes: &self.nodes,
            committed: &self.committed,
            logs: &self.logs,
            segments: &self.segments,
            previous: self.previous.as_ref(),
            probes: &self.probes,
        }
    }

    pub(crate) fn judge(&self) -> Judgement {
        judge(&self.inputs()).unwrap()
    }

    pub(crate) fn evidence(&self) -> Evidence {
        let (logs, previous) = (self.logs.clone(), self.previous.clone());
        Evidence::of(&self.judge(), logs, previous, self.probes.clone())
    }
}
