//! The machine's clock: what testnet starts are processes, and they have it too.

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    host::Clock::system().now_ms()
}
