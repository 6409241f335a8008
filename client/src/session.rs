//! A ticket's session with one node, and the task that signs its receipts.
//!
//! The task owns the session's stream. Requests only add to the [`Ledger`] and wake it; it signs when an
//! interval is full, when a request has ended, before the ticket expires and when the session closes. It
//! never holds a request up: receipts are pipelined, at most [`UNACKED_MAX`](crate::tally::UNACKED_MAX)
//! of them unacknowledged.
//!
//! A dropped [`Session`] is settled in the background: the last receipt is signed and its acknowledgement
//! awaited, for a bounded time.

use crate::clock::TicketClock;
use crate::fault::Fault;
use crate::ledger::{Ledger, SessionEnd};
use crate::tally::{Tally, UnknownAck};
use protocol::{
    Code, GROUP_BYTES, NodeId, ReceiptFrame, Request, SessionReply, SignedTicket, SigningKey, Tag,
    exporter_binding, sign,
};
use quinn::{Connection, RecvStream, SendStream, VarInt};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};
use transport::{StreamError, exporter, read_frame, write_frame};

/// Receipts are signed at least this often, whatever interval a node would like: 64 MiB.
const INTERVAL_BYTES_MAX: u64 = 64 << 20;

/// A connection to a node, closed when nothing uses it any more.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) node: NodeId,
    pub(crate) connection: Connection,
    /// Requests that wait for their readers, and may fill the connection's flow control meanwhile.
    held: AtomicU32,
}

impl Link {
    pub(crate) fn new(node: NodeId, connection: Connection) -> Self {
        Self {
            node,
            connection,
            held: AtomicU32::new(0),
        }
    }

    /// While the guard lives, a reader of ours holds the node up.
    pub(crate) fn hold(&self) -> Held<'_> {
        self.held.fetch_add(1, Ordering::Relaxed);
        Held(self)
    }

    /// Whether a reader of ours may be what other requests wait for.
    pub(crate) fn is_held(&self) -> bool {
        self.held.load(Ordering::Relaxed) > 0
    }
}

/// See [`Link::hold`].
pub(crate) struct Held<'a>(&'a Link);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.held.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let code = VarInt::from_u32(Code::Done.to_u16().into());
        self.connection.close(code, b"done");
    }
}

/// What a session needs to know besides its ticket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SessionLimits {
    /// On being accepted.
    pub(crate) connect_timeout: Duration,
    /// Before its ticket expires it is over.
    pub(crate) expiry_margin: Duration,
    /// On waiting for the last acknowledgement.
    pub(crate) settle_timeout: Duration,
}

/// An accepted ticket.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) link: Arc<Link>,
    pub(crate) ledger: Arc<Ledger>,
    /// When to leave it.
    pub(crate) deadline: Instant,
    /// Bytes that the node sends ahead of receipts.
    window: u64,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.ledger.close();
    }
}

impl Session {
    /// Shows the ticket and waits for its acceptance. The second half of the answer is the signer's task,
    /// to be spawned. Cancel safe: dropped, the stream is reset.
    pub(crate) async fn open(
        link: Arc<Link>,
        signed: SignedTicket,
        clock: TicketClock,
        key: &SigningKey,
        limits: SessionLimits,
    ) -> Result<(Self, impl Future<Output = ()> + Send + 'static), Fault> {
        let ticket = signed.peek();
        let exchange = async {
            let (mut send, mut recv) = link.connection.open_bi().await?;
            let body = exporter_binding(&ticket.digest(), &exporter(&link.connection));
            let request = Request::Session {
                ticket: Box::new(signed),
                binding: sign(key, Tag::Binding, &body),
            };
            write_frame(&mut send, &request).await?;
            let reply = read_frame::<SessionReply>(&mut recv).await?;
            Ok::<_, Fault>((send, recv, reply))
        };
        let (send, recv, reply) = timeout(limits.connect_timeout, exchange)
            .await
            .map_err(|_| Fault::Silent(limits.connect_timeout))??;
        let (interval, window) = match reply {
            // Every ticket is used for one session only, so any receipt there is isn't ours. To go on
            // from it would be to sign for bytes that nobody verified.
            SessionReply::Accepted {
                sequence, bytes, ..
            } if sequence != 0 || bytes != 0 => return Err(Fault::ForeignReceipt { bytes }),
            SessionReply::Accepted {
                receipt_interval,
                window,
                ..
            } => {
                // Half a window at most: a node must never have to wait for a receipt.
                let interval = receipt_interval.min(window / 2);
                (interval.clamp(GROUP_BYTES, INTERVAL_BYTES_MAX), window)
            }
            SessionReply::Refused { code, detail } => return Err(Fault::Refused { code, detail }),
            SessionReply::Acked { sequence } => return Err(Fault::UnknownAck(sequence)),
        };
        let ledger = Arc::new(Ledger::new(ticket, interval));
        let deadline = clock.deadline(limits.expiry_margin);
        let signer = Signer {
            tally: Tally::new(&ticket, interval),
            ledger: Arc::clone(&ledger),
            link: Arc::clone(&link),
            send,
            clock,
            key: key.clone(),
            flush_at: deadline,
            settle_timeout: limits.settle_timeout,
        };
        let session = Self {
            link,
            ledger,
            deadline,
            window,
        };
        Ok((session, signer.run(recv)))
    }

