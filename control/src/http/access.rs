//! Routes, each with who may ask for it, and the one place where that is checked.

use super::error::HttpRefusal;
use crate::http::admin_tokens::{Caller, Gate, Role};
use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, FromRequestParts, Request, State};
use axum::handler::Handler;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Time for everything but the body of an upload.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest route request: a name, a key and some hundred excluded nodes.
pub(super) const ROUTE_BYTES_MAX: usize = 64 << 10;
/// Characters of a path that are logged.
const PATH_CHARS_MAX: usize = 200;

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Anyone,
    /// Who has a token of one of these roles.
    These(&'static [Role]),
}

/// A method of a path.
pub(super) struct Route<S> {
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "what is described is held against it")
    )]
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) who: Who,
    handler: MethodRouter<S>,
    timed: bool,
}

impl<S: Clone + Send + Sync + 'static> Route<S> {
    /// Answered within [`REQUEST_TIMEOUT`].
    pub(super) fn new<T: 'static>(
        method: Method,
        path: &'static str,
        who: Who,
        handler: impl Handler<T, S>,
    ) -> Self {
        let filter = MethodFilter::try_from(method.clone()).expect("a method of HTTP's own");
        Self {
            method,
            path,
            who,
            handler: on(filter, handler),
            timed: true,
        }
    }

    /// Takes as long as it takes.
    pub(super) fn untimed(self) -> Self {
        Self {
            timed: false,
            ..self
        }
    }
}

/// A router of these routes. Without a gate there must be none that needs a token.
pub(super) fn router<S: Clone + Send + Sync + 'static>(
    routes: Vec<Route<S>>,
    gate: Option<Arc<Gate>>,
    state: S,
) -> Router {
    let mut router = Router::new();
    for route in routes {
        let mut handler = route.handler;
        if route.timed {
            handler = handler.route_layer(from_fn(in_time));
        }
        if let Who::These(roles) = route.who {
            let gate = gate.clone().expect("routes with roles have a gate");
            handler = handler.route_layer(from_fn_with_state((gate, roles), check));
        }
        router = router.route(route.path, handler);
    }
    router
        .fallback(async || HttpRefusal::new(StatusCode::NOT_FOUND, "there is nothing at this path"))
        .method_not_allowed_fallback(async || {
            HttpRefusal::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "this path takes other methods",
            )
        })
        .layer(DefaultBodyLimit::max(ROUTE_BYTES_MAX))
        .with_state(state)
}

async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => HttpRefusal::new(StatusCode::REQUEST_TIMEOUT, "the request took too long")
            .into_response(),
    }
}

/// The bearer token of a request.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_first_chunk::<7>()?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
}

/// Lets through who may, and says in the log who did what. A token is never logged, only its name.
async fn check(
    State((gate, roles)): State<(Arc<Gate>, &'static [Role])>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let method = request.method().clone();
    let path: String = request.uri().path().chars().take(PATH_CHARS_MAX).collect();
    let caller = match bearer(request.headers()) {
        Some(token) => gate.find(token).await,
        None => None,
    };
    let Some(caller) = caller else {
        tracing::debug!(peer = %peer.ip(), %method, path, "refused: no token, or a wrong one");
        let error = "this needs an admin token of this control plane, as a bearer token";
        return HttpRefusal::new(StatusCode::UNAUTHORIZED, error).into_response();
    };
    let name = caller.name.clone();
    let response = if roles.contains(&caller.role) {
        request.extensions_mut().insert(caller);
        next.run(request).await
    } else {
        let error = format!(
            "token {name:?} is for role {}, and this needs {}",
            caller.role,
            named(roles)
        );
        HttpRefusal::new(StatusCode::FORBIDDEN, error).into_response()
    };
    let status = response.status().as_u16();
    if method.is_safe() {
        tracing::debug!(token = &*name, %method, path, status, "admin");
    } else {
        tracing::info!(token = &*name, %method, path, status, "admin");
    }
    response
}

fn named(roles: &[Role]) -> String {
    let names: Vec<_> = roles.iter().map(|role| role.name()).collect();
    names.join(" or ")
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = HttpRefusal;

    /// Whom [`check`] let through.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, HttpRefusal> {
        parts
            .extensions
            .get()
            .cloned()
            .ok_or_else(HttpRefusal::internal)
    }
}
