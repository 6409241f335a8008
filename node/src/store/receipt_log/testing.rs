//! Receipts for tests, and what an earlier process left of them.

use super::{Journal, Stored, old};
use disk::Disk;
use protocol::{
    Address, B256, ClientKey, CollectionId, Epoch, Network, NodeId, Receipt, Record, SigningKey,
    Ticket, TicketId, keccak256,
};
use std::path::Path;

/// A receipt of so many bytes, with its ticket.
pub(crate) fn stored(epoch: Epoch, index: u32, sequence: u32) -> Stored {
    let id = TicketId {
        epoch,
        issuer: 0,
        index,
    };
    let ticket = Ticket {
        network: Network {
            chain_id: 1,
            settlement: Address::ZERO,
        },
        id,
        node: NodeId::from([2; 32]),
        client: ClientKey::from([3; 32]),
        collection: CollectionId::from([4; 32]),
        payer: Address::ZERO,
        viewer_token: B256::ZERO,
        bytes_max: 1000,
        issued_at: 0,
        expires_at: 10_000,
    };
    let receipt = Receipt {
        ticket: keccak256(id.to_bytes()),
        sequence,
        bytes: sequence.into(),
        deliveries: 0,
        within: 0,
        signed_at: 0,
    };
    Stored {
        ticket: ticket.sign(&SigningKey::from_bytes(&[1; 32])),
        record: Record {
            id,
            receipt,
            signature: [sequence as u8; 64].into(),
        },
    }
}

/// A journal with one receipt of each of so many tickets, closed in order.
pub(crate) fn write(dir: &Path, epoch: Epoch, tickets: u32) {
    let mut journal = Journal::open(&Disk::system(), dir, |_| false).unwrap();
    for index in 0..tickets {
        let stored = stored(epoch, index, index + 1);
        journal.insert(stored.record.id, &stored).unwrap();
    }
    journal.make_durable().unwrap();
    journal.close();
}

/// The same as earlier versions wrote it.
pub(crate) fn write_old(dir: &Path, epoch: Epoch, tickets: u32) {
    let all: Vec<_> = (0..tickets)
        .map(|index| stored(epoch, index, index + 1))
        .collect();
    old::tests::write(dir, epoch, &all);
}
