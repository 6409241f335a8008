//! How a network is, once or every second.

use super::{Answer, ApiError, ControlApi};
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use protocol::api::NetworkStatus;
use reqwest::{Method, Response};
use std::time::Duration;

/// Longest event: some thousand nodes.
const EVENT_BYTES_MAX: usize = 16 << 20;
/// An event comes each second; who is silent for so long is gone.
const SILENCE_MAX: Duration = Duration::from_secs(15);

impl ControlApi {
    /// How the network is. Asked of the admin API.
    ///
    /// # Errors
    /// [`ApiError`]; status 401 without a token, 403 with one that is for something else.
    pub fn status(&self, token: &str) -> Answer<'_, NetworkStatus> {
        let request = self.request(Method::GET, &["status"]);
        self.json(request.bearer_auth(token))
    }

    /// How the network is, now and each second from now on. The stream ends with the first error, or when the
    /// control plane ends it.
    ///
    /// # Errors
    /// [`ApiError`]; status 503 if as many watch as may.
    pub fn status_events<'a>(
        &'a self,
        token: &'a str,
    ) -> Answer<'a, BoxStream<'static, Result<NetworkStatus, ApiError>>> {
        Box::pin(async move {
            let request = self.request(Method::GET, &["status", "events"]);
            let request = request.timeout(Duration::MAX).bearer_auth(token);
            let response = self.send(request).await?;
            Ok(events(self.clone(), response).boxed())
        })
    }
}

fn events(
    api: ControlApi,
    response: Response,
) -> impl Stream<Item = Result<NetworkStatus, ApiError>> {
    let state = Some((api, response, Vec::new()));
    stream::unfold(state, async |state| {
        let (api, mut response, mut read) = state?;
        match next(&api, &mut response, &mut read).await {
            Ok(status) => Some((Ok(status?), Some((api, response, read)))),
            Err(error) => Some((Err(error), None)),
        }
    })
}

/// The next event; `None` at the end.
async fn next(
    api: &ControlApi,
    response: &mut Response,
    read: &mut Vec<u8>,
) -> Result<Option<NetworkStatus>, ApiError> {
    let unexpected = |reason: String| ApiError::Unexpected {
        url: api.url().to_owned(),
        reason,
    };
    loop {
        if let Some(end) = read.windows(2).position(|pair| pair == b"\n\n") {
            let event: Vec<u8> = read.drain(..end + 2).collect();
            let document = event.strip_prefix(b"data: ");
            let document = document.ok_or_else(|| unexpected("not such an event".to_owned()))?;
            let status = serde_json::from_slice(document);
            return status
                .map_err(|error| unexpected(error.to_string()))
                .map(Some);
        }
        if read.len() > EVENT_BYTES_MAX {
            return Err(unexpected(format!("more than {EVENT_BYTES_MAX} bytes")));
        }
        let piece = tokio::time::timeout(SILENCE_MAX, response.chunk()).await;
        let silent = |_| ApiError::Unreachable {
            url: api.url().to_owned(),
            reason: "it has fallen silent".to_owned(),
        };
        match piece
            .map_err(silent)?
            .map_err(|error| api.unreachable(api.url(), error.into()))?
        {
            Some(piece) => read.extend_from_slice(&piece),
            None => return Ok(None),
        }
    }
}
