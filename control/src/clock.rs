//! The time of day as an argument: what depends on it can be tested without waiting.

use protocol::UnixMillis;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time, Unix milliseconds.
pub(crate) type Clock = Arc<dyn Fn() -> UnixMillis + Send + Sync>;

/// The machine's clock. Before 1970 it is 1970, which is before any network's genesis.
pub(crate) fn system() -> Clock {
    Arc::new(|| {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_millis() as UnixMillis)
    })
}
