//! A ticket's session: the ticket checked in full, receipts in, acknowledgements out.

use crate::rules::admission::Admission;
use crate::rules::receipts::{self, NotKept, Taken};
use crate::rules::refusal::CloseRefusal;
use crate::rules::tickets::{self, Dishonoured, Identity};
use crate::store::orders_file::OrdersFile;
use crate::store::receipt_log::ReceiptLog;
use crate::store::refused::RefusedTickets;
use crate::store::segments::Segments;
use crate::wire::issuers::Issuers;
use crate::wire::tickets::{TicketState, Tickets};
use host::Clock;
use protocol::{Code, ReceiptFrame, SessionReply, Signature, SignedTicket};
use quinn::{Connection, RecvStream, SendStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use transport::{StreamError, exporter, read_frame, write_frame};

/// What a client is told when its session begins. Bytes are content bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// Sent ahead of the last receipt, at most.
    pub(crate) window: u64,
    /// After so many a receipt is owed.
    pub(crate) receipt_interval: u64,
}

/// Where sessions begin.
pub(crate) struct Door {
    pub(crate) me: Identity,
    pub(crate) clock: Clock,
    pub(crate) terms: Terms,
    pub(crate) issuers: Arc<Issuers>,
    pub(crate) segments: Arc<Segments>,
    pub(crate) standing: Arc<OrdersFile>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) tickets: Arc<Tickets>,
    pub(crate) refused: RefusedTickets,
    pub(crate) receipts: Receipts,
}

/// Where receipts go.
pub(crate) struct Receipts {
    pub(crate) log: ReceiptLog,
    /// Those that were acknowledged since the start.
    pub(crate) taken: AtomicU64,
}

impl Door {
    /// Checks ticket and binding; gives the ticket's state.
    pub(crate) async fn open(
        &self,
        connection: &Connection,
        signed: SignedTicket,
        binding: &Signature,
    ) -> Result<Arc<TicketState>, CloseRefusal> {
        let ticket = signed.peek();
        let epoch = ticket.id.epoch;
        let is_sealed = self.segments.is_sealed(epoch) || self.segments.is_due(epoch);
        tickets::is_for(&self.me, &ticket, self.clock.now_ms(), is_sealed)?;
        let issuer = self.issuers.key(ticket.id.issuer, epoch).await;
        let (timeline, exporter) = (self.issuers.timeline(), exporter(connection));
        let checked = tickets::check(signed, issuer, &timeline, &exporter, binding);
        let ticket = checked.map_err(|no| self.turn_away(&signed, no))?;
        let id = ticket.ticket().id;
        tickets::may_begin(self.standing.draining(), self.tickets.contains(&id))?;
        let last = self.receipts.log.last(id).await.map_err(|error| {
            tracing::error!(%error, "cannot read the receipt journal");
            CloseRefusal::new(Code::Internal, "the receipt journal can't be read")
        })?;
        let window = self.terms.window;
        let new = || TicketState::new(ticket, last, window);
        let state = self.tickets.enter(id, new);
        tickets::is_the_one(state.ticket(), &ticket)
            .map_err(|no| self.turn_away(&ticket.signed(), no))?;
        // Only now: a revocation is noted first and then looks for tickets in use, so none slips through.
        if self.standing.is_revoked(state.ticket().ticket()) {
            return Err(tickets::revoked());
        }
        Ok(state)
    }

    fn turn_away(&self, signed: &SignedTicket, no: Dishonoured) -> CloseRefusal {
        if no.is_evidence {
            self.refused.keep(signed);
        }
        no.refusal
    }

    /// Tells the client that its session is open, and takes receipts until it ends the stream.
    pub(crate) async fn run(
        &self,
        state: &TicketState,
        send: &mut SendStream,
        recv: &mut RecvStream,
    ) -> Result<(), StreamError> {
        let last = state.last();
        let accepted = SessionReply::Accepted {
            sequence: last.map_or(0, |receipt| receipt.sequence),
            bytes: last.map_or(0, |receipt| receipt.bytes),
            receipt_interval: self.terms.receipt_interval,
            window: self.terms.window,
        };
        write_frame(send, &accepted).await?;
        loop {
            let frame: ReceiptFrame = match read_frame(recv).await {
                Err(StreamError::Ended) => return Ok(()),
                other => other?,
            };
            let reply = self.receipts.take(state, frame).await;
            write_frame(send, &reply).await?;
            if let SessionReply::Refused { .. } = reply {
                let _ = send.finish();
                return Ok(());
            }
        }
    }
}

impl Receipts {
    /// Checks one receipt, makes it durable, acknowledges it.
    async fn take(&self, state: &TicketState, frame: ReceiptFrame) -> SessionReply {
        let refuse = |error: &dyn std::fmt::Display| {
            tracing::warn!(ticket = ?state.ticket().ticket().id, %error, "receipt refused");
            state.refuse();
            SessionReply::refused(Code::ReceiptRefused, error.to_string())
        };
        let receipt = match receipts::take(state.ticket(), &state.before(), frame.receipt) {
            Ok(Taken::New(receipt)) => receipt,
            Ok(Taken::Again(last)) => {
                state.signed(last);
                let sequence = last.sequence;
                return SessionReply::Acked { sequence };
            }
            Err(refused) => return refuse(&refused),
        };
        if let Err(error) = self.log.append(state.ticket(), &receipt).await {
            let why = NotKept::from(&error);
            match why {
                NotKept::NotMonotonic => drop(refuse(&error)),
                NotKept::Failed => tracing::error!(%error, "receipt not kept"),
                NotKept::Full | NotKept::Sealed => {}
            }
            let CloseRefusal { code, detail } = receipts::not_kept(why);
            return SessionReply::refused(code, detail);
        }
        state.signed(*receipt.receipt());
        self.taken.fetch_add(1, Ordering::Relaxed);
        let sequence = receipt.receipt().sequence;
        SessionReply::Acked { sequence }
    }
}
