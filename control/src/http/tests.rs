//! Real HTTP on the loopback: what is refused, as carefully as what is answered.

use super::access::ROUTE_BYTES_MAX;
use super::*;
use crate::chain::bills::Bills;
use crate::chain::funds::Source;
use crate::http::admin_tokens::{Gate, TokenFile};
use crate::status::Board;
use crate::testing::{FakeLedger, PAYER, TIMELINE, TOKEN, TestClock, agreed, core, issuer_key};
use host::{Http, Sockets};
use protocol::api::{CollectionSummary, NetworkInfo, NodeInfo, PublishRequest, RouteAnswer};
use protocol::{
    Address, ContentHash, Entry, Heartbeat, IssuerKey, Manifest, NodeId, OrderFrame, TicketLog,
};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use tokio::time::Instant;

#[path = "blobs_tests.rs"]
mod blobs_of;
#[path = "openapi_bodies_tests.rs"]
mod openapi_bodies;
#[path = "openapi_examples.rs"]
mod openapi_examples;
#[path = "openapi_tests.rs"]
mod openapi_of;
#[path = "roles_tests.rs"]
mod roles;
#[path = "seal_tests.rs"]
mod seals;
#[path = "status_tests.rs"]
mod status_of;

const BLOB_BYTES_MAX: u64 = 1 << 20;

struct Server {
    core: Arc<Core>,
    clock: TestClock,
    url: String,
    admin: String,
    tokens: TokenFile,
    http: reqwest::Client,
    stop: CancellationToken,
    tasks: Vec<tokio::task::JoinHandle<()>>,
    _dir: tempfile::TempDir,
}

fn bind() -> (Listener, String) {
    let listener = Sockets::system().listen((Ipv4Addr::LOCALHOST, 0).into());
    let listener = listener.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

impl Server {
    async fn start() -> Self {
        host::install_crypto_provider();
        let dir = tempfile::tempdir().unwrap();
        let clock = TestClock::at(1_001_000);
        let core = core(dir.path(), &clock);
        let (listener, url) = bind();
        let (admin_listener, admin_url) = bind();
        let stop = CancellationToken::new();
        let board = Arc::new(Board::new(core.clone(), Arc::default()));
        let config = AdminConfig {
            board: board.clone(),
            gate: Arc::new(Gate::open(&host::Host::system(), dir.path(), TOKEN).unwrap()),
            blob_bytes_max: BLOB_BYTES_MAX,
        };
        let apis = [
            (listener, public(core.clone(), Vec::new())),
            (admin_listener, admin(core.clone(), config)),
        ];
        let tasks = apis.map(|(listener, app)| {
            tokio::spawn(serve(listener, app, Arc::default(), stop.clone()))
        });
        let mut tasks = Vec::from(tasks);
        tasks.push(tokio::spawn(board.run(stop.clone())));
        Self {
            core,
            clock,
            url,
            admin: admin_url,
            tokens: TokenFile::of(&host::Host::system(), dir.path()),
            http: reqwest::Client::new(),
            stop,
            tasks,
            _dir: dir,
        }
    }

    /// Of the admin API.
    fn admin(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.admin))
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    async fn put(&self, hash: &ContentHash, bytes: &[u8]) -> Response {
        self.admin(Method::PUT, &format!("/v1/blobs/{hash}"))
            .bearer_auth(TOKEN)
            .body(bytes.to_vec())
            .send()
            .await
            .unwrap()
    }

    async fn publish(&self, name: &str, manifest: &Manifest) -> Response {
        self.name_as(TOKEN, name, manifest).await
    }

    async fn name_as(&self, token: &str, name: &str, manifest: &Manifest) -> Response {
        let request = PublishRequest {
            name: name.into(),
            manifest: manifest.to_bytes().into(),
            payer: None,
            policy: None,
            kind: Vec::new(),
        };
        let post = self.admin(Method::POST, "/v1/collections");
        post.bearer_auth(token).json(&request).send().await.unwrap()
    }

    async fn route(&self, body: Value) -> Response {
        self.request(Method::POST, "/v1/route")
            .json(&body)
            .send()
            .await
            .unwrap()
    }

    /// A member with a fresh heartbeat; its orders.
    fn member(&self, n: u8) -> tokio::sync::mpsc::Receiver<OrderFrame> {
        let now = Instant::now();
        let address = format!("node{n}.test:1");
        let node = NodeId::from([n; 32]);
        let (membership, queue) =
            self.core
                .nodes
                .members
                .join(node, address, "v".into(), None, now);
        let beat = Heartbeat {
            sessions: 0,
            cached_bytes: 5,
            free_bytes: 5,
            draining: false,
            sessions_max: 5000,
            bandwidth_mbps: 100,
        };
        self.core.nodes.members.heartbeat(membership, beat, now);
        queue
    }
}

