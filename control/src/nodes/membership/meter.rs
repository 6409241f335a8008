//! What a member says it did: sums, and rates of them.

use protocol::Counts;
use std::time::Duration;
use tokio::time::Instant;

/// Shortest time that a rate is taken over: counts come with heartbeats, and now and then in between.
const RATE_OVER: Duration = Duration::from_millis(900);

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) bytes: u64,
    pub(super) requests: u64,
    pub(super) fills: u64,
    pub(super) filled_bytes: u64,
}

impl From<&Counts> for Sums {
    fn from(counts: &Counts) -> Self {
        Self {
            bytes: counts.sent_bytes,
            requests: counts.requests,
            fills: counts.fills,
            filled_bytes: counts.filled_bytes,
        }
    }
}

impl Sums {
    pub(super) fn each(self, other: Self, join: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            bytes: join(self.bytes, other.bytes),
            requests: join(self.requests, other.requests),
            fills: join(self.fills, other.fills),
            filled_bytes: join(self.filled_bytes, other.filled_bytes),
        }
    }

    /// What came since `before`. Counts that are lower than before are those of a new process.
    pub(super) fn since(self, before: Self) -> Self {
        self.each(before, |now, before| now.checked_sub(before).unwrap_or(now))
    }

    /// What so much in that time is in a second.
    pub(super) fn per_second(self, time: Duration) -> Self {
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
        self.each(self, |much, _| much.saturating_mul(1000) / ms)
    }
}

/// What one member says it did.
#[derive(Debug, Clone, Default)]
pub(super) struct Meter {
    counted: Option<Sums>,
    pub(super) filling: u32,
    /// From where the next rate is taken.
    base: Option<(Sums, Instant)>,
    pub(super) rate: Sums,
}

impl Meter {
    /// Takes counts in, and gives what is new in them.
    pub(super) fn take(&mut self, counts: &Counts, now: Instant) -> Sums {
        let sums = Sums::from(counts);
        // What was done before this control plane knew of the node isn't new.
        let new = self
            .counted
            .map_or(Sums::default(), |before| sums.since(before));
        self.counted = Some(sums);
        self.filling = counts.filling;
        match self.base {
            Some((_, at)) if now.saturating_duration_since(at) < RATE_OVER => {}
            Some((base, at)) => {
                let time = now.saturating_duration_since(at);
                self.rate = sums.since(base).per_second(time);
                self.base = Some((sums, now));
            }
            None => self.base = Some((sums, now)),
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(sent_bytes: u64, requests: u64) -> Counts {
        Counts {
            sent_bytes,
            requests,
            ..Counts::default()
        }
    }

    #[test]
    fn rates_are_taken_over_a_second_and_new_processes_start_over() {
        let begin = Instant::now();
        let at = |ms| begin + Duration::from_millis(ms);
        let mut meter = Meter::default();
        assert_eq!(meter.take(&counts(5000, 7), at(0)), Sums::default());
        let new = meter.take(&counts(6000, 9), at(10));
        assert_eq!((new.bytes, new.requests, meter.rate.bytes), (1000, 2, 0));
        meter.take(&counts(9000, 9), at(2000));
        assert_eq!((meter.rate.bytes, meter.rate.requests), (2000, 1));
        let restarted = meter.take(&counts(300, 1), at(3000));
        assert_eq!((restarted.bytes, restarted.requests), (300, 1));
        assert_eq!(meter.rate.bytes, 300);
        // Whatever a node says, sums don't overflow.
        meter.take(&counts(u64::MAX, u64::MAX), at(4000));
        assert_eq!(meter.rate.bytes, u64::MAX / 1000);
    }
}
