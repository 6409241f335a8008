//! What owners and operators publish: contents that they uploaded, under a name.

use super::bodies::{no_room, piece};
use super::error::Refusal;
use super::owners::{check_ticket, not_yours, unkept};
use super::state::Admin;
use crate::contents::catalogue::{Collection, PublishError};
use crate::contents::seal_keys::SealKeysError;
use crate::core::Core;
use crate::http::admin_tokens::Caller;
use crate::viewers::access;
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, HeaderName};
use bytes::BytesMut;
use disk::DiskError;
use protocol::{
    Address, CollectionSummary, Entry, Manifest, Package, Policy, PublishRequest, SealKey,
    SealKeyRequest, TicketId,
};
use serde_json::value::RawValue;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Longest publish request: the manifest as hexadecimal, and some for name and payer.
const PUBLISH_BYTES_MAX: usize = 2 * Manifest::BYTES_MAX + (64 << 10);
/// Missing contents that a refusal names.
const MISSING_NAMED_MAX: usize = 5;

/// `GET /v1/tickets/{id}/why`: why a ticket that was issued here names its node.
pub(super) async fn ticket_reason(
    State(web): State<Admin>,
    caller: Caller,
    Path(ticket): Path<String>,
) -> Result<Json<Box<RawValue>>, Refusal> {
    let ticket: TicketId = ticket
        .parse()
        .map_err(|error: protocol::TicketIdError| Refusal::bad_request(error.to_string()))?;
    check_ticket(&web, &caller, ticket).await?;
    let issuer = web.core.issuer.clone();
    match disk::run(move || issuer.reason(ticket)).await {
        Ok(Some(reason)) => Ok(Json(reason)),
        Ok(None) => {
            let error = format!("no reason of ticket {ticket} is kept here");
            Err(Refusal::not_found(error))
        }
        Err(error) => {
            tracing::error!(%error, "cannot read the reasons of tickets");
            Err(Refusal::internal())
        }
    }
}

/// `GET /v1/collections`.
pub(super) async fn collections(
    State(web): State<Admin>,
    caller: Caller,
) -> Json<Vec<CollectionSummary>> {
    let all = web.core.catalogue.list();
    let seen = all.iter().filter(|one| caller.may_touch(one.payer));
    Json(seen.map(|collection| collection.summary()).collect())
}

/// `POST /v1/seal-keys`: what to seal a name's next version with.
pub(super) async fn seal_key(
    State(web): State<Admin>,
    caller: Caller,
    request: Result<Json<SealKeyRequest>, JsonRejection>,
) -> Result<([(HeaderName, &'static str); 1], Json<SealKey>), Refusal> {
    let Json(request) = request.map_err(|error| Refusal::new(error.status(), error.body_text()))?;
    let SealKeyRequest { name, fresh } = request;
    let yours = format!("the name {:?}", name.chars().take(80).collect::<String>());
    let current = web.core.catalogue.find(&name);
    if let Some(current) = &current
        && !caller.may_touch(current.payer)
    {
        return Err(not_yours(&yours));
    }
    // Of a name that is published its payer decides.
    let account = caller.account.filter(|_| current.is_none());
    let core = web.core.clone();
    let made = disk::run(move || {
        let used = |id: &_| core.catalogue.is_sealed_by(id);
        core.seal_keys
            .for_name(&name, account, fresh, used, core.host.clock.now_ms())
    });
    match made.await {
        Ok(key) => Ok(([(CACHE_CONTROL, "no-store")], Json(key))),
        Err(SealKeysError::Another) => Err(not_yours(&yours)),
        Err(SealKeysError::Name) => Err(Refusal::bad_request(PublishError::Name.to_string())),
        Err(SealKeysError::Full) => Err(Refusal::new(
            StatusCode::INSUFFICIENT_STORAGE,
            SealKeysError::Full.to_string(),
        )),
        Err(error) => {
            tracing::error!(%error, "cannot make a key");
            Err(match error {
                SealKeysError::File(file) if file.is_full() => no_room(),
                _ => Refusal::internal(),
            })
        }
    }
}

/// `POST /v1/collections`.
pub(super) async fn collection(
    State(web): State<Admin>,
    caller: Caller,
    request: Request,
) -> Result<(StatusCode, Json<CollectionSummary>), Refusal> {
    let slot = web.publishing.publications.try_acquire();
    let _slot = slot.map_err(|_| {
        let error = "too many publications at once";
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error).retry_after(5)
    })?;
    let mut pieces = request.into_body().into_data_stream();
    let mut body = BytesMut::new();
    while let Some(bytes) = piece(&mut pieces).await? {
        if bytes.len() > PUBLISH_BYTES_MAX - body.len() {
            let error = format!("a publish request has at most {PUBLISH_BYTES_MAX} bytes");
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, error));
        }
        body.extend_from_slice(&bytes);
    }
    let core = web.core.clone();
    let (caller, checked) = disk::run(move || {
        let checked = check(&core, &caller, &body);
        (caller, checked)
    })
    .await;
    let wanted = checked?;
    // Nobody could be served before it has: the publisher is the one to know.
    let has = web.core.check_payer(wanted.payer).await;
    has.map_err(|error| Refusal::payer(&error))?;
    let (core, publishing) = (web.core.clone(), web.publishing.clone());
    let published = disk::run(move || publish(&core, &publishing.naming, &caller, wanted));
    let collection = published.await?;
    web.core.metrics.publications.add(1);
    web.core.replicate(&collection);
    Ok((StatusCode::CREATED, Json(collection.summary())))
}

