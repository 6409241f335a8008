//! What owners and operators publish: contents that they uploaded, under a name.

use super::bodies::{no_room, piece};
use super::error::HttpRefusal;
use super::orders;
use super::owners::{check_ticket, not_kept};
use super::state::Admin;
use crate::contents::catalogue::PublishError;
use crate::contents::publication::{PublicationError, Wanted};
use crate::contents::seal_keys::SealKeysError;
use crate::core::Core;
use crate::http::admin_tokens::Caller;
use crate::rules::publication::{self, PublicationRefused};
use crate::viewers::access;
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, HeaderName};
use bytes::BytesMut;
use disk::DiskError;
use protocol::api::{CollectionSummary, OrderSummary, PublishRequest, SealKeyRequest};
use protocol::{Manifest, Policy, SealKey, TicketId};
use serde_json::value::RawValue;

/// Longest publish request: the manifest as hexadecimal, and some for name and payer.
const PUBLISH_BYTES_MAX: usize = 2 * Manifest::BYTES_MAX + (64 << 10);

/// `GET /v1/tickets/{id}/why`: why a ticket that was issued here names its node.
pub(super) async fn ticket_reason(
    State(web): State<Admin>,
    caller: Caller,
    Path(ticket): Path<String>,
) -> Result<Json<Box<RawValue>>, HttpRefusal> {
    let ticket: TicketId = ticket
        .parse()
        .map_err(|error: protocol::TicketIdError| HttpRefusal::bad_request(error.to_string()))?;
    check_ticket(&web, &caller, ticket).await?;
    let issuer = web.core.issuer.clone();
    match disk::run(move || issuer.reason(ticket)).await {
        Ok(Some(reason)) => Ok(Json(reason)),
        Ok(None) => {
            let error = format!("no reason of ticket {ticket} is kept here");
            Err(HttpRefusal::not_found(error))
        }
        Err(error) => {
            tracing::error!(%error, "cannot read the reasons of tickets");
            Err(HttpRefusal::internal())
        }
    }
}

/// `GET /v1/collections`.
pub(super) async fn collections(
    State(web): State<Admin>,
    caller: Caller,
) -> Json<Vec<CollectionSummary>> {
    let all = web.core.contents.catalogue.list();
    let seen = all.iter().filter(|one| caller.may_touch(one.payer));
    Json(seen.map(|collection| collection.summary()).collect())
}

/// `POST /v1/seal-keys`: what to seal a name's next version with.
pub(super) async fn seal_key(
    State(web): State<Admin>,
    caller: Caller,
    request: Result<Json<SealKeyRequest>, JsonRejection>,
) -> Result<([(HeaderName, &'static str); 1], Json<SealKey>), HttpRefusal> {
    let Json(request) =
        request.map_err(|error| HttpRefusal::new(error.status(), error.body_text()))?;
    let core = web.core;
    let made = disk::run(move || core.contents.seal_key(caller.asker(), &request));
    let key = made.await.map_err(|error| refusal(&error))?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(key)))
}

/// `POST /v1/collections`.
pub(super) async fn collection(
    State(web): State<Admin>,
    caller: Caller,
    request: Request,
) -> Result<(StatusCode, Json<CollectionSummary>), HttpRefusal> {
    let slot = web.publishing.publications.try_acquire();
    let _slot = slot.map_err(|_| {
        let error = "too many publications at once";
        HttpRefusal::new(StatusCode::SERVICE_UNAVAILABLE, error).retry_after(5)
    })?;
    let mut pieces = request.into_body().into_data_stream();
    let mut body = BytesMut::new();
    while let Some(bytes) = piece(&mut pieces).await? {
        if bytes.len() > PUBLISH_BYTES_MAX - body.len() {
            let error = format!("a publish request has at most {PUBLISH_BYTES_MAX} bytes");
            return Err(HttpRefusal::new(StatusCode::PAYLOAD_TOO_LARGE, error));
        }
        body.extend_from_slice(&bytes);
    }
    let (asker, core) = (caller.asker(), web.core.clone());
    let wanted = disk::run(move || check(&core, &caller, &body)).await?;
    // Nobody could be served before it has: the publisher is the one to know.
    let has = web.core.payers.check_payer(wanted.payer).await;
    has.map_err(|error| HttpRefusal::payer(&error))?;
    let core = web.core.clone();
    let published = disk::run(move || core.contents.publish(asker, wanted)).await;
    let collection = published.map_err(|error| refusal(&error))?;
    web.core.metrics.publications.add(1);
    web.core.nodes.fills.replicate(&collection);
    Ok((StatusCode::CREATED, Json(collection.summary())))
}

