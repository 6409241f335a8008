//! Contents that owners and operators upload.

use super::admin::Admin;
use super::error::Refusal;
use crate::admin_tokens::Caller;
use crate::core::Core;
use crate::handed_in::HandedInError;
use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::BytesMut;
use content::{Store, StoreError};
use futures::StreamExt;
use protocol::{Address, ContentHash};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Longest pause between two pieces of an upload.
const UPLOAD_PAUSE_MAX: Duration = Duration::from_secs(30);
/// Bytes gathered before they are written or hashed: each time leaves the runtime.
const PART_BYTES: usize = 1 << 20;

pub(super) fn parse_hash(text: &str) -> Result<ContentHash, Refusal> {
    text.parse()
        .map_err(|error: protocol::IdError| Refusal::bad_request(error.to_string()))
}

/// `HEAD /v1/blobs/{hash}`: 200 with its length if the caller has handed it in, 404 if not, whoever else has.
pub(super) async fn blob_head(
    State(web): State<Admin>,
    caller: Caller,
    Path(hash): Path<String>,
) -> Result<Response, Refusal> {
    let hash = parse_hash(&hash)?;
    match known_size(&web.core, &caller, hash).await {
        Some(size) => Ok(([(CONTENT_LENGTH, size)], Body::empty()).into_response()),
        None => Err(Refusal::not_found(format!(
            "there is no content {hash} here"
        ))),
    }
}

/// Of what a caller may know to be here. What isn't its own isn't looked for, which would take longer.
async fn known_size(core: &Core, caller: &Caller, hash: ContentHash) -> Option<u64> {
    match core.handed_in.may_publish(caller.account, hash) {
        true => size_of(&core.store, hash).await,
        false => None,
    }
}

async fn size_of(store: &Store, hash: ContentHash) -> Option<u64> {
    let store = store.clone();
    let found = tokio::task::spawn_blocking(move || store.get(&hash)).await;
    Some(found.ok()??.size())
}

/// How long a body is said to be.
pub(super) fn length_of(headers: &HeaderMap) -> Result<u64, Refusal> {
    let length = headers.get(CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse().ok());
    length.ok_or_else(|| {
        let error = "an upload needs its length in Content-Length";
        Refusal::new(StatusCode::LENGTH_REQUIRED, error)
    })
}

/// `PUT /v1/blobs/{hash}`: 201 when it is durable, 200 if the caller had handed it in already. What is here
/// from others is hashed like everything else, and the copy isn't written.
pub(super) async fn blob_put(
    State(web): State<Admin>,
    caller: Caller,
    Path(hash): Path<String>,
    request: Request,
) -> Result<StatusCode, Refusal> {
    let (parts, body) = request.into_parts();
    let publishing = &web.publishing;
    let hash = parse_hash(&hash)?;
    let length = length_of(&parts.headers)?;
    if length > publishing.blob_bytes_max {
        let error = format!(
            "{length} bytes are above the limit of {} bytes for one content",
            publishing.blob_bytes_max
        );
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, error));
    }
    let _slot = publishing.slot()?;
    let body = body.into_data_stream();
    let known = known_size(&web.core, &caller, hash).await;
    if size_of(&web.core.store, hash).await.is_some() {
        verify(hash, body).await?;
    } else {
        receive(&web.core, hash, body).await?;
        web.core.metrics.uploaded.add(length);
    }
    keep(&web.core, caller.account, hash).await?;
    Ok(match known {
        Some(_) => StatusCode::OK,
        None => StatusCode::CREATED,
    })
}

/// Keeps who handed a content in.
pub(super) async fn keep(
    core: &Arc<Core>,
    account: Option<Address>,
    hash: ContentHash,
) -> Result<(), Refusal> {
    let core = core.clone();
    let kept = tokio::task::spawn_blocking(move || core.handed_in.keep(account, [hash])).await;
    let kept = kept.map_err(|_| Refusal::internal())?;
    kept.map_err(|error| unkept(&error))
}

pub(super) fn unkept(error: &HandedInError) -> Refusal {
    tracing::error!(%error, "cannot keep who handed contents in");
    match error {
        HandedInError::Full => Refusal::new(StatusCode::INSUFFICIENT_STORAGE, error.to_string()),
        HandedInError::File(file) if file.is_full() => no_room(),
        HandedInError::File(_) => Refusal::internal(),
    }
}

/// The next piece of an upload; `None` at its end.
pub(super) async fn piece(body: &mut BodyDataStream) -> Result<Option<Bytes>, Refusal> {
    match timeout(UPLOAD_PAUSE_MAX, body.next()).await {
        Ok(None) => Ok(None),
        Ok(Some(Ok(bytes))) => Ok(Some(bytes)),
        Ok(Some(Err(_))) => Err(Refusal::bad_request("the upload broke off")),
        Err(_) => Err(Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            "the upload made no progress",
        )),
    }
}

/// The next pieces together; nothing at the end.
async fn part(body: &mut BodyDataStream) -> Result<Bytes, Refusal> {
    let mut gathered = BytesMut::new();
    while gathered.len() < PART_BYTES
        && let Some(bytes) = piece(body).await?
    {
        if gathered.is_empty() {
            gathered.reserve(PART_BYTES);
        }
        gathered.extend_from_slice(&bytes);
    }
    Ok(gathered.freeze())
}

/// Hashes what is here already, so that nobody is taken at its word for having it.
async fn verify(expected: ContentHash, mut body: BodyDataStream) -> Result<(), Refusal> {
    let mut hasher = blake3::Hasher::new();
    loop {
        let part = part(&mut body).await?;
        if part.is_empty() {
            break;
        }
        let hashing = tokio::task::spawn_blocking(move || {
            hasher.update(&part);
            hasher
        });
        hasher = hashing.await.map_err(|_| Refusal::internal())?;
    }
    let actual = ContentHash::from(*hasher.finalize().as_bytes());
    match actual == expected {
        true => Ok(()),
        false => Err(stored(StoreError::Mismatch { expected, actual })),
    }
}

async fn receive(core: &Core, hash: ContentHash, mut body: BodyDataStream) -> Result<(), Refusal> {
    let mut incoming = core.store.incoming().map_err(stored)?;
    loop {
        let part = part(&mut body).await?;
        if part.is_empty() {
            break;
        }
        incoming.write(part).await.map_err(stored)?;
    }
    incoming.finish(Some(hash)).await.map_err(stored)?;
    Ok(())
}

fn stored(error: StoreError) -> Refusal {
    match &error {
        StoreError::Mismatch { .. } => {
            Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
        }
        StoreError::Io { source, .. }
            if matches!(
                source.kind(),
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded
            ) =>
        {
            tracing::error!(%error, "no room for an upload");
            no_room()
        }
        StoreError::TooLarge { .. } => no_room(),
        _ => {
            tracing::error!(%error, "cannot store an upload");
            Refusal::internal()
        }
    }
}

pub(super) fn no_room() -> Refusal {
    let error = "the control plane's disk is full";
    Refusal::new(StatusCode::INSUFFICIENT_STORAGE, error)
}
