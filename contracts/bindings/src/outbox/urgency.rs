//! How long is waited, and when somebody is told.

use std::time::Duration;

/// A transaction that nobody waits for is replaced after so long: two of Ethereum's blocks, and some.
const PATIENCE_MAX: Duration = Duration::from_secs(30);
/// One that has to be there soon, at the earliest after: pools need a moment.
const PATIENCE_MIN: Duration = Duration::from_secs(2);
/// An offer has this part of the time that is left until its window closes, so offers come faster towards the end.
const PART_OF_LEFT: u32 = 7;

/// How long an offer is left to be taken, where so much time is left until its window closes.
pub(crate) fn patience(left: Option<Duration>) -> Duration {
    left.map_or(PATIENCE_MAX, |left| {
        (left / PART_OF_LEFT).clamp(PATIENCE_MIN, PATIENCE_MAX)
    })
}

/// How near it is that a window is missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Alarm {
    None,
    /// Less time is left than was waited.
    Late,
    /// Less than a quarter of that is left.
    Last,
    /// It is closed.
    Missed,
}

/// What is to be told of a transaction that has been waited for so long, and whose window closes in so long.
pub(crate) fn alarm(waited: Duration, left: Option<Duration>) -> Alarm {
    let Some(left) = left else { return Alarm::None };
    match left {
        _ if left.is_zero() => Alarm::Missed,
        _ if left * 4 < waited => Alarm::Last,
        _ if left < waited => Alarm::Late,
        _ => Alarm::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_nearer_the_end_the_sooner_it_is_raised() {
        assert_eq!(patience(None), s(30));
        assert_eq!(patience(Some(s(3600))), s(30));
        assert_eq!(patience(Some(s(70))), s(10));
        assert_eq!(patience(Some(s(1))), s(2));
    }

    #[test]
    fn somebody_is_told_before_it_is_too_late() {
        assert_eq!(alarm(s(100), None), Alarm::None);
        assert_eq!(alarm(s(49), Some(s(51))), Alarm::None);
        assert_eq!(alarm(s(51), Some(s(49))), Alarm::Late);
        assert_eq!(alarm(s(81), Some(s(19))), Alarm::Last);
        assert_eq!(alarm(s(0), Some(s(0))), Alarm::Missed);
    }

    #[test]
    fn a_window_has_time_for_offers_that_come_to_more_than_three_times_the_first() {
        for window in [14_u64, 60, 600, 3600] {
            let (mut left, mut offers) = (s(window), 1);
            while left > patience(Some(left)) {
                left -= patience(Some(left));
                offers += 1;
            }
            assert!(offers >= 6, "{offers} offers in {window} s");
        }
    }
}
