//! HTTP as a client: bounded answers, bounded waits.

use host::{Http, HttpError, piece, successful};
use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;
use tokio::time::timeout;

/// A server that doesn't begin to answer within this is gone.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Asks others; gives up on silent ones, and on any answer that isn't there after a time.
#[derive(Debug, Clone)]
pub(crate) struct Asker {
    http: Http,
    timeout: Duration,
}

impl Asker {
    pub(crate) fn new(http: &Http, timeout: Duration) -> Self {
        Self {
            http: http.clone(),
            timeout,
        }
    }

    async fn get(&self, url: &str) -> Result<reqwest::Response, HttpError> {
        let request = self.http.get(url).timeout(self.timeout);
        match timeout(ANSWER_TIMEOUT, self.http.send(request)).await {
            Ok(answer) => successful(answer?),
            Err(_) => Err(HttpError::TimedOut),
        }
    }
}

/// One who answers over HTTP, as a verifier or a control plane; cheap to clone.
#[derive(Debug, Clone)]
pub struct Server {
    http: Http,
    base: String,
}

impl Server {
    /// The one at a base URL such as `https://verifier.example`, over this network. Nothing is asked yet.
    pub fn new(http: &Http, base: &str) -> Self {
        Self {
            http: http.clone(),
            base: base.trim_end_matches('/').to_owned(),
        }
    }

    pub(crate) fn asker(&self, timeout: Duration) -> Asker {
        Asker::new(&self.http, timeout)
    }

    /// The URL of what is at this path, which begins with a slash.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

/// The body at a URL; `None` if it has more than `limit` bytes. Cancel safe.
///
/// # Errors
/// If there is no answer, or one that isn't a success.
pub(crate) async fn get_bounded(
    asker: &Asker,
    url: &str,
    limit: u64,
) -> Result<Option<Vec<u8>>, HttpError> {
    let mut answer = asker.get(url).await?;
    if answer.content_length().is_some_and(|length| length > limit) {
        return Ok(None);
    }
    let mut body = Vec::new();
    while let Some(chunk) = piece(&mut answer).await? {
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
    Http(#[from] HttpError),
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
    asker: &Asker,
    url: &str,
    limit: u64,
    path: &Path,
    each: &mut (dyn FnMut(&[u8]) + Send),
) -> Result<Option<u64>, DownloadError> {
    let mut answer = asker.get(url).await?;
    let mut out = File::create(path)?;
    let mut size = 0;
    while let Some(chunk) = piece(&mut answer).await? {
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
