//! Each invariant can fail: books that break it, and nothing else.

use contracts::Address;
use protocol::{B256, ClientKey, CollectionId, Network, NodeId, Receipt, Ticket, TicketId};
use quittance_sim::checks::{
    Books, Counted, Entries, Invariant, OfEpoch, OfNode, OfPayer, OfRoute, OfTicket,
};
use std::net::IpAddr;
use std::time::Duration;

const GIB: u64 = 1 << 30;
const AT: [u8; 4] = [10, 1, 1, 1];
const WINDOW: u64 = 1 << 20;

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

fn node(number: u8) -> NodeId {
    NodeId::from([number; 32])
}

fn payer(number: u8) -> Address {
    Address::repeat_byte(number)
}

fn ticket(index: u32) -> Ticket {
    Ticket {
        network: Network {
            chain_id: 1,
            settlement: Default::default(),
        },
        id: id(index),
        node: node(1),
        client: ClientKey::from([2; 32]),
        collection: CollectionId::from([3; 32]),
        payer: payer(1),
        viewer_token: B256::ZERO,
        bytes_max: GIB,
        issued_at: 0,
        expires_at: 1,
    }
}

fn counted(index: u32, bytes: u64) -> Counted {
    Counted {
        id: id(index),
        receipt: receipt(bytes),
        node: 0,
        payer: payer(1),
    }
}

fn of_payer(number: u8, deposit: u128, bill: u128) -> OfPayer {
    OfPayer {
        account: payer(number),
        deposits: (deposit, deposit),
        before: 0,
        bill,
    }
}

fn of_node(number: u8, arrived: u128) -> OfNode {
    OfNode {
        node: node(number),
        probes: (0, 0),
        arrived,
    }
}

/// One ticket for a GiB that came whole, was signed for, counted, billed and paid, in an epoch that stands; and a payer
/// and a node to whom nothing happened.
fn good() -> Entries {
    let books = Books::default();
    let at = IpAddr::from(AT);
    books.opened(ticket(0), at, WINDOW);
    books.got(id(0), GIB, true);
    books.handed_in(id(0), receipt(GIB));
    books.acked(id(0), receipt(GIB));
    let epoch = OfEpoch {
        price: 100,
        floor_ppm: 500_000,
        patience_s: 120,
        has_log: true,
        attested: true,
        total: 100,
        payers: vec![of_payer(1, 1_000, 100), of_payer(2, 1_000, 0)],
        nodes: vec![of_node(1, 100), of_node(2, 0)],
        counted: Some(vec![counted(0, GIB)]),
        ..OfEpoch::default()
    };
    books.enter(|books| {
        books.datagrams.insert(at, 2 * GIB);
        books.epochs.insert(0, epoch);
        books.clone()
    })
}

fn broken(change: impl FnOnce(&mut Entries)) -> Vec<Invariant> {
    let mut books = good();
    change(&mut books);
    let all = Invariant::ALL.into_iter();
    all.filter(|invariant| !invariant.breaks(&books).is_empty())
        .collect()
}

fn epoch(books: &mut Entries) -> &mut OfEpoch {
    books.epochs.get_mut(&0).expect("it is there")
}

fn first(books: &mut Entries) -> &mut OfTicket {
    books.tickets.get_mut(&id(0)).expect("it is there")
}

fn records(books: &mut Entries) -> &mut Vec<Counted> {
    epoch(books).counted.as_mut().expect("somebody has them")
}

#[test]
fn good_books_break_nothing() {
    assert_eq!(broken(|_| {}), []);
}

#[test]
fn a_receipt_that_doesn_t_count_or_counts_twice_or_otherwise_is_found() {
    let lost = |books: &mut Entries| {
        records(books).clear();
        let of = epoch(books);
        (of.total, of.payers[0].bill, of.nodes[0].arrived) = (0, 0, 0);
    };
    assert_eq!(broken(lost), [Invariant::Acknowledged]);
    let rogue = |books: &mut Entries| {
        lost(books);
        books.rogues.insert(node(1));
    };
    assert_eq!(broken(rogue), [], "its node breaks the rules");
    let twice = |books: &mut Entries| {
        records(books).push(Counted {
            receipt: receipt(0),
            ..counted(0, 0)
        });
    };
    assert_eq!(broken(twice), [Invariant::Acknowledged]);
    let nobody_s = |books: &mut Entries| {
        let of = first(books);
        of.acked = None;
        of.unanswered = vec![receipt(GIB - 1)];
        of.window = GIB;
    };
    let breaks = [Invariant::Acknowledged, Invariant::NothingElse];
    assert_eq!(broken(nobody_s), breaks);
    let unanswered = |books: &mut Entries| {
        let of = first(books);
        of.acked = Some(receipt(GIB / 2));
        of.unanswered = vec![receipt(GIB)];
        of.window = GIB;
    };
    assert_eq!(broken(unanswered), [], "its answer was lost");
}

