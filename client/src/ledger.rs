//! A session's counters, shared by the requests that add to them and the signer that reads them.
//!
//! Requests add to them group by group: atomics, no locks. Bytes are *reserved* against the ticket before
//! they are requested, so that no receipt can ever state more than the ticket grants.

use crate::fault::Fault;
use crate::summary::SessionSummary;
use crate::tally::Totals;
use host::Mutex;
use protocol::{GROUP_BYTES, Receipt, Ticket};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::sync::Notify;

/// What a node may count as sent of a request that is broken off: what its stream holds, on either side.
const IN_FLIGHT_MAX: u64 = 16 << 20;

/// Why a session can't be used any more.
#[derive(Debug)]
pub(crate) enum SessionEnd {
    /// Its ticket ended, or nobody needs it.
    Over,
    /// The node ended it.
    Fault(Fault),
}

#[derive(Debug)]
pub(crate) struct Ledger {
    ticket: Ticket,
    reserved: AtomicU64,
    bytes: AtomicU64,
    /// Bytes at most that the node sent for requests that were broken off: they are never signed for, so
    /// they take from its window.
    abandoned: AtomicU64,
    /// `deliveries << 32 | within`, in one so that they are read together.
    outcomes: AtomicU64,
    /// The signer is woken once when `bytes` gets here; it then says where next.
    wake_at: AtomicU64,
    flush: AtomicBool,
    closing: AtomicBool,
    pub(crate) wake: Notify,
    acked: Mutex<Option<Receipt>>,
    pub(crate) end: OnceLock<SessionEnd>,
}

impl Ledger {
    /// `interval`: bytes after which the first receipt is due.
    pub(crate) fn new(ticket: Ticket, interval: u64) -> Self {
        Self {
            ticket,
            reserved: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            abandoned: AtomicU64::new(0),
            outcomes: AtomicU64::new(0),
            wake_at: AtomicU64::new(interval),
            flush: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            wake: Notify::new(),
            acked: Mutex::new(None),
            end: OnceLock::new(),
        }
    }

    pub(crate) fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    pub(crate) fn totals(&self) -> Totals {
        let outcomes = self.outcomes.load(Ordering::Acquire);
        Totals {
            bytes: self.bytes.load(Ordering::SeqCst),
            deliveries: (outcomes >> 32) as u32,
            within: outcomes as u32,
        }
    }

    /// Whether the ticket still covers the first group of such a range.
    pub(crate) fn has_room_for(&self, span: &Range<u64>) -> bool {
        let reserved = self.reserved.load(Ordering::Relaxed);
        !covered(span, self.ticket.bytes_max.saturating_sub(reserved)).is_empty()
    }

    /// As much of the range, from its start, as the ticket still covers; `None` if that is nothing.
    pub(crate) fn reserve(self: &Arc<Self>, span: &Range<u64>) -> Option<Grant> {
        let mut granted = 0..0;
        self.reserved
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |reserved| {
                granted = covered(span, self.ticket.bytes_max.saturating_sub(reserved));
                (!granted.is_empty()).then(|| reserved + (granted.end - granted.start))
            })
            .ok()?;
        Some(Grant {
            ledger: Arc::clone(self),
            unused: granted.end - granted.start,
            span: granted,
        })
    }

    /// Bytes at most that were sent in vain.
    pub(crate) fn abandoned(&self) -> u64 {
        self.abandoned.load(Ordering::Relaxed)
    }

    /// Where the signer wants to be woken next. It must look at the totals again afterwards.
    pub(crate) fn wake_at(&self, bytes: u64) {
        self.wake_at.store(bytes, Ordering::SeqCst);
    }

    /// Has the signer sign whatever isn't signed yet.
    pub(crate) fn flush(&self) {
        self.flush.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    pub(crate) fn take_flush(&self) -> bool {
        self.flush.swap(false, Ordering::AcqRel)
    }

    /// Has the signer sign, wait for acknowledgements and go.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    pub(crate) fn acked(&self, receipt: Receipt) {
        *self.acked.lock() = Some(receipt);
    }

    pub(crate) fn summary(&self) -> SessionSummary {
        let totals = self.totals();
        SessionSummary {
            node: self.ticket.node,
            ticket: self.ticket.id,
            bytes: totals.bytes,
            deliveries: totals.deliveries,
            within: totals.within,
            acked: *self.acked.lock(),
        }
    }
}