    /// Whether requests may still be made.
    pub(crate) fn is_open(&self) -> bool {
        self.ledger.end.get().is_none()
            && Instant::now() < self.deadline
            && !self.is_crowded()
            && self.link.connection.close_reason().is_none()
    }

    /// Whether requests that were broken off may have taken so much of the window that the node can't go on
    /// for want of receipts: our doing, not its fault. Another ticket has a window of its own.
    pub(crate) fn is_crowded(&self) -> bool {
        self.ledger.abandoned() > self.window / 2
    }

    /// Whether its ticket's end is near, or past.
    pub(crate) fn is_expiring(&self) -> bool {
        Instant::now() >= self.deadline
    }
}

struct Signer {
    tally: Tally,
    ledger: Arc<Ledger>,
    /// Keeps the connection until the last receipt is acknowledged.
    link: Arc<Link>,
    send: SendStream,
    clock: TicketClock,
    key: SigningKey,
    flush_at: Instant,
    settle_timeout: Duration,
}

impl Signer {
    async fn run(mut self, recv: RecvStream) {
        let end = match self.sign_and_settle(recv).await {
            Ok(()) => SessionEnd::Over,
            Err(fault) => {
                let node = self.link.node.short();
                tracing::debug!(%node, %fault, "session ended");
                SessionEnd::Fault(fault)
            }
        };
        // The first reason stands.
        let _ = self.ledger.end.set(end);
        // An error means that the stream is gone already.
        let _ = self.send.finish();
    }

    async fn sign_and_settle(&mut self, mut recv: RecvStream) -> Result<(), Fault> {
        let mut flush = false;
        let mut flushed_for_expiry = false;
        // When to stop waiting for acknowledgements; from the moment nothing new can be signed.
        let mut give_up_at = None;
        loop {
            // Reading a frame is not cancel safe: one future until it is there.
            let mut reply = std::pin::pin!(read_frame::<SessionReply>(&mut recv));
            let reply = loop {
                let now = Instant::now();
                flush |= self.ledger.take_flush() || self.ledger.is_closing();
                if now >= self.flush_at && !flushed_for_expiry {
                    (flush, flushed_for_expiry) = (true, true);
                }
                let signable = self.sign(&mut flush, now).await?;
                if !signable {
                    let _ = self.ledger.end.set(SessionEnd::Over);
                }
                let closing = self.ledger.is_closing() || !signable;
                let settled = self.tally.is_acked()
                    && (!signable || !self.tally.is_behind(self.ledger.totals()));
                if closing && settled {
                    return Ok(());
                }
                if closing {
                    give_up_at.get_or_insert(now + self.settle_timeout);
                }
                let next_look = give_up_at.unwrap_or(if flushed_for_expiry {
                    self.clock.expiry() + Duration::from_millis(1)
                } else {
                    self.flush_at
                });
                tokio::select! {
                    biased;
                    reply = &mut reply => break reply,
                    () = self.ledger.wake.notified() => {}
                    () = sleep_until(next_look) => {
                        if give_up_at.is_some_and(|at| at <= Instant::now()) {
                            return Err(Fault::Silent(self.settle_timeout));
                        }
                    }
                }
            };
            self.take(reply)?;
        }
    }

    /// Signs if that is due; `false` if it is too late to sign anything.
    async fn sign(&mut self, flush: &mut bool, now: Instant) -> Result<bool, Fault> {
        let Some(signed_at) = self.clock.sign_ms(now) else {
            return Ok(false);
        };
        loop {
            let totals = self.ledger.totals();
            if !self.tally.is_due(totals, *flush) {
                // It stays wanted as long as there was no room for it.
                *flush &= self.tally.is_behind(totals);
                return Ok(true);
            }
            let receipt = self.tally.next(totals, signed_at).sign(&self.key);
            // Before the totals are looked at again, so that no wake-up is missed.
            self.ledger.wake_at(self.tally.next_due());
            write_frame(&mut self.send, &ReceiptFrame { receipt }).await?;
        }
    }

    fn take(&mut self, reply: Result<SessionReply, StreamError>) -> Result<(), Fault> {
        match reply? {
            SessionReply::Acked { sequence } => {
                let acked = self.tally.acked(sequence);
                let acked = acked.map_err(|UnknownAck(sequence)| Fault::UnknownAck(sequence))?;
                if let Some(receipt) = acked {
                    self.ledger.acked(receipt);
                }
                Ok(())
            }
            SessionReply::Refused { code, detail } => Err(Fault::Refused { code, detail }),
            SessionReply::Accepted { .. } => Err(Fault::Refused {
                code: Code::Malformed.to_u16(),
                detail: "the session was accepted twice".into(),
            }),
        }
    }
}
