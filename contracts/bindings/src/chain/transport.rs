//! JSON-RPC over the host's HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use alloy::primitives::Address;
use alloy::rpc::client::RpcClient;
use alloy::rpc::json_rpc::{RequestPacket, ResponsePacket};
use alloy::transports::{TransportError, TransportErrorKind, TransportFut};
use host::{Http, HttpError};
use reqwest::{Method, StatusCode, Url};
use tokio::sync::mpsc;
use tower::Service;

use super::ChainConfig;

/// Longest answer: the logs of 50,000 blocks of a busy network fit.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// What is given to all of them.
const GIVEN_TO_ALL: &str = "eth_sendRawTransaction";

/// Codes of rate limits.
const TOO_MUCH: [i64; 2] = [429, -32005];

/// Where EVM nodes answer: one is asked, and the next where that one fails.
#[derive(Clone, Debug)]
pub(super) struct Transport {
    http: Http,
    urls: Arc<[Url]>,
    /// Place of the one that answered last.
    asked: Arc<AtomicUsize>,
    timeout: Duration,
}

impl Transport {
    pub(super) fn new(config: &ChainConfig, urls: Vec<Url>) -> Self {
        Self {
            http: config.http.clone(),
            urls: urls.into(),
            asked: Arc::default(),
            timeout: config.request_timeout,
        }
    }

    async fn ask(self, packet: RequestPacket) -> Result<ResponsePacket, TransportError> {
        let to_all = packet
            .as_single()
            .is_some_and(|request| request.method() == GIVEN_TO_ALL);
        match to_all {
            true => self.ask_all(packet).await,
            false => self.ask_one(packet).await,
        }
    }

    /// The answer of the first that has one.
    async fn ask_one(&self, packet: RequestPacket) -> Result<ResponsePacket, TransportError> {
        let first = self.asked.load(Ordering::Relaxed);
        let mut failed = None;
        for place in 0..self.urls.len() {
            let at = (first + place) % self.urls.len();
            match self.ask_at(at, packet.clone()).await {
                Ok(answer) if place + 1 < self.urls.len() && is_too_much(&answer) => {}
                Ok(answer) => {
                    self.asked.store(at, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        Err(failed.unwrap_or_else(TransportErrorKind::backend_gone))
    }

    /// Gives it to all at once: who forgets what it is given, or keeps it back, isn't the only one that has it. The answer
    /// of the first that takes it; the others aren't waited for, and have as long as any answer may take. A refusal is one
    /// of all: where one didn't answer, that is what is said.
    async fn ask_all(&self, packet: RequestPacket) -> Result<ResponsePacket, TransportError> {
        let (tell, mut told) = mpsc::channel(self.urls.len());
        for place in 0..self.urls.len() {
            let (this, packet, tell) = (self.clone(), packet.clone(), tell.clone());
            tokio::spawn(async move {
                // Nobody listens once one has taken it.
                let _ = tell.send(this.ask_at(place, packet).await).await;
            });
        }
        drop(tell);
        let (mut refused, mut failed) = (None, None);
        while let Some(answer) = told.recv().await {
            match answer {
                Ok(answer) if !answer.is_error() => return Ok(answer),
                Ok(answer) => refused = refused.or(Some(answer)),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        match (refused, failed) {
            (Some(refused), None) => Ok(refused),
            (_, failed) => Err(failed.unwrap_or_else(TransportErrorKind::backend_gone)),
        }
    }

    async fn ask_at(
        &self,
        place: usize,
        packet: RequestPacket,
    ) -> Result<ResponsePacket, TransportError> {
        let url = self.urls[place].clone();
        let request = self.http.request(Method::POST, url).json(&packet);
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
            Ok(answer) if status.is_success() => Ok(answer),
            Ok(answer) if answer.is_error() && is_the_askers(status) => Ok(answer),
            Err(error) if status.is_success() => Err(TransportError::deser_err(error, text())),
            _ => Err(TransportErrorKind::http_error(status.as_u16(), text())),
        }
    }
}

/// Whether what is wrong is the request, and not who is asked: another would say the same.
fn is_the_askers(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY
    )
}

/// Whether somebody is asked more than it answers.
fn is_too_much(answer: &ResponsePacket) -> bool {
    let error = answer.as_error();
    error.is_some_and(|error| TOO_MUCH.contains(&error.code))
}

/// A JSON-RPC client over this network: for those who ask an EVM node what [`Chain`](super::Chain) has no
/// call for.
pub fn rpc_client(http: &Http, url: Url) -> RpcClient {
    let config = ChainConfig::new(http, "", Address::ZERO);
    RpcClient::new(Transport::new(&config, vec![url]), false)
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
