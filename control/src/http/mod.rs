//! The HTTP side: a public API, where everybody may read and ask for routes, and an admin API of its own
//! address, where roles say who may do what.
//!
//! | public | |
//! |---|---|
//! | `GET /v1/network` | [`NetworkInfo`](protocol::api::NetworkInfo) |
//! | `POST /v1/route` | [`RouteRequest`](protocol::api::RouteRequest) → [`RouteAnswer`](protocol::api::RouteAnswer) |
//! | `GET /v1/collections` | latest versions, `[CollectionSummary]` |
//! | `GET /v1/collections/{id or name}/manifest` | the manifest's bytes |
//! | `GET /v1/explain?collection=…&from=…` | [`RouteExplanation`](protocol::api::RouteExplanation) |
//! | `GET /r/{collection}/{path}` | for ordinary players: 302 to a gateway; playlists, rewritten |
//! | `GET /v1/steering/{collection}` | Content Steering: which pathway first |
//! | `GET /v1/collections/{name}/versions` | what was published under the name, `[Version]` |
//! | `GET /v1/nodes` | `[NodeInfo]` |
//! | `GET /v1/epochs/{epoch}/tickets` | the ticket log file, SPEC section 7, of a closed epoch |
//! | `GET /healthz` | whether it is up |
//!
//! The admin API is in [`mod@admin`]. Refusals are `{"error": "one sentence"}`. Everything but an upload ends
//! within [`REQUEST_TIMEOUT`](access::REQUEST_TIMEOUT); an upload ends when it makes no progress.

mod access;
mod admin;
pub(crate) mod admin_tokens;
mod blobs;
mod bodies;
mod client_address;
mod error;
mod openapi;
mod orders;
mod origin;
mod owners;
mod page;
mod publish;
mod read;
mod redirect;
mod state;
mod status;

use crate::core::Core;
use access::{Route, Who, router};
pub(crate) use admin::{AdminConfig, admin};
use axum::Router;
use axum::http::Method;
use host::Listener;
use ipnet::IpNet;
use listener::{Bounds, Connections};
use state::Web;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What connections may take. A head has room for a viewer's token.
const BOUNDS: Bounds = Bounds {
    connections: 4096,
    head: Duration::from_secs(30),
    head_bytes: 64 << 10,
    stall: Duration::from_secs(60),
    drain: Duration::from_secs(5),
};

fn public_routes() -> Vec<Route<Web>> {
    use Who::Anyone;
    let (get, post) = (Method::GET, Method::POST);
    vec![
        Route::new(get.clone(), "/v1/network", Anyone, read::network),
        Route::new(post, "/v1/route", Anyone, read::route),
        Route::new(get.clone(), "/v1/explain", Anyone, read::explain),
        Route::new(
            get.clone(),
            "/v1/steering/{collection}",
            Anyone,
            redirect::steering,
        ),
        Route::new(
            get.clone(),
            "/r/{collection}/{*path}",
            Anyone,
            redirect::redirect,
        ),
        Route::new(get.clone(), "/v1/collections", Anyone, read::collections),
        Route::new(
            get.clone(),
            "/v1/collections/{collection}/manifest",
            Anyone,
            read::manifest,
        ),
        Route::new(
            get.clone(),
            "/v1/collections/{collection}/versions",
            Anyone,
            read::versions,
        ),
        Route::new(get.clone(), "/v1/nodes", Anyone, read::nodes),
        Route::new(
            get.clone(),
            "/v1/epochs/{epoch}/tickets",
            Anyone,
            read::tickets,
        ),
        Route::new(get, "/healthz", Anyone, read::health),
    ]
}

/// The public API. `trusted_proxies` are networks of reverse proxies whose `X-Forwarded-For` is believed.
pub(crate) fn public(core: Arc<Core>, trusted_proxies: Vec<IpNet>) -> Router {
    let web = Web {
        core,
        trusted_proxies: trusted_proxies.into(),
    };
    router(public_routes(), None, web)
}

/// Serves until told to stop; open requests then have a moment to end.
pub(crate) async fn serve(
    listener: Listener,
    app: Router,
    connections: Arc<Connections>,
    stop: CancellationToken,
) {
    listener::serve(listener, app, BOUNDS, connections, stop).await;
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
