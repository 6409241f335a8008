//! The time of day.

use protocol::UnixMillis;
use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time of day; cheap to clone. It may jump, either way: durations are measured with
/// `tokio::time::Instant`.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> UnixMillis + Send + Sync>);

impl Clock {
    /// The machine's. Before 1970 it is 1970, which is before any network's genesis.
    #[expect(clippy::disallowed_methods, reason = "this is where it is read")]
    pub fn system() -> Self {
        Self::new(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH);
            since.map_or(0, |since| {
                u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
            })
        })
    }

    /// One that says what this does, Unix milliseconds.
    pub fn new(tell: impl Fn() -> UnixMillis + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// Unix milliseconds.
    pub fn now_ms(&self) -> UnixMillis {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now_ms())
    }
}
