//! What was counted, by who saw it: the books that the invariants are held against.
//!
//! Nothing here is a counter, a log line or a status of the product. Content bytes are counted where they leave the
//! player's verification, acknowledgements where their frames reach it, datagrams at the socket that sends them, money
//! by calls of the contracts, records in the files whose hash is attested. What can't be seen from outside QUIC: which
//! datagram carried which content byte, so what a node has *sent* is bounded from below by what came, and from above by
//! its datagrams; and what the product's own client had acknowledged, so only clients of bare frames stand here ticket
//! by ticket.

use contracts::Address;
use protocol::{Epoch, NodeId, Receipt, Ticket, TicketId};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The books of a world; cheap to clone, clones are the same books.
#[derive(Clone, Debug, Default)]
pub struct Books(Arc<Mutex<Entries>>);

/// All entries.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    /// Sessions of clients of bare frames.
    pub tickets: BTreeMap<TicketId, OfTicket>,
    /// Bytes of datagrams that came from nodes to the hosts of those clients, as their sockets were given them.
    pub datagrams: BTreeMap<IpAddr, u64>,
    /// The same to all other clients' hosts together.
    pub audience: u64,
    /// Content bytes that came to those in epochs in which nothing was wrong.
    pub quiet: BTreeMap<Epoch, u64>,
    /// Epochs that should be over.
    pub epochs: BTreeMap<Epoch, OfEpoch>,
    /// Routes that were asked for after somebody without a ticket had reported nodes.
    pub routes: Vec<OfRoute>,
    /// Bonds of verifiers that kept the rules, token units: at first, and at last.
    pub bonds: BTreeMap<String, (u128, u128)>,
    /// Money that is somebody's and wasn't had: whose, how much, and what was said.
    pub stuck: Vec<String>,
    /// Nodes of operators who break the rules: what these acknowledged they may keep to themselves.
    pub rogues: BTreeSet<NodeId>,
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
    /// Those of them that aren't what was published there.
    pub wrong: u64,
    /// The newest receipt whose acknowledgement came.
    pub acked: Option<Receipt>,
    /// Receipts handed in since, to which no answer came.
    pub unanswered: Vec<Receipt>,
    /// For how long after its end the session was seen open.
    pub outlived: Duration,
}

impl OfTicket {
    /// Bytes of the newest acknowledged receipt.
    pub fn signed(&self) -> u64 {
        self.acked.map_or(0, |receipt| receipt.bytes)
    }
}

/// An epoch, as chain and evidence have it. Money is its own, without that of the epochs before.
#[derive(Clone, Debug, Default)]
pub struct OfEpoch {
    /// Price of 2^30 bytes, token units.
    pub price: u128,
    /// The score below which a node earns nothing, ppm.
    pub floor_ppm: u128,
    /// For how long it has been due, Unix seconds by the chain's clock, when it was looked at last.
    pub due_s: u64,
    /// For how long it may be due.
    pub patience_s: u64,
    /// Whether the issuer's log is committed.
    pub has_log: bool,
    /// Whether it stands attested.
    pub attested: bool,
    /// What was attested, token units.
    pub total: u128,
    /// All payers registered before its end, by index.
    pub payers: Vec<OfPayer>,
    /// All nodes registered before its end, by index.
    pub nodes: Vec<OfNode>,
    /// Records that count by the evidence that is attested; `None` if nobody has it.
    pub counted: Option<Vec<Counted>>,
    /// Hash of the evidence that each honest verifier wrote, if it did.
    pub evidence: BTreeMap<String, Option<String>>,
    /// What an auditor says against what is attested; `None` if it is true.
    pub false_by: Option<String>,
}

/// A payer in an epoch, token units.
#[derive(Clone, Debug, Default)]
pub struct OfPayer {
    /// Its account.
    pub account: Address,
    /// What it had deposited when the epoch began, and when it ended.
    pub deposits: (u128, u128),
    /// What it was billed for the epochs before.
    pub before: u128,
    /// What it is billed for this one.
    pub bill: u128,
}

/// A node in an epoch.
#[derive(Clone, Debug)]
pub struct OfNode {
    /// Its key.
    pub node: NodeId,
    /// Probes made and answered, as the evidence states.
    pub probes: (u32, u32),
    /// What reached the account that it is paid to, token units.
    pub arrived: u128,
}

/// A record that counts.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    /// Its ticket.
    pub id: TicketId,
    /// Its receipt.
    pub receipt: Receipt,
    /// Its node's place among the epoch's nodes.
    pub node: usize,
    /// Who pays, by the ticket in its log.
    pub payer: Address,
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
                wrong: 0,
                acked: None,
                unanswered: Vec::new(),
                outlived: Duration::ZERO,
            });
        });
    }

    /// Verified bytes came; whether they are what was published.
    pub fn got(&self, id: TicketId, bytes: u64, published: bool) {
        self.of_ticket(id, |of| {
            of.got += bytes;
            of.wrong += if published { 0 } else { bytes };
        });
    }

    /// A receipt is on its way.
    pub fn handed_in(&self, id: TicketId, receipt: Receipt) {
        self.of_ticket(id, |of| of.unanswered.push(receipt));
    }

    /// An acknowledgement came; receipts are answered in order.
    pub fn acked(&self, id: TicketId, receipt: Receipt) {
        self.of_ticket(id, |of| {
            of.acked = Some(receipt);
            of.unanswered.clear();
        });
    }

    /// A refusal came.
    pub fn refused(&self, id: TicketId, receipt: Receipt) {
        self.of_ticket(id, |of| of.unanswered.retain(|one| *one != receipt));
    }

    /// A session was seen open so long after its ticket's end.
    pub fn outlived(&self, id: TicketId, by: Duration) {
        self.of_ticket(id, |of| of.outlived = by);
    }

    fn of_ticket(&self, id: TicketId, change: impl FnOnce(&mut OfTicket)) {
        self.enter(|books| books.tickets.get_mut(&id).map(change));
    }
}
