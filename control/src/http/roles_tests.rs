//! Who may do what, route by route and role by role; and what an owner may do of what its role may.

use super::*;
use crate::http::access::Who;
use crate::http::admin_tokens::Role;
use protocol::api::{OrderStatus, OrderSummary};
use protocol::{ClientKey, Revoked};

/// `y` where a role gets through: nobody's, `read`, `owner`, `operator`.
const TABLE: [(&str, &str, &str); 19] = [
    ("HEAD", "/v1/blobs/{hash}", "nnyy"),
    ("PUT", "/v1/blobs/{hash}", "nnyy"),
    ("GET", "/v1/collections", "nnyy"),
    ("POST", "/v1/collections", "nnyy"),
    ("POST", "/v1/seal-keys", "nnyy"),
    ("PUT", "/v1/origins/{hash}", "nnyy"),
    ("DELETE", "/v1/collections/{collection}", "nnyy"),
    ("PUT", "/v1/collections/{collection}/policy", "nnyy"),
    ("GET", "/v1/orders", "nnyy"),
    ("POST", "/v1/orders", "nnyy"),
    ("GET", "/v1/orders/{id}", "nnyy"),
    ("GET", "/v1/tickets/{ticket}/why", "nnyy"),
    ("GET", "/v1/status", "nyny"),
    ("GET", "/v1/status/events", "nyny"),
    ("GET", "/v1/openapi.json", "nyyy"),
    ("GET", "/metrics", "nyny"),
    ("GET", "/", "yyyy"),
    ("GET", "/page/{file}", "yyyy"),
    ("GET", "/healthz", "yyyy"),
];

const OWNER: Address = PAYER;

pub(super) struct Tokens {
    read: String,
    pub(super) owner: String,
    /// Another owner's.
    pub(super) other: String,
}

