//! What the system tests share: a network of real processes in a scratch folder ([`World`]), what chain and
//! evidence say of it, the command line ([`run`]), an auditor that shares nothing with ours ([`independent`]), an
//! HTTP origin ([`origin`]), a client that need not keep the rules ([`raw`]), and a gateway with those who watch
//! through it ([`players`]), and the control plane's page in a browser ([`page`]).
//!
//! Non-goals: simulated time and links. These tests wait for conditions, never for a time, and say what
//! they waited for when it didn't come.

mod command;
pub mod independent;
pub mod origin;
pub mod page;
pub mod players;
pub mod raw;
mod script;
mod world;

pub use command::{Ran, binary, run};
pub use world::{Evidence, Scratch, World, turn};

use std::time::Duration;
use tokio::time::Instant;

/// Longest wait for anything: several epochs on a slow and busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// Pause between looks at something that is awaited.
const LOOK: Duration = Duration::from_millis(30);

/// Looks until there is something to see.
///
/// # Panics
/// If that takes too long; `what` is in the message.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(
            began.elapsed() < PATIENCE,
            "waited {} s in vain: {what}",
            PATIENCE.as_secs()
        );
        tokio::time::sleep(LOOK).await;
    }
}

/// Unix time, milliseconds.
///
/// # Panics
/// If the clock stands before 1970.
pub fn now_ms() -> u64 {
    host::Clock::system().now_ms()
}

/// Bytes that neither compress nor repeat; the same for the same seed.
pub fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        // xorshift64*
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8
    };
    (0..size).map(|_| next()).collect()
}
