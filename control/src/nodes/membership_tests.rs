use super::*;
use protocol::api::MeasuredNode;

const TIMEOUT: Duration = Duration::from_secs(5);
const BEAT: Heartbeat = Heartbeat {
    sessions: 1,
    cached_bytes: 2,
    free_bytes: 3,
    draining: false,
    sessions_max: 1000,
    bandwidth_mbps: 100,
};

const FROM: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

fn members(dial_back: bool) -> Members {
    let config = MembersConfig {
        timeout: TIMEOUT,
        dial_back,
        idle_sessions: 64,
    };
    Members::new(config, Overlay::default())
}

fn ask(collection: CollectionId, exclude: &[NodeId]) -> Ask<'_> {
    Ask {
        collection,
        from: FROM,
        turn: 0,
        count: 3,
        dispersion: 1,
        requires: &[],
        exclude,
    }
}

fn node(n: u8) -> NodeId {
    NodeId::from([n; 32])
}

fn collection(n: u16) -> CollectionId {
    let mut id = [0; 32];
    id[..2].copy_from_slice(&n.to_be_bytes());
    CollectionId::from(id)
}

#[test]
fn who_is_held_gets_no_traffic_whether_it_was_there_or_not() {
    let members = members(false);
    let now = Instant::now();
    let join = |id| members.join(node(id), "h:1".into(), String::new(), None, now);
    let (first, mut queue) = join(1);
    members.heartbeat(first, BEAT, now);
    let hold = |blocked, draining| Hold { blocked, draining };
    let held = BTreeMap::from([(node(1), hold(true, false)), (node(2), hold(false, true))]);
    members.hold(|| held, now);
    let (second, _queue) = join(2);
    members.heartbeat(second, BEAT, now);
    let standings = || {
        let nodes = members.list(now).into_iter();
        nodes.map(|node| node.standing).collect::<Vec<_>>()
    };
    assert_eq!(standings(), ["blocked", "draining"]);
    assert!(
        members
            .decide(&ask(collection(1), &[]), now)
            .nodes
            .is_empty()
    );
    assert_eq!(queue.try_recv(), Ok(OrderFrame::Seen));
    assert!(matches!(queue.try_recv(), Ok(OrderFrame::NoTraffic { .. })));
    members.hold(BTreeMap::new, now);
    assert_eq!(standings(), ["available", "available"]);
    assert_eq!(members.decide(&ask(collection(1), &[]), now).nodes.len(), 2);
}

#[test]
fn another_map_places_members_anew_and_they_stay_members() {
    let map = |text: &str| Overlay {
        zones: routing::Zones::parse(text.as_bytes()).unwrap(),
        ..Overlay::default()
    };
    let before = r#"{"coverageZones":{
        "a":{"network":["192.0.2.0/24"],"coordinates":{"latitude":1,"longitude":1}},
        "b":{"network":["198.51.100.0/24"],"coordinates":{"latitude":2,"longitude":2}}}}"#;
    let after = r#"{"coverageZones":{
        "aa":{"network":["203.0.113.0/24"],"coordinates":{"latitude":3,"longitude":3}},
        "b":{"network":["192.0.2.0/24","198.51.100.0/24"],"coordinates":{"latitude":2,"longitude":2}}}}"#;
    let members = members(false);
    let now = Instant::now();
    members.remap(map(before), now);
    let address = |id| format!("198.51.100.{id}:1");
    let mut joined = Vec::new();
    for id in [1, 2] {
        let (membership, queue) = members.join(node(id), address(id), String::new(), None, now);
        members.heartbeat(membership, BEAT, now);
        joined.push((membership, queue));
    }
    let measured = [MeasuredNode {
        node: node(1),
        rtt_us: 7000,
    }];
    members.record_reports(FROM, &[], &measured, now);
    let zones = || {
        let nodes = members.list(now).into_iter();
        nodes.map(|node| node.zone).collect::<Vec<_>>()
    };
    assert_eq!(zones(), ["b", "b"]);
    let placed = |overlay: &Overlay| {
        let chosen = members.decide(&ask(collection(1), &[]), now);
        let zone = chosen.decision.placement.zone;
        assert_eq!(chosen.nodes.len(), 2);
        overlay.zones.name(zone).to_owned()
    };
    assert_eq!(placed(&members.overlay()), "a");
    let loads = || {
        members
            .list(now)
            .iter()
            .map(|node| node.sessions)
            .sum::<u32>()
    };
    let load = loads();
    members.remap(map(after), now);
    assert_eq!((zones(), loads()), (vec!["b".into(), "b".into()], load));
    assert_eq!(placed(&members.overlay()), "b");
    let first = members.decide(&ask(collection(1), &[]), now).decision;
    let there = members.overlay().zones.find("b");
    assert_eq!(first.placement.zone, there.unwrap());
    assert_eq!(members.measured().of(FROM.into()), [(there.unwrap(), 7000)]);
    assert!(
        members.heartbeat(joined[0].0, BEAT, now),
        "it is still a member"
    );
}

