//! What operators with the token have nodes do.

use super::Web;
use super::error::Refusal;
use super::publish::no_room;
use crate::core::OrderError;
use crate::orders::OrdersError;
use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use protocol::{OrderId, OrderRequest, OrderStatus, OrderSummary};
use serde::Deserialize;
use std::time::Duration;
use tokio::time::timeout;

/// How long a request waits for an order to get on.
const WAIT: Duration = Duration::from_secs(20);
/// Most nodes and zones that one order may name.
const NAMED_MAX: usize = 512;

fn refusal(error: &OrderError) -> Refusal {
    let text = error.to_string();
    match error {
        OrderError::UnknownCollection(_)
        | OrderError::UnknownNode(_)
        | OrderError::UnknownZone(_) => Refusal::not_found(text),
        OrderError::EmptyZones => Refusal::new(StatusCode::CONFLICT, text),
        OrderError::NoNodes | OrderError::Nodes | OrderError::Pattern => Refusal::bad_request(text),
        OrderError::Orders(OrdersError::Full | OrdersError::RevokedFull) => {
            Refusal::new(StatusCode::INSUFFICIENT_STORAGE, text)
        }
        OrderError::Orders(error) => {
            tracing::error!(%error, "cannot keep an order");
            match error {
                OrdersError::File(file) if file.is_full() => no_room(),
                _ => Refusal::internal(),
            }
        }
    }
}

/// `POST /v1/orders`.
pub(super) async fn give(
    State(web): State<Web>,
    headers: HeaderMap,
    request: Result<Json<OrderRequest>, JsonRejection>,
) -> Result<(StatusCode, Json<OrderStatus>), Refusal> {
    web.publishing.check(&headers)?;
    let Json(request) = request.map_err(|error| Refusal::new(error.status(), error.body_text()))?;
    if request.nodes.len() + request.zones.len() > NAMED_MAX {
        let error = format!("an order names at most {NAMED_MAX} nodes and zones");
        return Err(Refusal::bad_request(error));
    }
    let given = tokio::task::spawn_blocking(move || web.core.give(&request)).await;
    let status = given.map_err(|_| Refusal::internal())?;
    let status = status.map_err(|error| refusal(&error))?;
    Ok((StatusCode::CREATED, Json(status)))
}

/// `GET /v1/orders`: newest first.
pub(super) async fn list(
    State(web): State<Web>,
    headers: HeaderMap,
) -> Result<Json<Vec<OrderSummary>>, Refusal> {
    web.publishing.check(&headers)?;
    Ok(Json(web.core.orders.list()))
}

/// How long an answer may wait.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Waiting {
    /// Until fewer nodes than this are outstanding, or [`WAIT`] has passed.
    wait: Option<u32>,
}

/// `GET /v1/orders/{id}`.
pub(super) async fn status(
    State(web): State<Web>,
    headers: HeaderMap,
    id: Result<Path<OrderId>, PathRejection>,
    waiting: Result<Query<Waiting>, QueryRejection>,
) -> Result<Json<OrderStatus>, Refusal> {
    web.publishing.check(&headers)?;
    let Path(id) = id.map_err(|_| Refusal::bad_request("an order is a number: 1, 2, 3, …"))?;
    let Query(waiting) = waiting.map_err(|error| Refusal::bad_request(error.body_text()))?;
    let orders = &web.core.orders;
    let mut changes = orders.changes();
    let look = || {
        let none = || Refusal::not_found(format!("there is no order {id} here, or no longer"));
        orders.status(id).ok_or_else(none)
    };
    let got_on = async {
        while let Some(count) = waiting.wait {
            let left = look()?.summary.outstanding;
            if left < count || left == 0 || changes.changed().await.is_err() {
                break;
            }
        }
        Ok(())
    };
    if let Ok(failed) = timeout(WAIT, got_on).await {
        failed?;
    }
    Ok(Json(look()?))
}

/// `DELETE /v1/collections/{name}`.
pub(super) async fn unpublish(
    State(web): State<Web>,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Result<Json<Vec<OrderSummary>>, Refusal> {
    web.publishing.check(&headers)?;
    let core = web.core;
    let done = tokio::task::spawn_blocking(move || {
        // By its name: an id may stand under several.
        let named = core.catalogue.find(&name).filter(|one| one.name == name);
        if named.is_none() {
            let shown: String = name.chars().take(80).collect();
            let error = format!("nothing is published under the name {shown:?}");
            return Err(Refusal::not_found(error));
        }
        let gone = core.catalogue.unpublish(&name).map_err(|error| {
            tracing::error!(%error, "cannot unpublish");
            Refusal::internal()
        })?;
        tracing::info!(name, collections = gone.len(), "unpublished");
        core.purge_gone(&gone).map_err(|error| refusal(&error))
    });
    let orders = done.await.unwrap_or_else(|_| Err(Refusal::internal()));
    Ok(Json(orders?))
}
