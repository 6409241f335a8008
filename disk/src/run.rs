//! Work that blocks, off the threads that serve.

/// Runs work that blocks (files, or long arithmetic) on a thread of its own. A panic of the work is the caller's.
/// Cancel safe in that the work is done all the same.
///
/// The one place that does: a world that is simulated may do it inline.
pub async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The runtime ends before the work began, and whoever waits for it ends with it.
        Err(_) => std::future::pending().await,
    }
}
