//! What a ticket's client may still be sent: no more than a window ahead of its last receipt.

use protocol::{Code, Receipt};

/// Windows of sent but unsigned bytes that are forgiven per ticket, where a client broke a request off:
/// a player that seeks does so honestly.
const FORGIVEN_WINDOWS: u64 = 4;
/// Deliveries that a ticket's receipts may state beyond the requests that were served: those that the node
/// refused or never saw, and those broken off by its restart. 2^22 tickets of these don't overflow a sum.
const REQUESTS_UNSEEN: u32 = 128;

/// Why no more is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stop {
    #[error("no receipt came for a full window")]
    WindowExceeded,
    #[error("the ticket's byte limit is reached")]
    Spent,
    #[error("a receipt was refused")]
    Refused,
    #[error("the ticket was revoked")]
    Revoked,
}

impl Stop {
    /// What the client is told.
    pub(crate) fn code(self) -> Code {
        match self {
            Self::WindowExceeded => Code::WindowExceeded,
            Self::Spent => Code::TicketSpent,
            Self::Refused => Code::ReceiptRefused,
            Self::Revoked => Code::TicketRevoked,
        }
    }
}

/// Whether bytes may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum May {
    /// They may, and count as sent.
    Send,
    /// Not before a receipt came; nothing is counted.
    Wait,
}

/// One ticket's bytes and requests, sent and signed for. Bytes are content bytes.
#[derive(Debug)]
pub(crate) struct Account {
    /// What the ticket grants.
    bytes_max: u64,
    window: u64,
    last: Option<Receipt>,
    /// At least those signed for, at most `bytes_max`.
    sent: u64,
    /// Requests being served.
    fetching: u32,
    deliveries_max: u32,
    /// Unsigned bytes that were forgiven so far.
    forgiven: u64,
    refused: bool,
}

impl Account {
    /// Of a ticket that is used for the first time since the process started; `last` is its newest receipt on disk.
    pub(crate) fn new(bytes_max: u64, window: u64, last: Option<Receipt>) -> Self {
        let stated = last.map_or(0, |receipt| receipt.deliveries);
        Self {
            bytes_max,
            window,
            last,
            sent: last.map_or(0, |receipt| receipt.bytes),
            fetching: 0,
            deliveries_max: stated.saturating_add(REQUESTS_UNSEEN),
            forgiven: 0,
            refused: false,
        }
    }

    /// The newest receipt that is on disk.
    pub(crate) fn last(&self) -> Option<Receipt> {
        self.last
    }

    /// Deliveries that a receipt may state. Without this, one client could state so many that the segment's sum
    /// overflows, and nobody's receipts could be sealed.
    pub(crate) fn deliveries_max(&self) -> u32 {
        self.deliveries_max
    }

    fn signed_bytes(&self) -> u64 {
        self.last.map_or(0, |receipt| receipt.bytes)
    }

    /// Counts bytes as sent, if they may be.
    pub(crate) fn send(&mut self, bytes: u64) -> Result<May, Stop> {
        if self.refused {
            return Err(Stop::Refused);
        }
        // Never past the limit, so the subtraction holds.
        if bytes > self.bytes_max - self.sent {
            return Err(Stop::Spent);
        }
        // A request larger than the window passes alone.
        let ahead = self.sent - self.signed_bytes();
        if ahead > 0 && ahead.saturating_add(bytes) > self.window {
            return Ok(May::Wait);
        }
        self.sent += bytes;
        Ok(May::Send)
    }

    /// A request begins to be served.
    pub(crate) fn fetch_begins(&mut self) {
        self.fetching += 1;
        self.deliveries_max = self.deliveries_max.saturating_add(1);
    }

    /// A request that began is over, however it ended.
    pub(crate) fn fetch_ends(&mut self) {
        self.fetching = self.fetching.saturating_sub(1);
    }

    /// A receipt is durable: what it signs for no longer counts against the window. It must be within the ticket.
    pub(crate) fn signed(&mut self, receipt: Receipt) {
        self.last = Some(receipt);
        self.sent = self.sent.max(receipt.bytes).min(self.bytes_max);
        // Nothing is under way, so what is unsigned was broken off.
        let unsigned = self.sent.saturating_sub(receipt.bytes);
        let forgiven = self.forgiven.saturating_add(unsigned);
        if self.fetching == 0 && forgiven <= self.window.saturating_mul(FORGIVEN_WINDOWS) {
            self.forgiven = forgiven;
            self.sent = receipt.bytes.min(self.bytes_max);
        }
    }

