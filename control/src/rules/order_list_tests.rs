//! What is owed to whom, held back and undone.

use super::*;
use crate::rules::orders::purge_all;
use proptest::prelude::*;
use protocol::CollectionId;

fn node(fill: u8) -> NodeId {
    NodeId::from([fill; 32])
}

fn push(fill: u8) -> Order {
    Order::Push {
        collection: CollectionId::from([fill; 32]),
    }
}

#[test]
fn what_is_done_makes_room_and_what_is_not_does_not() {
    let mut state = OrderList::new();
    for n in 0..ORDERS_MAX as u64 {
        assert_eq!(state.give(&push(1), &[node(1)], None, 0).unwrap(), n + 1);
    }
    let full = state.give(&push(1), &[node(1)], None, 0);
    assert!(matches!(full, Err(NoRoom::Orders)));
    assert!(state.settle(&node(1), 5, OrderState::Confirmed, 0));
    state.give(&push(1), &[node(1)], None, 0).unwrap();
    assert!(state.find(5).is_none() && state.find(4).is_some());
}

fn revoke(what: Revoked) -> Order {
    Order::Revoke {
        what,
        issued_until: 1000,
        until: 2000,
    }
}

#[test]
fn an_order_is_owed_until_it_is_done_and_who_can_t_do_it_says_why() {
    let mut list = OrderList::new();
    let us = Some(Address::repeat_byte(1));
    let both = [node(1), node(2)];
    let first = list.give(&push(1), &both, us, 7).expect("room");
    let second = list.give(&push(2), &[node(1)], None, 8).expect("room");
    assert_eq!(
        list.due(&node(1), 0, 9),
        [(first, push(1)), (second, push(2))]
    );
    assert_eq!(list.due(&node(1), first, 9), [(second, push(2))]);
    assert!(list.due(&node(3), 0, 9).is_empty());

    list.trouble(&node(2), first, "no room".into());
    list.trouble(&node(2), second, "not asked".into());
    list.trouble(&node(2), 77, "no such order".into());
    let status = list.status(first, us).expect("it is ours");
    assert_eq!(status.summary.trouble.as_deref(), Some("no room"));
    assert_eq!(status.nodes[1].trouble.as_deref(), Some("no room"));
    assert!(
        list.status(second, None)
            .expect("there")
            .summary
            .trouble
            .is_none()
    );
    assert!(list.settle(&node(2), first, OrderState::Confirmed, 9));
    assert!(
        !list.settle(&node(2), first, OrderState::Confirmed, 9),
        "once"
    );
    assert!(!list.settle(&node(1), 77, OrderState::Confirmed, 9));
    list.trouble(&node(2), first, "too late".into());
    let status = list.status(first, us).expect("it is ours");
    assert!(status.summary.trouble.is_none());
    let counts = (status.summary.outstanding, status.summary.confirmed);
    assert_eq!(counts, (1, 1));

    let (owed, outstanding, newest) = list.overview(1);
    assert_eq!((owed[&node(1)], owed.len(), outstanding), (2, 1, 2));
    assert_eq!((newest.len(), newest[0].summary.id), (1, second));
    assert_eq!(newest[0].waiting_for, [node(1)]);

    let ids = |account| -> Vec<_> {
        let all = list.summaries(account).into_iter();
        all.map(|one| one.id).collect()
    };
    assert_eq!((ids(None), ids(us)), (vec![second, first], vec![first]));
    assert!(list.status(second, us).is_none() && list.status(77, None).is_none());
    assert_eq!((list.order(first), list.order(77)), (Some(push(1)), None));
}

