//! The service level that clients measure against. SPEC section 10.

use serde::{Deserialize, Serialize};

/// What a request must keep to count as within the service level. SPEC section 10.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceTargets {
    /// Most milliseconds to the first verified byte.
    pub ttfb_ms_max: u32,
    /// Least bytes per second, for requests of 1 MiB and more.
    pub throughput_min: u64,
}
