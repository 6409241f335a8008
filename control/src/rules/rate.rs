//! Rates with bursts, kept for many askers in memory that doesn't grow. No clock is read here: time is any
//! monotonic one's, as an argument.
//!
//! A rate is counted as the generic cell rate algorithm does it (ITU-T I.371): a [`Level`] is the moment at which
//! the bucket will be full again, so that a bucket that is full, and an asker that was forgotten, are the same.

use std::hash::{BuildHasher, Hash, RandomState};
use std::time::Duration;

/// So much in so long, and so much at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    /// What may be had in every `per`; at least 1.
    pub(crate) amount: u64,
    pub(crate) per: Duration,
    /// What may be had at once by who has had nothing for long; at least 1.
    pub(crate) burst: u64,
}

/// What one asker has had of a rate: nanoseconds from the clock's zero until all may be had again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Level(u64);

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl Rate {
    /// Time in which an amount comes back, rounded up: never more than the rate is given out.
    fn time_of(&self, amount: u64) -> u64 {
        let nanos = u128::from(amount) * self.per.as_nanos();
        let nanos = nanos.div_ceil(self.amount.max(1).into());
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }

    /// The level once an amount is taken; or how long to wait until it may be. More than a whole burst is taken as
    /// a whole burst: it can be had, and nothing beside it.
    pub(crate) fn take(&self, level: Level, amount: u64, now: Duration) -> Result<Level, Duration> {
        let now = nanoseconds(now);
        let taken = self.time_of(amount.min(self.burst));
        let after = level.0.max(now).saturating_add(taken);
        match after.checked_sub(now.saturating_add(self.time_of(self.burst))) {
            None | Some(0) => Ok(Level(after)),
            Some(wait) => Err(Duration::from_nanos(wait)),
        }
    }

    /// Which part of a burst is gone, in ppm.
    fn gone_ppm(&self, level: Level, now: Duration) -> u64 {
        let gone = u128::from(level.0.saturating_sub(nanoseconds(now)));
        let ppm = gone * 1_000_000 / u128::from(self.time_of(self.burst).max(1));
        ppm.min(u64::MAX.into()) as u64
    }
}

/// Askers that share a place in the table; when more come, the one that has had least is forgotten.
const WAYS: usize = 8;

#[derive(Debug, Clone, Copy)]
struct Slot<K, const N: usize> {
    key: Option<K>,
    levels: [Level; N],
}

/// What asks too much: which of the rates, and how long until it may again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exceeded {
    pub(crate) rate: usize,
    pub(crate) wait: Duration,
}

/// Levels of `N` rates for many askers, in a table of fixed size. Who asks most is remembered longest, so no
/// number of strangers makes it forget somebody who is at a limit before others of the same place are at theirs.
#[derive(Debug)]
pub(crate) struct Rates<K, const N: usize> {
    rates: [Rate; N],
    seed: RandomState,
    places: Vec<[Slot<K, N>; WAYS]>,
}

impl<K: Copy + Eq + Hash, const N: usize> Rates<K, N> {
    /// A table for about so many askers.
    pub(crate) fn new(rates: [Rate; N], askers: usize) -> Self {
        let empty = Slot {
            key: None,
            levels: [Level::default(); N],
        };
        Self {
            rates,
            seed: RandomState::new(),
            places: vec![[empty; WAYS]; askers.div_ceil(WAYS).max(1)],
        }
    }

