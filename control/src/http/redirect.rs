//! Ordinary players: redirects to gateways, playlists that name them, and steering while they play.

use super::client_address::client_address;
use super::error::HttpRefusal;
use super::state::Web;
use crate::contents::catalogue::Collection;
use crate::core::Core;
use crate::requests::route::RouteError;
use axum::Json;
use axum::extract::{ConnectInfo, Path, RawQuery, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HOST, LOCATION,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use formats::rewriting::{self, PLAYLIST_BYTES_MAX, PlaylistError, Rewriting};
use protocol::{ContentHash, Entry, URI_SIGNING_PACKAGE, ViewerToken};
use seal::FileSeal;
use serde::Serialize;
use std::net::SocketAddr;
use std::sync::Arc;

/// Seconds after which a player asks again which pathway is best.
const STEERING_TTL_S: u64 = 5;

/// What a file is to a player.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Hls,
    Dash,
    Other,
}

fn kind(entry: &Entry) -> Kind {
    let path = entry.path.to_ascii_lowercase();
    let media_type = entry.media_type.to_ascii_lowercase();
    if path.ends_with(".m3u8") || media_type.ends_with("mpegurl") {
        Kind::Hls
    } else if path.ends_with(".mpd") || media_type == "application/dash+xml" {
        Kind::Dash
    } else {
        Kind::Other
    }
}

fn refusal(error: &RouteError) -> HttpRefusal {
    HttpRefusal::route(error, 1, 1)
}

/// `GET /r/{collection}/{path}`: 302 to a gateway; a playlist is answered at once, rewritten.
pub(super) async fn redirect(
    State(web): State<Web>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path((wanted, path)): Path<(String, String)>,
    query: RawQuery,
    headers: HeaderMap,
) -> Result<Response, HttpRefusal> {
    let core = &web.core;
    let collection = core.routes.find(&wanted).map_err(|error| refusal(&error))?;
    let (catalogue, id) = (core.contents.catalogue.clone(), collection.id);
    let manifest = blocking(move || catalogue.manifest(&id)).await?;
    let entry = manifest.entry(&path).ok_or_else(|| {
        let shown: String = path.chars().take(80).collect();
        HttpRefusal::not_found(format!("{wanted} holds no file {shown:?}"))
    })?;
    let from = client_address(peer.ip(), &headers, &web.trusted_proxies);
    let token = viewer_token(&query, &headers)?;
    let pathways = core
        .routes
        .pathways(&collection, token.as_ref(), from)
        .await
        .map_err(|error| refusal(&error))?;
    let kind = kind(entry);
    if kind == Kind::Other {
        let mut url = url::Url::parse(&pathways[0].base).map_err(|_| HttpRefusal::internal())?;
        let base = url.path().to_owned();
        // Escapes what has to be.
        url.set_path(&format!("{base}{path}"));
        let location = HeaderValue::from_str(url.as_str()).map_err(|_| HttpRefusal::internal())?;
        let headers = [
            (LOCATION, location),
            (CACHE_CONTROL, no_store()),
            (ACCESS_CONTROL_ALLOW_ORIGIN, any()),
        ];
        return Ok((StatusCode::FOUND, headers).into_response());
    }
    let nonce = manifest.seal_nonce(&path);
    let key = core
        .routes
        .seal_key(&collection)
        .map_err(|error| refusal(&error))?;
    let seal = nonce
        .zip(key)
        .map(|(nonce, key)| FileSeal::new(&key, &nonce));
    let text = read(core, entry.content, seal).await?;
    let steering = steering_url(core, &headers, &collection, token.as_ref());
    let to = Rewriting {
        path: &entry.path,
        pathways: &pathways,
        steering: &steering,
    };
    let (rewritten, media_type) = match kind {
        Kind::Hls => (rewriting::hls(&text, &to), "application/vnd.apple.mpegurl"),
        _ => (rewriting::dash(&text, &to), "application/dash+xml"),
    };
    let rewritten = rewritten.map_err(|error: PlaylistError| {
        HttpRefusal::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
    })?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (CACHE_CONTROL, no_store()),
        (ACCESS_CONTROL_ALLOW_ORIGIN, any()),
    ];
    Ok((headers, rewritten).into_response())
}

