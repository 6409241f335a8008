//! HTTP as a client: bounded answers, bounded waits.

use std::time::Duration;

/// Redirects and connections are over after this; reading has its own bound.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A server that says nothing for so long is gone.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// A client that gives up on silent servers, and on any answer that isn't there after `timeout`.
pub(crate) fn client(timeout: Duration) -> reqwest::Result<reqwest::Client> {
    contracts::install_crypto_provider();
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .timeout(timeout)
        .build()
}

/// The body at a URL; `None` if it has more than `limit` bytes. Cancel safe.
///
/// # Errors
/// If there is no answer, or one that isn't a success.
pub(crate) async fn get_bounded(
    client: &reqwest::Client,
    url: &str,
    limit: u64,
) -> reqwest::Result<Option<Vec<u8>>> {
    let mut answer = client.get(url).send().await?.error_for_status()?;
    if answer.content_length().is_some_and(|length| length > limit) {
        return Ok(None);
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if (body.len() + chunk.len()) as u64 > limit {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}
