//! Contents that owners and operators upload.

use super::bodies::{length_of, no_room, parse_hash, piece};
use super::error::HttpRefusal;
use super::owners::keep;
use super::state::Admin;
use crate::core::Core;
use crate::http::admin_tokens::Caller;
use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_LENGTH;
use axum::response::{IntoResponse, Response};
use bytes::BytesMut;
use content::{Store, StoreError};
use protocol::ContentHash;

/// Bytes gathered before they are written or hashed: each time leaves the runtime.
const PART_BYTES: usize = 1 << 20;

/// `HEAD /v1/blobs/{hash}`: 200 with its length if the caller has handed it in, 404 if not, whoever else has.
pub(super) async fn blob_head(
    State(web): State<Admin>,
    caller: Caller,
    Path(hash): Path<String>,
) -> Result<Response, HttpRefusal> {
    let hash = parse_hash(&hash)?;
    match known_size(&web.core, &caller, hash).await {
        Some(size) => Ok(([(CONTENT_LENGTH, size)], Body::empty()).into_response()),
        None => Err(HttpRefusal::not_found(format!(
            "there is no content {hash} here"
        ))),
    }
}

/// Of what a caller may know to be here. What isn't its own isn't looked for, which would take longer.
async fn known_size(core: &Core, caller: &Caller, hash: ContentHash) -> Option<u64> {
    match core.contents.handed_in.may_publish(caller.account, hash) {
        true => size_of(&core.contents.store, hash).await,
        false => None,
    }
}

async fn size_of(store: &Store, hash: ContentHash) -> Option<u64> {
    let store = store.clone();
    let found = disk::run(move || store.get(&hash)).await;
    Some(found?.size())
}

/// `PUT /v1/blobs/{hash}`: 201 when it is durable, 200 if the caller had handed it in already. What is here
/// from others is hashed like everything else, and the copy isn't written.
pub(super) async fn blob_put(
    State(web): State<Admin>,
    caller: Caller,
    Path(hash): Path<String>,
    request: Request,
) -> Result<StatusCode, HttpRefusal> {
    let (parts, body) = request.into_parts();
    let publishing = &web.publishing;
    let hash = parse_hash(&hash)?;
    let length = length_of(&parts.headers)?;
    if length > publishing.blob_bytes_max {
        let error = format!(
            "{length} bytes are above the limit of {} bytes for one content",
            publishing.blob_bytes_max
        );
        return Err(HttpRefusal::new(StatusCode::PAYLOAD_TOO_LARGE, error));
    }
    let _slot = publishing.slot()?;
    let body = body.into_data_stream();
    let known = known_size(&web.core, &caller, hash).await;
    if size_of(&web.core.contents.store, hash).await.is_some() {
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

/// The next pieces together; nothing at the end.
async fn part(body: &mut BodyDataStream) -> Result<Bytes, HttpRefusal> {
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
async fn verify(expected: ContentHash, mut body: BodyDataStream) -> Result<(), HttpRefusal> {
    let mut hasher = blake3::Hasher::new();
    loop {
        let part = part(&mut body).await?;
        if part.is_empty() {
            break;
        }
        let hashing = disk::run(move || {
            hasher.update(&part);
            hasher
        });
        hasher = hashing.await;
    }
    let actual = ContentHash::from(*hasher.finalize().as_bytes());
    match actual == expected {
        true => Ok(()),
        false => Err(stored(StoreError::Mismatch { expected, actual })),
    }
}

async fn receive(
    core: &Core,
    hash: ContentHash,
    mut body: BodyDataStream,
) -> Result<(), HttpRefusal> {
    let mut incoming = core.contents.store.incoming().map_err(stored)?;
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

fn stored(error: StoreError) -> HttpRefusal {
    match &error {
        StoreError::Mismatch { .. } => {
            HttpRefusal::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
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
            HttpRefusal::internal()
        }
    }
}
