use super::*;
use crate::rules::orders::purge_all;
use crate::testing::TestClock;
use futures::FutureExt;
use protocol::{CollectionId, Revoked};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

fn node(fill: u8) -> NodeId {
    NodeId::from([fill; 32])
}

fn collection(fill: u8) -> CollectionId {
    CollectionId::from([fill; 32])
}

fn push(fill: u8) -> Order {
    Order::Push {
        collection: collection(fill),
    }
}

fn due(orders: &Orders, to: u8) -> Vec<OrderId> {
    let due = orders.outstanding(&node(to), 0).into_iter();
    due.map(|(id, _)| id).collect()
}

#[test]
fn an_order_stays_until_every_node_has_confirmed_it() {
    let dir = tempfile::tempdir().unwrap();
    let clock = TestClock::at(1000);
    let open = || Orders::open(&disk::Disk::system(), dir.path(), clock.clock()).unwrap();
    let orders = open();
    let mut changes = orders.changes();
    let first = orders
        .give(&push(1), &[node(2), node(1), node(2)], None)
        .unwrap();
    let told = changes.changed().now_or_never();
    assert_eq!(told, Some(Ok(())));
    assert_eq!(due(&orders, 1), [first]);
    drop(orders);

    let orders = open();
    let second = orders.give(&push(2), &[node(1)], None).unwrap();
    assert!(second > first);
    assert_eq!(due(&orders, 1), [first, second]);
    assert_eq!(orders.outstanding(&node(1), first).len(), 1, "told once");
    orders.trouble(&node(2), first, "no room\n");
    let nodes = orders.status(first, None).unwrap().nodes;
    assert_eq!(nodes[1].trouble.as_deref(), Some("no room"));
    let summary = &orders.list(None)[1];
    assert_eq!(summary.trouble.as_deref(), Some("no room"));
    orders.confirm(&node(1), first);
    orders.confirm(&node(1), first);
    orders.confirm(&node(3), first);
    orders.confirm(&node(1), 77);
    assert_eq!(due(&orders, 1), [second]);
    let summary = &orders.list(None)[1];
    assert_eq!((summary.outstanding, summary.confirmed), (1, 1));
    // The confirmation wasn't written yet: the node is told again.
    assert_eq!(due(&open(), 1), [first, second]);
}

#[tokio::test]
async fn confirmations_are_written_at_the_latest_when_it_ends() {
    let dir = tempfile::tempdir().unwrap();
    let clock = TestClock::at(1000);
    let orders = std::sync::Arc::new(
        Orders::open(&disk::Disk::system(), dir.path(), clock.clock()).unwrap(),
    );
    let id = orders.give(&push(1), &[node(1)], None).unwrap();
    orders.confirm(&node(1), id);
    let stop = CancellationToken::new();
    stop.cancel();
    orders.run(stop).await;
    let again = Orders::open(&disk::Disk::system(), dir.path(), clock.clock()).unwrap();
    assert_eq!(due(&again, 1), Vec::<OrderId>::new());
}

#[test]
fn later_orders_undo_earlier_ones() {
    let dir = tempfile::tempdir().unwrap();
    let clock = TestClock::at(1000);
    let orders = Orders::open(&disk::Disk::system(), dir.path(), clock.clock()).unwrap();
    let give = |order: &Order| orders.give(order, &[node(1)], None).unwrap();
    let pushed = give(&push(1));
    let other = give(&push(2));
    let purge = give(&purge_all(collection(1)));
    assert_eq!(due(&orders, 1), [other, purge]);
    assert_eq!(orders.status(pushed, None).unwrap().summary.moot, 1);
    give(&Order::Drain);
    assert!(orders.held()[&node(1)].draining);
    let resume = give(&Order::Resume);
    assert_eq!(due(&orders, 1), [other, purge, resume]);
    assert_eq!(orders.held().len(), 0);

    let blocked = give(&Order::Block);
    assert_eq!(orders.status(blocked, None).unwrap().summary.confirmed, 1);
    let again = Orders::open(&disk::Disk::system(), dir.path(), clock.clock()).unwrap();
    assert!(again.held()[&node(1)].blocked);
    let client = ClientKey::from([7; 32]);
    let what = Revoked::Client(client);
    let (issued_until, until) = (1000, 2000);
    let revoke = again.give(
        &Order::Revoke {
            what,
            issued_until,
            until,
        },
        &[node(1)],
        None,
    );
    let revoke = revoke.unwrap();
    assert!(again.is_revoked(&client) && due(&again, 1).contains(&revoke));
    clock.set(2001);
    assert!(again.is_revoked(&client) && !due(&again, 1).contains(&revoke));
}

