//! What everybody may ask.

use super::client_address::client_address;
use super::error::HttpRefusal;
use super::state::{Admin, Web};
use crate::core::Core;
use crate::requests::route::RouteError;
use crate::tickets::ticket_log::{ClosedLog, LogError};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{ConnectInfo, Path, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::stream;
use protocol::api::{
    CollectionSummary, NetworkInfo, NodeInfo, OriginState, RouteAnswer, RouteExplanation,
    RouteRequest, Version,
};
use protocol::{Epoch, LOG_HEADER_BYTES, TICKET_BYTES, Timeline, UnixMillis};
use serde::Deserialize;
use std::io;
use std::net::{IpAddr, SocketAddr};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Most nodes that one request may exclude.
const EXCLUDE_MAX: usize = 256;
/// Most round trips that one request may tell.
const MEASURED_MAX: usize = 64;
/// Bytes of a ticket log sent at a time.
const LOG_CHUNK_BYTES: usize = 256 << 10;
/// Chunks read ahead of a slow reader.
const LOG_CHUNKS_AHEAD: usize = 2;

pub(super) async fn network(State(web): State<Web>) -> Json<NetworkInfo> {
    let core = &web.core;
    let epoch = core.routes.epoch_now();
    Json(NetworkInfo {
        network: core.network,
        issuer: core.issuer_key,
        issuer_index: core.issuer_index,
        join_address: core.join_address.clone(),
        epoch,
        timeline: core.agreed.timeline(),
        terms: core.agreed.terms(epoch.unwrap_or_default()),
        targets: core.routes.targets(),
    })
}

/// Seconds, rounded up, until a Unix time in seconds.
fn seconds_until(at: u64, now: UnixMillis) -> u64 {
    at.saturating_mul(1000).saturating_sub(now).div_ceil(1000)
}

fn refusal(error: &RouteError, timeline: &Timeline, now: UnixMillis) -> HttpRefusal {
    let next = timeline
        .epoch_at_ms(now)
        .map_or(timeline.genesis(), |epoch| timeline.end(epoch));
    HttpRefusal::route(
        error,
        seconds_until(timeline.genesis(), now),
        seconds_until(next, now),
    )
}

pub(super) async fn route(
    State(web): State<Web>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    request: Result<Json<RouteRequest>, JsonRejection>,
) -> Result<Json<RouteAnswer>, HttpRefusal> {
    let core = &web.core;
    let Json(request) =
        request.map_err(|error| HttpRefusal::new(error.status(), error.body_text()))?;
    if request.exclude.len() > EXCLUDE_MAX {
        let error = format!("at most {EXCLUDE_MAX} nodes can be excluded");
        return Err(HttpRefusal::bad_request(error));
    }
    if request.measured.len() > MEASURED_MAX {
        let error = format!("at most {MEASURED_MAX} round trips can be told");
        return Err(HttpRefusal::bad_request(error));
    }
    let from = client_address(peer.ip(), &headers, &web.trusted_proxies);
    match core.routes.route(&request, from).await {
        Ok(answer) => {
            core.metrics.routes.add(1);
            Ok(Json(answer))
        }
        Err(error) => {
            core.metrics.routes_refused.add(1);
            Err(refusal(
                &error,
                &core.agreed.timeline(),
                core.host.clock.now_ms(),
            ))
        }
    }
}

/// What is to be explained.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Explain {
    /// A collection's id or name.
    collection: String,
    /// Address of the client; the asker's own if absent.
    from: Option<IpAddr>,
}

pub(super) async fn explain(
    State(web): State<Web>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    asked: Result<Query<Explain>, QueryRejection>,
) -> Result<Json<RouteExplanation>, HttpRefusal> {
    let Query(asked) = asked.map_err(|error| HttpRefusal::bad_request(error.body_text()))?;
    let own = || client_address(peer.ip(), &headers, &web.trusted_proxies);
    let from = asked.from.unwrap_or_else(own);
    let core = &web.core;
    let explained = core.routes.explain(&asked.collection, from);
    let explained = explained
        .map_err(|error| refusal(&error, &core.agreed.timeline(), core.host.clock.now_ms()))?;
    Ok(Json(explained))
}

pub(super) async fn collections(State(web): State<Web>) -> Json<Vec<CollectionSummary>> {
    let all = web.core.contents.catalogue.list();
    Json(all.iter().map(|collection| collection.summary()).collect())
}

