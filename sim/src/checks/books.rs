//! What was counted, by who saw it: the books that the invariants are held against.
//!
//! Nothing here is a counter, a log line or a status of the product. Content bytes are counted where they leave the
//! player's verification, acknowledgements where their frames reach it, datagrams at the socket that sends them, money
//! by calls of the contracts. What can't be seen from outside QUIC: which datagram carried which content byte, so what
//! a node has *sent* is bounded from below by what came, and from above by its datagrams; and what the product's own
//! client had acknowledged, so only clients of bare frames stand here ticket by ticket.

use protocol::{Epoch, NodeId, Receipt, Ticket, TicketId};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// The books of a world; cheap to clone, clones are the same books.
#[derive(Clone, Debug, Default)]
pub struct Books(Arc<Mutex<Entries>>);

/// All entries.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    /// Sessions of clients of bare frames.
    pub tickets: BTreeMap<TicketId, OfTicket>,
    /// Bytes of datagrams that came from nodes to each client's host, as their sockets were given them.
    pub datagrams: BTreeMap<IpAddr, u64>,
    /// Epochs that should be over.
    pub epochs: BTreeMap<Epoch, OfEpoch>,
    /// Routes that were asked for after somebody without a ticket had reported nodes.
    pub routes: Vec<OfRoute>,
    /// Bonds of verifiers that kept the rules, token units: at first, and at last.
    pub bonds: BTreeMap<&'static str, (u128, u128)>,
}

/// A ticket as its client had it.
#[derive(Clone, Debug)]
pub struct OfTicket {
    /// The ticket.
    pub ticket: Ticket,
    /// The client's host.
    pub at: IpAddr,
    /// What its node said that it sends ahead of receipts, bytes.
    pub window: u64,
    /// Content bytes that came and were verified.
    pub got: u64,
    /// The newest receipt whose acknowledgement came.
    pub acked: Option<Receipt>,
    /// For how long after its end the session was seen open, seconds.
    pub outlived_s: u64,
}

impl OfTicket {
    /// Bytes of the newest acknowledged receipt.
    pub fn signed(&self) -> u64 {
        self.acked.map_or(0, |receipt| receipt.bytes)
    }
}

/// An epoch, as chain and evidence have it.
#[derive(Clone, Debug, Default)]
pub struct OfEpoch {
    /// Price of 2^30 bytes, token units.
    pub price: u128,
    /// For how long it has been due, Unix seconds by the chain's clock, when it was looked at last.
    pub due_s: u64,
    /// Whether it stands attested.
    pub attested: bool,
    /// What was attested in all, token units.
    pub total: u128,
    /// What reached the accounts that nodes are paid to, token units.
    pub paid: u128,
    /// What payers had deposited when it began, and when it ended, token units.
    pub deposits: (u128, u128),
    /// Receipts that the evidence counts.
    pub counted: Vec<(TicketId, Receipt)>,
    /// Hash of the evidence that each honest verifier wrote.
    pub evidence: BTreeMap<String, String>,
    /// What an auditor says against what is attested; `None` if it is true.
    pub false_by: Option<String>,
}

/// A route, asked for after reports.
#[derive(Clone, Copy, Debug)]
pub struct OfRoute {
    /// The node that was reported.
    pub node: NodeId,
    /// Whether it delivers, as somebody who fetches from it sees.
    pub delivers: bool,
    /// Whether the answer names it.
    pub named: bool,
}

impl Books {
    /// Enters something.
    pub fn enter<T>(&self, entry: impl FnOnce(&mut Entries) -> T) -> T {
        entry(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A session begins.
    pub fn opened(&self, ticket: Ticket, at: IpAddr, window: u64) {
        self.enter(|books| {
            books.tickets.entry(ticket.id).or_insert(OfTicket {
                ticket,
                at,
                window,
                got: 0,
                acked: None,
                outlived_s: 0,
            });
        });
    }

    /// Verified bytes came.
    pub fn got(&self, id: TicketId, bytes: u64) {
        self.of_ticket(id, |of| of.got += bytes);
    }

    /// An acknowledgement came.
    pub fn acked(&self, id: TicketId, receipt: Receipt) {
        self.of_ticket(id, |of| of.acked = Some(receipt));
    }

    /// A session was seen open so long after its ticket's end.
    pub fn outlived(&self, id: TicketId, seconds: u64) {
        self.of_ticket(id, |of| of.outlived_s = seconds);
    }

    fn of_ticket(&self, id: TicketId, change: impl FnOnce(&mut OfTicket)) {
        self.enter(|books| books.tickets.get_mut(&id).map(change));
    }
}
