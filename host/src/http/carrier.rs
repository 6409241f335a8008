//! What carries requests, and why one comes to nothing.

use reqwest::{Response, StatusCode, Url};
use std::fmt::Debug;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

/// Why there is no answer. Holds no URL: one may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// HTTPS is asked for, and this machine can't speak it: it has no trusted roots.
    #[error("cannot speak HTTPS: {0}")]
    Tls(String),
    /// It isn't a request that can be sent, or there was no answer, or it broke off.
    #[error("{}", innermost(.0))]
    Exchange(#[source] reqwest::Error),
    /// There is no connection, in a network that isn't the machine's.
    #[error("no connection: {0}")]
    Connection(#[source] io::Error),
    /// It took too long.
    #[error("no answer in time")]
    TimedOut,
    /// It isn't a success.
    #[error("it answered {0}")]
    Status(StatusCode),
    /// It is longer than it may be.
    #[error("it answered more than {0} bytes")]
    TooLong(usize),
}

/// The innermost cause, which says what happened: those around it only that something did.
pub(super) fn innermost(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

impl From<reqwest::Error> for HttpError {
    fn from(error: reqwest::Error) -> Self {
        if error.is_timeout() {
            Self::TimedOut
        } else {
            Self::Exchange(error.without_url())
        }
    }
}

/// An answer to come.
pub type Carried = Pin<Box<dyn Future<Output = Result<Response, HttpError>> + Send>>;

/// Where a client that follows what strangers say may go.
pub trait Guard: Send + Sync + 'static {
    /// Whether it may ask this URL.
    ///
    /// # Errors
    /// What it may not, as a sentence.
    fn takes_url(&self, url: &Url) -> Result<(), String>;

    /// Whether it may connect to this address of a host.
    ///
    /// # Errors
    /// What it may not, as a sentence.
    fn takes_address(&self, host: &str, ip: IpAddr) -> Result<(), String>;
}

/// Carries requests to where they are answered.
pub trait Carrier: Debug + Send + Sync + 'static {
    /// Carries one. It keeps the request's own timeout, which covers the answer's body, and gives up connecting
    /// after some seconds. Dropped, it is as if its answer had been lost.
    fn carry(&self, request: reqwest::Request) -> Carried;

    /// One that goes only where the guard lets it, redirects included.
    fn guarded(&self, guard: Arc<dyn Guard>) -> Arc<dyn Carrier>;
}
