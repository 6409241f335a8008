//! Requests to others over HTTP: to the control plane, the chain, verifiers, gateways, origins.

mod system;

pub use system::install_crypto_provider;

use bytes::Bytes;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use std::fmt::Debug;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// A server that says nothing for so long in the middle of an answer is gone.
const SILENCE_MAX: Duration = Duration::from_secs(30);

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
fn innermost(error: &reqwest::Error) -> String {
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

/// Asks others over HTTP; cheap to clone. Redirects are followed to the same host only.
#[derive(Debug, Clone)]
pub struct Http {
    /// Builds requests, and sends none.
    builder: Client,
    carrier: Arc<dyn Carrier>,
}

impl Http {
    /// Over the machine's own network.
    pub fn system() -> Self {
        Self::of(Arc::new(system::System::new(None)))
    }

    /// Over another.
    pub fn of(carrier: Arc<dyn Carrier>) -> Self {
        Self {
            builder: system::plain(None),
            carrier,
        }
    }

    /// The same network, where the guard lets it go.
    pub fn guarded(&self, guard: Arc<dyn Guard>) -> Self {
        Self {
            builder: self.builder.clone(),
            carrier: self.carrier.guarded(guard),
        }
    }

    /// A request, to be sent by [`send`](Self::send).
    pub fn request(&self, method: Method, url: impl reqwest::IntoUrl) -> RequestBuilder {
        self.builder.request(method, url)
    }

    /// A GET request, to be sent by [`send`](Self::send).
    pub fn get(&self, url: impl reqwest::IntoUrl) -> RequestBuilder {
        self.request(Method::GET, url)
    }

    /// Sends a request; whatever status it has, an answer is one.
    ///
    /// # Errors
    /// If there is none.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, HttpError> {
        let request = request.build()?;
        self.carrier.carry(request).await
    }

    /// The body of a successful answer to a request, of at most so many bytes.
    ///
    /// # Errors
    /// If there is none, it isn't a success, or it is longer.
    pub async fn read(
        &self,
        request: RequestBuilder,
        bytes_max: usize,
    ) -> Result<Vec<u8>, HttpError> {
        let mut answer = successful(self.send(request).await?)?;
        let announced = answer.content_length().unwrap_or_default();
        if announced > bytes_max as u64 {
            return Err(HttpError::TooLong(bytes_max));
        }
        let mut body = Vec::new();
        while let Some(piece) = piece(&mut answer).await? {
            if body.len() + piece.len() > bytes_max {
                return Err(HttpError::TooLong(bytes_max));
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }
}

/// The answer, if it is a success.
///
/// # Errors
/// [`HttpError::Status`] if it isn't.
pub fn successful(answer: Response) -> Result<Response, HttpError> {
    match answer.status() {
        status if status.is_success() => Ok(answer),
        status => Err(HttpError::Status(status)),
    }
}

/// The next piece of an answer's body; `None` at its end. Cancel safe.
///
/// # Errors
/// If it breaks off, or the server has fallen silent.
pub async fn piece(answer: &mut Response) -> Result<Option<Bytes>, HttpError> {
    match timeout(SILENCE_MAX, answer.chunk()).await {
        Ok(piece) => Ok(piece?),
        Err(_) => Err(HttpError::TimedOut),
    }
}

#[cfg(test)]
mod tests;