impl Tokens {
    pub(super) fn make(server: &Server) -> Self {
        let add = |name, role, account| server.tokens.add(name, role, account, 0).unwrap();
        Self {
            read: add("read", Role::Read, None),
            owner: add("owner", Role::Owner, Some(OWNER)),
            other: add("other", Role::Owner, Some(Address::repeat_byte(0xbb))),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_lets_through_who_may() {
    let server = Server::start().await;
    let tokens = Tokens::make(&server);
    let wrong = "wrong".repeat(10);
    let unauthorized = [None, Some(wrong.as_str()), Some("")];
    let mut known: Vec<_> = admin::routes()
        .iter()
        .map(|route| (route.method.to_string(), route.path, route.who))
        .collect();
    for (method, path, may) in TABLE {
        let place = known
            .iter()
            .position(|one| (one.0.as_str(), one.1) == (method, path));
        let (_, _, who) = known.remove(place.unwrap_or_else(|| panic!("{method} {path}")));
        assert_eq!(who == Who::Anyone, may == "yyyy", "{method} {path}");
        let asked = path
            .replace("{hash}", &hash(b"x").to_string())
            .replace("{collection}", "nothing")
            .replace("{id}", "7")
            .replace("{ticket}", "5:4:1");
        let method: Method = method.parse().unwrap();
        let ask = async |token: Option<&str>| {
            let mut request = server.admin(method.clone(), &asked);
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            request.send().await.unwrap().status()
        };
        let may: Vec<_> = may.chars().map(|one| one == 'y').collect();
        for token in unauthorized {
            let refused = ask(token).await == StatusCode::UNAUTHORIZED;
            assert_eq!(refused, !may[0], "{method} {path} {token:?}");
        }
        let roles = [tokens.read.as_str(), &tokens.owner, TOKEN];
        for (token, may) in roles.into_iter().zip(&may[1..]) {
            let mut request = server.admin(method.clone(), &asked).bearer_auth(token);
            if method == Method::PUT {
                request = request
                    .header("content-type", "application/json")
                    .body("{}");
            }
            let response = request.send().await.unwrap();
            let status = response.status();
            // A stream of events has no end.
            let body = match status {
                StatusCode::FORBIDDEN => response.text().await.unwrap(),
                _ => String::new(),
            };
            assert_ne!(status, StatusCode::UNAUTHORIZED, "{method} {path}");
            // An owner is refused what it doesn't own, too.
            let refused = status == StatusCode::FORBIDDEN && !body.contains("another owner's");
            assert_eq!(refused, !may, "{method} {path}: {status} {body}");
        }
    }
    assert!(known.is_empty(), "not in the table: {:?}", known[0].1);
    // The public API has none of these, but what anyone may do.
    for route in public_routes() {
        assert_eq!(route.who, Who::Anyone, "{}", route.path);
    }
    for path in ["/v1/orders", "/metrics", "/v1/tickets/5:4:1/why"] {
        let asked = server.request(Method::GET, path).bearer_auth(TOKEN);
        let asked = asked.send().await.unwrap();
        assert_eq!(asked.status(), StatusCode::NOT_FOUND, "{path}");
    }
    // From the next request on.
    server.tokens.remove("read").unwrap();
    let asked = server
        .admin(Method::GET, "/metrics")
        .bearer_auth(&tokens.read);
    assert_eq!(
        asked.send().await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
}

impl Server {
    async fn publish_as(&self, token: &str, name: &str, payer: Option<Address>) -> Response {
        let request = PublishRequest {
            name: name.into(),
            manifest: manifest(name.as_bytes()).to_bytes().into(),
            payer,
            policy: None,
            kind: Vec::new(),
        };
        let put = self.admin(Method::PUT, &format!("/v1/blobs/{}", hash(name.as_bytes())));
        let put = put.bearer_auth(token).body(name.as_bytes().to_vec());
        put.send().await.unwrap();
        let post = self.admin(Method::POST, "/v1/collections");
        post.bearer_auth(token).json(&request).send().await.unwrap()
    }

    async fn order_as(&self, token: &str, order: Value) -> Response {
        let order = json!({ "order": order });
        let post = self.admin(Method::POST, "/v1/orders");
        post.bearer_auth(token).json(&order).send().await.unwrap()
    }

    async fn get_as(&self, token: &str, path: &str) -> Response {
        let get = self.admin(Method::GET, path).bearer_auth(token);
        get.send().await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_touches_what_its_account_pays_for() {
    let server = Server::start().await;
    let tokens = Tokens::make(&server);
    let (owner, other) = (tokens.owner.as_str(), tokens.other.as_str());
    let _orders = server.member(1);

    let published = server.publish_as(owner, "film", None).await;
    let published: CollectionSummary = published.json().await.unwrap();
    assert_eq!(published.payer, OWNER);
    let catalogue = &server.core.contents.catalogue;
    let theirs = catalogue.publish(
        "show",
        &manifest(b"show"),
        Address::repeat_byte(0xbb),
        None,
        Vec::new(),
        0,
    );
    let theirs = theirs.unwrap().id;
    for (name, payer) in [("show", None), ("new", Some(Address::repeat_byte(0xbb)))] {
        let refused = server.publish_as(owner, name, payer).await;
        refused_with(refused, StatusCode::FORBIDDEN).await;
    }
    let names = async |token: &str| -> Vec<String> {
        let all = server.get_as(token, "/v1/collections").await;
        let all: Vec<CollectionSummary> = all.json().await.unwrap();
        all.into_iter().map(|one| one.name).collect()
    };
    assert_eq!(names(owner).await, ["film"]);
    assert_eq!(names(other).await, ["show"]);
    assert_eq!(names(TOKEN).await, ["film", "show"]);

    for (name, status) in [("film", StatusCode::OK), ("show", StatusCode::FORBIDDEN)] {
        let path = format!("/v1/collections/{name}/policy");
        let put = server.admin(Method::PUT, &path).bearer_auth(owner);
        let put = put.json(&json!({})).send().await.unwrap();
        assert_eq!(put.status(), status, "{name}");
    }

    // Orders.
    let purge = |of: &str| json!({ "purge": { "collection": of, "paths": "all" } });
    let given = server.order_as(owner, purge("film")).await;
    assert_eq!(given.status(), StatusCode::CREATED);
    let given: OrderStatus = given.json().await.unwrap();
    for of in ["show", &theirs.to_string(), "nothing"] {
        let refused = server.order_as(owner, purge(of)).await;
        refused_with(refused, StatusCode::FORBIDDEN).await;
    }
    let node = NodeId::from([1; 32]);
    let client = ClientKey::from([3; 32]);
    for order in [
        json!("drain"),
        json!("block"),
        json!({ "revoke": Revoked::Node(node) }),
        json!({ "revoke": Revoked::Client(client) }),
        json!({ "revoke": Revoked::Ticket("0:4:77".parse().unwrap()) }),
    ] {
        let refused = server.order_as(owner, order).await;
        refused_with(refused, StatusCode::FORBIDDEN).await;
    }
    let path = format!("/v1/orders/{}", given.summary.id);
    assert_eq!(server.get_as(owner, &path).await.status(), StatusCode::OK);
    let hidden = server.get_as(other, &path).await;
    refused(hidden, StatusCode::NOT_FOUND).await;
    for (token, count) in [(owner, 1), (other, 0), (TOKEN, 1)] {
        let listed = server.get_as(token, "/v1/orders").await;
        let listed: Vec<OrderSummary> = listed.json().await.unwrap();
        assert_eq!(listed.len(), count);
    }

    // Tickets.
    let routed = json!({ "collection": "film", "client": client });
    let routed: RouteAnswer = server.route(routed).await.json().await.unwrap();
    let ticket = routed.nodes[0].ticket.peek().id;
    let why = format!("/v1/tickets/{ticket}/why");
    for (token, status) in [(owner, 200), (TOKEN, 200), (other, 403)] {
        assert_eq!(server.get_as(token, &why).await.status(), status);
    }
    let revoke = json!({ "revoke": Revoked::Ticket(ticket) });
    for (token, status) in [(other, 403), (owner, 201)] {
        let given = server.order_as(token, revoke.clone()).await;
        assert_eq!(given.status(), status);
    }

    // Out again.
    let path = "/v1/collections/film";
    for (token, status) in [(other, 403), (owner, 200), (owner, 404)] {
        let gone = server.admin(Method::DELETE, path).bearer_auth(token);
        assert_eq!(gone.send().await.unwrap().status(), status);
    }
}

async fn refused_with(response: Response, status: StatusCode) {
    let error = refused(response, status).await;
    assert!(error.len() > 20, "it says what to do: {error}");
}
