//! Who fills from whom.

use super::*;
use crate::nodes::overlay::Overlay;
use crate::testing::{TestClock, core, issuer_key};
use protocol::{Entry, Heartbeat, IssuerKey, Manifest};

fn node(n: u8) -> NodeId {
    NodeId::from([n; 32])
}

fn manifest() -> Manifest {
    let entry = Entry {
        path: "a".into(),
        content: protocol::ContentHash::from([1; 32]),
        size: 1,
        media_type: "text/plain".into(),
    };
    Manifest::new(vec![entry]).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_nearest_of_those_that_began_before() {
    let dir = tempfile::tempdir().unwrap();
    let clock = TestClock::at(1_001_000);
    let core = core(dir.path(), &clock);
    let zones = r#"{"coverageZones":{
        "a":{"network":["192.0.2.0/24"],"coordinates":{"latitude":1,"longitude":1},
             "backupZones":{"list":["b"],"fallbackToClosestGroup":true}},
        "b":{"network":["198.51.100.0/24"],"coordinates":{"latitude":40,"longitude":2}},
        "c":{"network":["203.0.113.0/24"],"coordinates":{"latitude":2,"longitude":2}}}}"#;
    let overlay = Overlay {
        zones: routing::Zones::parse(zones.as_bytes()).unwrap(),
        ..Overlay::default()
    };
    let now = Instant::now();
    core.nodes.members.remap(overlay, now);
    let mut joined = Vec::new();
    for (id, address) in [
        (1, "192.0.2.1:1"),
        (2, "198.51.100.2:1"),
        (3, "203.0.113.3:1"),
        (4, "192.0.2.4:1"),
        (5, "192.0.2.5:1"),
    ] {
        let members = &core.nodes.members;
        let (membership, queue) = members.join(node(id), address.into(), String::new(), None, now);
        let beat = Heartbeat {
            sessions: 0,
            cached_bytes: 0,
            free_bytes: 0,
            draining: id == 4,
            sessions_max: 10,
            bandwidth_mbps: 100,
        };
        members.heartbeat(membership, beat, now);
        joined.push((membership, queue));
    }
    let manifest = manifest();
    let film = manifest.id();
    assert_eq!(
        core.nodes.fills.sources(node(1), film),
        None,
        "not published"
    );
    let published = core.contents.catalogue.publish(
        "film",
        &manifest,
        core.contents.payer,
        None,
        Vec::new(),
        0,
    );
    published.unwrap();

    let sources = |filler| {
        let sources = core.nodes.fills.sources(node(filler), film).unwrap();
        let nodes = sources.iter().map(|source| source.node);
        nodes.collect::<Vec<_>>()
    };
    assert_eq!(sources(3), [], "the control plane's is the first copy");
    assert_eq!(sources(2), [node(3)]);
    assert_eq!(sources(4), [node(2), node(3)], "as its zone's backups are");
    assert_eq!(sources(1), [node(2), node(3)], "4 is draining");
    assert_eq!(sources(5), [node(1), node(2), node(3)]);
    assert_eq!(sources(3), [], "never from who came later");
    core.nodes.fills.filled(node(3), film);

    let granted = core.nodes.fills.sources(node(2), film).unwrap();
    assert_eq!(granted[0].address, "203.0.113.3:1");
    let issuer = IssuerKey::from(issuer_key().verifying_key().to_bytes());
    let grant = granted[0].grant.verify(&issuer, 1_030_000, 0).unwrap();
    assert_eq!(
        (
            grant.grant().source,
            grant.grant().filler,
            grant.grant().collection
        ),
        (node(3), node(2), film)
    );
    core.nodes.fills.unheld(&film);
    assert_eq!(sources(5), []);
    core.issuer.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sources_and_routes_are_found_by_one_map_while_it_is_read_anew() {
    let dir = tempfile::tempdir().unwrap();
    let core = core(dir.path(), &TestClock::at(1_001_000));
    let published = core.contents.catalogue.publish(
        "film",
        &manifest(),
        core.contents.payer,
        None,
        Vec::new(),
        0,
    );
    let film = published.unwrap().id;
    let members = &core.nodes.members;
    let now = Instant::now();
    let address = "192.0.2.1:1".to_owned();
    let _joined = members.join(node(1), address, String::new(), None, now);
    let place = |index: u8| format!(r#""zone-{index}":{{"network":["192.0.2.{index}/32"]}}"#);
    // One node is in the last zone of a long map, and in the default of one without any.
    let many: Vec<_> = (1..=30).rev().map(place).collect();
    let many = format!(r#"{{"coverageZones":{{{}}}}}"#, many.join(","));
    let map = |text: &str| Overlay {
        zones: routing::Zones::parse(text.as_bytes()).unwrap(),
        ..Overlay::default()
    };
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            for _ in 0..500 {
                members.remap(map(&many), now);
                members.remap(map("{}"), now);
            }
            done.store(true, std::sync::atomic::Ordering::SeqCst);
        });
        while !done.load(std::sync::atomic::Ordering::SeqCst) {
            core.nodes.fills.sources(node(1), film).unwrap();
        }
    });
    core.issuer.stop().await;
}
