//! Where and when the vectors of deliveries and epochs are, and who is in them.

use crate::values::{hex, network, seed};
use protocol::{
    Address, B256, ClientKey, CollectionId, Network, NodeId, SigningKey, Ticket, TicketId,
    Timeline, Windows,
};
use serde_json::{Value, json};

pub(crate) const EPOCH: u64 = 7;

pub(crate) const ISSUER: u32 = 1;

pub(crate) const WINDOWS: Windows = Windows {
    epoch_length: 3_600,
    ticket_tail: 300,
    commit_window: 900,
    force_window: 1_800,
    challenge_window: 86_400,
};

pub(crate) static TIMELINE: Timeline = Timeline::fixed(1_700_000_000, WINDOWS);

pub(crate) fn key(name: &str) -> SigningKey {
    SigningKey::from_bytes(&seed(name))
}

pub(crate) fn public(key: &SigningKey) -> [u8; 32] {
    key.verifying_key().to_bytes()
}

pub(crate) fn node() -> NodeId {
    NodeId::from(public(&key("node")))
}

pub(crate) fn client(index: u32) -> SigningKey {
    key(&format!("client {index}"))
}

pub(crate) fn ticket_at(index: u32) -> Ticket {
    let start = TIMELINE.start(EPOCH) * 1000;
    let viewer_token = match index % 2 {
        0 => B256::ZERO,
        _ => seed("viewer token").into(),
    };
    Ticket {
        network: network(),
        id: TicketId {
            epoch: EPOCH,
            issuer: ISSUER,
            index,
        },
        node: node(),
        client: ClientKey::from(public(&client(index))),
        collection: collection(10_000_000),
        payer: account("payer"),
        viewer_token,
        bytes_max: 1_000_000 * (u64::from(index) + 1),
        issued_at: start + 1_000 * u64::from(index),
        expires_at: start + 1_000 * u64::from(index) + 600_000,
    }
}

/// One that holds so many bytes.
pub(crate) fn collection(bytes: u64) -> CollectionId {
    CollectionId::new(bytes, &seed("collection")).expect("below 2^56")
}

pub(crate) fn account(name: &str) -> Address {
    Address::from_slice(&seed(name)[..20])
}

pub(crate) fn timeline_json() -> Value {
    serde_json::to_value(&TIMELINE).expect("numbers are JSON")
}

pub(crate) fn network_json(network: &Network) -> Value {
    json!({ "chain_id": network.chain_id, "settlement": hex(network.settlement) })
}
