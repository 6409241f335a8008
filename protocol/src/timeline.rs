//! When things happen: the network's clock and windows, in seconds as on chain.

use crate::{Epoch, UnixMillis};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The times of a network, as its settlement contract fixes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    /// Start of epoch 0, Unix seconds.
    pub genesis: u64,
    /// Seconds of an epoch, at least 1.
    pub epoch_length: u32,
    /// Seconds after an epoch's end in which its tickets may still be used.
    pub ticket_tail: u32,
    /// Seconds after an epoch's end in which issuers commit their logs.
    pub commit_window: u32,
    /// Seconds after the ticket tail in which nodes may force commitments and nobody attests.
    pub force_window: u32,
    /// Seconds from an attestation until it is active.
    pub challenge_window: u32,
}

impl Timeline {
    /// First second of an epoch; saturates at the end of time.
    pub fn start(&self, epoch: Epoch) -> u64 {
        self.genesis
            .saturating_add(epoch.saturating_mul(self.epoch_length.into()))
    }

    /// First second after an epoch.
    pub fn end(&self, epoch: Epoch) -> u64 {
        self.start(epoch.saturating_add(1))
    }

    /// Last moment, in ms, at which tickets of the epoch may expire.
    pub fn tickets_end_ms(&self, epoch: Epoch) -> UnixMillis {
        self.end(epoch)
            .saturating_add(self.ticket_tail.into())
            .saturating_mul(1000)
    }

    /// The seconds in which nodes may force what is to count for an epoch.
    pub fn force_window(&self, epoch: Epoch) -> Range<u64> {
        let from = self.end(epoch).saturating_add(self.ticket_tail.into());
        from..from.saturating_add(self.force_window.into())
    }

    /// First second at which an epoch may be attested: ticket tail and force window are over, and so is the
    /// commit window, of which the last second still takes a log.
    pub fn attest_from(&self, epoch: Epoch) -> u64 {
        let committed = self.end(epoch);
        let committed = committed.saturating_add(u64::from(self.commit_window) + 1);
        committed.max(self.force_window(epoch).end)
    }

    /// The epoch of a moment; `None` before the genesis.
    pub fn epoch_at_ms(&self, now: UnixMillis) -> Option<Epoch> {
        (now / 1000)
            .checked_sub(self.genesis)?
            .checked_div(self.epoch_length.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_are_half_open() {
        let timeline = Timeline {
            genesis: 100,
            epoch_length: 15,
            ticket_tail: 3,
            commit_window: 10,
            force_window: 7,
            challenge_window: 5,
        };
        assert_eq!(timeline.epoch_at_ms(99_999), None);
        assert_eq!(timeline.epoch_at_ms(100_000), Some(0));
        assert_eq!(timeline.epoch_at_ms(114_999), Some(0));
        assert_eq!(timeline.epoch_at_ms(115_000), Some(1));
        assert_eq!(timeline.end(1), 130);
        assert_eq!(timeline.tickets_end_ms(1), 133_000);
        assert_eq!(timeline.attest_from(1), 141, "130 + 10 still takes a log");
        let longer = Timeline {
            force_window: 20,
            ..timeline
        };
        assert_eq!(longer.attest_from(1), 153);
        assert_eq!(longer.force_window(1), 133..153);
        assert_eq!(timeline.attest_from(u64::MAX), u64::MAX);
        assert_eq!(timeline.end(u64::MAX), u64::MAX);
    }
}
