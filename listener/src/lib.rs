//! What every HTTP listener of the network has: connections that are bounded in number, in what they may send before
//! they ask, and in silence; and counters for Prometheus.
//!
//! hyper's connections rather than axum's loop, which bounds neither a head's size nor the time it takes. Bodies are
//! the handlers' to bound, in size and in time. Non-goals: TLS and HTTP/2 (a reverse proxy's work).

mod guard;
mod metrics;
mod serve;

pub use metrics::{Counter, write_metric};
pub use serve::{Bounds, Connections, serve};
