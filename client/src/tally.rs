//! What a ticket's receipts say, and when the next is due. No clocks, no sockets.

use protocol::{B256, Receipt, Ticket, UnixMillis};
use std::collections::VecDeque;

/// Receipts on their way without an acknowledgement. At the usual interval of 4 MiB, 64 MiB of content:
/// more than any window. A later receipt says all that the ones before do, so nothing is lost by waiting.
pub(crate) const UNACKED_MAX: usize = 16;

/// What was verified under a ticket so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Totals {
    pub(crate) bytes: u64,
    pub(crate) deliveries: u32,
    pub(crate) within: u32,
}

/// A node acknowledged what was never sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UnknownAck(pub(crate) u32);

/// The receipts of one ticket: cumulative, in sequence, few in flight.
#[derive(Debug)]
pub(crate) struct Tally {
    ticket: B256,
    bytes_max: u64,
    interval: u64,
    sequence: u32,
    signed: Totals,
    unacked: VecDeque<Receipt>,
}

impl Tally {
    pub(crate) fn new(ticket: &Ticket, interval: u64) -> Self {
        Self {
            ticket: ticket.digest(),
            bytes_max: ticket.bytes_max,
            interval,
            sequence: 0,
            signed: Totals::default(),
            unacked: VecDeque::with_capacity(UNACKED_MAX),
        }
    }

    /// Whether the newest receipt leaves something out.
    pub(crate) fn is_behind(&self, totals: Totals) -> bool {
        totals != self.signed
    }

    /// Whether to sign now: an interval is full, a request has ended, or, with `flush`, anything at all.
    pub(crate) fn is_due(&self, totals: Totals, flush: bool) -> bool {
        let interval_full = totals.bytes - self.signed.bytes >= self.interval;
        let request_ended = totals.deliveries != self.signed.deliveries;
        self.is_behind(totals)
            && (flush || interval_full || request_ended)
            && self.unacked.len() < UNACKED_MAX
            && self.sequence < u32::MAX
    }

    /// The next receipt, to be signed and sent.
    pub(crate) fn next(&mut self, totals: Totals, signed_at: UnixMillis) -> Receipt {
        debug_assert!(totals.bytes <= self.bytes_max, "reserved before requested");
        self.sequence += 1;
        self.signed = totals;
        let receipt = Receipt {
            ticket: self.ticket,
            sequence: self.sequence,
            bytes: totals.bytes.min(self.bytes_max),
            deliveries: totals.deliveries,
            within: totals.within,
            signed_at,
        };
        self.unacked.push_back(receipt);
        receipt
    }

    /// Bytes at which the next receipt is due.
    pub(crate) fn next_due(&self) -> u64 {
        self.signed.bytes.saturating_add(self.interval)
    }

    /// Takes an acknowledgement, which covers all before it; the receipt it is for, if it is news.
    pub(crate) fn acked(&mut self, sequence: u32) -> Result<Option<Receipt>, UnknownAck> {
        if sequence > self.sequence {
            return Err(UnknownAck(sequence));
        }
        let mut newest = None;
        while let Some(receipt) = self.unacked.front().filter(|r| r.sequence <= sequence) {
            newest = Some(*receipt);
            self.unacked.pop_front();
        }
        Ok(newest)
    }

    /// Whether every receipt is acknowledged.
    pub(crate) fn is_acked(&self) -> bool {
        self.unacked.is_empty()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;
    use protocol::{Address, Network, SigningKey, TicketId};

    pub(crate) fn ticket(bytes_max: u64) -> Ticket {
        let key = SigningKey::from_bytes(&[3; 32]);
        Ticket {
            network: Network {
                chain_id: 1,
                settlement: Address::ZERO,
            },
            id: TicketId {
                epoch: 0,
                issuer: 0,
                index: 0,
            },
            node: [1; 32].into(),
            client: key.verifying_key().to_bytes().into(),
            collection: [2; 32].into(),
            payer: Address::ZERO,
            viewer_token: B256::ZERO,
            bytes_max,
            issued_at: 1_000_000,
            expires_at: 1_060_000,
        }
    }

    fn totals(bytes: u64, deliveries: u32) -> Totals {
        Totals {
            bytes,
            deliveries,
            within: 0,
        }
    }

    #[test]
    fn due_at_intervals_at_ends_and_when_flushed() {
        let mut tally = Tally::new(&ticket(1000), 100);
        assert!(!tally.is_due(totals(0, 0), true), "nothing to say");
        assert!(!tally.is_due(totals(99, 0), false));
        assert!(tally.is_due(totals(99, 0), true));
        assert!(tally.is_due(totals(100, 0), false));
        assert!(tally.is_due(totals(5, 1), false));
        assert_eq!(tally.next(totals(100, 0), 7).sequence, 1);
        assert!(!tally.is_due(totals(100, 0), true), "said already");
        assert!(!tally.is_due(totals(199, 0), false));
        assert!(tally.is_due(totals(200, 0), false));
        assert_eq!(tally.next_due(), 200);
        assert_eq!(tally.next(totals(200, 0), 8).sequence, 2);
    }

    #[test]
    fn only_so_many_are_in_flight_and_an_ack_covers_the_ones_before() {
        let mut tally = Tally::new(&ticket(u64::MAX), 1);
        for i in 1..=UNACKED_MAX as u64 {
            assert!(tally.is_due(totals(i, 0), false));
            tally.next(totals(i, 0), 0);
        }
        assert!(!tally.is_due(totals(99, 0), true));
        assert_eq!(tally.acked(17), Err(UnknownAck(17)));
        assert_eq!(tally.acked(3).unwrap().unwrap().bytes, 3);
        assert_eq!(tally.acked(2), Ok(None), "old news");
        assert!(tally.is_due(totals(99, 0), false));
        tally.acked(16).unwrap();
        assert!(tally.is_acked());
    }

    proptest! {
        #[test]
        fn every_receipt_may_replace_the_one_before(steps: Vec<(u16, bool, bool)>) {
            let (key, limit) = (SigningKey::from_bytes(&[3; 32]), 1 << 30);
            let mut tally = Tally::new(&ticket(limit), 30_000);
            let (mut now, mut last) = (Totals::default(), None::<Receipt>);
            for (bytes, ended, within) in steps {
                now.bytes += u64::from(bytes);
                now.deliveries += u32::from(ended);
                now.within += u32::from(ended && within);
                if tally.is_due(now, false) {
                    let receipt = tally.next(now, 1_000_001);
                    if let Some(last) = last {
                        prop_assert!(receipt.sequence == last.sequence + 1);
                        prop_assert!(receipt.bytes >= last.bytes);
                        prop_assert!(receipt.deliveries >= last.deliveries);
                        prop_assert!(receipt.within >= last.within);
                    }
                    prop_assert!(receipt.within <= receipt.deliveries);
                    prop_assert_eq!(receipt.sign(&key).peek(), receipt);
                    tally.acked(receipt.sequence).unwrap();
                    last = Some(receipt);
                } else {
                    let signed = last.map_or(0, |r| r.bytes);
                    prop_assert!(now.bytes - signed < 30_000, "an interval went unsigned");
                }
            }
        }
    }
}
