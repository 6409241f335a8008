//! Content that stays at an HTTP(S) origin: publishers hand in its outboard.

use super::bodies::{length_of, no_room, parse_hash, piece};
use super::error::HttpRefusal;
use super::owners::keep;
use super::state::Admin;
use crate::contents::origins::OriginError;
use crate::http::admin_tokens::Caller;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use disk::DiskError;
use protocol::api::OriginSource;

/// In which header an origin is described, as JSON: the body is the outboard.
const ORIGIN: &str = "quittance-origin";

fn refusal(error: &OriginError) -> HttpRefusal {
    let text = error.to_string();
    match error {
        OriginError::Refused(_) => HttpRefusal::new(StatusCode::FORBIDDEN, text),
        OriginError::Outboard { .. } => HttpRefusal::bad_request(text),
        OriginError::Full => HttpRefusal::new(StatusCode::INSUFFICIENT_STORAGE, text),
        OriginError::File(file) if file.is_full() => no_room(),
        OriginError::Io(_) | OriginError::File(_) => {
            tracing::error!(%error, "cannot keep an outboard");
            HttpRefusal::internal()
        }
        _ => HttpRefusal::new(StatusCode::UNPROCESSABLE_ENTITY, text),
    }
}

/// `PUT /v1/origins/{hash}`: 201 when the outboard is durable and the origin has delivered the last of the
/// content.
pub(super) async fn put(
    State(web): State<Admin>,
    caller: Caller,
    Path(hash): Path<String>,
    request: Request,
) -> Result<StatusCode, HttpRefusal> {
    let (parts, body) = request.into_parts();
    let hash = parse_hash(&hash)?;
    let source = parts.headers.get(ORIGIN).map(|value| value.as_bytes());
    let source: OriginSource = serde_json::from_slice(source.unwrap_or_default())
        .map_err(|_| HttpRefusal::bad_request(format!("{ORIGIN} must describe the origin")))?;
    let length = length_of(&parts.headers)?;
    let origins = &web.core.contents.origins;
    origins
        .check(&source, length)
        .map_err(|error| refusal(&error))?;
    let _slot = web.publishing.slot()?;
    // The server holds a body to its length.
    let unwritten = |error: DiskError| refusal(&error.into());
    let mut coming = origins.coming().await.map_err(unwritten)?;
    let mut body = body.into_data_stream();
    while let Some(bytes) = piece(&mut body).await? {
        coming.write(bytes).await.map_err(unwritten)?;
    }
    let added = origins.add(hash, source, coming.path(), || {
        // What others left at an origin is left there.
        let account = caller.account;
        account.is_some() && web.core.contents.handed_in.by_others(account, hash)
    });
    added.await.map_err(|error| refusal(&error))?;
    keep(&web.core, caller.account, hash).await?;
    Ok(StatusCode::CREATED)
}
