//! Judging a request against the service level. SPEC section 10.

use protocol::ServiceTargets;
use std::time::Duration;

/// Requests below this are too short to say anything about throughput.
const THROUGHPUT_BYTES_MIN: u64 = 1 << 20;

/// Whether a request whose bytes were all verified kept the targets.
///
/// `ttfb` runs from sending the request to the first verified byte; `duration` is how long the client
/// waited for the node in all. What a slow reader behind the client takes is not the node's.
pub fn keeps_targets(
    targets: &ServiceTargets,
    bytes: u64,
    ttfb: Duration,
    duration: Duration,
) -> bool {
    let first_in_time = ttfb <= Duration::from_millis(targets.ttfb_ms_max.into());
    let fast_enough =
        u128::from(bytes) * 1_000_000 >= u128::from(targets.throughput_min) * duration.as_micros();
    first_in_time && (bytes < THROUGHPUT_BYTES_MIN || fast_enough)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_belong_to_the_service_level() {
        let targets = ServiceTargets {
            ttfb_ms_max: 200,
            throughput_min: 1 << 20,
        };
        let ms = Duration::from_millis;
        let mib = 1 << 20;
        // bytes, first byte, duration, kept
        let cases = [
            (mib, ms(200), ms(1000), true),
            (mib, ms(201), ms(1000), false),
            (mib, ms(10), ms(1001), false),
            (mib - 1, ms(10), ms(60_000), true),
            (mib - 1, ms(201), ms(300), false),
            (10 * mib, ms(0), ms(0), true),
            (u64::MAX, ms(0), Duration::MAX, false),
        ];
        for (bytes, ttfb, duration, kept) in cases {
            assert_eq!(
                keeps_targets(&targets, bytes, ttfb, duration),
                kept,
                "{bytes} bytes, {ttfb:?}, {duration:?}"
            );
        }
    }
}
