//! Answers that say no: a status and `{"error": "one sentence"}`.

use crate::control_api::ApiError;
use crate::fetch::FetchError;
use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use formats::target::Wrong;

/// Asked again after this, it may go well.
const RETRY_AFTER_SECONDS: u64 = 1;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HttpRefusal {
    status: StatusCode,
    reason: String,
    header: Option<(HeaderName, HeaderValue)>,
}

impl HttpRefusal {
    pub(super) fn new(status: StatusCode, reason: impl Into<String>) -> Self {
        Self {
            status,
            reason: reason.into(),
            header: None,
        }
    }

    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }

    /// What a fetch that gave nothing comes to.
    pub(super) fn of_fetch(error: &FetchError) -> Self {
        match error {
            FetchError::Control(error) => Self::of_control(error),
            FetchError::NoSuchFile { .. } => Self::new(StatusCode::NOT_FOUND, error.to_string()),
            FetchError::NoNode { route, .. } => {
                let refusal = match route {
                    Some(route) => Self::of_control(route),
                    None => Self::again(StatusCode::SERVICE_UNAVAILABLE, String::new()),
                };
                let reason = error.to_string();
                Self { reason, ..refusal }
            }
            _ => Self::new(StatusCode::BAD_GATEWAY, error.to_string()),
        }
    }

    pub(super) fn of_control(error: &ApiError) -> Self {
        let status = match error {
            // It says so to us because of what the viewer asked for, or showed.
            ApiError::Refused {
                status: status @ (401 | 403 | 404 | 410 | 429 | 451),
                ..
            } => *status,
            ApiError::Refused { status: 500.., .. } => 503,
            _ => 502,
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
        match status.as_u16() {
            429 | 503 => Self::again(status, error.to_string()),
            _ => Self::new(status, error.to_string()),
        }
    }

    fn again(status: StatusCode, reason: String) -> Self {
        Self::new(status, reason).with(header::RETRY_AFTER, RETRY_AFTER_SECONDS.into())
    }
}

impl From<Wrong> for HttpRefusal {
    fn from(wrong: Wrong) -> Self {
        match wrong {
            Wrong::Malformed(reason) => Self::new(StatusCode::BAD_REQUEST, reason),
            Wrong::NoCollection => Self::new(
                StatusCode::NOT_FOUND,
                "no collection has such a name: ask for /COLLECTION/PATH; / lists the collections",
            ),
            Wrong::TooLong => Self::new(StatusCode::URI_TOO_LONG, "the path is too long"),
        }
    }
}

impl IntoResponse for HttpRefusal {
    fn into_response(self) -> Response {
        let body = Json(serde_json::json!({ "error": self.reason }));
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some((name, value)) = self.header {
            headers.insert(name, value);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_whose_fault_it_is() {
        let refused = |status| ApiError::Refused {
            status,
            message: "why".into(),
        };
        for (told, status, again) in [
            (404, 404, false),
            (403, 403, false),
            (429, 429, true),
            (500, 503, true),
            (503, 503, true),
            (400, 502, false),
            (302, 502, false),
        ] {
            let response = HttpRefusal::of_control(&refused(told)).into_response();
            assert_eq!(response.status().as_u16(), status, "{told}");
            assert_eq!(
                response.headers().contains_key(header::RETRY_AFTER),
                again,
                "{told}"
            );
        }
        let none = FetchError::NoNode {
            path: "a".into(),
            verified: 0,
            asked: 1,
            attempts: Vec::new(),
            route: Some(Box::new(refused(503))),
        };
        assert_eq!(
            HttpRefusal::of_fetch(&none).status,
            StatusCode::SERVICE_UNAVAILABLE
        );
    }
}
