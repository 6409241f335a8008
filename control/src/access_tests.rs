use super::*;
use crate::overlay::Overlay;
use crate::testing::{PAYER, TestClock, core, core_with};
use protocol::{
    ClientKey, ContentHash, Entry, Heartbeat, Manifest, NodeId, RouteAnswer, RouteRequest,
};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

const NOW_MS: u64 = 1_000_500;

/// Networks of these in `places.mmdb`.
const BERLIN: &str = "192.0.2.7";
const SYDNEY: &str = "198.51.100.7";
const NOWHERE: &str = "10.0.0.7";

fn manifest() -> Manifest {
    Manifest::new(vec![Entry {
        path: "a".into(),
        content: ContentHash::from([1; 32]),
        size: 10,
        media_type: "text/plain".into(),
    }])
    .unwrap()
}

fn node(n: u8) -> NodeId {
    NodeId::from([n; 32])
}

/// A map with locations, on which the first node has the capability `tee`.
fn overlay(dir: &Path) -> Overlay {
    let zones = dir.join("zones.json");
    let file = serde_json::json!({
        "coverageZones": {},
        "nodes": { node(1).to_string(): { "capabilities": ["tee"] } },
    });
    std::fs::write(&zones, file.to_string()).unwrap();
    let places = Path::new(env!("CARGO_MANIFEST_DIR")).join("../routing/tests/places.mmdb");
    Overlay::read(Some(&zones), Some(&places)).unwrap()
}

fn join(core: &Core, n: u8) -> tokio::sync::mpsc::Receiver<protocol::OrderFrame> {
    let now = Instant::now();
    let address = format!("node{n}.test:1");
    let (membership, queue) = core.members.join(node(n), address, "v".into(), None, now);
    let beat = Heartbeat {
        sessions: 0,
        cached_bytes: 0,
        free_bytes: 5,
        draining: false,
        sessions_max: 5000,
        bandwidth_mbps: 100,
    };
    core.members.heartbeat(membership, beat, now);
    queue
}

async fn route(core: &Core, from: &str) -> Result<RouteAnswer, RouteError> {
    let request = RouteRequest::new("film", ClientKey::from([7; 32]));
    core.route(&request, from.parse().unwrap()).await
}

fn publish(core: &Arc<Core>, policy: Policy) {
    core.check_policy(&policy).unwrap();
    let published = core
        .catalogue
        .publish("film", &manifest(), PAYER, Some(policy), Vec::new(), 0);
    published.unwrap();
}

#[tokio::test]
async fn viewers_of_other_countries_get_no_ticket() {
    let dir = tempfile::tempdir().unwrap();
    let core = core_with(dir.path(), &TestClock::at(NOW_MS), overlay(dir.path()));
    let _orders = join(&core, 1);
    publish(
        &core,
        Policy {
            allow_countries: vec!["DE".parse().unwrap()],
            ..Policy::default()
        },
    );
    assert!(route(&core, BERLIN).await.is_ok());
    let sydney = route(&core, SYDNEY).await.unwrap_err();
    assert_eq!(
        sydney,
        RouteError::Country(CountryRefused::In("AU".parse().unwrap()))
    );
    let nowhere = route(&core, NOWHERE).await.unwrap_err();
    assert_eq!(nowhere, RouteError::Country(CountryRefused::Unknown));
    // The other ways in, and what is said of it.
    let film = core.find("film").unwrap();
    let pathways = |from: &str| core.pathways(&film, from.parse().unwrap()).unwrap_err();
    assert_eq!(pathways(SYDNEY), sydney);
    assert_eq!(pathways(BERLIN), RouteError::NoGateway);
    let explained = |from: &str| core.explain("film", from.parse().unwrap()).unwrap().refused;
    assert_eq!(explained(SYDNEY), Some(sydney.to_string()));
    assert_eq!(explained(BERLIN), None);

    publish(
        &core,
        Policy {
            deny_countries: vec!["DE".parse().unwrap()],
            ..Policy::default()
        },
    );
    assert!(route(&core, BERLIN).await.is_err());
    assert!(route(&core, SYDNEY).await.is_ok());
    assert!(route(&core, NOWHERE).await.is_ok());
}

#[tokio::test]
async fn what_requires_something_is_delivered_by_nodes_that_have_it() {
    let dir = tempfile::tempdir().unwrap();
    let core = core_with(dir.path(), &TestClock::at(NOW_MS), overlay(dir.path()));
    let _second = join(&core, 2);
    publish(
        &core,
        Policy {
            requires: vec!["tee".into()],
            ..Policy::default()
        },
    );
    let refused = route(&core, BERLIN).await.unwrap_err();
    assert_eq!(refused, RouteError::Lacks(vec!["tee".into()]));
    let _first = join(&core, 1);
    let nodes = route(&core, BERLIN).await.unwrap().nodes;
    let nodes: Vec<_> = nodes.iter().map(|one| one.node).collect();
    assert_eq!(nodes, [node(1)]);
    // A zone file that no longer names it: nobody has it.
    let gone = Policy {
        requires: vec!["gpu".into()],
        ..Policy::default()
    };
    core.catalogue.set_policy("film", gone).unwrap();
    let refused = route(&core, BERLIN).await.unwrap_err();
    assert_eq!(refused, RouteError::Lacks(vec!["gpu".into()]));
}

#[tokio::test]
async fn policies_that_cannot_be_kept_to_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let blind = core(dir.path(), &TestClock::at(NOW_MS));
    let deny = Policy {
        deny_countries: vec!["AU".parse().unwrap()],
        ..Policy::default()
    };
    assert_eq!(blind.check_policy(&deny), Err(PolicyRefused::NoLocations));
    let requires = Policy {
        requires: vec!["tee".into()],
        ..Policy::default()
    };
    let unknown = PolicyRefused::Capability("tee".into());
    assert_eq!(blind.check_policy(&requires), Err(unknown));
    // Locations that went away after it was set: nobody can say who may.
    let _orders = join(&blind, 1);
    blind
        .catalogue
        .publish("film", &manifest(), PAYER, Some(deny), Vec::new(), 0)
        .unwrap();
    let refused = route(&blind, BERLIN).await.unwrap_err();
    assert_eq!(refused, RouteError::Country(CountryRefused::Unknown));
}
