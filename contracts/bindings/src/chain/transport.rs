//! JSON-RPC over the host's HTTP.

use std::task::{Context, Poll};
use std::time::Duration;

use alloy::primitives::Address;
use alloy::rpc::client::RpcClient;
use alloy::rpc::json_rpc::{RequestPacket, ResponsePacket};
use alloy::transports::{TransportError, TransportErrorKind, TransportFut};
use host::{Http, HttpError};
use reqwest::{Method, Url};
use tower::Service;

use super::ChainConfig;

/// Longest answer: the logs of 50,000 blocks of a busy network fit.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// Where an EVM node answers.
#[derive(Clone, Debug)]
pub(super) struct Transport {
    http: Http,
    url: Url,
    timeout: Duration,
}

impl Transport {
    pub(super) fn new(config: &ChainConfig, url: Url) -> Self {
        Self {
            http: config.http.clone(),
            url,
            timeout: config.request_timeout,
        }
    }

    async fn ask(self, packet: RequestPacket) -> Result<ResponsePacket, TransportError> {
        let request = self.http.request(Method::POST, self.url).json(&packet);
        let request = request.timeout(self.timeout);
        let sent = self.http.send(request).await;
        let mut answer = sent.map_err(TransportErrorKind::custom)?;
        let status = answer.status();
        // An error's body says more than its status, also what the caller did wrong.
        let mut body = Vec::new();
        while let Some(piece) = host::piece(&mut answer)
            .await
            .map_err(TransportErrorKind::custom)?
        {
            if body.len() + piece.len() > ANSWER_BYTES_MAX {
                let error = HttpError::TooLong(ANSWER_BYTES_MAX);
                return Err(TransportErrorKind::custom(error));
            }
            body.extend_from_slice(&piece);
        }
        let text = || String::from_utf8_lossy(&body).into_owned();
        match serde_json::from_slice::<ResponsePacket>(&body) {
            Ok(answer) if status.is_success() || answer.is_error() => Ok(answer),
            Err(error) if status.is_success() => Err(TransportError::deser_err(error, text())),
            _ => Err(TransportErrorKind::http_error(status.as_u16(), text())),
        }
    }
}

/// A JSON-RPC client over this network: for those who ask an EVM node what [`Chain`](super::Chain) has no
/// call for.
pub fn rpc_client(http: &Http, url: Url) -> RpcClient {
    let config = ChainConfig::new(http, "", Address::ZERO);
    RpcClient::new(Transport::new(&config, url), false)
}

impl Service<RequestPacket> for Transport {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        Box::pin(self.clone().ask(packet))
    }
}
