//! The status, once and as it changes.

use super::*;
use crate::http::admin_tokens::Role;
use protocol::Counts;
use protocol::api::NetworkStatus;
use std::time::Duration;

/// Longest that an event is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

struct Events {
    response: Response,
    read: String,
}

impl Events {
    async fn open(server: &Server, token: &str) -> Self {
        let response = ask(server, token).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let read = String::new();
        Self { response, read }
    }

    async fn next(&mut self) -> Option<NetworkStatus> {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let status = serde_json::from_str(event.strip_prefix("data: ").unwrap());
                self.read = rest.to_owned();
                return Some(status.unwrap());
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await;
            let chunk = chunk.expect("an event comes").unwrap()?;
            self.read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

async fn ask(server: &Server, token: &str) -> Response {
    let get = server.admin(Method::GET, "/v1/status/events");
    get.bearer_auth(token).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_is_what_there_is() {
    let server = Server::start().await;
    let members = &server.core.nodes.members;
    let _orders = server.member(1);
    let now = Instant::now();
    let node = NodeId::from([2; 32]);
    let (membership, _queue) = members.join(node, "n:1".into(), "v<b>".into(), None, now);
    let counts = |sent_bytes| Counts {
        sent_bytes,
        requests: 3,
        fills: 1,
        filled_bytes: 9,
        filling: 2,
        redeemed: vec![(0, 1), (7, 5)],
    };
    members.counted(membership, &counts(10), Some(0), now);
    let later = now + Duration::from_secs(2);
    members.counted(membership, &counts(2010), Some(0), later);
    members.mark(1, 0, now);
    server.put(&hash(b"a"), b"a").await;
    server.publish("film", &manifest(b"a")).await;
    let route = json!({"collection": "film", "client": client_key()});
    assert_eq!(server.route(route).await.status(), StatusCode::OK);
    let orders = &server.core.nodes.ordering.orders;
    let purge = crate::rules::orders::purge_all(manifest(b"a").id());
    orders.give(&purge, &[node], None).unwrap();

    let status = server.admin(Method::GET, "/v1/status").bearer_auth(TOKEN);
    let status = status.send().await.unwrap();
    assert_eq!(status.headers()["cache-control"], "no-store");
    let status: NetworkStatus = status.json().await.unwrap();
    assert_eq!((status.nodes_known, status.nodes_available), (2, 1));
    assert_eq!((status.zones.len(), status.zones[0].nodes), (1, 2));
    let silent = &status.nodes[1];
    assert_eq!((silent.node, silent.standing.as_str()), (node, "down"));
    assert_eq!(
        silent.reason.as_deref(),
        Some("it has sent no heartbeat yet")
    );
    assert_eq!((silent.bytes_per_s, silent.filling), (1000, 2));
    assert_eq!(silent.orders_outstanding, 1);
    assert_eq!((status.traffic.bytes, status.fills.running), (2000, 2));
    assert_eq!(status.orders_outstanding, 1);
    assert_eq!(status.orders[0].waiting_for, [node]);
    let ticket = status.tickets[0];
    assert_eq!((ticket.epoch, ticket.issued, ticket.redeemed), (0, 1, 1));
    assert_eq!((status.epochs.now, status.epochs.left_ms), (Some(0), 9000));
    let payer = status.payers[0];
    assert_eq!((payer.account, payer.collections), (PAYER, 1));
    assert!(payer.registered && payer.left.is_some() && payer.promised > 0);
    assert_eq!(status.collections, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_watches_is_told_until_its_token_goes() {
    let server = Server::start().await;
    let token = server.tokens.add("screen", Role::Read, None, 0).unwrap();
    let mut events = Events::open(&server, &token).await;
    assert_eq!(events.next().await.unwrap().nodes_known, 0);
    let _orders = server.member(1);
    while events.next().await.unwrap().nodes_known == 0 {}
    // What is made is shared.
    let mut other = Events::open(&server, TOKEN).await;
    other.next().await.unwrap();
    let (one, two) = (events.next().await.unwrap(), other.next().await.unwrap());
    let next = if one.uptime_ms < two.uptime_ms {
        events.next().await
    } else {
        Some(one)
    };
    assert_eq!(next.unwrap().uptime_ms, two.uptime_ms);

    server.tokens.remove("screen").unwrap();
    while events.next().await.is_some() {}
    let refused_now = ask(&server, &token).await;
    refused(refused_now, StatusCode::UNAUTHORIZED).await;

    // No more than may be, and who goes makes room.
    let mut all = vec![other];
    let full = loop {
        let response = ask(&server, TOKEN).await;
        if response.status() != StatusCode::OK {
            break response;
        }
        let read = String::new();
        all.push(Events { response, read });
    };
    assert_eq!(all.len(), 64);
    assert!(full.headers().contains_key("retry-after"));
    refused(full, StatusCode::SERVICE_UNAVAILABLE).await;
    let mut left = all.pop().unwrap();
    drop(all);
    while ask(&server, TOKEN).await.status() != StatusCode::OK {
        left.next().await.unwrap();
    }
    // The end is an end for all.
    server.stop.cancel();
    while left.next().await.is_some() {}
    for task in server.tasks {
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_is_there_for_anyone_and_lets_nothing_else_in() {
    let server = Server::start().await;
    for (path, media_type) in [("/", "text/html"), ("/page/main.js", "text/javascript")] {
        let page = server.admin(Method::GET, path).send().await.unwrap();
        assert_eq!(page.status(), StatusCode::OK);
        let header = |name: &str| page.headers()[name].to_str().unwrap().to_owned();
        assert!(header("content-type").starts_with(media_type));
        assert!(header("content-security-policy").starts_with("default-src 'none'"));
        assert_eq!(header("x-content-type-options"), "nosniff");
    }
    for none in ["/page/", "/page/none.js", "/page/..%2fmod.rs"] {
        let page = server.admin(Method::GET, none).send().await.unwrap();
        assert_eq!(page.status(), StatusCode::NOT_FOUND, "{none}");
    }
    assert_eq!(server.get("/").await.status(), StatusCode::NOT_FOUND);
}