#[test]
fn what_viewers_got_while_nothing_was_wrong_counts_whole() {
    let watched = |bytes: u64| {
        move |books: &mut Entries| {
            (books.audience, _) = (GIB, books.quiet.insert(0, bytes));
            records(books).push(counted(7, GIB / 10));
            let of = epoch(books);
            (of.total, of.payers[0].bill, of.nodes[0].arrived) = (109, 109, 109);
        }
    };
    assert_eq!(broken(watched(GIB / 10)), []);
    assert_eq!(broken(watched(GIB / 10 + 1)), [Invariant::Acknowledged]);
}

#[test]
fn more_than_came_or_than_datagrams_had_room_for_is_found() {
    let came = |books: &mut Entries| first(books).got = GIB / 2;
    let breaks = [Invariant::Signed, Invariant::NothingElse];
    assert_eq!(broken(came), breaks);
    let sent = |books: &mut Entries| {
        books.datagrams.insert(AT.into(), GIB - 1);
    };
    assert_eq!(broken(sent), [Invariant::Signed]);
    let other = |books: &mut Entries| first(books).wrong = 1;
    assert_eq!(broken(other), [Invariant::Published]);
}

#[test]
fn debts_of_a_ticket_and_of_a_network_with_one_node_add_up() {
    let owes = |of: &mut OfTicket, bytes| {
        of.got = bytes;
        of.acked = None;
    };
    let one = |books: &mut Entries| {
        let mut other = books.tickets[&id(0)].clone();
        owes(&mut other, 2 * WINDOW + 1);
        books.tickets.insert(id(1), other);
    };
    assert_eq!(broken(one), [Invariant::Ahead]);
    let debts = |books: &mut Entries| {
        for index in 1..5 {
            let mut other = books.tickets[&id(0)].clone();
            owes(&mut other, WINDOW);
            other.at = [10, 1, 1, 1 + index as u8].into();
            books.tickets.insert(id(index), other);
        }
    };
    assert_eq!(broken(debts), [Invariant::Ahead]);
    let of_several_nodes = |books: &mut Entries| {
        debts(books);
        for (index, of) in (1..).zip(books.tickets.values_mut()) {
            of.ticket.node = node(index);
        }
    };
    assert_eq!(broken(of_several_nodes), []);
    let elsewhere = |books: &mut Entries| {
        debts(books);
        for (index, of) in (0..).zip(books.tickets.values_mut()) {
            of.at = [10, 1, 2 + index, 1].into();
        }
        books.datagrams.insert([10, 1, 2, 1].into(), GIB);
    };
    assert_eq!(broken(elsewhere), []);
}

#[test]
fn money_that_moves_otherwise_is_found() {
    let more = |books: &mut Entries| epoch(books).nodes[0].arrived = 101;
    let breaks = [Invariant::Deposits, Invariant::NothingElse];
    assert_eq!(broken(more), breaks);
    let kept = |books: &mut Entries| epoch(books).nodes[0].arrived = 99;
    assert_eq!(broken(kept), [Invariant::Own, Invariant::Deposits]);
    let gone = |books: &mut Entries| {
        let of = epoch(books);
        of.payers[0].deposits.1 = 0;
        (of.total, of.payers[0].bill, of.nodes[0].arrived) = (0, 0, 0);
    };
    assert_eq!(broken(gone), [Invariant::Owed]);
}