/// The front of a range that `room` bytes cover; cut at a group's end unless all of it fits.
fn covered(span: &Range<u64>, room: u64) -> Range<u64> {
    if span.end - span.start <= room {
        return span.clone();
    }
    span.start..span.start + room / GROUP_BYTES * GROUP_BYTES
}

/// Bytes of a ticket set aside for one request. Dropped, it gives back what wasn't used and has what was
/// verified signed, however the request ended.
#[derive(Debug)]
pub(crate) struct Grant {
    ledger: Arc<Ledger>,
    pub(crate) span: Range<u64>,
    unused: u64,
}

impl Grant {
    /// Counts bytes that were verified just now.
    pub(crate) fn verified(&mut self, bytes: u64) {
        let bytes = bytes.min(self.unused);
        self.unused -= bytes;
        let ledger = &self.ledger;
        // Sequentially consistent with `Ledger::wake_at`: either this sees where the signer wants to be
        // woken, or the signer sees these bytes.
        let total = ledger.bytes.fetch_add(bytes, Ordering::SeqCst) + bytes;
        if total >= ledger.wake_at.load(Ordering::SeqCst) {
            ledger.wake_at.store(u64::MAX, Ordering::SeqCst);
            ledger.wake.notify_one();
        }
    }

    /// Counts the request as ended, whole or given up because of the node.
    pub(crate) fn delivered(&mut self, within: bool) {
        let one = 1 << 32 | u64::from(within);
        self.ledger.outcomes.fetch_add(one, Ordering::AcqRel);
    }

    /// No more comes: gives back what wasn't used, and has what was verified signed.
    pub(crate) fn release(&mut self) {
        let unused = std::mem::take(&mut self.unused);
        let ledger = &self.ledger;
        ledger.reserved.fetch_sub(unused, Ordering::Relaxed);
        let in_flight = unused.min(IN_FLIGHT_MAX);
        ledger.abandoned.fetch_add(in_flight, Ordering::Relaxed);
        ledger.flush();
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::tests::ticket;

    const G: u64 = GROUP_BYTES;

    fn ledger(bytes_max: u64) -> Arc<Ledger> {
        Arc::new(Ledger::new(ticket(bytes_max), 4 * G))
    }

    #[test]
    fn no_more_is_granted_than_the_ticket_does() {
        let ledger = ledger(3 * G + 5);
        assert_eq!(ledger.reserve(&(0..10 * G)).unwrap().span, 0..3 * G);
        let mut first = ledger.reserve(&(G..3 * G)).unwrap();
        assert_eq!(first.span, G..3 * G);
        let second = ledger.reserve(&(0..10 * G)).unwrap();
        assert_eq!(second.span, 0..G);
        assert!(ledger.reserve(&(0..G)).is_none());
        assert_eq!(ledger.reserve(&(G..G + 5)).unwrap().span, G..G + 5);
        // What a request did not use comes back, what it verified does not.
        first.verified(G);
        first.delivered(false);
        drop((first, second));
        assert_eq!(ledger.totals().bytes, G);
        assert_eq!(ledger.reserve(&(0..10 * G)).unwrap().span, 0..2 * G);
        assert!(ledger.has_room_for(&(0..2 * G)));
    }

    #[test]
    fn a_ticket_below_a_group_covers_only_what_is_whole() {
        let ledger = ledger(100);
        assert!(ledger.reserve(&(0..G)).is_none());
        assert_eq!(ledger.reserve(&(0..100)).unwrap().span, 0..100);
        assert!(ledger.reserve(&(0..101)).is_none());
    }

    #[test]
    fn what_was_not_taken_may_have_been_sent() {
        let ledger = ledger(1 << 30);
        let mut grant = ledger.reserve(&(0..3 * G)).unwrap();
        grant.verified(G);
        drop(grant);
        assert_eq!(ledger.abandoned(), 2 * G);
        // No more than a stream holds.
        drop(ledger.reserve(&(0..1 << 29)).unwrap());
        assert_eq!(ledger.abandoned(), 2 * G + IN_FLIGHT_MAX);
    }

    #[test]
    fn more_than_was_reserved_never_counts() {
        let ledger = ledger(10 * G);
        let mut grant = ledger.reserve(&(0..G)).unwrap();
        grant.verified(5 * G);
        grant.delivered(true);
        drop(grant);
        let totals = ledger.totals();
        assert_eq!((totals.bytes, totals.deliveries, totals.within), (G, 1, 1));
        assert!(ledger.take_flush() && !ledger.take_flush());
    }
}
