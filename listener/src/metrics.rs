//! Counters, as Prometheus reads them (text format 0.0.4). Names end in a unit or `_total`.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

/// Only ever goes up.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts so many more.
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// How many there were.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Writes a metric with what it means. `kind`: `counter` or `gauge`.
pub fn write_metric(out: &mut String, name: &str, kind: &str, help: &str, value: u64) {
    // Writing to a string can't fail.
    let _ = writeln!(
        out,
        "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}"
    );
}

/// Declares a struct `Metrics` of [`Counter`]s by `field: "name", "help";`, with `write_counters(&self, &mut String)`.
#[macro_export]
macro_rules! counters {
    ($($field:ident: $name:literal, $help:literal;)*) => {
        /// What happened since the start.
        #[derive(Debug, Default)]
        pub(crate) struct Metrics {
            $(pub(crate) $field: $crate::Counter,)*
        }

        impl Metrics {
            fn write_counters(&self, out: &mut String) {
                $($crate::write_metric(out, $name, "counter", $help, self.$field.value());)*
            }
        }
    };
}

#[cfg(test)]
mod tests {
    counters! {
        seen: "test_seen_total", "What was seen.";
        sent: "test_sent_bytes_total", "What was sent.";
    }

    #[test]
    fn counters_are_written_with_what_they_mean() {
        let metrics = Metrics::default();
        metrics.seen.add(2);
        metrics.seen.add(3);
        let mut text = String::new();
        metrics.write_counters(&mut text);
        assert_eq!(
            text,
            "# HELP test_seen_total What was seen.\n# TYPE test_seen_total counter\ntest_seen_total 5\n\
             # HELP test_sent_bytes_total What was sent.\n# TYPE test_sent_bytes_total counter\ntest_sent_bytes_total 0\n"
        );
        assert_eq!(metrics.sent.value(), 0);
    }
}
