//! When an epoch's receipts become a segment.

use protocol::{Epoch, Timeline, UnixMillis};

/// How long after the last ticket's end receipts may still arrive, ms.
const SEAL_GRACE_MS: u64 = 1_000;

/// What the two clocks say, ms. Both have a say: one that jumped must not close an epoch that goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clocks {
    /// This machine's.
    pub(crate) here: UnixMillis,
    /// That of the chain's newest block, when it was last asked; 0 if it never was.
    pub(crate) chain: UnixMillis,
}

impl Clocks {
    /// Whether the epoch's last ticket has expired by both clocks, and what was under way then has arrived.
    pub(crate) fn is_due(&self, timeline: &Timeline, epoch: Epoch) -> bool {
        self.is_over_here(timeline, epoch) && self.chain >= timeline.tickets_end_ms(epoch)
    }

    /// Those that are due, the oldest first.
    pub(crate) fn due(&self, timeline: &Timeline, mut epochs: Vec<Epoch>) -> Vec<Epoch> {
        epochs.retain(|epoch| self.is_due(timeline, *epoch));
        epochs.sort_unstable();
        epochs
    }

    /// Whether the chain should be asked for its time: our clock is past an epoch's end, and the chain's wasn't when
    /// it was last asked.
    pub(crate) fn wants_chain_time(&self, timeline: &Timeline) -> bool {
        let before = self.here.saturating_sub(SEAL_GRACE_MS);
        // Of each version the newest that is over here: where that is due, so are those before it.
        let mut over = timeline.expired_at_ms(before);
        over.any(|epoch| !self.is_due(timeline, epoch))
    }

    fn is_over_here(&self, timeline: &Timeline, epoch: Epoch) -> bool {
        self.here >= timeline.tickets_end_ms(epoch).saturating_add(SEAL_GRACE_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing::timeline;
    use proptest::prelude::*;
    use protocol::Windows;

    fn at(here: UnixMillis, chain: UnixMillis) -> Clocks {
        Clocks { here, chain }
    }

    #[test]
    fn an_epoch_is_due_a_second_after_its_last_ticket_by_both_clocks() {
        for (here, chain, due) in [
            (10_999, 10_000, false),
            (11_000, 9_999, false),
            (11_000, 10_000, true),
            // However far one clock is ahead.
            (10_999, u64::MAX, false),
            (u64::MAX, 9_999, false),
        ] {
            let clocks = at(here, chain);
            assert_eq!(clocks.is_due(&timeline(), 0), due, "{clocks:?}");
        }
    }

    #[test]
    fn the_oldest_is_sealed_first_and_none_that_goes_on() {
        let clocks = at(31_000, 30_000);
        assert_eq!(clocks.due(&timeline(), vec![3, 2, 0, 9]), [0, 2]);
    }

    #[test]
    fn the_chain_is_asked_once_our_clock_says_that_an_epoch_is_over() {
        for (here, chain, wants) in [
            (0, 0, false),
            (10_999, 0, false),
            (11_000, 0, true),
            (11_000, 9_999, true),
            (11_000, 10_000, false),
            (21_000, 10_000, true),
        ] {
            let clocks = at(here, chain);
            assert_eq!(clocks.wants_chain_time(&timeline()), wants, "{clocks:?}");
        }
    }

    /// Epochs of ten seconds; from the fourth on of another length, with tickets that live on.
    fn two_versions(length: u32, tail: u32) -> Timeline {
        let windows = Windows {
            epoch_length: length,
            ticket_tail: tail,
            ..timeline().windows(0)
        };
        timeline().then(3, windows).expect("it is later")
    }

    proptest! {
        #[test]
        fn what_is_due_stays_due_as_clocks_go_on(
            (length, tail) in (1..30u32, 0..100u32),
            (here, chain) in (0..120_000u64, 0..120_000u64),
            (more_here, more_chain) in (0..60_000u64, 0..60_000u64),
            epoch in 0..12u64,
        ) {
            let timeline = two_versions(length, tail);
            let end = timeline.tickets_end_ms(epoch);
            let due = at(here, chain).is_due(&timeline, epoch);
            prop_assert_eq!(due, here >= end + SEAL_GRACE_MS && chain >= end);
            let later = at(here + more_here, chain + more_chain);
            prop_assert!(!due || later.is_due(&timeline, epoch));
        }

        /// It is asked exactly when its answer could make an epoch due: never in vain, and no epoch waits for ever.
        #[test]
        fn the_chain_is_asked_when_an_epoch_waits_for_it(
            (length, tail) in (1..30u32, 0..100u32),
            (here, chain) in (0..200_000u64, 0..200_000u64),
        ) {
            let timeline = two_versions(length, tail);
            let clocks = at(here, chain);
            let with_chain_s_word = at(here, u64::MAX);
            let waits = |epoch| {
                with_chain_s_word.is_due(&timeline, epoch) && !clocks.is_due(&timeline, epoch)
            };
            prop_assert_eq!(clocks.wants_chain_time(&timeline), (0..300).any(waits));
        }
    }
}
