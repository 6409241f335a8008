//! A small network for this crate's tests: issuers, nodes, clients, one epoch of honest deliveries.

use crate::evidence::Evidence;
use crate::judge::{EpochInputs, Judgement, Payer, Previous, ProbeCount, judge};
use protocol::{
    Address, B256, ClientKey, CollectionId, Epoch, EpochTree, EpochTrees, Network, NodeId, Receipt,
    Record, RewardTerms, Roots, Segment, SigningKey, Ticket, TicketId, TicketLog, Timeline,
    Windows, keccak256,
};
use serde_json::Value;
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

/// Epochs of 100 s from the beginning of time.
pub(crate) static TIMELINE: Timeline = Timeline::fixed(
    0,
    Windows {
        epoch_length: 100,
        ticket_tail: 10,
        commit_window: 10,
        force_window: 20,
        challenge_window: 10,
    },
);

pub(crate) fn payer(index: u32) -> Address {
    Address::from_slice(&keccak256(format!("payer {index}"))[12..])
}

/// A ticket that names node `index % nodes`, and each of two payers in turn.
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
        payer: payer(index / nodes % 2),
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
    pub(crate) payers: Vec<Payer>,
    pub(crate) committed: BTreeMap<u32, B256>,
    pub(crate) logs: Vec<TicketLog>,
    pub(crate) segments: BTreeMap<u32, Vec<u8>>,
    pub(crate) forced: BTreeMap<u32, Vec<Record>>,
    pub(crate) previous: Option<Previous>,
    pub(crate) probes: Vec<ProbeCount>,
}

impl World {
    /// Honest nodes that redeemed every ticket of two issuers; epoch 5 follows an epoch 4 in which half of
    /// the nodes were there.
    pub(crate) fn honest(nodes: u32, tickets: u32) -> Self {
        let mut trees = Self::of(0, nodes.div_ceil(2), tickets).judge().trees;
        (trees.nodes.epoch, trees.bills.epoch) = (EPOCH - 1, EPOCH - 1);
        let mut world = Self::of(EPOCH, nodes, tickets);
        world.previous = Some(Previous {
            nodes: trees.nodes,
            bills: trees.bills,
        });
        world
    }

    /// Without trees before.
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
            payers: (0..2)
                .map(|index| Payer {
                    account: payer(index),
                    deposit: 10u128.pow(24),
                })
                .collect(),
            committed: BTreeMap::new(),
            logs,
            segments: BTreeMap::new(),
            forced: BTreeMap::new(),
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
            timeline: &TIMELINE,
            terms: self.terms,
            nodes: &self.nodes,
            payers: &self.payers,
            committed: &self.committed,
            logs: &self.logs,
            segments: &self.segments,
            forced: &self.forced,
            previous: self.previous.as_ref(),
            probes: &self.probes,
        }
    }

    pub(crate) fn judge(&self) -> Judgement {
        judge(&self.inputs()).unwrap()
    }

    /// As if the trees before were attested.
    pub(crate) fn previous_roots(&self) -> Option<Roots> {
        let (nodes, bills) = self.previous.as_ref()?.hashes().unwrap();
        Some(Roots {
            nodes,
            bills,
            charges: B256::ZERO,
            evidence: B256::ZERO,
        })
    }

    pub(crate) fn evidence(&self) -> Evidence {
        let (logs, previous) = (self.logs.clone(), self.previous.clone());
        Evidence::of(&self.judge(), logs, previous, self.probes.clone())
    }
}

/// `tests/vectors/epoch.json`: an epoch of three nodes and two payers, of whom one runs out of money.
pub(crate) struct Golden {
    pub(crate) timeline: Timeline,
    pub(crate) terms: RewardTerms,
    pub(crate) payers: Vec<Payer>,
    pub(crate) log: TicketLog,
    segments: BTreeMap<u32, Vec<u8>>,
    forced: BTreeMap<u32, Vec<Record>>,
    pub(crate) previous: Previous,
    probes: Vec<ProbeCount>,
    pub(crate) trees: EpochTrees,
    pub(crate) evidence: B256,
    pub(crate) digest: B256,
}

impl Golden {
    pub(crate) fn load() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/epoch.json");
        let vectors: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let read = |value: &Value| hex_bytes(value.as_str().unwrap());
        let file = |tree: &Value| read(&tree["encoding"]);
        let decimal = |value: &Value| value.as_str().unwrap().parse().unwrap();
        let hash = |value: &Value| B256::from_slice(&read(value));
        let before = &vectors["previous"];
        let segments = vectors["segments"].as_array().unwrap().iter().map(read);
        let payers = vectors["payers"].as_array().unwrap().iter();
        Self {
            timeline: serde_json::from_value(vectors["timeline"].clone()).unwrap(),
            terms: RewardTerms {
                price_per_gib: decimal(&vectors["price_per_gib"]),
                sla_floor_ppm: vectors["sla_floor_ppm"].as_u64().unwrap() as u32,
            },
            payers: payers
                .map(|payer| Payer {
                    account: Address::from_slice(&read(&payer["account"])),
                    deposit: decimal(&payer["deposit"]),
                })
                .collect(),
            log: TicketLog::from_bytes(&file(&vectors["log"])).unwrap(),
            segments: (0..).zip(segments).collect(),
            forced: BTreeMap::new(),
            previous: Previous {
                nodes: EpochTree::from_bytes(&file(&before["nodes"])).unwrap(),
                bills: EpochTree::from_bytes(&file(&before["bills"])).unwrap(),
            },
            probes: serde_json::from_value(vectors["probes"].clone()).unwrap(),
            trees: EpochTrees {
                nodes: EpochTree::from_bytes(&file(&vectors["nodes"])).unwrap(),
                bills: EpochTree::from_bytes(&file(&vectors["bills"])).unwrap(),
                charges: EpochTree::from_bytes(&file(&vectors["charges"])).unwrap(),
            },
            evidence: hash(&vectors["evidence"]),
            digest: hash(&vectors["digest"]),
        }
    }

    pub(crate) fn nodes(&self) -> Vec<NodeId> {
        let leaves = self.trees.nodes.leaves.iter();
        leaves.map(|leaf| leaf.node).collect()
    }

    pub(crate) fn judge(&self) -> Judgement {
        let nodes = self.nodes();
        let committed = BTreeMap::from([(self.log.issuer(), self.log.root().unwrap().hash())]);
        let inputs = EpochInputs {
            network: self.trees.nodes.network,
            epoch: self.trees.nodes.epoch,
            timeline: &self.timeline,
            terms: self.terms,
            nodes: &nodes,
            payers: &self.payers,
            committed: &committed,
            logs: std::slice::from_ref(&self.log),
            segments: &self.segments,
            forced: &self.forced,
            previous: Some(&self.previous),
            probes: &self.probes,
        };
        judge(&inputs).unwrap()
    }

    pub(crate) fn files(&self) -> Evidence {
        let (logs, previous) = (vec![self.log.clone()], Some(self.previous.clone()));
        Evidence::of(&self.judge(), logs, previous, self.probes.clone())
    }
}

pub(crate) fn hex_bytes(text: &str) -> Vec<u8> {
    let digits = text.strip_prefix("0x").unwrap().as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}