/// What is to be published, and at whose cost.
struct Wanted {
    request: PublishRequest,
    manifest: Manifest,
    payer: Address,
}

/// Whether a caller may ask for what it asks for. Blocking.
fn check(core: &Core, caller: &Caller, body: &[u8]) -> Result<Wanted, Refusal> {
    let request: PublishRequest = serde_json::from_slice(body)
        .map_err(|error| Refusal::bad_request(format!("not a publish request: {error}")))?;
    let manifest = Manifest::from_bytes(&request.manifest)
        .map_err(|error| Refusal::bad_request(error.to_string()))?;
    check_contents(core, caller.account, &manifest)?;
    check_kind(&request.kind)?;
    if let Some(policy) = &request.policy {
        check_policy(core, policy)?;
    }
    // An owner pays itself.
    let payer = request.payer.or(caller.account).unwrap_or(core.payer);
    if !caller.may_touch(payer) {
        let error = format!("token {:?} can't have account {payer} pay", &*caller.name);
        return Err(Refusal::new(StatusCode::FORBIDDEN, error));
    }
    Ok(Wanted {
        request,
        manifest,
        payer,
    })
}

/// Publishes what was checked. Blocking.
fn publish(
    core: &Core,
    naming: &Mutex<()>,
    caller: &Caller,
    wanted: Wanted,
) -> Result<Arc<Collection>, Refusal> {
    let Wanted {
        request,
        manifest,
        payer,
    } = wanted;
    let _naming = naming.lock().unwrap_or_else(PoisonError::into_inner);
    let current = core.catalogue.find(&request.name);
    if let Some(current) = &current
        && !caller.may_touch(current.payer)
    {
        return Err(not_yours(&format!("the name {:?}", request.name)));
    }
    let account = caller.account.filter(|_| current.is_none());
    // Nobody destroys the key meanwhile.
    let _turn = manifest.seal_key().map(|_| core.seal_keys.turn());
    if let Some(key) = manifest.seal_key()
        && !core.seal_keys.may_seal(&key, &request.name, account)
    {
        let error = "it is sealed with a key that wasn't made here for this name: publish it anew";
        return Err(Refusal::new(StatusCode::CONFLICT, error));
    }
    // Its payer may publish it again.
    let contents = manifest.entries().iter().map(|entry| entry.content);
    let kept = core.handed_in.keep(Some(payer), contents);
    kept.map_err(|error| unkept(&error))?;
    core.catalogue
        .publish(
            &request.name,
            &manifest,
            payer,
            request.policy,
            request.kind,
            core.host.clock.now_ms(),
        )
        .map_err(|error| match &error {
            PublishError::Name => Refusal::bad_request(error.to_string()),
            PublishError::Full => Refusal::new(StatusCode::INSUFFICIENT_STORAGE, error.to_string()),
            PublishError::File(file) => unwritten(file),
        })
}

