//! Keys to sealed content over HTTP: who gets one, and what becomes of it.

use super::*;
use crate::http::admin_tokens::Role;
use ::seal::{FileSeal, NonceHasher};
use protocol::SealKey;

async fn key(server: &Server, body: Value) -> Response {
    key_by(server, TOKEN, body).await
}

async fn key_by(server: &Server, token: &str, body: Value) -> Response {
    let post = server.admin(Method::POST, "/v1/seal-keys");
    post.bearer_auth(token).json(&body).send().await.unwrap()
}

/// A file sealed and uploaded, and the manifest of a collection of it.
async fn uploaded(server: &Server, key: &SealKey, path: &str, bytes: &[u8]) -> Manifest {
    let mut hasher = NonceHasher::new(key);
    hasher.update(bytes);
    let nonce = hasher.nonce();
    let mut sealed = bytes.to_vec();
    FileSeal::new(key, &nonce).apply(0, &mut sealed);
    let status = server.put(&hash(&sealed), &sealed).await.status();
    assert_eq!(status, StatusCode::CREATED);
    let entry = Entry {
        path: path.into(),
        content: hash(&sealed),
        size: sealed.len() as u64,
        media_type: "application/vnd.apple.mpegurl".into(),
    };
    Manifest::sealed(key.id(), vec![(entry, nonce)]).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_goes_to_publishers_and_ticket_holders_until_its_name_is_gone() {
    let server = Server::start().await;
    let _member = server.member(1);
    let anonymous = server.admin(Method::POST, "/v1/seal-keys");
    let anonymous = anonymous.json(&json!({"name": "film"})).send().await;
    refused(anonymous.unwrap(), StatusCode::UNAUTHORIZED).await;
    for (body, status) in [
        (json!({"name": "../x"}), StatusCode::BAD_REQUEST),
        (
            json!({"name": "x", "other": 1}),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
    ] {
        refused(key(&server, body).await, status).await;
    }
    let made = key(&server, json!({"name": "film"})).await;
    assert_eq!(made.headers()["cache-control"], "no-store");
    let made: SealKey = made.json().await.unwrap();

    let foreign = SealKey::from_bytes([1; 32]);
    let manifest = uploaded(&server, &foreign, "a", b"foreign").await;
    let error = server.publish("film", &manifest).await;
    refused(error, StatusCode::CONFLICT).await;

    let manifest = uploaded(&server, &made, "i.m3u8", b"#EXTM3U\n0.ts\n").await;
    let published = server.publish("film", &manifest).await;
    let summary: CollectionSummary = published.json().await.unwrap();
    assert!(summary.sealed);
    let body = json!({"collection": "film", "client": client_key()});
    let answer: RouteAnswer = server.route(body.clone()).await.json().await.unwrap();
    assert_eq!(answer.key, Some(made.clone()));
    assert!(!format!("{answer:?}").contains(&format!("{:?}", made.as_bytes())));

    // What it was published with stays while a fresh one is made; then all of them go with the name.
    let fresh = key(&server, json!({"name": "film", "fresh": true})).await;
    let fresh: SealKey = fresh.json().await.unwrap();
    assert_ne!(fresh, made);
    let gone = server.admin(Method::DELETE, "/v1/collections/film");
    let gone = gone.bearer_auth(TOKEN).send().await.unwrap();
    assert_eq!(gone.status(), StatusCode::OK);
    for key in [&made, &fresh] {
        assert_eq!(server.core.contents.seal_keys.find(&key.id()), None);
    }
    refused(server.route(body).await, StatusCode::NOT_FOUND).await;
    refused(
        server.publish("film", &manifest).await,
        StatusCode::CONFLICT,
    )
    .await;
}

/// A manifest is public. Who could publish another's under a name of its own would be given the key by a route.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_opens_what_its_own_name_has() {
    let server = Server::start().await;
    let add = |name, account| {
        let account = Some(account);
        server.tokens.add(name, Role::Owner, account, 0).unwrap()
    };
    let (owner, other) = (
        add("owner", PAYER),
        add("other", Address::repeat_byte(0xbb)),
    );
    let made = key_by(&server, &owner, json!({"name": "film"})).await;
    let made: SealKey = made.json().await.unwrap();
    // Before anything is published, and after.
    let foreign = key_by(&server, &other, json!({"name": "film"})).await;
    refused(foreign, StatusCode::FORBIDDEN).await;
    let manifest = uploaded(&server, &made, "a", b"film").await;
    let status = server.publish("film", &manifest).await.status();
    assert_eq!(status, StatusCode::CREATED);
    let foreign = key_by(&server, &other, json!({"name": "film"})).await;
    refused(foreign, StatusCode::FORBIDDEN).await;
    let same = key_by(&server, &owner, json!({"name": "film"})).await;
    assert_eq!(same.json::<SealKey>().await.unwrap(), made);
    let copied = server.publish("copy", &manifest).await;
    let error = refused(copied, StatusCode::CONFLICT).await;
    assert!(error.contains("for this name"), "{error}");
}
