//! Pauses between tries: each failure doubles them.

use std::time::Duration;

/// The pause before the next try.
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