fn hash(bytes: &[u8]) -> ContentHash {
    ContentHash::from(*blake3::hash(bytes).as_bytes())
}

fn manifest(bytes: &[u8]) -> Manifest {
    Manifest::new(vec![Entry {
        path: "a".into(),
        content: hash(bytes),
        size: bytes.len() as u64,
        media_type: "text/plain".into(),
    }])
    .unwrap()
}

async fn refused(response: Response, status: StatusCode) -> String {
    assert_eq!(response.status(), status);
    let body: Value = response.json().await.unwrap();
    body["error"].as_str().unwrap().to_owned()
}

fn client_key() -> String {
    format!("0x{}", "03".repeat(32))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publish_route_and_read_the_log() {
    let server = Server::start().await;
    let mut orders = server.member(1);
    assert_eq!(orders.recv().await, Some(OrderFrame::Seen));
    let bytes = b"some content";
    let manifest = manifest(bytes);

    let error = refused(
        server.publish("film", &manifest).await,
        StatusCode::CONFLICT,
    )
    .await;
    assert!(error.contains(&hash(bytes).to_string()), "{error}");
    assert_eq!(
        server.put(&hash(bytes), bytes).await.status(),
        StatusCode::CREATED
    );
    assert_eq!(
        server.put(&hash(bytes), bytes).await.status(),
        StatusCode::OK
    );
    let head = server.admin(Method::HEAD, &format!("/v1/blobs/{}", hash(bytes)));
    let head = head.bearer_auth(TOKEN).send().await.unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(head.headers()["content-length"], "12");

    let published = server.publish("film", &manifest).await;
    assert_eq!(published.status(), StatusCode::CREATED);
    let summary: CollectionSummary = published.json().await.unwrap();
    assert_eq!((summary.collection, summary.payer), (manifest.id(), PAYER));
    let collection = manifest.id();
    assert_eq!(orders.recv().await, Some(OrderFrame::Fill { collection }));
    let all: Vec<CollectionSummary> = server.get("/v1/collections").await.json().await.unwrap();
    assert_eq!(all, [summary]);
    for key in ["film".to_owned(), collection.to_string()] {
        let got = server.get(&format!("/v1/collections/{key}/manifest")).await;
        assert_eq!(got.bytes().await.unwrap(), manifest.to_bytes());
    }
    let nodes: Vec<NodeInfo> = server.get("/v1/nodes").await.json().await.unwrap();
    assert!(nodes[0].healthy && nodes[0].cached_bytes == 5);

    let answer = server
        .route(json!({"collection": "film", "client": client_key()}))
        .await;
    let answer: RouteAnswer = answer.json().await.unwrap();
    let info: NetworkInfo = server.get("/v1/network").await.json().await.unwrap();
    assert_eq!((info.epoch, info.issuer_index), (Some(0), 4));
    let ticket = answer.nodes[0]
        .ticket
        .verify(&info.issuer, &TIMELINE)
        .unwrap();
    assert_eq!(ticket.ticket().payer, PAYER);
    assert_eq!(ticket.ticket().bytes_max, 12);
    assert_eq!(ticket.ticket().node, NodeId::from([1; 32]));

    let early = server.get("/v1/epochs/0/tickets").await;
    assert_eq!(early.headers()["retry-after"], "9");
    refused(early, StatusCode::TOO_EARLY).await;
    server.clock.set(1_010_000);
    server.core.issuer.close(0).await.unwrap();
    let log = server
        .get("/v1/epochs/0/tickets")
        .await
        .bytes()
        .await
        .unwrap();
    let log = TicketLog::from_bytes(&log).unwrap();
    assert_eq!(log.tickets(), [*ticket.ticket()]);
    assert_eq!(
        log.root().unwrap(),
        server.core.issuer.seal(0).unwrap().root().unwrap()
    );
    refused(
        server.get("/v1/epochs/1/tickets").await,
        StatusCode::TOO_EARLY,
    )
    .await;
    refused(
        server.get("/v1/epochs/x/tickets").await,
        StatusCode::BAD_REQUEST,
    )
    .await;

    let metrics = server.admin(Method::GET, "/metrics").bearer_auth(TOKEN);
    let metrics = metrics.send().await.unwrap().text().await.unwrap();
    assert!(
        metrics.contains("quittance_control_tickets_total 1\n"),
        "{metrics}"
    );
    assert_eq!(server.get("/healthz").await.status(), StatusCode::OK);
    server.stop.cancel();
    for task in server.tasks {
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_delivered_for_whom_never_deposited() {
    let server = Server::start().await;
    let ledger = FakeLedger::default();
    ledger.with(|state| state.payers.push(PAYER));
    let (payers, stop) = (server.core.payers.clone(), server.stop.clone());
    let (chain, stopped) = (ledger.clone(), stop.clone());
    let following = tokio::spawn(async move { payers.follow(chain, stopped).await });
    let source = Source::new(
        ledger.clone(),
        server.core.issuer.clone(),
        Bills::new(Http::system(), Vec::new()),
        agreed(),
        server.core.host.clock.clone(),
    );
    let (funds, stopped) = (server.core.funds.clone(), stop.clone());
    let reading = tokio::spawn(async move { funds.follow(source, stopped).await });
    let _orders = server.member(1);
    let bytes = b"some content";
    assert!(server.put(&hash(bytes), bytes).await.status().is_success());
    let poor = Address::repeat_byte(0xbb);
    let publish = async || {
        let request = PublishRequest {
            name: "film".into(),
            manifest: manifest(bytes).to_bytes().into(),
            payer: Some(poor),
            policy: None,
            kind: Vec::new(),
        };
        let post = server.admin(Method::POST, "/v1/collections");
        post.bearer_auth(TOKEN).json(&request).send().await.unwrap()
    };
    let error = refused(publish().await, StatusCode::PAYMENT_REQUIRED).await;
    assert!(error.contains(&poor.to_string()), "{error}");
    assert!(error.contains("quittance contracts fund"), "{error}");

    // Published before it was asked for.
    let catalogue = &server.core.contents.catalogue;
    catalogue
        .publish("film", &manifest(bytes), poor, None, Vec::new(), 0)
        .unwrap();
    let client = protocol::ClientKey::from([3; 32]);
    let request = json!({ "collection": "film", "client": client });
    let error = refused(
        server.route(request.clone()).await,
        StatusCode::PAYMENT_REQUIRED,
    )
    .await;
    assert!(error.contains(&poor.to_string()), "{error}");
    assert_eq!(server.core.metrics.tickets.value(), 0);

    // As soon as it has, it is served.
    ledger.with(|state| {
        state.price = protocol::GIB.into();
        state.payers.push(poor);
        state.deposits.insert(poor, 11);
    });
    assert_eq!(publish().await.status(), StatusCode::CREATED);
    let refused_for = async || {
        let refusal = server.route(request.clone()).await;
        refused(refusal, StatusCode::PAYMENT_REQUIRED).await
    };
    let error = refused_for().await;
    assert!(error.contains("fund 1` or more"), "{error}");
    ledger.with(|state| state.deposits.insert(poor, 12));
    assert_eq!(server.route(request.clone()).await.status(), StatusCode::OK);
    let error = refused_for().await;
    assert!(error.contains("fund 12` or more"), "{error}");
    stop.cancel();
    following.await.unwrap();
    reading.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_that_are_refused() {
    let server = Server::start().await;
    let bytes = b"some content";
    let path = format!("/v1/blobs/{}", hash(bytes));
    for token in [None, Some("wrong"), Some(&TOKEN[1..]), Some("")] {
        for method in [Method::PUT, Method::HEAD] {
            let mut request = server.admin(method.clone(), &path).body(&bytes[..]);
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            let response = request.send().await.unwrap();
            assert_eq!(
                response.status(),
                StatusCode::UNAUTHORIZED,
                "{method} {token:?}"
            );
        }
    }
    let error = refused(
        server.put(&hash(b"other"), bytes).await,
        StatusCode::UNPROCESSABLE_ENTITY,
    )
    .await;
    assert!(error.contains("the hash"), "{error}");
    let wrong = server
        .admin(Method::PUT, "/v1/blobs/0x12")
        .bearer_auth(TOKEN);
    refused(
        wrong.body("x").send().await.unwrap(),
        StatusCode::BAD_REQUEST,
    )
    .await;

    let large = vec![0; BLOB_BYTES_MAX as usize + 1];
    // Refused by its length, before the body: the sender may find the connection closed.
    let response = server
        .admin(Method::PUT, &format!("/v1/blobs/{}", hash(&large)))
        .bearer_auth(TOKEN)
        .header("expect", "100-continue")
        .body(large.clone())
        .send()
        .await;
    if let Ok(response) = response {
        refused(response, StatusCode::PAYLOAD_TOO_LARGE).await;
    }
    assert!(!server.core.contents.store.contains(&hash(&large)));

    let body = reqwest::Body::wrap_stream(futures::stream::iter([Ok::<_, std::io::Error>("x")]));
    let endless = server
        .admin(Method::PUT, &path)
        .bearer_auth(TOKEN)
        .body(body);
    refused(endless.send().await.unwrap(), StatusCode::LENGTH_REQUIRED).await;
    let head = server.admin(Method::HEAD, &path).bearer_auth(TOKEN);
    assert_eq!(head.send().await.unwrap().status(), StatusCode::NOT_FOUND);
    assert!(!server.core.contents.store.contains(&hash(bytes)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publications_that_are_refused() {
    let server = Server::start().await;
    let bytes = b"some content";
    server.put(&hash(bytes), bytes).await;
    let without = server
        .admin(Method::POST, "/v1/collections")
        .json(&json!({}));
    refused(without.send().await.unwrap(), StatusCode::UNAUTHORIZED).await;
    let empty = server
        .admin(Method::POST, "/v1/collections")
        .bearer_auth(TOKEN)
        .json(&json!({}));
    refused(empty.send().await.unwrap(), StatusCode::BAD_REQUEST).await;
    refused(
        server.publish("a/b", &manifest(bytes)).await,
        StatusCode::BAD_REQUEST,
    )
    .await;
    let broken = PublishRequest {
        name: "x".into(),
        manifest: b"QCOL".to_vec().into(),
        payer: Some(Address::ZERO),
        policy: None,
        kind: Vec::new(),
    };
    let broken = server
        .admin(Method::POST, "/v1/collections")
        .bearer_auth(TOKEN)
        .json(&broken);
    refused(broken.send().await.unwrap(), StatusCode::BAD_REQUEST).await;
    // Tickets are limited by the sizes in the manifest: a wrong one is money.
    let mut entry = manifest(bytes).entries()[0].clone();
    entry.size += 1;
    let inflated = Manifest::new(vec![entry]).unwrap();
    let response = server.publish("film", &inflated).await;
    refused(response, StatusCode::UNPROCESSABLE_ENTITY).await;

    let many = (0..9u8).map(|n| Entry {
        path: n.to_string(),
        content: ContentHash::from([n; 32]),
        size: 1,
        media_type: "a/b".into(),
    });
    let many = Manifest::new(many.collect()).unwrap();
    let error = refused(server.publish("film", &many).await, StatusCode::CONFLICT).await;
    assert!(error.ends_with("and 4 more"), "{error}");
    assert!(server.core.contents.catalogue.list().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn routes_that_are_refused() {
    let server = Server::start().await;
    let film = json!({"collection": "film", "client": client_key()});
    let error = refused(server.route(film.clone()).await, StatusCode::NOT_FOUND).await;
    assert!(error.contains("\"film\""), "{error}");
    let bytes = b"some content";
    server.put(&hash(bytes), bytes).await;
    server.publish("film", &manifest(bytes)).await;

    let none = server.route(film.clone()).await;
    assert_eq!(none.headers()["retry-after"], "2");
    let error = refused(none, StatusCode::SERVICE_UNAVAILABLE).await;
    assert!(error.contains("no healthy node"), "{error}");
    let _orders = server.member(1);
    let mut excluding = film.clone();
    excluding["exclude"] = json!([NodeId::from([1; 32])]);
    let error = refused(
        server.route(excluding).await,
        StatusCode::SERVICE_UNAVAILABLE,
    )
    .await;
    assert!(error.contains("excluded"), "{error}");
    let mut excluding = film.clone();
    excluding["exclude"] = json!(vec![NodeId::from([1; 32]); 257]);
    refused(server.route(excluding).await, StatusCode::BAD_REQUEST).await;
    let mut surplus = film.clone();
    surplus["surplus"] = json!(1);
    refused(
        server.route(surplus).await,
        StatusCode::UNPROCESSABLE_ENTITY,
    )
    .await;
    let huge = json!({"collection": "x".repeat(ROUTE_BYTES_MAX), "client": client_key()});
    refused(server.route(huge).await, StatusCode::PAYLOAD_TOO_LARGE).await;

    server.clock.set(999_000);
    let early = server.route(film.clone()).await;
    assert_eq!(early.headers()["retry-after"], "1");
    refused(early, StatusCode::TOO_EARLY).await;
    let info: NetworkInfo = server.get("/v1/network").await.json().await.unwrap();
    assert_eq!(info.epoch, None);
    assert_eq!(
        info.issuer,
        IssuerKey::from(issuer_key().verifying_key().to_bytes())
    );

    server.clock.set(1_001_000);
    // 1000 tickets are what a test's epoch holds.
    for _ in 0..1000 {
        assert_eq!(server.route(film.clone()).await.status(), StatusCode::OK);
    }
    let full = server.route(film).await;
    assert_eq!(full.headers()["retry-after"], "9", "until the next epoch");
    let error = refused(full, StatusCode::SERVICE_UNAVAILABLE).await;
    assert!(
        error.contains("epoch 0 can take no more tickets"),
        "{error}"
    );
    refused(server.get("/nothing").await, StatusCode::NOT_FOUND).await;
    refused(
        server.get("/v1/route").await,
        StatusCode::METHOD_NOT_ALLOWED,
    )
    .await;
    refused(
        server.get("/v1/collections/x/manifest").await,
        StatusCode::NOT_FOUND,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publishers_say_who_may_have_what() {
    let server = Server::start().await;
    let _orders = server.member(1);
    let bytes = b"some content";
    assert!(server.put(&hash(bytes), bytes).await.status().is_success());
    assert!(
        server
            .publish("film", &manifest(bytes))
            .await
            .status()
            .is_success()
    );
    let path = "/v1/collections/film/policy";
    let put = |path: &str, policy: Value| server.admin(Method::PUT, path).json(&policy);
    let key = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "a",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    let policy = json!({ "viewer_keys": [key] });
    let unsigned = put(path, policy.clone()).send().await.unwrap();
    refused(unsigned, StatusCode::UNAUTHORIZED).await;
    let signed = |path: &str, policy| put(path, policy).bearer_auth(TOKEN).send();
    let set = signed(path, policy.clone()).await.unwrap();
    let set: Value = set.error_for_status().unwrap().json().await.unwrap();
    assert_eq!(set["policy"]["viewer_keys"][0]["alg"], "EdDSA", "{set}");
    let twice = json!({ "viewer_keys": [key, key] });
    let error = refused(
        signed(path, twice).await.unwrap(),
        StatusCode::UNPROCESSABLE_ENTITY,
    )
    .await;
    assert!(error.contains("two viewer keys"), "{error}");
    let nowhere = json!({ "deny_countries": ["DE"] });
    let error = refused(
        signed(path, nowhere).await.unwrap(),
        StatusCode::UNPROCESSABLE_ENTITY,
    )
    .await;
    assert!(error.contains("location_file"), "{error}");
    let other = signed("/v1/collections/other/policy", policy)
        .await
        .unwrap();
    refused(other, StatusCode::NOT_FOUND).await;
}