    /// Takes amounts of all rates, or, if one of them doesn't allow it, nothing.
    pub(crate) fn take(
        &mut self,
        key: K,
        amounts: [u64; N],
        now: Duration,
    ) -> Result<(), Exceeded> {
        let place = self.seed.hash_one(key) as usize % self.places.len();
        let place = &mut self.places[place];
        let known = place.iter().position(|slot| slot.key == Some(key));
        let levels = known.map_or([Level::default(); N], |slot| place[slot].levels);
        let mut taken = levels;
        for (rate, level) in taken.iter_mut().enumerate() {
            *level = self.rates[rate]
                .take(*level, amounts[rate], now)
                .map_err(|wait| Exceeded { rate, wait })?;
        }
        let rates = &self.rates;
        let gone = |slot: &Slot<K, N>| {
            let levels = rates.iter().zip(slot.levels);
            let gone = levels.map(|(rate, level)| rate.gone_ppm(level, now)).max();
            // Whose bucket is full is as good as nobody.
            slot.key.and(gone).unwrap_or(0)
        };
        let slot = known.unwrap_or_else(|| {
            let least = (0..WAYS).min_by_key(|slot| gone(&place[*slot]));
            least.expect("there are some")
        });
        place[slot] = Slot {
            key: Some(key),
            levels: taken,
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn rate(amount: u64, burst: u64) -> Rate {
        Rate {
            amount,
            per: SECOND,
            burst,
        }
    }

    #[test]
    fn a_burst_then_the_rate() {
        let mut rates = Rates::new([rate(10, 3)], 64);
        let mut take = |ms| rates.take("a", [1], Duration::from_millis(ms));
        assert_eq!([take(5), take(5), take(5)], [Ok(()); 3]);
        let wait = |ms| {
            Err(Exceeded {
                rate: 0,
                wait: Duration::from_millis(ms),
            })
        };
        assert_eq!(take(5), wait(100));
        assert_eq!(take(65), wait(40), "nothing is taken by who is refused");
        assert_eq!(take(105), Ok(()));
        assert_eq!(take(105), wait(100));
        assert_eq!(take(10_000), Ok(()));
    }

    #[test]
    fn all_of_them_or_none() {
        let mut rates = Rates::new([rate(1, 5), rate(100, 100)], 64);
        let now = SECOND;
        assert_eq!(rates.take(1, [1, 80], now), Ok(()));
        let refused = rates.take(1, [1, 50], now).unwrap_err();
        assert_eq!(
            (refused.rate, refused.wait),
            (1, Duration::from_millis(300))
        );
        assert_eq!(rates.take(1, [4, 20], now), Ok(()), "four are left");
        assert_eq!(rates.take(1, [1, 0], now).unwrap_err().rate, 0);
        assert_eq!(rates.take(2, [5, 100], now), Ok(()), "another asker");
    }

    #[test]
    fn more_than_a_burst_is_had_alone() {
        let mut rates = Rates::new([rate(10, 10)], 64);
        assert_eq!(rates.take((), [u64::MAX], SECOND), Ok(()));
        assert_eq!(rates.take((), [1], SECOND).unwrap_err().rate, 0);
        assert_eq!(rates.take((), [u64::MAX], SECOND * 2), Ok(()));
    }

    #[test]
    fn who_asks_most_is_not_forgotten() {
        // All share one place.
        let mut rates = Rates::new([rate(1, 100)], 1);
        for _ in 0..100 {
            assert_eq!(rates.take(0, [1], SECOND), Ok(()));
        }
        for stranger in 1..10_000 {
            assert_eq!(rates.take(stranger, [1], SECOND), Ok(()));
            assert!(rates.take(0, [1], SECOND).is_err(), "after {stranger}");
        }
    }

    proptest! {
        #[test]
        fn never_more_than_a_burst_and_the_rate(
            amount in 1u64..1 << 40, burst in 1u64..1 << 40, per_ms in 1u64..10_000_000,
            asked in prop::collection::vec((0u64..1 << 40, 0u64..100_000), 1..60),
        ) {
            let per = Duration::from_millis(per_ms);
            let rate = Rate { amount, per, burst };
            let (mut level, mut now, mut had) = (Level::default(), 0u64, 0u128);
            for (wanted, pause_ms) in asked {
                now += pause_ms;
                let time = Duration::from_millis(now);
                match rate.take(level, wanted, time) {
                    Ok(after) => {
                        level = after;
                        had += u128::from(wanted.min(burst));
                    }
                    Err(wait) => {
                        prop_assert!(!wait.is_zero());
                        prop_assert!(rate.take(level, wanted, time + wait).is_ok());
                    }
                }
                let most = u128::from(burst) + u128::from(amount) * u128::from(now) / u128::from(per_ms);
                prop_assert!(had <= most + 1);
            }
        }
    }
}
