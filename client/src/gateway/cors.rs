//! Pages of other origins: the Fetch standard's CORS protocol.
//!
//! Content is open to whoever reaches the gateway, so by default every origin may read it; credentials are
//! never allowed along. An operator may name the origins instead.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Methods that are answered.
pub(super) const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
/// What players send besides what needs no leave; among it CMCD (CTA-5004).
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, cache-control, content-type, if-match, if-none-match, if-range, pragma, range, \
     cmcd-object, cmcd-request, cmcd-session, cmcd-status",
);
/// What pages may read besides what they always may.
const RESPONSE_HEADERS: HeaderValue = HeaderValue::from_static(
    "accept-ranges, cache-status, content-length, content-range, date, etag, quittance-node, retry-after",
);
/// A day; browsers keep it for two hours at most.
const MAX_AGE: HeaderValue = HeaderValue::from_static("86400");

/// Which origins may read.
#[derive(Debug, Clone)]
pub(super) enum Origins {
    Any,
    Named(Vec<String>),
}

impl Origins {
    /// Those of a list; any if it is empty or has `*`.
    pub(super) fn new(named: Vec<String>) -> Self {
        match named.is_empty() || named.iter().any(|one| one == "*") {
            true => Self::Any,
            false => Self::Named(named),
        }
    }

    fn allows(&self, origin: Option<&HeaderValue>) -> Option<HeaderValue> {
        match self {
            Self::Any => Some(HeaderValue::from_static("*")),
            Self::Named(named) => {
                let origin = origin?;
                let allowed = named.iter().any(|one| one.as_bytes() == origin.as_bytes());
                allowed.then(|| origin.clone())
            }
        }
    }

    /// Says on a response who may read it.
    pub(super) fn mark(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        if matches!(self, Self::Named(_)) {
            headers.append(header::VARY, HeaderValue::from_static("origin"));
        }
        let Some(allowed) = self.allows(origin) else {
            return;
        };
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS);
        headers.insert("timing-allow-origin", allowed.clone());
        headers.insert(
            "cross-origin-resource-policy",
            HeaderValue::from_static("cross-origin"),
        );
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    }

    /// Answers `OPTIONS`: a preflight, or the question which methods there are.
    pub(super) fn preflight(&self, request: &HeaderMap) -> Response {
        let mut response = StatusCode::NO_CONTENT.into_response();
        let headers = response.headers_mut();
        headers.insert(header::ALLOW, METHODS);
        let origin = request.get(header::ORIGIN);
        let asks = request.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if origin.is_some() && asks && self.allows(origin).is_some() {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
            // A page of the public web that plays from this machine.
            if request.contains_key("access-control-request-private-network") {
                let yes = HeaderValue::from_static("true");
                headers.insert("access-control-allow-private-network", yes);
            }
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(all: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = all.iter().map(|(name, value)| {
            let name: axum::http::HeaderName = name.parse().unwrap();
            (name, HeaderValue::from_static(value))
        });
        pairs.collect()
    }

    #[test]
    fn only_origins_that_may_are_told_so() {
        let named = Origins::new(vec!["https://a.example".into()]);
        for (origins, origin, told) in [
            (&Origins::new(Vec::new()), None, Some("*")),
            (
                &Origins::new(vec!["*".into()]),
                Some("https://b.example"),
                Some("*"),
            ),
            (&named, Some("https://a.example"), Some("https://a.example")),
            (&named, Some("https://a.example.evil"), None),
            (&named, None, None),
        ] {
            let origin = origin.map(HeaderValue::from_static);
            let mut headers = HeaderMap::new();
            origins.mark(origin.as_ref(), &mut headers);
            let allowed = headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN);
            assert_eq!(allowed.map(|value| value.to_str().unwrap()), told);
        }
    }

    #[test]
    fn a_preflight_is_one_only_if_it_asks() {
        let any = Origins::new(Vec::new());
        let asks = ("access-control-request-method", "GET");
        let origin = ("origin", "https://a.example");
        for (given, allowed) in [
            (&[origin, asks][..], true),
            (&[origin], false),
            (&[asks], false),
        ] {
            let response = any.preflight(&request(given));
            assert_eq!(response.status(), StatusCode::NO_CONTENT);
            let headers = response.headers();
            assert_eq!(
                headers.contains_key(header::ACCESS_CONTROL_ALLOW_HEADERS),
                allowed
            );
            assert_eq!(headers[header::ALLOW], METHODS);
        }
    }
}
