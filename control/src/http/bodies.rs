//! What uploads of every kind have in common.

use super::error::HttpRefusal;
use axum::body::{BodyDataStream, Bytes};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, StatusCode};
use futures::StreamExt;
use protocol::ContentHash;
use std::time::Duration;
use tokio::time::timeout;

/// Longest pause between two pieces of an upload.
const UPLOAD_PAUSE_MAX: Duration = Duration::from_secs(30);

pub(super) fn parse_hash(text: &str) -> Result<ContentHash, HttpRefusal> {
    text.parse()
        .map_err(|error: protocol::IdError| HttpRefusal::bad_request(error.to_string()))
}

/// How long a body is said to be.
pub(super) fn length_of(headers: &HeaderMap) -> Result<u64, HttpRefusal> {
    let length = headers.get(CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse().ok());
    length.ok_or_else(|| {
        let error = "an upload needs its length in Content-Length";
        HttpRefusal::new(StatusCode::LENGTH_REQUIRED, error)
    })
}

/// The next piece of an upload; `None` at its end.
pub(super) async fn piece(body: &mut BodyDataStream) -> Result<Option<Bytes>, HttpRefusal> {
    match timeout(UPLOAD_PAUSE_MAX, body.next()).await {
        Ok(None) => Ok(None),
        Ok(Some(Ok(bytes))) => Ok(Some(bytes)),
        Ok(Some(Err(_))) => Err(HttpRefusal::bad_request("the upload broke off")),
        Err(_) => Err(HttpRefusal::new(
            StatusCode::REQUEST_TIMEOUT,
            "the upload made no progress",
        )),
    }
}

pub(super) fn no_room() -> HttpRefusal {
    let error = "the control plane's disk is full";
    HttpRefusal::new(StatusCode::INSUFFICIENT_STORAGE, error)
}