#[test]
fn only_a_fresh_heartbeat_makes_a_node_healthy() {
    let members = members(false);
    let start = Instant::now();
    let (first, mut queue) = members.join(node(1), "a:1".into(), "v".into(), None, start);
    let healthy = |at| members.decide(&ask(collection(1), &[]), at).nodes.len();
    assert_eq!(healthy(start), 0, "no heartbeat yet");
    assert!(members.heartbeat(first, BEAT, start));
    assert_eq!(queue.try_recv(), Ok(OrderFrame::Seen));
    assert_eq!(healthy(start + TIMEOUT), 1);
    assert_eq!(healthy(start + TIMEOUT + Duration::from_millis(1)), 0);
    let draining = Heartbeat {
        draining: true,
        ..BEAT
    };
    members.heartbeat(first, draining, start);
    assert_eq!(healthy(start), 0);
    members.heartbeat(first, BEAT, start);
    assert!(
        members
            .decide(&ask(collection(1), &[node(1)]), start)
            .nodes
            .is_empty()
    );
    members.leave(first, start);
    assert_eq!(healthy(start), 0);
    assert_eq!(members.list(start).len(), 1, "still listed");
    let (_, _queue) = members.join(node(2), "b:1".into(), "v".into(), None, start + GONE_LISTED);
    assert_eq!(members.list(start)[0].node, node(2), "no longer listed");
}

#[test]
fn a_newer_connection_takes_the_place_of_the_older() {
    let members = members(false);
    let now = Instant::now();
    let (old, mut old_queue) = members.join(node(1), "a:1".into(), "v".into(), None, now);
    let (new, _queue) = members.join(node(1), "a:2".into(), "v".into(), None, now);
    assert!(old_queue.try_recv().is_err() && old_queue.is_closed());
    assert!(members.heartbeat(new, BEAT, now));
    assert!(!members.heartbeat(old, BEAT, now));
    members.leave(old, now);
    assert_eq!(
        members.decide(&ask(collection(1), &[]), now).nodes,
        [(node(1), "a:2".into())]
    );
}

#[test]
fn a_fill_is_ordered_once_and_the_queue_is_bounded() {
    let members = members(false);
    let now = Instant::now();
    let (_, mut queue) = members.join(node(1), "a:1".into(), "v".into(), None, now);
    assert!(members.order_fill(&node(1), collection(1)));
    assert!(members.order_fill(&node(1), collection(1)));
    assert_eq!(queue.len(), 1);
    assert!(!members.order_fill(&node(2), collection(1)));
    let room = (2..1000)
        .take_while(|n| members.order_fill(&node(1), collection(*n)))
        .count();
    assert_eq!((room + 1, queue.len()), (ORDERS_MAX, ORDERS_MAX));
    while queue.try_recv().is_ok() {}
    // What didn't fit is ordered when it is asked for again.
    assert!(members.order_fill(&node(1), collection(1000)));
}

#[test]
fn a_node_gets_traffic_only_after_it_was_seen_to_deliver() {
    let members = members(true);
    let now = Instant::now();
    let (member, mut queue) = members.join(node(1), "a:1".into(), "v".into(), None, now);
    assert!(
        members.looks_due(9, now).is_empty(),
        "not before its first heartbeat"
    );
    members.heartbeat(member, BEAT, now);
    let looks = members.looks_due(9, now);
    assert_eq!(looks.len(), 1);
    assert!(members.looks_due(9, now).is_empty(), "somebody looks");
    assert_eq!(members.list(now)[0].standing, "unproven");
    members.record_look(&looks[0], Err("no answer".into()), now);
    assert_eq!(members.list(now)[0].reason.as_deref(), Some("no answer"));
    assert_eq!(queue.try_recv(), Ok(OrderFrame::Seen));
    let told = OrderFrame::NoTraffic {
        reason: "no answer".into(),
    };
    assert_eq!(queue.try_recv(), Ok(told));
    members.record_look(&looks[0], Ok(Proof::Delivered), now);
    assert_eq!(members.decide(&ask(collection(1), &[]), now).nodes.len(), 1);
}

