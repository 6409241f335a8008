//! From a request to a response.

use super::conditional::{EntityTag, Precondition};
use super::refusal::HttpRefusal;
use super::shared::{HEAD_BYTES_MAX, Shared};
use super::source::{OpenedBytes, Wanted};
use super::{cors, page, playlist};
use crate::pool::Way;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use formats::range::{Asked, asked};
use formats::target::{self, Target};
use protocol::{CollectionId, Entry, NodeId, URI_SIGNING_PACKAGE, ViewerToken};
use std::io;
use std::sync::Arc;

/// A collection named by id never changes.
const FOREVER: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");
/// A name may mean another version soon; asking again costs a 304.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("private, no-cache");
/// Text formats that may hold scripts, which would run in the gateway's own origin.
const ACTIVE: [&str; 4] = ["html", "svg", "xml", "xsl"];

/// Answers whatever comes. Neither URL nor headers are logged: they may hold a viewer's token.
pub(super) async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let outcome = respond(&shared, &parts).await;
    let mut response = outcome.unwrap_or_else(IntoResponse::into_response);
    let origin = parts.headers.get(header::ORIGIN);
    shared.origins.mark(origin, response.headers_mut());
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    // A path may hold a token.
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    shared.metrics.requests.add(1);
    let status = response.status();
    if status.as_u16() >= 400 {
        shared.metrics.refused.add(1);
    }
    tracing::debug!(method = %parts.method, status = status.as_u16(), "answered");
    response
}

async fn respond(shared: &Arc<Shared>, parts: &Parts) -> Result<Response, HttpRefusal> {
    check(parts)?;
    match parts.method {
        Method::GET | Method::HEAD => {}
        Method::OPTIONS => return Ok(shared.origins.preflight(&parts.headers)),
        _ => {
            let refusal = HttpRefusal::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "content can only be read: GET, HEAD or OPTIONS",
            );
            return Err(refusal.with(header::ALLOW, cors::METHODS));
        }
    }
    match parts.uri.path() {
        "/" => return page::collections(shared).await,
        "/healthz" => return Ok("ok\n".into_response()),
        "/metrics" => {
            let kind = (header::CONTENT_TYPE, "text/plain; version=0.0.4");
            return Ok(([kind], shared.metrics_text()).into_response());
        }
        _ => {}
    }
    let (in_path, path) = target::signed(parts.uri.path())?;
    let in_query = target::signed_query(parts.uri.query())?;
    let before = in_path.as_ref().map(signed_prefix).unwrap_or_default();
    let moves = in_query.is_some() && in_path.is_none();
    let token = match in_path.or(in_query) {
        None => bearer(&parts.headers),
        found => found,
    };
    let (preferred, path) = target::preferred(path)?;
    let via = match target::via(parts.uri.query())? {
        None => preferred,
        named => named,
    };
    match target::parse(path)? {
        Target::Bare(collection) => {
            // Links of the list are relative to the folder.
            let node = preferred.map_or(String::new(), |node| format!("/~{node}"));
            let location = format!("{before}{node}/{collection}/");
            Ok((
                StatusCode::PERMANENT_REDIRECT,
                [(header::LOCATION, location)],
            )
                .into_response())
        }
        Target::Listing(collection) => page::files(shared, &collection).await,
        Target::File { collection, path } => {
            let token = token.or_else(|| shared.client.viewer_token().cloned());
            let way = Way { prefer: via, token };
            file(shared, parts, &collection, &path, way, moves).await
        }
    }
}

/// How a path begins that carries a token.
fn signed_prefix(token: &ViewerToken) -> String {
    format!("/;{URI_SIGNING_PACKAGE}={}", token.as_str())
}

/// The token in an `Authorization` field. What is no signed JWT there is meant for somebody else.
fn bearer(headers: &HeaderMap) -> Option<ViewerToken> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let is_bearer = scheme.eq_ignore_ascii_case("bearer");
    is_bearer.then(|| token.trim().parse().ok()).flatten()
}

/// To where a token stands in the path: what a playlist names by relative URLs then has it, too.
fn moved(token: &ViewerToken, parts: &Parts, via: Option<NodeId>) -> Response {
    let node = via.map_or(String::new(), |node| format!("/~{node}"));
    let (_, path) = target::preferred(parts.uri.path()).unwrap_or((None, parts.uri.path()));
    let location = format!("{}{node}{path}", signed_prefix(token));
    let headers = [
        (header::LOCATION, location),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (StatusCode::TEMPORARY_REDIRECT, headers).into_response()
}

/// What no request for content has.
fn check(parts: &Parts) -> Result<(), HttpRefusal> {
    let headers = &parts.headers;
    let fields = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4);
    if fields.sum::<usize>() > HEAD_BYTES_MAX {
        return Err(HttpRefusal::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "the request's headers are larger than 16 KiB",
        ));
    }
    let length = headers.get(header::CONTENT_LENGTH);
    if length.is_some_and(|length| length != "0") || headers.contains_key(header::TRANSFER_ENCODING)
    {
        // The connection ends with it: what follows isn't read.
        let refusal = HttpRefusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "a request must not have a body",
        );
        return Err(refusal.with(header::CONNECTION, HeaderValue::from_static("close")));
    }
    Ok(())
}