/// Where a player asks which pathway is best; with its token, if it needs one.
fn steering_url(
    core: &Core,
    headers: &HeaderMap,
    collection: &Collection,
    token: Option<&ViewerToken>,
) -> String {
    let token = token.filter(|_| collection.policy.needs_token());
    let signed = token.map(|token| format!("?{URI_SIGNING_PACKAGE}={}", token.as_str()));
    let (base, signed) = (public_url(core, headers), signed.unwrap_or_default());
    format!("{base}/v1/steering/{}{signed}", collection.id)
}

/// The token that came with a request, in its query (RFC 9246) or as a bearer token.
fn viewer_token(query: &RawQuery, headers: &HeaderMap) -> Result<Option<ViewerToken>, HttpRefusal> {
    let mut pairs = query.0.as_deref().unwrap_or_default().split('&');
    // A token has no character that a query would escape.
    let in_query = pairs.find_map(|pair| {
        let (name, token) = pair.split_once('=')?;
        (name == URI_SIGNING_PACKAGE).then(|| token.to_owned())
    });
    let bearer = headers.get(AUTHORIZATION).and_then(|value| {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        scheme
            .eq_ignore_ascii_case("bearer")
            .then(|| token.to_owned())
    });
    let token = in_query.or(bearer).map(ViewerToken::try_from).transpose();
    token.map_err(|error| HttpRefusal::new(StatusCode::UNAUTHORIZED, error.to_string()))
}

fn no_store() -> HeaderValue {
    HeaderValue::from_static("no-store")
}

fn any() -> HeaderValue {
    HeaderValue::from_static("*")
}

/// Where clients reach this API.
fn public_url(core: &Core, headers: &HeaderMap) -> String {
    if let Some(url) = &core.public_url {
        return url.trim_end_matches('/').to_owned();
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    format!("http://{}", host.unwrap_or_default())
}

async fn blocking<T: Send + 'static, E: std::fmt::Display + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, HttpRefusal> {
    disk::run(work).await.map_err(|error| {
        tracing::error!(%error, "cannot read what a player asks for");
        HttpRefusal::internal()
    })
}

/// The text of a playlist, opened if it is sealed.
async fn read(
    core: &Arc<Core>,
    content: ContentHash,
    seal: Option<FileSeal>,
) -> Result<String, HttpRefusal> {
    let store = core.contents.store.clone();
    let blob = blocking(move || Ok::<_, std::io::Error>(store.get(&content))).await?;
    let Some(blob) = blob else {
        return Err(HttpRefusal::not_found(format!(
            "content {content} isn't here any more"
        )));
    };
    if blob.size() > PLAYLIST_BYTES_MAX {
        let error = format!(
            "a playlist of {} bytes; at most {PLAYLIST_BYTES_MAX} are rewritten",
            blob.size()
        );
        return Err(HttpRefusal::new(StatusCode::UNPROCESSABLE_ENTITY, error));
    }
    let mut bytes = blocking(move || blob.read_whole(PLAYLIST_BYTES_MAX)).await?;
    if let Some(seal) = seal {
        seal.apply(0, &mut bytes);
    }
    String::from_utf8(bytes)
        .map_err(|_| HttpRefusal::new(StatusCode::UNPROCESSABLE_ENTITY, "the playlist isn't UTF-8"))
}

/// A steering manifest (HLS, second edition, section 7.2; the same for DASH).
#[derive(Debug, Serialize)]
#[serde(rename_all = "SCREAMING-KEBAB-CASE")]
pub(super) struct Steering {
    version: u32,
    ttl: u64,
    reload_uri: String,
    pathway_priority: Vec<String>,
}

/// `GET /v1/steering/{collection}`: which pathway is best now, for the client that asks.
pub(super) async fn steering(
    State(web): State<Web>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(wanted): Path<String>,
    query: RawQuery,
    headers: HeaderMap,
) -> Result<Response, HttpRefusal> {
    let core = &web.core;
    let collection = core.routes.find(&wanted).map_err(|error| refusal(&error))?;
    let from = client_address(peer.ip(), &headers, &web.trusted_proxies);
    let token = viewer_token(&query, &headers)?;
    let pathways = core
        .routes
        .pathways(&collection, token.as_ref(), from)
        .await
        .map_err(|error| refusal(&error))?;
    let steering = Steering {
        version: 1,
        ttl: STEERING_TTL_S,
        reload_uri: steering_url(core, &headers, &collection, token.as_ref()),
        pathway_priority: pathways.into_iter().map(|pathway| pathway.id).collect(),
    };
    let headers = [
        (CACHE_CONTROL, no_store()),
        (ACCESS_CONTROL_ALLOW_ORIGIN, any()),
    ];
    Ok((headers, Json(steering)).into_response())
}
