//! What is whose: owners may touch only what they pay for or handed in.

use super::bodies::no_room;
use super::error::HttpRefusal;
use super::state::Admin;
use crate::contents::handed_in::HandedInError;
use crate::core::Core;
use crate::http::admin_tokens::Caller;
use axum::http::StatusCode;
use protocol::{Address, ContentHash, TicketId};
use std::sync::Arc;

/// What an owner may not touch.
fn not_owner(what: &str) -> HttpRefusal {
    let error = format!("{what} is another owner's");
    HttpRefusal::new(StatusCode::FORBIDDEN, error)
}

/// Whether a caller may touch a ticket: an owner, what its account pays for.
pub(super) async fn check_ticket(
    web: &Admin,
    caller: &Caller,
    ticket: TicketId,
) -> Result<(), HttpRefusal> {
    if caller.account.is_none() {
        return Ok(());
    }
    let issuer = web.core.issuer.clone();
    let found = disk::run(move || issuer.ticket(ticket)).await;
    let found = found.map_err(|error| {
        tracing::error!(%error, "cannot read a ticket");
        HttpRefusal::internal()
    })?;
    match found {
        Some(found) if caller.may_touch(found.payer) => Ok(()),
        // Whether there is such a ticket of another's is nobody's business.
        _ => Err(not_owner(&format!("ticket {ticket}"))),
    }
}

/// Keeps who handed a content in.
pub(super) async fn keep(
    core: &Arc<Core>,
    account: Option<Address>,
    hash: ContentHash,
) -> Result<(), HttpRefusal> {
    let core = core.clone();
    let kept = disk::run(move || core.contents.handed_in.keep(account, [hash])).await;
    kept.map_err(|error| not_kept(&error))
}

pub(super) fn not_kept(error: &HandedInError) -> HttpRefusal {
    tracing::error!(%error, "cannot keep who handed contents in");
    match error {
        HandedInError::Full => {
            HttpRefusal::new(StatusCode::INSUFFICIENT_STORAGE, error.to_string())
        }
        HandedInError::File(file) if file.is_full() => no_room(),
        HandedInError::File(_) => HttpRefusal::internal(),
    }
}