async fn file(
    shared: &Arc<Shared>,
    parts: &Parts,
    collection: &str,
    path: &str,
    way: Way,
    moves: bool,
) -> Result<Response, HttpRefusal> {
    let by_id = collection.parse::<CollectionId>().is_ok();
    let collection = shared.collection(collection).await?;
    let Some(file) = playlist::place(&collection.manifest, path) else {
        return Err(HttpRefusal::of_fetch(&crate::FetchError::NoSuchFile {
            collection: collection.id,
            path: path.to_owned(),
        }));
    };
    let size = collection.manifest.entries()[file as usize].size;
    let mut wanted = Wanted {
        collection,
        file,
        range: 0..size,
        way,
    };
    if let Some(token) = wanted.way.token.as_ref().filter(|_| moves)
        && playlist::Kind::of(wanted.entry()).is_some()
    {
        return Ok(moved(token, parts, wanted.way.prefer));
    }
    let tag = EntityTag::of(&wanted.entry().content);
    match tag.judge(&parts.headers) {
        Precondition::Go => {}
        Precondition::NotModified => {
            let mut response = StatusCode::NOT_MODIFIED.into_response();
            validators(response.headers_mut(), &tag, by_id);
            return Ok(response);
        }
        Precondition::Failed => {
            return Err(HttpRefusal::new(
                StatusCode::PRECONDITION_FAILED,
                "the file isn't the version that If-Match names",
            ));
        }
    }
    let mut status = StatusCode::OK;
    // "For this specification, GET is the only method for which range handling is defined" (14.2).
    if parts.method == Method::GET && tag.allows_range(&parts.headers) {
        match ranged(&parts.headers, size) {
            Asked::Whole => {}
            Asked::Part(range) => {
                wanted.range = range;
                status = StatusCode::PARTIAL_CONTENT;
            }
            Asked::Refused(reason) => {
                let refusal = HttpRefusal::new(StatusCode::RANGE_NOT_SATISFIABLE, reason);
                let all = format!("bytes */{size}");
                let all = HeaderValue::try_from(all).expect("ASCII");
                return Err(refusal.with(header::CONTENT_RANGE, all));
            }
        }
    }
    let mut response = status.into_response();
    let headers = response.headers_mut();
    describe(headers, &wanted);
    validators(headers, &tag, by_id);
    if status == StatusCode::PARTIAL_CONTENT {
        let (first, last) = (wanted.range.start, wanted.range.end - 1);
        let value = format!("bytes {first}-{last}/{size}");
        headers.insert(
            header::CONTENT_RANGE,
            HeaderValue::try_from(value).expect("ASCII"),
        );
    }
    if parts.method == Method::HEAD {
        return Ok(response);
    }
    let (how, mut source) = shared.begin(&wanted);
    shared.look_ahead(&wanted);
    // Until the first bytes are there, the answer may still be another.
    let first = source.next().await.transpose();
    let first = first.map_err(|error| HttpRefusal::of_fetch(&error))?;
    headers.insert("cache-status", HeaderValue::from_static(how.cache_status()));
    if let Some(node) = source.from() {
        let node = HeaderValue::try_from(node.to_string()).expect("ASCII");
        headers.insert("quittance-node", node);
    }
    *response.body_mut() = body(Arc::clone(shared), first, source);
    Ok(response)
}

fn ranged(headers: &HeaderMap, size: u64) -> Asked {
    let mut values = headers.get_all(header::RANGE).iter();
    match (values.next(), values.next()) {
        (None, _) => Asked::Whole,
        (Some(value), None) => asked(value.as_bytes(), size),
        _ => Asked::Refused("there are several Range fields"),
    }
}

/// What a 200 and a 206 say of the file.
fn describe(headers: &mut HeaderMap, wanted: &Wanted) {
    let Entry { media_type, .. } = wanted.entry();
    // The manifest's are printable ASCII.
    if let Ok(value) = HeaderValue::from_str(media_type) {
        headers.insert(header::CONTENT_TYPE, value);
    }
    if may_run(media_type) {
        let policy = HeaderValue::from_static("sandbox");
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let length = wanted.range.end - wanted.range.start;
    headers.insert(header::CONTENT_LENGTH, length.into());
}

/// Whether a browser that opens it might run what is in it.
fn may_run(media_type: &str) -> bool {
    let lower = media_type.to_ascii_lowercase();
    ACTIVE.iter().any(|active| lower.contains(active))
}

/// What a 304 says too (15.4.5).
fn validators(headers: &mut HeaderMap, tag: &EntityTag, by_id: bool) {
    headers.insert(header::ETAG, tag.header());
    let lifetime = if by_id { FOREVER } else { ASK_AGAIN };
    headers.insert(header::CACHE_CONTROL, lifetime);
}

/// A response that can't be completed is broken off, so that nobody takes it for whole.
fn body(shared: Arc<Shared>, first: Option<Bytes>, source: OpenedBytes) -> Body {
    let state = (shared, first, Some(source));
    Body::from_stream(futures::stream::unfold(
        state,
        async |(shared, first, source)| {
            let mut source = source?;
            let next = match first {
                Some(bytes) => Some(Ok(bytes)),
                None => source.next().await,
            };
            match next? {
                Ok(bytes) => {
                    shared.metrics.sent.add(bytes.len() as u64);
                    Some((Ok(bytes), (shared, None, Some(source))))
                }
                Err(error) => {
                    shared.metrics.broken.add(1);
                    tracing::warn!(%error, "a response is cut short");
                    Some((Err(io::Error::other(error)), (shared, None, None)))
                }
            }
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_run_is_told_apart() {
        for active in [
            "text/html",
            "image/SVG+xml",
            "application/xhtml+xml",
            "text/xsl",
        ] {
            assert!(may_run(active), "{active}");
        }
        for passive in [
            "video/mp4",
            "video/mp2t",
            "application/vnd.apple.mpegurl",
            "text/vtt",
            "image/png",
        ] {
            assert!(!may_run(passive), "{passive}");
        }
    }
}
