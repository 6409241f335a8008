//! Against a control plane and nodes that answer for real, over HTTP and QUIC.

use super::*;
use crate::fixture::{EPOCH, World, network};
use axum::Json;
use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::get;
use protocol::{RewardTerms, SigningKey, Ticket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::net::TcpListener;
use transport::PeerAuth;

fn facts(world: &World) -> EpochFacts {
    EpochFacts {
        network: network(),
        epoch: EPOCH,
        timeline: crate::fixture::TIMELINE.clone(),
        terms: RewardTerms {
            price_per_gib: 1,
            sla_floor_ppm: 0,
        },
        nodes: world.nodes.clone(),
        payers: world.payers.clone(),
        committed: world.committed.clone(),
        forced: world.forced.clone(),
        previous: None,
    }
}

/// A control plane with one issuer's log and a list of nodes.
async fn control(log: Vec<u8>, nodes: Vec<(NodeId, String)>) -> String {
    let nodes: Vec<_> = nodes
        .into_iter()
        .map(|(node, address)| NodeInfo {
            node,
            address,
            healthy: true,
            standing: "available".into(),
            reason: None,
            zone: "default".into(),
            bound: 64,
            sessions: 0,
            cached_bytes: 0,
            heartbeat_age_ms: 1,
            version: "test".into(),
        })
        .collect();
    let tickets = async move |Path(epoch): Path<Epoch>| match epoch {
        EPOCH => Ok(log.clone()),
        _ => Err(StatusCode::NOT_FOUND),
    };
    let router = Router::new()
        .route("/v1/epochs/{epoch}/tickets", get(tickets))
        .route("/v1/nodes", get(async move || Json(nodes.clone())));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, router).into_future());
    url
}

/// A node that isn't sealed when first asked, then answers with these bytes, announcing `size`.
async fn node(key: &SigningKey, file: Vec<u8>, size: u64, asked: Arc<AtomicU32>) -> String {
    let bind = "127.0.0.1:0".parse().unwrap();
    let endpoint = transport::server_endpoint(
        &host::Host::system(),
        bind,
        key,
        &[ALPN_NODE],
        PeerAuth::Anonymous,
    )
    .unwrap();
    let address = endpoint.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Some(incoming) = endpoint.accept().await {
            // Who expects another key leaves during the handshake.
            let Ok(connection) = incoming.await else {
                continue;
            };
            let (mut send, mut recv) = connection.accept_bi().await.unwrap();
            let request: Request = read_frame(&mut recv).await.unwrap();
            assert_eq!(request, Request::Segment { epoch: EPOCH });
            let reply = match asked.fetch_add(1, Ordering::SeqCst) {
                0 => FetchReply::refused(Code::NotSealed, "soon"),
                _ => FetchReply::Ok { size },
            };
            write_frame(&mut send, &reply).await.unwrap();
            if matches!(reply, FetchReply::Ok { .. }) {
                // The other side may have gone when it saw the size.
                let _ = send.write_all(&file).await;
            }
            let _ = send.finish();
            connection.closed().await;
        }
    });
    address
}

fn gatherer(controls: Vec<String>) -> Gatherer {
    Gatherer::new(&host::Host::system(), controls).unwrap()
}

fn key(index: u32) -> SigningKey {
    SigningKey::from_bytes(&[index as u8 + 1; 32])
}

fn node_id(index: u32) -> NodeId {
    NodeId::from(key(index).verifying_key().to_bytes())
}

#[tokio::test]
async fn only_committed_logs_are_taken() {
    let world = World::honest(3, 9);
    let facts = facts(&world);
    let logs: Vec<_> = world.logs.iter().map(TicketLog::to_bytes).collect();
    let first = control(logs[0].clone(), vec![]).await;
    let second = control(logs[1].clone(), vec![]).await;
    let gone = "http://127.0.0.1:9".to_owned();
    let found = gatherer(vec![gone.clone(), first.clone(), first.clone(), second])
        .ticket_logs(&facts)
        .await
        .unwrap();
    assert_eq!(found, world.logs);

    let other = World::honest(3, 8).logs[1].to_bytes();
    for bad in [other, b"nonsense".to_vec(), logs[1][..60].to_vec()] {
        let bad = control(bad, vec![]).await;
        let error = gatherer(vec![first.clone(), bad]).ticket_logs(&facts).await;
        assert_eq!(error.unwrap_err().issuers, [1]);
    }
    let error = gatherer(vec![]).ticket_logs(&facts).await.unwrap_err();
    assert!(error.to_string().contains("[0, 1]"), "{error}");
}

#[tokio::test]
async fn segments_are_asked_for_until_they_are_there() {
    let world = World::honest(3, 9);
    // Five nodes: 0 has its segment in a moment, 1 announces too much, 2 is another than it says, 3 has no
    // address, 4 has no ticket.
    let tickets = |index: u32| {
        let mut ticket = crate::fixture::ticket(EPOCH, 0, index, 4);
        ticket.node = node_id(index % 4);
        ticket
    };
    let tickets: Vec<Ticket> = (0..8).map(tickets).collect();
    let logs = [TicketLog::new(network(), EPOCH, 0, tickets).unwrap()];
    let mut facts = facts(&world);
    facts.nodes = (0..5).map(node_id).collect();
    let limit = segment_bytes_max(2);
    let asked: [Arc<AtomicU32>; 3] = Default::default();
    let file = vec![7; limit as usize];
    let good = node(&key(0), file.clone(), limit, asked[0].clone()).await;
    let long = node(&key(1), vec![1; 999], limit + 1, asked[1].clone()).await;
    let stranger = node(&key(9), file.clone(), limit, asked[2].clone()).await;
    let nodes = vec![
        (node_id(0), stranger.clone()),
        (node_id(1), long),
        (node_id(2), stranger.clone()),
        (node_id(4), stranger),
    ];
    let gone = control(Vec::new(), vec![(node_id(0), good)]).await;
    let gatherer = gatherer(vec![gone, control(Vec::new(), nodes).await]);
    let deadline = Instant::now() + Duration::from_millis(1_500);
    let gathered = gatherer.segments(&facts, &logs, deadline).await;
    assert_eq!(gathered.files, BTreeMap::from([(0, file)]));
    let missing: Vec<_> = gathered.missing.keys().copied().collect();
    assert_eq!(missing, [1, 2, 3], "{:?}", gathered.missing);
    assert!(gathered.missing[&1].contains("its tickets can fill"));
    assert!(gathered.missing[&3].contains("no control plane knows"));
    assert_eq!(asked[0].load(Ordering::SeqCst), 2);
    assert_eq!(asked[2].load(Ordering::SeqCst), 0, "never spoken to");
}

#[tokio::test]
async fn a_segment_that_is_not_what_was_announced_is_not_taken() {
    let world = World::honest(1, 2);
    let mut facts = facts(&world);
    facts.nodes = vec![node_id(0)];
    let mut ticket = crate::fixture::ticket(EPOCH, 0, 0, 1);
    ticket.node = node_id(0);
    let logs = [TicketLog::new(network(), EPOCH, 0, vec![ticket]).unwrap()];
    for (length, announced) in [(50, 100), (100, 50)] {
        let asked = Arc::new(AtomicU32::new(1));
        let address = node(&key(0), vec![1; length], announced, asked).await;
        let control = control(Vec::new(), vec![(node_id(0), address)]).await;
        let gathered = gatherer(vec![control])
            .segments(&facts, &logs, Instant::now())
            .await;
        assert!(gathered.files.is_empty());
        assert!(
            gathered.missing[&0].contains("its segment"),
            "{:?}",
            gathered.missing
        );
    }
}
