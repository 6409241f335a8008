//! The admin API, at an address of its own: who has a token publishes, gives orders, looks.
//!
//! | | |
//! |---|---|
//! | `HEAD`, `PUT /v1/blobs/{hash}` | content; to an owner only what it handed in itself is there |
//! | `GET /v1/collections` | latest versions, `[CollectionSummary]`; of an owner: its own |
//! | `PUT /v1/origins/{hash}` | the outboard of content that stays at an origin |
//! | `POST /v1/seal-keys` | [`SealKeyRequest`](protocol::api::SealKeyRequest) → the key to seal with, hexadecimal |
//! | `POST /v1/collections` | [`PublishRequest`](protocol::api::PublishRequest) → `CollectionSummary` |
//! | `DELETE /v1/collections/{name}` | takes a name out; → the purges, `[OrderSummary]` |
//! | `PUT /v1/collections/{name}/policy` | [`Policy`](protocol::Policy) → `CollectionSummary` |
//! | `POST /v1/orders` | [`OrderRequest`](protocol::api::OrderRequest) → [`OrderStatus`](protocol::api::OrderStatus) |
//! | `GET /v1/orders`, `GET /v1/orders/{id}` | `[OrderSummary]`; `OrderStatus`, with `?wait=N` once fewer than `N` are outstanding; of an owner: its own |
//! | `GET /v1/tickets/{id}/why` | why a ticket names its node |
//! | `GET /v1/status` | [`NetworkStatus`](protocol::api::NetworkStatus) |
//! | `GET /v1/status/events` | the same each second, as server-sent events |
//! | `GET /v1/openapi.json` | OpenAPI 3.1, of both APIs |
//! | `GET /metrics` | for Prometheus |
//! | `GET /`, `GET /page/{file}` | a page that shows the status; no token, but it asks for one |
//! | `GET /healthz` | whether it is up; no token |
//!
//! [`routes`] is the table of who may ask for what; within its routes an owner may touch only what its
//! account pays for ([`Caller::may_touch`](crate::http::admin_tokens::Caller::may_touch)).

use super::access::{Route, Who, router};
use super::state::{Admin, Publishing};
use super::{blobs, openapi, orders, origin, page, publish, read, status};
use crate::core::Core;
use crate::http::admin_tokens::{Gate, Role};
use crate::status::Board;
use axum::Router;
use axum::http::Method;
use std::sync::Arc;

/// What the admin API is told before it serves.
pub(crate) struct AdminConfig {
    pub(crate) gate: Arc<Gate>,
    pub(crate) board: Arc<Board>,
    pub(crate) blob_bytes_max: u64,
}

const CONTENT: Who = Who::These(&[Role::Owner, Role::Operator]);
const STATUS: Who = Who::These(&[Role::Read, Role::Operator]);
const ALL: Who = Who::These(&Role::ALL);

pub(super) fn routes() -> Vec<Route<Admin>> {
    let [get, post, put] = [Method::GET, Method::POST, Method::PUT];
    let [head, delete] = [Method::HEAD, Method::DELETE];
    vec![
        // Uploads bound themselves.
        Route::new(head, "/v1/blobs/{hash}", CONTENT, blobs::blob_head),
        Route::new(put.clone(), "/v1/blobs/{hash}", CONTENT, blobs::blob_put).untimed(),
        Route::new(put.clone(), "/v1/origins/{hash}", CONTENT, origin::put).untimed(),
        Route::new(
            get.clone(),
            "/v1/collections",
            CONTENT,
            publish::collections,
        ),
        Route::new(
            post.clone(),
            "/v1/collections",
            CONTENT,
            publish::collection,
        ),
        Route::new(post.clone(), "/v1/seal-keys", CONTENT, publish::seal_key),
        Route::new(
            delete,
            "/v1/collections/{collection}",
            CONTENT,
            publish::unpublish,
        ),
        Route::new(
            put.clone(),
            "/v1/collections/{collection}/policy",
            CONTENT,
            publish::policy,
        ),
        Route::new(get.clone(), "/v1/orders", CONTENT, orders::list),
        Route::new(post, "/v1/orders", CONTENT, orders::give),
        Route::new(get.clone(), "/v1/orders/{id}", CONTENT, orders::status),
        Route::new(
            get.clone(),
            "/v1/tickets/{ticket}/why",
            CONTENT,
            publish::ticket_reason,
        ),
        Route::new(get.clone(), "/v1/status", STATUS, status::status),
        Route::new(get.clone(), "/v1/status/events", STATUS, status::events).untimed(),
        Route::new(get.clone(), "/metrics", STATUS, read::metrics),
        Route::new(get.clone(), "/v1/openapi.json", ALL, openapi::description),
        Route::new(get.clone(), "/", Who::Anyone, page::index),
        Route::new(get.clone(), "/page/{file}", Who::Anyone, page::file),
        Route::new(get, "/healthz", Who::Anyone, read::health),
    ]
}

/// The admin API.
pub(crate) fn admin(core: Arc<Core>, config: AdminConfig) -> Router {
    let admin = Admin {
        core,
        publishing: Arc::new(Publishing::new(config.blob_bytes_max)),
        board: config.board,
        gate: config.gate.clone(),
    };
    router(routes(), Some(config.gate), admin)
}