#[test]
fn who_had_nothing_to_deliver_is_looked_at_once_it_has_filled() {
    let members = members(true);
    let now = Instant::now();
    let join = |now| {
        let joined = members.join(node(1), "a:1".into(), "v".into(), None, now);
        members.heartbeat(joined.0, BEAT, now);
        joined
    };
    let (before, _queue) = join(now);
    let (member, _queue) = join(now);
    let look = members.looks_due(1, now).remove(0);
    members.record_look(&look, Ok(Proof::Key), now);
    assert_eq!(members.list(now)[0].standing, "available");
    let later = now + Duration::from_secs(20);
    members.heartbeat(member, BEAT, later);
    members.filled(before, later);
    assert!(
        members.looks_due(1, later).is_empty(),
        "an older connection says nothing"
    );
    members.filled(member, later);
    let look = members.looks_due(1, later).remove(0);
    members.record_look(&look, Ok(Proof::Delivered), later);
    members.filled(member, later + Duration::from_secs(20));
    let then = later + Duration::from_secs(20);
    assert!(members.looks_due(1, then).is_empty());
}

#[test]
fn clients_sent_count_until_heartbeats_can_know_of_them() {
    let members = members(false);
    let now = Instant::now();
    let (member, _queue) = members.join(node(1), "a:1".into(), "v".into(), None, now);
    members.heartbeat(member, BEAT, now);
    let load = || members.decide(&ask(collection(1), &[]), now).decision.picks[0].load;
    assert_eq!(load(), 1);
    for _ in 0..5 {
        let chosen = members.decide(&ask(collection(1), &[]), now);
        members.note(collection(1), &chosen.decision);
    }
    assert_eq!(load(), 6);
    members.heartbeat(member, BEAT, now);
    assert_eq!(load(), 6, "they may be on their way");
    members.heartbeat(member, BEAT, now);
    assert_eq!(load(), 1);
}

#[test]
fn clients_words_make_the_control_plane_look_and_measure() {
    let members = members(true);
    let now = Instant::now();
    let (member, _queue) = members.join(node(1), "a:1".into(), "v".into(), None, now);
    members.heartbeat(member, BEAT, now);
    let look = members.looks_due(1, now).remove(0);
    members.record_look(&look, Ok(Proof::Delivered), now);
    let later = now + Duration::from_secs(20);
    members.heartbeat(member, BEAT, later);
    assert!(members.looks_due(1, later).is_empty());
    let rtt = MeasuredNode {
        node: node(1),
        rtt_us: 900,
    };
    members.record_reports(FROM, &[node(1), node(7)], &[rtt], later);
    assert_eq!(members.looks_due(1, later).len(), 1);
    assert_eq!(members.list(later)[0].standing, "available");
    let known = members.measured().of(FROM.into());
    assert_eq!(known, [(ZoneIndex::DEFAULT, 900)]);
}

/// With one of them waiting for who only reads, this would never end.
#[test]
fn heartbeats_and_routes_wait_for_nobody_who_only_reads() {
    let members = members(false);
    let now = Instant::now();
    let (member, mut queue) = members.join(node(1), "h:1".into(), String::new(), None, now);
    members.heartbeat(member, BEAT, now);
    members.order_fill(&node(1), collection(1));
    let (state, traffic) = (members.state(), members.traffic());
    let busy = Heartbeat {
        sessions: 7,
        ..BEAT
    };
    assert!(members.heartbeat(member, busy, now));
    let chosen = members.decide(&ask(collection(1), &[]), now);
    members.note(collection(1), &chosen.decision);
    let measured = [MeasuredNode {
        node: node(1),
        rtt_us: 5,
    }];
    members.record_reports(FROM, &[], &measured, now);
    assert!(members.order_fill(&node(1), collection(1)));
    let view = state.table.view(&node(1)).unwrap();
    assert_eq!((chosen.nodes.len(), view.load), (1, 8));
    drop((state, traffic));
    let told = std::iter::from_fn(|| queue.try_recv().ok());
    assert_eq!(told.filter(|one| *one == OrderFrame::Seen).count(), 2);
}