fn check_policy(core: &Core, policy: &Policy) -> Result<(), Refusal> {
    let refused = access::check_policy(&core.members.overlay(), policy);
    refused.map_err(|error| Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))
}

fn unwritten(error: &DiskError) -> Refusal {
    tracing::error!(%error, "the catalogue cannot be written");
    match error.is_full() {
        true => no_room(),
        false => Refusal::internal(),
    }
}

/// `PUT /v1/collections/{name}/policy`: who may have what is under a name from now on.
pub(super) async fn policy(
    State(web): State<Admin>,
    caller: Caller,
    Path(name): Path<String>,
    policy: Result<Json<Policy>, JsonRejection>,
) -> Result<Json<CollectionSummary>, Refusal> {
    let Json(policy) = policy.map_err(|error| Refusal::new(error.status(), error.body_text()))?;
    check_policy(&web.core, &policy)?;
    let core = web.core;
    let set = disk::run(move || {
        let naming = &web.publishing.naming;
        let _naming = naming.lock().unwrap_or_else(PoisonError::into_inner);
        let current = core.catalogue.find(&name);
        if current.is_some_and(|current| !caller.may_touch(current.payer)) {
            return Err(not_yours(&format!("the name {name:?}")));
        }
        let set = core.catalogue.set_policy(&name, policy);
        let set = set.map_err(|error| unwritten(&error))?;
        let shown = || name.chars().take(80).collect::<String>();
        let none = || Refusal::not_found(format!("nothing is published under {:?}", shown()));
        let set = set.ok_or_else(none)?;
        tracing::info!(name, policy = ?set.policy, "a policy is set");
        Ok(Json(set.summary()))
    });
    set.await
}

/// One package of a format at most.
fn check_kind(kind: &[Package]) -> Result<(), Refusal> {
    let formats: BTreeSet<_> = kind.iter().map(|package| package.format).collect();
    match formats.len() == kind.len() {
        true => Ok(()),
        false => Err(Refusal::bad_request(
            "a collection is one package of a format at most",
        )),
    }
}

/// Every content is in the store, or at an origin, and as long as the manifest says: tickets are limited by these sizes.
/// For an owner only what it handed in is there.
fn check_contents(
    core: &Core,
    account: Option<Address>,
    manifest: &Manifest,
) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    let mut missing: Vec<&Entry> = Vec::new();
    let mut missing_count = 0usize;
    for entry in manifest.entries() {
        if !seen.insert((entry.content, entry.size)) {
            continue;
        }
        let here = || core.store.get(&entry.content).map(|blob| blob.size());
        let elsewhere = || core.origins.find(&entry.content).map(|one| one.size());
        let size = match core.handed_in.may_publish(account, entry.content) {
            true => here().or_else(elsewhere),
            false => None,
        };
        match size {
            Some(size) if size == entry.size => {}
            Some(size) => {
                let error = format!(
                    "the manifest says that {:?} has {} bytes; content {} has {size}",
                    entry.path, entry.size, entry.content
                );
                return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, error));
            }
            None => {
                missing_count += 1;
                if missing.len() < MISSING_NAMED_MAX {
                    missing.push(entry);
                }
            }
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let named: Vec<_> = missing
        .iter()
        .map(|entry| format!("{} ({:?})", entry.content, entry.path))
        .collect();
    let more = match missing_count - missing.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let error = format!("upload these contents first: {}{more}", named.join(", "));
    Err(Refusal::new(StatusCode::CONFLICT, error))
}
