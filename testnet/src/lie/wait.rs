//! Waiting for what the chain's time brings.

use crate::clock::now_ms;
use anyhow::{Result, ensure};
use std::time::Duration;
use tokio::time::sleep;

/// How much longer than it should take something is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

const LOOK: Duration = Duration::from_millis(100);

pub(super) fn now_s() -> u64 {
    now_ms() / 1000
}

/// Waits for something that should be so at a moment, Unix seconds, or soon after.
pub(super) async fn until(
    what: &str,
    due: u64,
    mut look: impl AsyncFnMut() -> Result<bool>,
) -> Result<()> {
    while !look().await? {
        ensure!(
            now_s() < due.saturating_add(PATIENCE.as_secs()),
            "waited in vain for {what}"
        );
        sleep(LOOK).await;
    }
    Ok(())
}
