//! A ticket's session: the ticket checked in full, receipts in, acknowledgements out.

use crate::clock::now_ms;
use crate::rules::tickets::TicketState;
use crate::shared::Shared;
use protocol::{
    Code, ReceiptFrame, SessionReply, Signature, SignedTicket, Tag, TicketInvalid, VerifiedTicket,
    exporter_binding, verify,
};
use quinn::{Connection, RecvStream, SendStream};
use std::sync::Arc;
use transport::{StreamError, exporter, read_frame, write_frame};

/// A refusal on its way to the client.
pub(crate) struct Refusal(pub(crate) Code, pub(crate) String);

/// Checks ticket and binding; gives the ticket's state.
pub(crate) async fn open(
    shared: &Shared,
    connection: &Connection,
    signed: SignedTicket,
    binding: &Signature,
) -> Result<Arc<TicketState>, Refusal> {
    let ticket = check(shared, connection, signed, binding).await?;
    let id = ticket.ticket().id;
    if shared.standing.draining() && !shared.tickets.contains(&id) {
        let why = "the node is draining: it takes no new sessions";
        return Err(Refusal(Code::ShuttingDown, why.into()));
    }
    let last = shared.log.last(id).await.map_err(|error| {
        tracing::error!(%error, "cannot read the receipt journal");
        Refusal(Code::Internal, "the receipt journal can't be read".into())
    })?;
    let state = shared
        .tickets
        .enter(id, || TicketState::new(ticket, last, shared.window));
    if state.ticket().digest() != ticket.digest() {
        shared.refused.keep(&ticket.signed());
        let why = "its issuer granted another ticket under the same id";
        return Err(Refusal(Code::BadTicketSignature, why.into()));
    }
    // Only now: a revocation is noted first and then looks for tickets in use, so none slips through.
    if shared.standing.is_revoked(state.ticket().ticket()) {
        let why = "the control plane took the ticket back";
        return Err(Refusal(Code::TicketRevoked, why.into()));
    }
    Ok(state)
}

async fn check(
    shared: &Shared,
    connection: &Connection,
    signed: SignedTicket,
    binding: &Signature,
) -> Result<VerifiedTicket, Refusal> {
    let refuse = |code, text: &str| Err(Refusal(code, text.to_owned()));
    let ticket = signed.peek();
    if ticket.network != shared.network {
        return refuse(Code::WrongNetwork, "the ticket is of another network");
    }
    if ticket.node != shared.id {
        return refuse(Code::WrongNode, "the ticket is for another node");
    }
    let now = now_ms();
    if now > ticket.expires_at {
        return refuse(Code::TicketExpired, "the ticket has expired");
    }
    if shared.is_sealed(ticket.id.epoch) {
        return refuse(Code::WrongEpoch, "the ticket's epoch is sealed");
    }
    let Some(issuer) = shared.issuer(ticket.id.issuer, ticket.id.epoch).await else {
        return refuse(
            Code::UnknownIssuer,
            "the chain doesn't know the ticket's issuer",
        );
    };
    let ticket = signed
        .verify(&issuer, &shared.timeline())
        .map_err(|invalid| {
            let is_signed = || signed.is_signed_by(&issuer);
            if invalid != TicketInvalid::Signature && is_signed() {
                shared.refused.keep(&signed);
            }
            let code = match invalid {
                TicketInvalid::Signature => Code::BadTicketSignature,
                TicketInvalid::Times => Code::WrongEpoch,
                TicketInvalid::Limit => Code::Malformed,
            };
            Refusal(code, invalid.to_string())
        })?;
    let bound = exporter_binding(&ticket.digest(), &exporter(connection));
    let client = ticket.ticket().client;
    match verify(client.as_bytes(), Tag::Binding, &bound, binding) {
        Ok(()) => Ok(ticket),
        Err(_) => refuse(
            Code::BadBinding,
            "not signed by the ticket's client for this connection",
        ),
    }
}

/// Takes receipts until the client ends the stream.
pub(crate) async fn run(
    shared: &Shared,
    state: &TicketState,
    send: &mut SendStream,
    recv: &mut RecvStream,
) -> Result<(), StreamError> {
    let last = state.last();
    let accepted = SessionReply::Accepted {
        sequence: last.map_or(0, |receipt| receipt.sequence),
        bytes: last.map_or(0, |receipt| receipt.bytes),
        receipt_interval: shared.receipt_interval,
        window: shared.window,
    };
    write_frame(send, &accepted).await?;
    loop {
        let frame: ReceiptFrame = match read_frame(recv).await {
            Err(StreamError::Ended) => return Ok(()),
            other => other?,
        };
        let reply = take(shared, state, frame).await;
        write_frame(send, &reply).await?;
        if let SessionReply::Refused { .. } = reply {
            let _ = send.finish();
            return Ok(());
        }
    }
}

/// Checks one receipt, makes it durable, acknowledges it.
async fn take(shared: &Shared, state: &TicketState, frame: ReceiptFrame) -> SessionReply {
    let refuse = |error: &dyn std::fmt::Display| {
        tracing::warn!(ticket = ?state.ticket().ticket().id, %error, "receipt refused");
        state.refuse();
        SessionReply::refused(Code::ReceiptRefused, error.to_string())
    };
    let receipt = match frame.receipt.verify(state.ticket()) {
        Ok(receipt) => receipt,
        Err(rejection) => return refuse(&rejection),
    };
    if !state.had_requests(receipt.receipt().deliveries) {
        return refuse(&"over_requests: more deliveries than requests");
    }
    if let Some(last) = state.last() {
        if last == *receipt.receipt() {
            state.signed(last);
            return SessionReply::Acked {
                sequence: last.sequence,
            };
        }
        if let Err(rejection) = receipt.check_follows(&last) {
            return refuse(&rejection);
        }
    }
    match shared.log.append(state.ticket(), &receipt).await {
        Ok(()) => {
            state.signed(*receipt.receipt());
            shared.count_receipt();
            SessionReply::Acked {
                sequence: receipt.receipt().sequence,
            }
        }
        Err(error @ crate::store::receipt_log::LogError::NotMonotonic) => refuse(&error),
        Err(crate::store::receipt_log::LogError::Full(_)) => {
            SessionReply::refused(Code::SegmentFull, "this epoch's segment is full")
        }
        Err(crate::store::receipt_log::LogError::Sealed(_)) => {
            SessionReply::refused(Code::TicketExpired, "the ticket's epoch is sealed")
        }
        Err(error) => {
            tracing::error!(%error, "receipt not kept");
            SessionReply::refused(Code::Internal, "the receipt can't be made durable")
        }
    }
}