pub(super) async fn manifest(
    State(web): State<Web>,
    Path(wanted): Path<String>,
) -> Result<Response, HttpRefusal> {
    let catalogue = web.core.contents.catalogue.clone();
    let Some(collection) = catalogue.find(&wanted) else {
        let error = RouteError::UnknownCollection(wanted.chars().take(80).collect());
        return Err(HttpRefusal::not_found(error.to_string()));
    };
    let read = disk::run(move || catalogue.manifest_bytes(&collection.id)).await;
    let bytes = read.map_err(|error| {
        tracing::error!(%error, "cannot read a manifest");
        HttpRefusal::internal()
    })?;
    Ok(([(CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}

/// `GET /v1/collections/{name}/versions`: of a collection's id, those of the name it was published under last.
pub(super) async fn versions(
    State(web): State<Web>,
    Path(wanted): Path<String>,
) -> Result<Json<Vec<Version>>, HttpRefusal> {
    let core = web.core;
    let shown: String = wanted.chars().take(80).collect();
    let found = disk::run(move || {
        let collection = core.contents.catalogue.find(&wanted)?;
        let mut versions = core.contents.catalogue.versions(&collection.name);
        let current = versions.last_mut()?;
        current.origin = origin_of(&core, &current.summary);
        Some(versions)
    });
    let unknown = || HttpRefusal::not_found(RouteError::UnknownCollection(shown).to_string());
    found.await.map(Json).ok_or_else(unknown)
}

/// Where the one file of a collection stays, if it isn't here. Blocking.
fn origin_of(core: &Core, collection: &CollectionSummary) -> Option<OriginState> {
    if collection.files != 1 {
        return None;
    }
    let manifest = core
        .contents
        .catalogue
        .manifest(&collection.collection)
        .ok()?;
    let origin = core.contents.origins.find(&manifest.entries()[0].content)?;
    Some(OriginState {
        origin: origin.host().to_owned(),
        trouble: origin.trouble(),
    })
}

pub(super) async fn nodes(State(web): State<Web>) -> Json<Vec<NodeInfo>> {
    Json(web.core.nodes.members.list(Instant::now()))
}

pub(super) async fn tickets(
    State(web): State<Web>,
    epoch: Result<Path<Epoch>, PathRejection>,
) -> Result<Response, HttpRefusal> {
    let core = web.core;
    let Path(epoch) =
        epoch.map_err(|_| HttpRefusal::bad_request("an epoch is a number: 0, 1, 2, …"))?;
    let Some(seal) = core.issuer.seal(epoch) else {
        let left = seconds_until(core.agreed.timeline().end(epoch), core.host.clock.now_ms());
        let error = match left {
            0 => format!("epoch {epoch} is over, and its log is about to be closed"),
            _ => format!("epoch {epoch} is not over; its log can still grow"),
        };
        return Err(HttpRefusal::new(StatusCode::TOO_EARLY, error).retry_after(left));
    };
    let length = LOG_HEADER_BYTES as u64 + u64::from(seal.count) * TICKET_BYTES as u64;
    let header = core.issuer.head(epoch).public_header(seal.count);
    let issuer = core.issuer.clone();
    let log = disk::run(move || issuer.read(epoch)).await;
    let log = log.map_err(|error| {
        tracing::error!(%error, "cannot read a ticket log");
        HttpRefusal::internal()
    })?;
    let (chunks, mut queue) = mpsc::channel(LOG_CHUNKS_AHEAD);
    // Ends when nobody reads on.
    tokio::spawn(send_log(header, log, chunks));
    let body = Body::from_stream(stream::poll_fn(move |context| queue.poll_recv(context)));
    let headers = [
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        (CONTENT_LENGTH, length.to_string()),
        // A closed log never changes.
        (
            CACHE_CONTROL,
            "public, max-age=31536000, immutable".to_owned(),
        ),
    ];
    Ok((headers, body).into_response())
}

/// Sends a log in chunks until it ends or nobody reads on.
async fn send_log(
    header: Vec<u8>,
    mut log: Option<ClosedLog>,
    chunks: mpsc::Sender<io::Result<Bytes>>,
) {
    let mut chunk = header;
    loop {
        let (back, filled, full) = disk::run(move || {
            let filled = fill(&mut chunk, log.as_mut());
            (log, filled, chunk)
        })
        .await;
        log = back;
        let (more, piece) = match filled {
            Ok(more) => (more, Ok(full.into())),
            Err(error) => {
                // The length was promised: a body that breaks off can't be taken for a whole one.
                tracing::error!(%error, "cannot read a ticket log");
                (false, Err(broken(error)))
            }
        };
        if chunks.send(piece).await.is_err() || !more {
            return;
        }
        chunk = Vec::with_capacity(LOG_CHUNK_BYTES + TICKET_BYTES);
    }
}

/// Fills a chunk; whether there is more behind it. Blocking.
fn fill(chunk: &mut Vec<u8>, log: Option<&mut ClosedLog>) -> Result<bool, LogError> {
    let Some(log) = log else { return Ok(false) };
    while chunk.len() < LOG_CHUNK_BYTES {
        match log.next_ticket()? {
            Some(ticket) => chunk.extend_from_slice(&ticket.to_bytes()),
            None => return Ok(false),
        }
    }
    Ok(true)
}

fn broken(error: LogError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

pub(super) async fn health() -> Json<serde_json::Value> {
    Json(serde_json::json!({ "status": "ok" }))
}

pub(super) async fn metrics(State(web): State<Admin>) -> Response {
    let core = &web.core;
    let healthy = core.nodes.members.healthy_count(Instant::now()) as u64;
    let collections = core.contents.catalogue.list().len() as u64;
    let text = core.metrics.text(healthy, collections, &core.connections);
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}
