//! A network for tests of rules: one issuer, one node, one client, one ticket.

use crate::rules::tickets::Identity;
use protocol::{
    Address, B256, ClientKey, CollectionId, IssuerKey, Network, NodeId, SigningKey, Ticket,
    TicketId, Timeline, VerifiedTicket, Windows,
};

pub(crate) fn issuer() -> SigningKey {
    SigningKey::from_bytes(&[1; 32])
}

pub(crate) fn issuer_key() -> IssuerKey {
    IssuerKey::from(issuer().verifying_key().to_bytes())
}

pub(crate) fn client() -> SigningKey {
    SigningKey::from_bytes(&[3; 32])
}

pub(crate) fn me() -> Identity {
    Identity {
        network: Network {
            chain_id: 1,
            settlement: Address::ZERO,
        },
        node: NodeId::from([2; 32]),
    }
}

/// Epochs of ten seconds from the beginning of time on.
pub(crate) fn timeline() -> Timeline {
    let windows = Windows {
        epoch_length: 10,
        ticket_tail: 0,
        commit_window: 0,
        force_window: 0,
        challenge_window: 0,
    };
    Timeline::fixed(0, windows)
}

/// Of epoch 0, for 1,000 bytes, from 1 s to 9 s.
pub(crate) fn unsigned() -> Ticket {
    Ticket {
        network: me().network,
        id: TicketId {
            epoch: 0,
            issuer: 0,
            index: 0,
        },
        node: me().node,
        client: ClientKey::from(client().verifying_key().to_bytes()),
        collection: CollectionId::new(1_000, &[4; 32]).expect("a small one"),
        payer: Address::ZERO,
        viewer_token: B256::ZERO,
        bytes_max: 1_000,
        issued_at: 1_000,
        expires_at: 9_000,
    }
}

pub(crate) fn ticket() -> VerifiedTicket {
    let signed = unsigned().sign(&issuer());
    signed
        .verify(&issuer_key(), &timeline())
        .expect("a good ticket")
}
