//! The HTTP side: everybody may read and ask for routes, publishers with the token may upload and publish.
//!
//! | | |
//! |---|---|
//! | `GET /v1/network` | [`NetworkInfo`](protocol::NetworkInfo) |
//! | `POST /v1/route` | [`RouteRequest`](protocol::RouteRequest) → [`RouteAnswer`](protocol::RouteAnswer) |
//! | `GET /v1/collections` | latest versions, `[CollectionSummary]` |
//! | `GET /v1/collections/{id or name}/manifest` | the manifest's bytes |
//! | `GET /v1/explain?collection=…&from=…` | [`RouteExplanation`](protocol::RouteExplanation) |
//! | `GET /r/{collection}/{path}` | for ordinary players: 302 to a gateway; playlists, rewritten |
//! | `GET /v1/steering/{collection}` | Content Steering: which pathway first |
//! | `GET /v1/nodes` | `[NodeInfo]` |
//! | `GET /v1/epochs/{epoch}/tickets` | the ticket log file, SPEC section 7, of a closed epoch |
//! | `HEAD`, `PUT /v1/blobs/{hash}` | content; token |
//! | `POST /v1/collections` | [`PublishRequest`](protocol::PublishRequest) → `CollectionSummary`; token |
//! | `PUT /v1/collections/{name}/policy` | [`Policy`](protocol::Policy) → `CollectionSummary`; token |
//! | `GET /v1/tickets/{id}/why` | why a ticket names its node; token |
//! | `DELETE /v1/collections/{name}` | takes a name out; → the purges, `[OrderSummary]`; token |
//! | `POST /v1/orders` | [`OrderRequest`](protocol::OrderRequest) → [`OrderStatus`](protocol::OrderStatus); token |
//! | `GET /v1/orders`, `GET /v1/orders/{id}` | `[OrderSummary]`; `OrderStatus`, with `?wait=N` once fewer than `N` are outstanding; token |
//! | `GET /healthz`, `GET /metrics` | for the operator |
//!
//! Refusals are `{"error": "one sentence"}`. Everything but an upload ends within [`REQUEST_TIMEOUT`]; an
//! upload ends when it makes no progress.

mod client_address;
mod error;
mod listener;
mod orders;
mod publish;
mod read;
mod redirect;

use crate::core::Core;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, head, post, put};
use error::Refusal;
use ipnet::IpNet;
use listener::{BoundedListener, Peer};
use publish::Publishing;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Time for everything but the body of an upload.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest route request: a name, a key and some hundred excluded nodes.
const ROUTE_BYTES_MAX: usize = 64 << 10;
/// How long open requests have when the process is to end.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Clone)]
struct Web {
    core: Arc<Core>,
    publishing: Arc<Publishing>,
    trusted_proxies: Arc<[IpNet]>,
}

/// What the API is told before it serves.
#[derive(Clone)]
pub(crate) struct ApiConfig {
    /// Bearer token of publishers.
    pub(crate) admin_token: String,
    pub(crate) blob_bytes_max: u64,
    /// Networks of reverse proxies whose `X-Forwarded-For` is believed.
    pub(crate) trusted_proxies: Vec<IpNet>,
}

fn router(core: Arc<Core>, config: ApiConfig) -> Router {
    let publishing = Publishing::new(&config.admin_token, config.blob_bytes_max);
    let web = Web {
        core,
        publishing: Arc::new(publishing),
        trusted_proxies: config.trusted_proxies.into(),
    };
    // Handlers that read large bodies bound them themselves, after the token.
    let uploads = Router::new().route(
        "/v1/blobs/{hash}",
        head(publish::blob_head).put(publish::blob_put),
    );
    let rest = Router::new()
        .route("/v1/network", get(read::network))
        .route("/v1/route", post(read::route))
        .route("/v1/explain", get(read::explain))
        .route("/v1/steering/{collection}", get(redirect::steering))
        .route("/r/{collection}/{*path}", get(redirect::redirect))
        .route(
            "/v1/collections",
            get(read::collections).post(publish::collection),
        )
        .route("/v1/collections/{collection}/manifest", get(read::manifest))
        .route("/v1/collections/{collection}", delete(orders::unpublish))
        .route("/v1/collections/{collection}/policy", put(publish::policy))
        .route("/v1/orders", get(orders::list).post(orders::give))
        .route("/v1/orders/{id}", get(orders::status))
        .route("/v1/nodes", get(read::nodes))
        .route("/v1/epochs/{epoch}/tickets", get(read::tickets))
        .route("/v1/tickets/{ticket}/why", get(publish::ticket_reason))
        .route("/healthz", get(read::health))
        .route("/metrics", get(read::metrics))
        .layer(from_fn(in_time));
    uploads
        .merge(rest)
        .fallback(async || Refusal::new(StatusCode::NOT_FOUND, "there is nothing at this path"))
        .method_not_allowed_fallback(async || {
            Refusal::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "this path takes other methods",
            )
        })
        .layer(DefaultBodyLimit::max(ROUTE_BYTES_MAX))
        .with_state(web)
}

async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            Refusal::new(StatusCode::REQUEST_TIMEOUT, "the request took too long").into_response()
        }
    }
}

/// Serves until told to stop; open requests then have [`DRAIN_TIMEOUT`] to end.
pub(crate) async fn serve(
    listener: TcpListener,
    core: Arc<Core>,
    config: ApiConfig,
    stop: CancellationToken,
) {
    let app = router(core, config).into_make_service_with_connect_info::<Peer>();
    let stopping = stop.clone();
    let serving = axum::serve(BoundedListener::new(listener), app)
        .with_graceful_shutdown(async move { stopping.cancelled().await });
    let expired = async {
        stop.cancelled().await;
        tokio::time::sleep(DRAIN_TIMEOUT).await;
    };
    tokio::select! {
        // Serving ends by graceful shutdown only: accept errors are waited out.
        _ = serving.into_future() => {}
        () = expired => tracing::warn!("HTTP requests were cut off"),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