#[test]
fn who_is_revoked_or_held_back_is_so_from_when_it_is_asked_for() {
    let (client, token) = (ClientKey::from([7; 32]), B256::repeat_byte(8));
    let mut list = OrderList::new();
    let barred = |list: &OrderList| {
        let node = list.is_blocked(&node(9));
        (
            list.is_revoked(&client),
            list.is_token_revoked(&token),
            node,
        )
    };
    for (what, expected) in [
        (Revoked::Client(client), (true, false, false)),
        (Revoked::Token(token), (false, true, false)),
        (Revoked::Node(node(9)), (false, false, true)),
    ] {
        assert_eq!(barred(&list), (false, false, false));
        list.begin(&revoke(what));
        assert_eq!(barred(&list), expected, "{what:?}");
        list.end();
    }
    list.begin(&Order::Drain);
    assert_eq!(barred(&list), (false, false, false));
    for what in [
        Revoked::Client(client),
        Revoked::Token(token),
        Revoked::Node(node(9)),
    ] {
        list.give(&revoke(what), &[node(1)], None, 1000)
            .expect("room");
    }
    assert_eq!(barred(&list), (true, true, true));
    assert_eq!(list.due(&node(1), 0, 2000).len(), 3);
    assert!(list.due(&node(1), 0, 2001).is_empty(), "moot by then");
    assert_eq!(list.summaries(None)[0].moot, 1);
    assert_eq!(barred(&list), (true, true, true), "for good");
}

#[test]
fn blocking_and_draining_hold_until_they_are_taken_back() {
    let mut list = OrderList::new();
    let mut give = |order: Order| {
        let id = list.give(&order, &[node(1)], None, 0).expect("room");
        let held = list.held().get(&node(1)).copied().unwrap_or_default();
        let status = list.status(id, None).expect("it is kept");
        (held.blocked, held.draining, status.summary.outstanding)
    };
    // Nodes aren't told that they are blocked.
    assert_eq!(give(Order::Block), (true, false, 0));
    assert_eq!(give(Order::Drain), (true, true, 1));
    assert_eq!(give(Order::Unblock), (false, true, 0));
    assert_eq!(give(Order::Resume), (false, false, 1));
    assert!(list.due(&node(1), 0, 0).len() == 1, "the drain is undone");
}

#[test]
fn no_more_keys_are_revoked_than_fit() {
    let key = |n: usize| {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&(n as u64).to_be_bytes());
        bytes
    };
    let mut list = OrderList::new();
    list.revoked_clients = (0..REVOKED_MAX).map(|n| key(n).into()).collect();
    list.revoked_tokens = (0..REVOKED_MAX).map(|n| key(n).into()).collect();
    for what in [
        Revoked::Client([0xff; 32].into()),
        Revoked::Token(B256::repeat_byte(0xff)),
    ] {
        let full = list.give(&revoke(what), &[node(1)], None, 0);
        assert_eq!(full, Err(NoRoom::Revoked));
    }
}

#[test]
fn a_list_of_another_version_is_refused() {
    let bytes = serde_json::to_vec(&OrderList::new()).expect("JSON");
    assert!(OrderList::parse(&bytes).is_ok());
    let mut other = OrderList::new();
    other.version = 9;
    let bytes = serde_json::to_vec(&other).expect("JSON");
    assert!(OrderList::parse(&bytes).is_err() && OrderList::parse(b"{").is_err());
}

proptest! {
    #[test]
    fn a_node_is_told_what_it_hasn_t_done_and_a_file_says_the_same(
        steps in prop::collection::vec((0u8..6, 1u8..4, 0u64..20), 1..40),
    ) {
        let mut list = OrderList::new();
        for (what, to, id) in steps {
            let order = match what {
                0 => purge_all(CollectionId::from([1; 32])),
                1 => Order::Drain,
                2 => Order::Resume,
                3 => push(1),
                4 => push(2),
                _ => {
                    list.settle(&node(to), id, OrderState::Confirmed, 0);
                    continue;
                }
            };
            let mut nodes = vec![node(to), node(2)];
            nodes.sort_unstable();
            nodes.dedup();
            list.give(&order, &nodes, None, 0).expect("there is room");
        }
        let bytes = serde_json::to_vec(&list).expect("it is JSON");
        let mut read = OrderList::parse(&bytes).expect("it was written so");
        for to in 1..4 {
            let of = node(to);
            let waits = |order: &OrderEntry| {
                let mut nodes = order.nodes.iter();
                nodes.any(|one| one.node == of && one.state == OrderState::Outstanding)
            };
            let owed: Vec<_> = list.orders.iter().filter(|one| waits(one)).map(|one| one.id).collect();
            let due: Vec<_> = list.due(&of, 0, 0).into_iter().map(|(id, _)| id).collect();
            prop_assert_eq!(&due, &owed);
            prop_assert_eq!(list.due(&of, 0, 0), read.due(&of, 0, 0));
            prop_assert!(list.due(&of, list.last, 0).is_empty());
        }
    }
}
