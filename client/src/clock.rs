//! A ticket's time on this machine.
//!
//! Receipts count only if they are signed between a ticket's issue and its expiry, by the issuer's clock.
//! Viewers' clocks are often wrong, by minutes or years. A wall clock that reads a time within the ticket
//! is believed; any other is not, and the moment the ticket came is then taken for the moment it was
//! issued. From there on time is monotonic.

use protocol::{Ticket, UnixMillis};
use std::time::Duration;
use tokio::time::Instant;

#[derive(Debug, Clone, Copy)]
pub(crate) struct TicketClock {
    came: Instant,
    came_ms: UnixMillis,
    expires_ms: UnixMillis,
}

impl TicketClock {
    pub(crate) fn new(ticket: &Ticket, came: Instant, wall_ms: UnixMillis) -> Self {
        let plausible = (ticket.issued_at..=ticket.expires_at).contains(&wall_ms);
        Self {
            came,
            came_ms: if plausible { wall_ms } else { ticket.issued_at },
            expires_ms: ticket.expires_at,
        }
    }

    /// When a receipt signed at `now` is signed; `None` if that is too late.
    pub(crate) fn sign_ms(&self, now: Instant) -> Option<UnixMillis> {
        let elapsed = now.saturating_duration_since(self.came).as_millis() as u64;
        Some(self.came_ms.saturating_add(elapsed)).filter(|ms| *ms <= self.expires_ms)
    }

    /// When it expires.
    pub(crate) fn expiry(&self) -> Instant {
        // A ticket that lasts longer than a year is none that this process sees the end of.
        const LONGEST_MS: u64 = 365 * 86_400_000;
        let left = self.expires_ms.saturating_sub(self.came_ms).min(LONGEST_MS);
        self.came + Duration::from_millis(left)
    }

    /// When to leave it: `margin` before it expires.
    pub(crate) fn deadline(&self, margin: Duration) -> Instant {
        self.expiry().checked_sub(margin).unwrap_or(self.came)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::tests::ticket;

    #[test]
    fn a_plausible_wall_clock_is_believed_and_a_wrong_one_is_not() {
        let (ticket, came) = (ticket(100), Instant::now());
        let second = Duration::from_secs(1);
        let sane = TicketClock::new(&ticket, came, ticket.issued_at + 700);
        assert_eq!(sane.sign_ms(came + second), Some(ticket.issued_at + 1700));
        assert_eq!(sane.expiry(), came + Duration::from_millis(59_300));
        for wrong in [0, ticket.issued_at - 1, ticket.expires_at + 1, u64::MAX] {
            let clock = TicketClock::new(&ticket, came, wrong);
            assert_eq!(clock.sign_ms(came), Some(ticket.issued_at));
            assert_eq!(clock.expiry(), came + Duration::from_secs(60));
        }
    }

    #[test]
    fn nothing_is_signed_after_the_end() {
        let (ticket, came) = (ticket(100), Instant::now());
        let clock = TicketClock::new(&ticket, came, ticket.issued_at);
        let end = came + Duration::from_secs(60);
        assert_eq!(clock.sign_ms(end), Some(ticket.expires_at));
        assert_eq!(clock.sign_ms(end + Duration::from_millis(1)), None);
        assert_eq!(
            clock.deadline(Duration::from_secs(2)),
            came + Duration::from_secs(58)
        );
        assert!(clock.deadline(Duration::from_secs(61)) <= came);
    }
}
