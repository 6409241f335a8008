//! What owners and operators have nodes do.

use super::bodies::no_room;
use super::error::HttpRefusal;
use super::owners::check_ticket;
use super::state::Admin;
use crate::http::admin_tokens::{Caller, Role};
use crate::nodes::ordering::OrderError;
use crate::nodes::orders::OrdersError;
use crate::rules::orders::{Concerns, OrderRefused, concerns, own_collection};
use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use protocol::OrderId;
use protocol::api::{OrderRequest, OrderStatus, OrderSummary};
use serde::Deserialize;
use std::time::Duration;
use tokio::time::timeout;

/// How long a request waits for an order to get on.
const WAIT: Duration = Duration::from_secs(20);
/// Most nodes and zones that one order may name.
const NAMED_MAX: usize = 512;

pub(super) fn refusal(error: &OrderError) -> HttpRefusal {
    let text = error.to_string();
    match error {
        OrderError::Refused(refused) => refused_by(refused),
        OrderError::Orders(OrdersError::NoRoom(_)) => {
            HttpRefusal::new(StatusCode::INSUFFICIENT_STORAGE, text)
        }
        OrderError::Orders(error) => {
            tracing::error!(%error, "cannot keep an order");
            match error {
                OrdersError::File(file) if file.is_full() => no_room(),
                _ => HttpRefusal::internal(),
            }
        }
    }
}

fn refused_by(refused: &OrderRefused) -> HttpRefusal {
    let status = match refused {
        OrderRefused::UnknownCollection(_)
        | OrderRefused::UnknownNode(_)
        | OrderRefused::UnknownZone(_) => StatusCode::NOT_FOUND,
        OrderRefused::EmptyZones => StatusCode::CONFLICT,
        OrderRefused::NoToken
        | OrderRefused::NoNodes
        | OrderRefused::Nodes
        | OrderRefused::Pattern => StatusCode::BAD_REQUEST,
        OrderRefused::Another(_) | OrderRefused::Operators => StatusCode::FORBIDDEN,
    };
    HttpRefusal::new(status, refused.to_string())
}

/// `POST /v1/orders`.
pub(super) async fn give(
    State(web): State<Admin>,
    caller: Caller,
    request: Result<Json<OrderRequest>, JsonRejection>,
) -> Result<(StatusCode, Json<OrderStatus>), HttpRefusal> {
    let asked = request.map_err(|error| HttpRefusal::new(error.status(), error.body_text()));
    let Json(mut request) = asked?;
    if request.nodes.len() + request.zones.len() > NAMED_MAX {
        let error = format!("an order names at most {NAMED_MAX} nodes and zones");
        return Err(HttpRefusal::bad_request(error));
    }
    if caller.role != Role::Operator {
        check_order(&web, &caller, &mut request).await?;
    }
    let given = move || web.core.nodes.ordering.give(&request, caller.account);
    let status = disk::run(given).await;
    let status = status.map_err(|error| refusal(&error))?;
    Ok((StatusCode::CREATED, Json(status)))
}

/// Whether an owner may give an order: about its own collections and tickets.
async fn check_order(
    web: &Admin,
    caller: &Caller,
    request: &mut OrderRequest,
) -> Result<(), HttpRefusal> {
    let concerns = concerns(&mut request.order);
    match concerns.map_err(|refused| refused_by(&refused))? {
        Concerns::Collection(collection) => {
            let found = web.core.contents.catalogue.find(collection);
            let found = found.map(|found| (found.id, found.payer));
            let own = own_collection(caller.asker(), collection, found);
            let id = own.map_err(|refused| refused_by(&refused))?;
            // What was looked at, whatever stands under the name by then.
            *collection = id.to_string();
            Ok(())
        }
        Concerns::Ticket(ticket) => check_ticket(web, caller, ticket).await,
    }
}

/// `GET /v1/orders`: newest first.
pub(super) async fn list(
    State(web): State<Admin>,
    caller: Caller,
) -> Result<Json<Vec<OrderSummary>>, HttpRefusal> {
    Ok(Json(web.core.nodes.ordering.orders.list(caller.account)))
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
    State(web): State<Admin>,
    caller: Caller,
    id: Result<Path<OrderId>, PathRejection>,
    waiting: Result<Query<Waiting>, QueryRejection>,
) -> Result<Json<OrderStatus>, HttpRefusal> {
    let Path(id) = id.map_err(|_| HttpRefusal::bad_request("an order is a number: 1, 2, 3, …"))?;
    let Query(waiting) = waiting.map_err(|error| HttpRefusal::bad_request(error.body_text()))?;
    let orders = &web.core.nodes.ordering.orders;
    let mut changes = orders.changes();
    let look = || {
        let none = || HttpRefusal::not_found(format!("there is no order {id} here, or no longer"));
        orders.status(id, caller.account).ok_or_else(none)
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
