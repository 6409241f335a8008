//! DNS through the desk of routes.

use super::*;
use crate::testing;
use protocol::{Heartbeat, NodeId};

// The issuer of the core needs a runtime.
#[tokio::test]
async fn nodes_are_those_the_decision_names() {
    let dir = tempfile::tempdir().unwrap();
    let core = testing::core(dir.path(), &testing::TestClock::at(1_005_000));
    let now = Instant::now();
    let resolver = IpAddr::from([192, 0, 2, 1]);
    let join = |number: u8, address: &str| {
        let node = NodeId::from([number; 32]);
        let (member, queue) = core
            .nodes
            .members
            .join(node, address.into(), "v".into(), None, now);
        let beat = Heartbeat {
            sessions: 0,
            cached_bytes: 0,
            free_bytes: 1,
            draining: false,
            sessions_max: 1000,
            bandwidth_mbps: 100,
        };
        assert!(core.nodes.members.heartbeat(member, beat, now));
        (member, queue)
    };
    let manifest = protocol::Manifest::new(vec![protocol::Entry {
        path: "a".into(),
        content: protocol::ContentHash::from([1; 32]),
        size: 1,
        media_type: "text/plain".into(),
    }])
    .unwrap();
    let payer = testing::PAYER;
    let published = core
        .contents
        .catalogue
        .publish("film", &manifest, payer, None, Vec::new(), 0);
    let film = published.unwrap().id;
    let nodes = |family| core.routes.nodes(film, resolver, family);
    assert_eq!(nodes(Family::V4), Nearby::default(), "nobody is there");
    let four = join(1, "198.51.100.1:443");
    let _six = join(2, "[2001:db8::2]:443");
    let _named = join(3, "node.example:443");
    let _mapped = join(4, "[::ffff:198.51.100.4]:443");
    let mut v4 = nodes(Family::V4).addresses;
    v4.sort();
    let all = ["198.51.100.1", "198.51.100.4"].map(|text| text.parse::<IpAddr>().unwrap());
    assert_eq!(v4, all, "names are left out");
    let only: IpAddr = "2001:db8::2".parse().unwrap();
    assert_eq!(nodes(Family::V6).addresses, [only]);
    assert_eq!(nodes(Family::V6).scope, 0, "one zone for everybody");
    core.nodes.members.leave(four.0, now);
    assert_eq!(nodes(Family::V4).addresses, all[1..]);
}
