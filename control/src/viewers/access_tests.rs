use super::*;
use crate::core::Core;
use crate::nodes::overlay::Overlay;
use crate::requests::route::RouteError;
use crate::rules::routing::NoNode;
use crate::rules::tokens::UsageError;
use crate::testing::{PAYER, TestClock, core, core_with};
use formats::viewer_tokens::{Claims, OwnerKey, OwnerKeyKind, TokenRefused, whole_collection};
use protocol::api::{OrderAsk, OrderRequest, RouteAnswer, RouteRequest};
use protocol::{
    ClientKey, ContentHash, Entry, Heartbeat, Manifest, NO_VIEWER_TOKEN, NodeId, Revoked,
};
use std::path::Path;
use std::sync::Arc;
use tokio::time::Instant;

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
    let (membership, queue) = core
        .nodes
        .members
        .join(node(n), address, "v".into(), None, now);
    let beat = Heartbeat {
        sessions: 0,
        cached_bytes: 0,
        free_bytes: 5,
        draining: false,
        sessions_max: 5000,
        bandwidth_mbps: 100,
    };
    core.nodes.members.heartbeat(membership, beat, now);
    queue
}

async fn route(core: &Arc<Core>, from: &str) -> Result<RouteAnswer, RouteError> {
    let request = RouteRequest::new("film", ClientKey::from([7; 32]));
    core.routes.route(&request, from.parse().unwrap()).await
}

fn publish(core: &Arc<Core>, policy: Policy) {
    check_policy(&core.nodes.members.overlay(), &policy).unwrap();
    let published =
        core.contents
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
    let film = core.routes.find("film").unwrap();
    let pathways = async |from: &str| {
        let found = core
            .routes
            .pathways(&film, None, from.parse().unwrap())
            .await;
        found.unwrap_err()
    };
    assert_eq!(pathways(SYDNEY).await, sydney);
    assert_eq!(pathways(BERLIN).await, RouteError::NoGateway);
    let explained = |from: &str| {
        core.routes
            .explain("film", from.parse().unwrap())
            .unwrap()
            .refused
    };
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
    assert_eq!(refused, NoNode::Lacks(vec!["tee".into()]).into());
    let _first = join(&core, 1);
    let nodes = route(&core, BERLIN).await.unwrap().nodes;
    let nodes: Vec<_> = nodes.iter().map(|one| one.node).collect();
    assert_eq!(nodes, [node(1)]);
    // A zone file that no longer names it: nobody has it.
    let gone = Policy {
        requires: vec!["gpu".into()],
        ..Policy::default()
    };
    core.contents.catalogue.set_policy("film", gone).unwrap();
    let refused = route(&core, BERLIN).await.unwrap_err();
    assert_eq!(refused, NoNode::Lacks(vec!["gpu".into()]).into());
}

#[tokio::test]
async fn policies_that_cannot_be_kept_to_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let blind = core(dir.path(), &TestClock::at(NOW_MS));
    let deny = Policy {
        deny_countries: vec!["AU".parse().unwrap()],
        ..Policy::default()
    };
    assert_eq!(
        check_policy(&blind.nodes.members.overlay(), &deny),
        Err(PolicyRefused::NoLocations)
    );
    let requires = Policy {
        requires: vec!["tee".into()],
        ..Policy::default()
    };
    let unknown = PolicyRefused::Capability("tee".into());
    assert_eq!(
        check_policy(&blind.nodes.members.overlay(), &requires),
        Err(unknown)
    );
    // Locations that went away after it was set: nobody can say who may.
    let _orders = join(&blind, 1);
    blind
        .contents
        .catalogue
        .publish("film", &manifest(), PAYER, Some(deny), Vec::new(), 0)
        .unwrap();
    let refused = route(&blind, BERLIN).await.unwrap_err();
    assert_eq!(refused, RouteError::Country(CountryRefused::Unknown));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn viewers_need_the_owners_token() {
    let dir = tempfile::tempdir().unwrap();
    let clock = TestClock::at(NOW_MS);
    let core = core(dir.path(), &clock);
    let _orders = (join(&core, 1), join(&core, 2));
    let key = OwnerKey::generate(OwnerKeyKind::P256, None, None).unwrap();
    publish(
        &core,
        Policy {
            viewer_keys: vec![key.public().clone()],
            ..Policy::default()
        },
    );
    let claims = Claims {
        expires_at: NOW_MS / 1000 + 60,
        container: whole_collection("film"),
        ..Claims::default()
    };
    let ask = async |claims: Option<&Claims>| {
        let request = RouteRequest {
            viewer_token: claims.map(|claims| key.sign(claims).unwrap()),
            ..RouteRequest::new("film", ClientKey::from([7; 32]))
        };
        core.routes.route(&request, BERLIN.parse().unwrap()).await
    };
    let refused = async |claims: Option<&Claims>| ask(claims).await.unwrap_err();
    assert_eq!(refused(None).await, ViewerRefused::Missing.into());
    let other = Claims {
        container: whole_collection("other"),
        ..claims.clone()
    };
    let path = TokenRefused::Path("a".into());
    for _ in 0..2 {
        assert_eq!(
            refused(Some(&other)).await,
            ViewerRefused::Token(path.clone()).into()
        );
    }
    let elsewhere = Claims {
        network: Some("198.51.100.0/24".into()),
        ..claims.clone()
    };
    let network = ViewerRefused::Token(TokenRefused::Network);
    assert_eq!(refused(Some(&elsewhere)).await, network.into());

    let hash = key.sign(&claims).unwrap().hash();
    let answer = ask(Some(&claims)).await.unwrap();
    assert_eq!(answer.nodes.len(), 2);
    for routed in &answer.nodes {
        assert_eq!(routed.ticket.peek().viewer_token, hash);
    }
    // A cap: one node at a time, and no more bytes than that.
    let capped = Claims {
        bytes: Some(15),
        id: Some("another".into()),
        ..claims.clone()
    };
    for left in [10, 5] {
        let nodes = ask(Some(&capped)).await.unwrap().nodes;
        assert_eq!(nodes.len(), 1);
        assert_eq!(nodes[0].ticket.peek().bytes_max, left);
    }
    let used_up = refused(Some(&capped)).await;
    assert_eq!(used_up, RouteError::Issue(UsageError::Bytes(15).into()));

    let revoke = |hash| OrderRequest {
        order: OrderAsk::Revoke(Revoked::Token(hash)),
        nodes: Vec::new(),
        zones: Vec::new(),
    };
    assert!(
        core.nodes
            .ordering
            .give(&revoke(NO_VIEWER_TOKEN), None)
            .is_err()
    );
    core.nodes.ordering.give(&revoke(hash), None).unwrap();
    assert_eq!(refused(Some(&claims)).await, ViewerRefused::Revoked.into());
    clock.set(NOW_MS + 60_000);
    let expired = ViewerRefused::Token(TokenRefused::Expired);
    assert_eq!(refused(Some(&capped)).await, expired.into());
    // Open again: a token isn't looked at.
    publish(&core, Policy::default());
    let answer = ask(Some(&capped)).await.unwrap();
    assert_eq!(answer.nodes[0].ticket.peek().viewer_token, NO_VIEWER_TOKEN);
}