#[test]
fn a_revocation_means_every_ticket_that_left_before_it_was_in_force() {
    let dir = tempfile::tempdir().unwrap();
    let client = Revoked::Client(ClientKey::from([7; 32]));
    let token = Revoked::Token(B256::repeat_byte(8));
    for what in [client, token, Revoked::Node(node(9))] {
        // After each look at the clock a ticket leaves, unless the revocation is in force.
        let orders = Arc::new(OnceLock::<Orders>::new());
        let is_in_force = move |orders: &Orders| match what {
            Revoked::Client(client) => orders.is_revoked(&client),
            Revoked::Token(hash) => orders.is_token_revoked(&hash),
            Revoked::Node(node) => orders.is_blocked(&node),
            Revoked::Ticket(_) => unreachable!("of one ticket nothing more leaves"),
        };
        let known = orders.clone();
        let left_last = Arc::new(AtomicU64::new(1000));
        let left = left_last.clone();
        let clock = host::Clock::new(move || match known.get() {
            Some(orders) if !is_in_force(orders) => left.fetch_add(1, Ordering::SeqCst),
            _ => left.load(Ordering::SeqCst),
        });
        let open = Orders::open(&disk::Disk::system(), dir.path(), clock).unwrap();
        let orders = orders.get_or_init(|| open);
        let asked = Order::Revoke {
            what,
            issued_until: orders.clock.now_ms(),
            until: 2000,
        };
        let id = orders.give(&asked, &[node(1)], None).unwrap();
        let Some(Order::Revoke { issued_until, .. }) = orders.order(id) else {
            panic!("it is kept");
        };
        assert!(is_in_force(orders));
        assert!(
            issued_until >= left_last.load(Ordering::SeqCst),
            "{what:?} {issued_until}"
        );
    }
}

#[test]
fn a_revocation_that_can_t_be_kept_is_in_force_no_longer() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = disk::faults::Recorder::new(dir.path()).unwrap();
    let clock = TestClock::at(1000).clock();
    let orders = Orders::open(&disk::Disk::recorded(&recorder), dir.path(), clock).unwrap();
    recorder.fail_from(recorder.operations(), disk::faults::Fault::Io);
    let client = ClientKey::from([7; 32]);
    let revoke = Order::Revoke {
        what: Revoked::Client(client),
        issued_until: 1000,
        until: 2000,
    };
    assert!(orders.give(&revoke, &[node(1)], None).is_err());
    assert!(!orders.is_revoked(&client));
}

#[test]
fn owners_see_their_own_orders() {
    let dir = tempfile::tempdir().unwrap();
    let clock = TestClock::at(1000);
    let orders = Orders::open(&disk::Disk::system(), dir.path(), clock.clock()).unwrap();
    let [us, them] = [1, 2].map(|n| Some(Address::repeat_byte(n)));
    let ours = orders.give(&push(1), &[node(1)], us).unwrap();
    let operators = orders.give(&push(2), &[node(1)], None).unwrap();
    drop(orders);
    let orders = Orders::open(&disk::Disk::system(), dir.path(), clock.clock()).unwrap();
    let seen = |account| -> Vec<_> {
        let listed = orders.list(account);
        listed.iter().map(|one| one.id).collect()
    };
    assert_eq!(seen(None), [operators, ours]);
    assert_eq!((seen(us), seen(them)), (vec![ours], vec![]));
    assert!(orders.status(ours, us).is_some() && orders.status(ours, None).is_some());
    assert!(orders.status(ours, them).is_none() && orders.status(operators, us).is_none());
}

#[test]
fn a_damaged_list_is_named_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    for damage in [
        "{",
        r#"{"version":9,"last":0,"orders":[],"blocked":[],"draining":[],"revoked_clients":[]}"#,
    ] {
        fs::write(dir.path().join(FILE), damage).unwrap();
        let refused =
            Orders::open(&disk::Disk::system(), dir.path(), TestClock::at(0).clock()).err();
        assert!(refused.unwrap().to_string().contains("orders.json"));
    }
}
