//! The description of both APIs (OpenAPI 3.1): kept by hand, and held by a test against the routes, who may ask for
//! each, and what is really answered.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

const DESCRIPTION: &str = include_str!("openapi.json");

/// `GET /v1/openapi.json`.
pub(super) async fn description() -> Response {
    ([(CONTENT_TYPE, "application/json")], DESCRIPTION).into_response()
}