/// Whether a caller may ask for what it asks for. Blocking.
fn check(core: &Core, caller: &Caller, body: &[u8]) -> Result<Wanted, HttpRefusal> {
    let request: PublishRequest = serde_json::from_slice(body)
        .map_err(|error| HttpRefusal::bad_request(format!("not a publish request: {error}")))?;
    let manifest = Manifest::from_bytes(&request.manifest)
        .map_err(|error| HttpRefusal::bad_request(error.to_string()))?;
    let (desk, asker) = (&core.contents, caller.asker());
    let checked = desk.check(asker, &manifest, &request.kind);
    checked.map_err(|refused| refused_by(&refused))?;
    if let Some(policy) = &request.policy {
        check_policy(core, policy)?;
    }
    let payer = publication::payer(asker, &caller.name, request.payer, desk.payer);
    let payer = payer.map_err(|refused| refused_by(&refused))?;
    Ok(Wanted {
        request,
        manifest,
        payer,
    })
}

fn check_policy(core: &Core, policy: &Policy) -> Result<(), HttpRefusal> {
    let refused = access::check_policy(&core.nodes.members.overlay(), policy);
    refused.map_err(|error| HttpRefusal::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))
}

/// `PUT /v1/collections/{name}/policy`: who may have what is under a name from now on.
pub(super) async fn policy(
    State(web): State<Admin>,
    caller: Caller,
    Path(name): Path<String>,
    policy: Result<Json<Policy>, JsonRejection>,
) -> Result<Json<CollectionSummary>, HttpRefusal> {
    let Json(policy) =
        policy.map_err(|error| HttpRefusal::new(error.status(), error.body_text()))?;
    check_policy(&web.core, &policy)?;
    let core = web.core;
    let set = disk::run(move || {
        let set = core.contents.set_policy(caller.asker(), &name, policy)?;
        tracing::info!(name, policy = ?set.policy, "a policy is set");
        Ok(set.summary())
    });
    set.await.map(Json).map_err(|error| refusal(&error))
}

/// `DELETE /v1/collections/{name}`.
pub(super) async fn unpublish(
    State(web): State<Admin>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<Vec<OrderSummary>>, HttpRefusal> {
    let core = web.core;
    let done = disk::run(move || {
        let gone = core.contents.unpublish(caller.asker(), &name);
        let gone = gone.map_err(|error| refusal(&error))?;
        tracing::info!(name, collections = gone.len(), "unpublished");
        core.nodes
            .ordering
            .purge_gone(&gone, caller.account)
            .map_err(|error| orders::refusal(&error))
    });
    done.await.map(Json)
}

fn refused_by(refused: &PublicationRefused) -> HttpRefusal {
    let status = match refused {
        PublicationRefused::Kind => StatusCode::BAD_REQUEST,
        PublicationRefused::Size { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        PublicationRefused::Missing { .. } | PublicationRefused::SealKey => StatusCode::CONFLICT,
        PublicationRefused::Payer { .. } | PublicationRefused::Another(_) => StatusCode::FORBIDDEN,
        PublicationRefused::Nothing(_) => StatusCode::NOT_FOUND,
    };
    HttpRefusal::new(status, refused.to_string())
}

fn refusal(error: &PublicationError) -> HttpRefusal {
    let full = || HttpRefusal::new(StatusCode::INSUFFICIENT_STORAGE, error.to_string());
    match error {
        PublicationError::Refused(refused) => refused_by(refused),
        PublicationError::HandedIn(error) => not_kept(error),
        PublicationError::Catalogue(PublishError::Name) => {
            HttpRefusal::bad_request(error.to_string())
        }
        PublicationError::Catalogue(PublishError::Full)
        | PublicationError::SealKeys(SealKeysError::Full) => full(),
        PublicationError::Catalogue(PublishError::File(file))
        | PublicationError::SealKeys(SealKeysError::File(file))
        | PublicationError::File(file) => unwritten(file),
        PublicationError::SealKeys(error) => {
            tracing::error!(%error, "cannot make or destroy a key");
            HttpRefusal::internal()
        }
    }
}

fn unwritten(error: &DiskError) -> HttpRefusal {
    tracing::error!(%error, "catalogue or seal keys cannot be written");
    match error.is_full() {
        true => no_room(),
        false => HttpRefusal::internal(),
    }
}
