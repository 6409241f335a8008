//! HTTP as a client: bounded answers, bounded waits.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
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

/// A download that didn't end well.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DownloadError {
    /// No answer, or one that isn't a success.
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    /// It can't be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Writes the body at a URL to a file, and shows it to `each`; `None` if it has more than `limit` bytes, else how
/// many. Cancel safe.
///
/// # Errors
/// If there is no answer, or it can't be written.
pub(crate) async fn download(
    client: &reqwest::Client,
    url: &str,
    limit: u64,
    path: &Path,
    each: &mut (dyn FnMut(&[u8]) + Send),
) -> Result<Option<u64>, DownloadError> {
    let mut answer = client.get(url).send().await?.error_for_status()?;
    let mut out = File::create(path)?;
    let mut size = 0;
    while let Some(chunk) = answer.chunk().await? {
        size += chunk.len() as u64;
        if size > limit {
            return Ok(None);
        }
        // A disk is faster than what fills it; a pause of the task is harmless.
        out.write_all(&chunk)?;
        each(&chunk);
    }
    Ok(Some(size))
}
