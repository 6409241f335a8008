//! How the network is: once, or every second.

use super::error::HttpRefusal;
use super::state::Admin;
use crate::http::admin_tokens::Caller;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures::stream;
use std::convert::Infallible;

/// `GET /v1/status`.
pub(super) async fn status(State(web): State<Admin>) -> Response {
    let snapshot = web.board.snapshot().await;
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, snapshot.json()).into_response()
}

/// `GET /v1/status/events`: server-sent events, until the token is removed or the control plane ends.
pub(super) async fn events(
    State(web): State<Admin>,
    caller: Caller,
) -> Result<Response, HttpRefusal> {
    let listener = web.board.listen().ok_or_else(|| {
        let error = "as many watch the status as may: ask for /v1/status now and then";
        HttpRefusal::new(StatusCode::SERVICE_UNAVAILABLE, error).retry_after(10)
    })?;
    let gate = web.gate;
    let events = stream::unfold(
        (listener, gate, caller),
        async |(mut listener, gate, caller)| {
            let snapshot = listener.next().await?;
            let event = gate.is_good(&caller).await.then(|| snapshot.event())?;
            Some((Ok::<_, Infallible>(event), (listener, gate, caller)))
        },
    );
    let headers = [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Body::from_stream(events)).into_response())
}
