//! Pauses between tries.

use std::time::Duration;

/// The pause before the next try; each failure doubles it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pause {
    min: Duration,
    max: Duration,
    next: Duration,
}

impl Pause {
    pub(crate) fn new(min: Duration, max: Duration) -> Self {
        let next = min;
        Self { min, max, next }
    }

    /// A try failed: how long to wait now.
    pub(crate) fn failed(&mut self) -> Duration {
        let pause = self.next;
        self.next = pause.saturating_mul(2).min(self.max);
        pause
    }

    /// What was tried held for so long before it failed. What outlasted the longest pause starts over with a short one.
    pub(crate) fn held(&mut self, lasted: Duration) {
        if lasted > self.max {
            self.next = self.min;
        }
    }
}

/// How often a fill is begun, before whoever waits for it hears that it failed.
const FILL_TRIES: u32 = 5;
/// Pause before a fill is taken up again, times the number of tries.
const FILL_PAUSE: Duration = Duration::from_millis(300);

/// The tries of one fill.
#[derive(Debug, Default)]
pub(crate) struct FillTries {
    failed: u32,
}

impl FillTries {
    /// A try failed: how long to wait before the next. `None`: it was the last.
    pub(crate) fn failed(&mut self) -> Option<Duration> {
        self.failed = self.failed.saturating_add(1);
        (self.failed < FILL_TRIES).then(|| FILL_PAUSE * self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_failure_doubles_it_up_to_a_bound() {
        let second = Duration::from_secs(1);
        let mut pause = Pause::new(second, 5 * second);
        let pauses = (0..5).map(|_| pause.failed().as_secs());
        assert_eq!(pauses.collect::<Vec<_>>(), [1, 2, 4, 5, 5]);
        pause.held(5 * second);
        assert_eq!(pause.failed(), 5 * second, "it held no longer than a pause");
        pause.held(6 * second);
        assert_eq!(pause.failed(), second);
    }
    #[test]
    fn a_fill_is_tried_five_times_with_longer_pauses() {
        let mut tries = FillTries::default();
        let pauses = [(); 6].map(|()| tries.failed().map(|pause| pause.as_millis()));
        assert_eq!(
            pauses,
            [Some(300), Some(600), Some(900), Some(1200), None, None]
        );
    }

    proptest! {
        /// Whatever fails and holds in between: no pause is shorter than the least or longer than the most, and only
        /// what held makes one shorter than the one before.
        #[test]
        fn a_pause_stays_within_its_bounds(
            (min, more) in (1..1_000u64, 0..100_000u64),
            lasted in prop::collection::vec(prop::option::of(0..200_000u64), 0..50),
        ) {
            let (min, max) = (Duration::from_millis(min), Duration::from_millis(min + more));
            let (mut pause, mut last) = (Pause::new(min, max), min);
            for lasted in lasted {
                let held = lasted.map(Duration::from_millis);
                if let Some(held) = held {
                    pause.held(held);
                }
                let next = pause.failed();
                prop_assert!(min <= next && next <= max);
                prop_assert!(next >= last || held.is_some_and(|held| held > max));
                last = next;
            }
        }
    }
}
