//! Each invariant can fail: books that break it, and nothing else.

use protocol::{B256, ClientKey, CollectionId, Network, NodeId, Receipt, Ticket, TicketId};
use quittance_sim::checks::{self, Books, Entries, INVARIANTS, OfEpoch, OfRoute};
use std::net::IpAddr;

const GIB: u64 = 1 << 30;
const AT: [u8; 4] = [10, 1, 1, 1];

fn id(index: u32) -> TicketId {
    TicketId {
        epoch: 0,
        issuer: 0,
        index,
    }
}

fn receipt(bytes: u64) -> Receipt {
    Receipt {
        ticket: B256::ZERO,
        sequence: 1,
        bytes,
        deliveries: 1,
        within: 1,
        signed_at: 0,
    }
}

fn ticket(index: u32) -> Ticket {
    Ticket {
        network: Network {
            chain_id: 1,
            settlement: Default::default(),
        },
        id: id(index),
        node: NodeId::from([1; 32]),
        client: ClientKey::from([2; 32]),
        collection: CollectionId::from([3; 32]),
        payer: Default::default(),
        viewer_token: B256::ZERO,
        bytes_max: GIB,
        issued_at: 0,
        expires_at: 1,
    }
}

/// One ticket for a GiB that came whole, was signed for, counted, billed and paid, in an epoch that stands.
fn good() -> Entries {
    let books = Books::default();
    let at = IpAddr::from(AT);
    books.opened(ticket(0), at, 1 << 20);
    books.got(id(0), GIB);
    books.acked(id(0), receipt(GIB));
    let epoch = OfEpoch {
        price: 100,
        attested: true,
        total: 100,
        paid: 100,
        deposits: (1_000, 1_000),
        counted: vec![(id(0), receipt(GIB))],
        ..OfEpoch::default()
    };
    books.enter(|books| {
        books.datagrams.insert(at, 2 * GIB);
        books.epochs.insert(0, epoch);
        books.clone()
    })
}

fn broken(change: impl FnOnce(&mut Entries)) -> Vec<&'static str> {
    let mut books = good();
    change(&mut books);
    let held = INVARIANTS
        .iter()
        .filter(|(_, holds)| holds(&books).is_err());
    held.map(|(name, _)| *name).collect()
}

fn epoch(books: &mut Entries) -> &mut OfEpoch {
    books.epochs.get_mut(&0).expect("it is there")
}

#[test]
fn good_books_break_nothing() {
    assert_eq!(broken(|_| {}), [""; 0]);
}

#[test]
fn a_receipt_that_doesn_t_count_or_counts_twice_is_found() {
    let lost = |books: &mut Entries| {
        let of = epoch(books);
        of.counted.clear();
    };
    assert_eq!(broken(lost), [checks::ACKNOWLEDGED]);
    let twice = |books: &mut Entries| epoch(books).counted.push((id(0), receipt(GIB)));
    assert_eq!(broken(twice), [checks::ACKNOWLEDGED]);
}

#[test]
fn more_than_came_or_than_datagrams_had_room_for_is_found() {
    let came = |books: &mut Entries| books.tickets.get_mut(&id(0)).unwrap().got = GIB - 1;
    assert_eq!(broken(came), [checks::SIGNED, checks::NOTHING_ELSE]);
    let sent = |books: &mut Entries| {
        books.datagrams.insert(AT.into(), GIB - 1);
    };
    assert_eq!(broken(sent), [checks::SIGNED]);
}

#[test]
fn debts_of_a_network_add_up() {
    let debts = |books: &mut Entries| {
        for index in 1..5 {
            let mut other = books.tickets[&id(0)].clone();
            (other.got, other.acked) = (1 << 20, None);
            other.at = [10, 1, 1, 1 + index as u8].into();
            books.tickets.insert(id(index), other);
        }
    };
    assert_eq!(broken(debts), [checks::AHEAD]);
    let elsewhere = |books: &mut Entries| {
        debts(books);
        for (index, of) in (0..).zip(books.tickets.values_mut()) {
            of.at = [10, 1, 2 + index, 1].into();
        }
        books.datagrams.insert([10, 1, 2, 1].into(), GIB);
    };
    assert_eq!(broken(elsewhere), [""; 0]);
}

#[test]
fn money_that_moves_otherwise_is_found() {
    let less = |books: &mut Entries| {
        let of = epoch(books);
        (of.total, of.paid) = (90, 90);
    };
    assert_eq!(broken(less), [checks::OWN]);
    let more = |books: &mut Entries| epoch(books).paid = 101;
    assert_eq!(broken(more), [checks::DEPOSITS, checks::NOTHING_ELSE]);
    let poor = |books: &mut Entries| epoch(books).deposits = (99, 99);
    assert_eq!(broken(poor), [checks::DEPOSITS]);
    let kept = |books: &mut Entries| epoch(books).paid = 99;
    assert_eq!(broken(kept), [checks::DEPOSITS]);
    let gone = |books: &mut Entries| {
        let of = epoch(books);
        (of.deposits, of.total, of.paid) = ((1_000, 0), 0, 0);
    };
    assert_eq!(broken(gone), [checks::OWED]);
}

#[test]
fn who_is_harmed_is_found() {
    let reported = |books: &mut Entries| {
        books.routes.push(OfRoute {
            node: NodeId::from([1; 32]),
            delivers: true,
            named: false,
        });
    };
    assert_eq!(broken(reported), [checks::REPORTS]);
    let slashed = |books: &mut Entries| {
        books.bonds.insert("honest", (1_000, 0));
    };
    assert_eq!(broken(slashed), [checks::BONDS]);
    let stays = |books: &mut Entries| books.tickets.get_mut(&id(0)).unwrap().outlived_s = 6;
    assert_eq!(broken(stays), [checks::OUTLIVES]);
}

#[test]
fn an_epoch_that_isn_t_what_it_should_be_is_found() {
    let apart = |books: &mut Entries| {
        let written = [("one", "a"), ("other", "b")];
        let written = written.map(|(who, hash)| (who.to_owned(), hash.to_owned()));
        epoch(books).evidence = written.into();
    };
    assert_eq!(broken(apart), [checks::AGREE]);
    let never = |books: &mut Entries| {
        let of = epoch(books);
        (of.attested, of.due_s) = (false, 121);
    };
    assert_eq!(broken(never), [checks::LOCKED]);
    let lie = |books: &mut Entries| epoch(books).false_by = Some("a lie".into());
    assert_eq!(broken(lie), [checks::TRUE]);
}
