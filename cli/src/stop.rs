//! How a process that serves is asked to stop.

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Cancelled at the first SIGINT or SIGTERM; a second one ends the process at once.
pub(crate) fn stop_signal() -> Result<CancellationToken> {
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    tokio::spawn(async move {
        let mut signals = 0;
        loop {
            tokio::select! {
                biased;
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            signals += 1;
            if signals > 1 {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "the second interrupt: whoever gives it won't wait for anything"
                )]
                std::process::exit(130);
            }
            tracing::info!("shutting down; once more to end at once");
            stopped.cancel();
        }
    });
    Ok(stop)
}
