//! Refusals: a status, one sentence as JSON, and when to come back.

use crate::chain::registry::PayerError;
use crate::requests::route::RouteError;
use crate::rules::access::ViewerRefused;
use crate::rules::issuing::NotIssued;
use crate::rules::promises::PromiseError;
use crate::rules::tokens::UsageError;
use crate::tickets::issuer::IssueError;
use axum::Json;
use axum::http::header::{CONNECTION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

/// An answer other than the one that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpRefusal {
    status: StatusCode,
    error: String,
    retry_after_s: Option<u64>,
}

impl HttpRefusal {
    pub(super) fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self {
            status,
            error: error.into(),
            retry_after_s: None,
        }
    }

    pub(super) fn bad_request(error: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }

    pub(super) fn not_found(error: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, error)
    }

    /// Something here is wrong; the log says what, the peer needn't know.
    pub(super) fn internal() -> Self {
        let error = "the control plane can't do that at the moment; its operator has been told";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error)
    }

    pub(super) fn retry_after(self, seconds: u64) -> Self {
        Self {
            retry_after_s: Some(seconds.max(1)),
            ..self
        }
    }

    pub(super) fn payer(error: &PayerError) -> Self {
        let text = error.to_string();
        match error {
            PayerError::Unknown(_) => Self::new(StatusCode::PAYMENT_REQUIRED, text),
            PayerError::Undecided(_) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, text).retry_after(5)
            }
        }
    }

    /// For route errors, with the seconds until the genesis and until the next epoch.
    pub(super) fn route(error: &RouteError, genesis_in_s: u64, epoch_in_s: u64) -> Self {
        let text = error.to_string();
        let unavailable = Self::new(StatusCode::SERVICE_UNAVAILABLE, text.clone());
        match error {
            RouteError::UnknownCollection(_) => Self::not_found(text),
            RouteError::NoNode(_) | RouteError::NoGateway => unavailable.retry_after(2),
            RouteError::Viewer(refused) => {
                let status = match refused {
                    ViewerRefused::Token(token) if !token.is_forbidden() => {
                        StatusCode::UNAUTHORIZED
                    }
                    ViewerRefused::Missing => StatusCode::UNAUTHORIZED,
                    ViewerRefused::Token(_) | ViewerRefused::Revoked => StatusCode::FORBIDDEN,
                    ViewerRefused::Manifest => StatusCode::INTERNAL_SERVER_ERROR,
                };
                Self::new(status, text)
            }
            RouteError::Country(_) | RouteError::Revoked(_) => {
                Self::new(StatusCode::FORBIDDEN, text)
            }
            RouteError::Network(exceeded) => {
                let wait = exceeded.wait.as_millis().div_ceil(1000);
                Self::new(StatusCode::TOO_MANY_REQUESTS, text)
                    .retry_after(u64::try_from(wait).unwrap_or(u64::MAX))
            }
            RouteError::Payer(error) => Self::payer(error),
            RouteError::Issue(error) => match error {
                IssueError::Not(NotIssued::BeforeGenesis) => {
                    Self::new(StatusCode::TOO_EARLY, text).retry_after(genesis_in_s)
                }
                IssueError::Not(NotIssued::Closed(_) | NotIssued::Full(_)) => {
                    unavailable.retry_after(epoch_in_s)
                }
                IssueError::Promise(error) => match error {
                    PromiseError::Unknown(_) => unavailable.retry_after(5),
                    PromiseError::Short { .. } => Self::new(StatusCode::PAYMENT_REQUIRED, text),
                    PromiseError::Quota { .. } => {
                        Self::new(StatusCode::TOO_MANY_REQUESTS, text).retry_after(epoch_in_s)
                    }
                },
                IssueError::Usage(UsageError::Bytes(_)) => Self::new(StatusCode::FORBIDDEN, text),
                IssueError::Usage(UsageError::Sessions { .. }) => {
                    Self::new(StatusCode::TOO_MANY_REQUESTS, text).retry_after(5)
                }
                IssueError::Not(NotIssued::Form) => {
                    Self::new(StatusCode::UNPROCESSABLE_ENTITY, text)
                }
                IssueError::Busy => unavailable.retry_after(1),
                IssueError::Log => unavailable.retry_after(10),
                IssueError::Stopped => unavailable.retry_after(5),
            },
        }
    }
}

impl IntoResponse for HttpRefusal {
    fn into_response(self) -> Response {
        let body = Json(serde_json::json!({ "error": self.error }));
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if matches!(
            self.status,
            StatusCode::UNAUTHORIZED
                | StatusCode::PAYLOAD_TOO_LARGE
                | StatusCode::LENGTH_REQUIRED
                | StatusCode::REQUEST_TIMEOUT
        ) {
            // A body that nobody will read may be on its way.
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