    /// A receipt was refused: the client is at fault, nothing more is sent.
    pub(crate) fn refuse(&mut self) {
        self.refused = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use protocol::B256;

    const WINDOW: u64 = 100;

    fn account(bytes_max: u64) -> Account {
        Account::new(bytes_max, WINDOW, None)
    }

    fn receipt(bytes: u64, deliveries: u32) -> Receipt {
        Receipt {
            ticket: B256::ZERO,
            sequence: 1,
            bytes,
            deliveries,
            within: 0,
            signed_at: 0,
        }
    }

    #[test]
    fn who_doesn_t_sign_gets_a_window_and_no_more() {
        let mut account = account(10_000);
        account.fetch_begins();
        assert_eq!(account.send(60), Ok(May::Send));
        assert_eq!(account.send(40), Ok(May::Send));
        assert_eq!(account.send(1), Ok(May::Wait));
        account.signed(receipt(60, 0));
        assert_eq!(account.last(), Some(receipt(60, 0)));
        assert_eq!(account.send(60), Ok(May::Send));
        assert_eq!(account.send(1), Ok(May::Wait));
    }

    #[test]
    fn a_request_larger_than_the_window_passes_alone() {
        let mut account = account(10_000);
        assert_eq!(account.send(WINDOW + 1), Ok(May::Send));
        assert_eq!(account.send(1), Ok(May::Wait));
    }

    #[test]
    fn the_ticket_s_limit_and_a_refused_receipt_end_it() {
        let mut account = account(150);
        assert_eq!(account.send(100), Ok(May::Send));
        assert_eq!(account.send(51), Err(Stop::Spent));
        assert_eq!(account.send(u64::MAX), Err(Stop::Spent));
        account.refuse();
        assert_eq!(account.send(0), Err(Stop::Refused));
    }

    #[test]
    fn a_client_hears_why_no_more_comes() {
        for (stop, code) in [
            (Stop::WindowExceeded, Code::WindowExceeded),
            (Stop::Spent, Code::TicketSpent),
            (Stop::Refused, Code::ReceiptRefused),
            (Stop::Revoked, Code::TicketRevoked),
        ] {
            assert_eq!(stop.code(), code);
        }
    }

    #[test]
    fn each_request_allows_one_delivery_more() {
        let mut account = account(1_000);
        let first = account.deliveries_max();
        assert_eq!(first, REQUESTS_UNSEEN);
        account.fetch_begins();
        account.fetch_ends();
        assert_eq!(account.deliveries_max(), first + 1);
        let resumed = Account::new(1_000, WINDOW, Some(receipt(10, 7)));
        assert_eq!(resumed.deliveries_max(), 7 + REQUESTS_UNSEEN);
        let full = Account::new(1_000, WINDOW, Some(receipt(10, u32::MAX)));
        assert_eq!(full.deliveries_max(), u32::MAX);
    }

    #[test]
    fn broken_off_requests_are_forgiven_only_so_often() {
        let mut account = account(1_000_000);
        let mut rounds = 0;
        loop {
            account.fetch_begins();
            let may = account.send(WINDOW);
            account.fetch_ends();
            if may != Ok(May::Send) {
                break;
            }
            account.signed(receipt(0, 0));
            rounds += 1;
        }
        assert_eq!(rounds, FORGIVEN_WINDOWS + 1);
    }

    #[test]
    fn what_is_under_way_is_not_forgiven() {
        let mut account = account(10_000);
        account.fetch_begins();
        assert_eq!(account.send(100), Ok(May::Send));
        account.signed(receipt(10, 0));
        assert_eq!(account.send(11), Ok(May::Wait));
        account.fetch_ends();
        account.signed(receipt(10, 0));
        assert_eq!(account.send(11), Ok(May::Send));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Send(u64),
        Sign(u64),
        Begin,
        End,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..300u64).prop_map(Step::Send),
            (0..1000u64).prop_map(Step::Sign),
            Just(Step::Begin),
            Just(Step::End),
        ]
    }

    proptest! {
        /// Whatever a client does: what was really sent and never signed for stays within the windows that it is
        /// forgiven, the one that is open, and one request that was larger.
        #[test]
        fn a_client_can_take_no_more_than_the_windows_forgiven(
            steps in prop::collection::vec(step(), 0..200),
            bytes_max in 0..5_000u64,
            had in prop::option::of(0..100u64),
        ) {
            let had = had.map(|bytes| bytes.min(bytes_max));
            let mut account = Account::new(bytes_max, WINDOW, had.map(|bytes| receipt(bytes, 0)));
            let mut really_sent = had.unwrap_or_default();
            let mut signed = really_sent;
            let mut largest = 0;
            let mut signed_for_nothing = 0;
            for step in steps {
                match step {
                    Step::Send(bytes) => if account.send(bytes) == Ok(May::Send) {
                        really_sent += bytes;
                        largest = largest.max(bytes);
                    },
                    // Monotonic and within the ticket, as the rule of receipts has it.
                    Step::Sign(more) => {
                        let next = signed.saturating_add(more).min(bytes_max);
                        signed_for_nothing += next.saturating_sub(signed);
                        signed = next;
                        account.signed(receipt(signed, 0));
                    }
                    Step::Begin => account.fetch_begins(),
                    Step::End => account.fetch_ends(),
                }
                prop_assert!(account.sent >= account.signed_bytes() && account.sent <= bytes_max);
                let bound = had.unwrap_or_default() + signed_for_nothing
                    + WINDOW * (FORGIVEN_WINDOWS + 1) + largest;
                prop_assert!(really_sent <= bound, "{really_sent} > {bound}");
            }
        }
    }
}
