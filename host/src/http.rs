//! Requests to others over HTTP: to the control plane, the chain, verifiers, gateways, origins.

mod carrier;
mod system;

pub use carrier::{Carried, Carrier, Guard, HttpError};
pub use system::install_crypto_provider;

use bytes::Bytes;
use reqwest::{Client, Method, RequestBuilder, Response};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// A server that says nothing for so long in the middle of an answer is gone.
const SILENCE_MAX: Duration = Duration::from_secs(30);

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