#[test]
fn money_that_moves_between_payers_or_nodes_is_found() {
    let other_payer = |books: &mut Entries| {
        let of = epoch(books);
        (of.payers[0].bill, of.payers[1].bill) = (0, 100);
    };
    let breaks = [Invariant::Own, Invariant::Deposits];
    assert_eq!(broken(other_payer), breaks);
    let other_node = |books: &mut Entries| {
        let of = epoch(books);
        (of.nodes[0].arrived, of.nodes[1].arrived) = (0, 100);
    };
    assert_eq!(broken(other_node), breaks);
    let poor = |books: &mut Entries| {
        let of = epoch(books);
        of.payers[0].deposits = (99, 99);
    };
    // There is enough in all, but it is another's.
    assert_eq!(broken(poor), [Invariant::Deposits]);
}

#[test]
fn epochs_are_held_each_by_itself() {
    let second = |bill: u128| {
        move |books: &mut Entries| {
            let mut of = epoch(books).clone();
            of.payers[0].before = 100;
            let record = Counted {
                id: TicketId { epoch: 1, ..id(0) },
                ..counted(0, GIB)
            };
            of.counted = Some(vec![record]);
            (of.total, of.payers[0].bill, of.nodes[0].arrived) = (bill, bill, bill);
            books.epochs.insert(1, of);
            let mut ticket = books.tickets[&id(0)].clone();
            ticket.ticket.id.epoch = 1;
            books.tickets.insert(ticket.ticket.id, ticket);
        }
    };
    assert_eq!(broken(second(100)), []);
    let cumulative = [Invariant::Deposits, Invariant::NothingElse];
    assert_eq!(broken(second(200)), cumulative);
}

/// SPEC section 7, "Score and charges".
#[test]
fn quality_is_reckoned_from_the_records() {
    let served = |within: u32, total: u128| {
        move |books: &mut Entries| {
            let mut receipt = receipt(GIB);
            (receipt.deliveries, receipt.within) = (3, within);
            first(books).acked = Some(receipt);
            records(books)[0].receipt = receipt;
            let of = epoch(books);
            (of.total, of.payers[0].bill, of.nodes[0].arrived) = (total, total, total);
        }
    };
    assert_eq!(broken(served(2, 66)), []);
    assert_eq!(broken(served(2, 67)), [Invariant::Deposits]);
    assert_eq!(broken(served(1, 0)), []);
    assert_eq!(broken(served(1, 33)), [Invariant::Deposits]);
    let probed = |books: &mut Entries| epoch(books).nodes[0].probes = (4, 3);
    assert_eq!(broken(probed), [Invariant::Deposits]);
}

#[test]
fn who_is_harmed_is_found() {
    let reported = |books: &mut Entries| {
        books.routes.push(OfRoute {
            node: node(1),
            delivers: true,
            named: false,
        });
    };
    assert_eq!(broken(reported), [Invariant::Reports]);
    let slashed = |books: &mut Entries| {
        books.bonds.insert("honest".into(), (1_000, 0));
    };
    assert_eq!(broken(slashed), [Invariant::Bonds]);
    let stays = |books: &mut Entries| first(books).outlived = Duration::from_millis(5_001);
    assert_eq!(broken(stays), [Invariant::Outlives]);
    let kept = |books: &mut Entries| books.stuck.push("a payer has nothing back".into());
    assert_eq!(broken(kept), [Invariant::Locked]);
}

#[test]
fn an_epoch_that_isn_t_what_it_should_be_is_found() {
    let apart = |books: &mut Entries| {
        let written = [("one", "a"), ("other", "b")];
        let written = written.map(|(who, hash)| (who.to_owned(), Some(hash.to_owned())));
        epoch(books).evidence = written.into();
    };
    assert_eq!(broken(apart), [Invariant::Agree]);
    let absent = |books: &mut Entries| {
        let written = [("one", Some("a".to_owned())), ("other", None)];
        epoch(books).evidence = written.map(|(who, hash)| (who.to_owned(), hash)).into();
    };
    assert_eq!(broken(absent), [Invariant::Agree]);
    let never = |books: &mut Entries| {
        let of = epoch(books);
        (of.attested, of.due_s) = (false, 121);
    };
    assert_eq!(broken(never), [Invariant::Locked]);
    let lie = |books: &mut Entries| epoch(books).false_by = Some("a lie".into());
    assert_eq!(broken(lie), [Invariant::True]);
    let unread = |books: &mut Entries| {
        lie(books);
        let of = epoch(books);
        of.counted = None;
    };
    assert_eq!(broken(unread), [Invariant::True]);
}
