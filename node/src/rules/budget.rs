//! What other nodes' fills may take of the line while viewers are there.

use std::time::Duration;

/// Part of the line that they get together while clients have sessions.
const LINE_PART: u64 = 4;
const BYTES_PER_MBIT: u64 = 125_000;

/// A part of the line, given out in turn. Moments are since any fixed one.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes_per_second: u64,
    /// When what was given has gone over the part of the line that is theirs.
    next: Duration,
}

impl Budget {
    /// On a line of so many Mbit/s.
    pub(crate) fn new(bandwidth_mbps: u32) -> Self {
        let line = u64::from(bandwidth_mbps) * BYTES_PER_MBIT;
        Self {
            bytes_per_second: (line / LINE_PART).max(1),
            next: Duration::ZERO,
        }
    }

    /// When so many bytes more may go. They are counted while clients have sessions; else the line is free.
    pub(crate) fn take_beside(&mut self, sessions: u32, bytes: u64, now: Duration) -> Duration {
        match sessions {
            0 => now,
            _ => self.take(bytes, now),
        }
    }

    fn take(&mut self, bytes: u64, now: Duration) -> Duration {
        let at = self.next.max(now);
        // Rounded down: less than a microsecond is the line's.
        let micros = bytes.saturating_mul(1_000_000) / self.bytes_per_second;
        self.next = at.saturating_add(Duration::from_micros(micros));
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_budget_is_a_quarter_of_the_line() {
        // A quarter of 32 Mbit/s: 1 MB/s.
        let mut budget = Budget::new(32);
        let taken = (0..5).map(|_| budget.take(500_000, Duration::ZERO).as_millis());
        assert_eq!(taken.collect::<Vec<_>>(), [0, 500, 1000, 1500, 2000]);
    }

    #[test]
    fn a_line_without_viewers_is_free() {
        let mut budget = Budget::new(32);
        for _ in 0..3 {
            let at = budget.take_beside(0, 1_000_000, Duration::ZERO);
            assert_eq!(at, Duration::ZERO);
        }
        budget.take_beside(1, 1_000_000, Duration::ZERO);
        let at = budget.take_beside(1, 1, Duration::ZERO);
        assert_eq!(at, Duration::from_secs(1));
    }

    #[test]
    fn a_pause_is_not_saved_up() {
        let mut budget = Budget::new(32);
        budget.take(1_000_000, Duration::ZERO);
        let later = Duration::from_secs(60);
        assert_eq!(budget.take(1_000_000, later), later);
        assert_eq!(budget.take(1, later), later + Duration::from_secs(1));
    }

    proptest! {
        #[test]
        fn no_more_goes_than_the_part(
            mbps in 0..10_000u32,
            takes in prop::collection::vec((0..2_000_000u64, 0..1_000u64), 1..100),
        ) {
            let mut budget = Budget::new(mbps);
            let rate = budget.bytes_per_second;
            let (mut now, mut given, mut last) = (Duration::ZERO, 0u64, Duration::ZERO);
            for (bytes, pause) in takes {
                now += Duration::from_millis(pause);
                let at = budget.take(bytes, now);
                prop_assert!(at >= now && at >= last);
                last = at;
                // What was given before it has gone by then, but for the rounding of each, a microsecond.
                prop_assert!(given <= rate.saturating_mul(at.as_micros() as u64 + 101) / 1_000_000 + 1);
                given += bytes;
            }
        }
    }
}
