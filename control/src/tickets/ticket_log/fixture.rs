//! Tickets, and logs of them, for tests.

use super::Head;
use super::form::Layout;
use protocol::{
    Address, ClientKey, CollectionId, NO_VIEWER_TOKEN, Network, NodeId, Ticket, TicketId, keccak256,
};

pub(crate) const HEAD: Head = Head {
    network: Network {
        chain_id: 31_337,
        settlement: Address::repeat_byte(7),
    },
    epoch: 5,
    issuer: 2,
};

pub(crate) fn ticket(index: u32) -> Ticket {
    Ticket {
        network: HEAD.network,
        id: TicketId {
            epoch: HEAD.epoch,
            issuer: HEAD.issuer,
            index,
        },
        node: NodeId::from([1; 32]),
        client: ClientKey::from([index as u8 | 1; 32]),
        collection: CollectionId::from([3; 32]),
        payer: Address::repeat_byte(4),
        viewer_token: NO_VIEWER_TOKEN,
        bytes_max: 1000 + u64::from(index),
        issued_at: 1_000_000 + u64::from(index),
        expires_at: 1_060_000,
    }
}

pub(crate) fn tickets(count: u32) -> Vec<Ticket> {
    (0..count).map(ticket).collect()
}

/// A log as version 1 had it.
pub(crate) fn first_version(count: u32) -> Vec<u8> {
    let mut bytes = HEAD.facts(Layout::First);
    for ticket in tickets(count) {
        let ticket = ticket.to_bytes();
        bytes.extend_from_slice(&ticket);
        bytes.extend_from_slice(&keccak256(ticket)[..8]);
    }
    bytes
}
