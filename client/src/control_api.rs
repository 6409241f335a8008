//! The control plane's HTTP API, asked from outside.

mod error;
mod publishing;
mod status;

pub use error::ApiError;

use futures::future::BoxFuture;
use host::{Http, HttpError};
use protocol::api::{
    CollectionSummary, NetworkInfo, NodeInfo, OrderRequest, OrderStatus, OrderSummary, RouteAnswer,
    RouteExplanation, RouteRequest, Version,
};
use protocol::{
    CollectionId, Epoch, LOG_HEADER_BYTES, Manifest, OrderId, RECORDS_MAX, TICKET_BYTES, TicketId,
};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use std::net::IpAddr;
use std::time::Duration;

/// Small requests are answered within this.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Ticket logs, up to 900 MB, are answered within this.
const LOG_TIMEOUT: Duration = Duration::from_secs(600);
/// Longest JSON answer: a list of 65,536 collections fits.
const JSON_BYTES_MAX: usize = 32 << 20;
/// Longest error answer that is read.
const ERROR_BYTES_MAX: usize = 64 << 10;
/// Longest ticket log.
const LOG_BYTES_MAX: usize = LOG_HEADER_BYTES + RECORDS_MAX as usize * TICKET_BYTES;

/// What is asked for, to come. Boxed: the body of an `async fn` is compiled in every crate that awaits it, and what is
/// below these is large; so it is compiled here alone.
pub type Answer<'a, T, E = ApiError> = BoxFuture<'a, Result<T, E>>;

/// A control plane, by its URL; cheap to clone.
///
/// All calls are cancel safe: a dropped one is as if its answer had been lost.
#[derive(Debug, Clone)]
pub struct ControlApi {
    http: Http,
    base: Url,
}

impl ControlApi {
    /// Asked over this network; nothing is sent yet.
    ///
    /// # Errors
    /// If the URL is none.
    pub fn over(http: &Http, base_url: &str) -> Result<Self, ApiError> {
        let refused = |reason: String| ApiError::Url {
            url: base_url.to_owned(),
            reason,
        };
        let mut base = Url::parse(base_url).map_err(|error| refused(error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(refused(
                "it must begin with http:// or https:// and a host".into(),
            ));
        }
        // Paths are joined below this one only if it ends so.
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let http = http.clone();
        Ok(Self { http, base })
    }

    /// Its base URL.
    pub fn url(&self) -> &str {
        self.base.as_str()
    }

    /// Chain, key, clock, prices, service level.
    ///
    /// # Errors
    /// [`ApiError`].
    pub fn network_info(&self) -> Answer<'_, NetworkInfo> {
        self.json(self.request(Method::GET, &["network"]))
    }

    /// Nodes and tickets for a collection.
    ///
    /// # Errors
    /// [`ApiError`]; status 503 if no node is there for it.
    pub fn route(&self, request: &RouteRequest) -> Answer<'_, RouteAnswer> {
        self.json(self.request(Method::POST, &["route"]).json(request))
    }

    /// Where a client would be sent, and why. Nothing is issued.
    ///
    /// # Errors
    /// [`ApiError`]; [`ApiError::is_not_found`] if there is no such collection.
    pub fn explain(&self, collection: &str, from: Option<IpAddr>) -> Answer<'_, RouteExplanation> {
        let mut query = vec![("collection", collection.to_owned())];
        query.extend(from.map(|from| ("from", from.to_string())));
        self.json(self.request(Method::GET, &["explain"]).query(&query))
    }

    /// Why a ticket that was issued there names its node, as JSON.
    ///
    /// # Errors
    /// [`ApiError`]; status 401 without the right token, 404 if nothing is known of it.
    pub fn ticket_reason(&self, ticket: TicketId, token: &str) -> Answer<'_, serde_json::Value> {
        let path = ["tickets", &ticket.to_string(), "why"];
        self.json(self.request(Method::GET, &path).bearer_auth(token))
    }

    /// A collection's manifest, by id or name. Asked for by id, it is checked against it.
    ///
    /// # Errors
    /// [`ApiError`]; [`ApiError::is_not_found`] if there is none.
    pub fn manifest<'a>(&'a self, collection: &'a str) -> Answer<'a, (CollectionId, Manifest)> {
        Box::pin(async move {
            let path = ["collections", collection, "manifest"];
            let response = self.send(self.request(Method::GET, &path)).await?;
            let bytes = self.read(response, Manifest::BYTES_MAX).await?;
            let manifest = Manifest::from_bytes(&bytes).map_err(|source| ApiError::Manifest {
                collection: collection.to_owned(),
                source,
            })?;
            let actual = manifest.id();
            match collection.parse::<CollectionId>() {
                Ok(asked) if asked != actual => Err(ApiError::WrongManifest { asked, actual }),
                _ => Ok((actual, manifest)),
            }
        })
    }

    /// What was published under a name, oldest first.
    ///
    /// # Errors
    /// [`ApiError`]; [`ApiError::is_not_found`] if nothing is.
    pub fn versions(&self, name: &str) -> Answer<'_, Vec<Version>> {
        let path = ["collections", name, "versions"];
        self.json(self.request(Method::GET, &path))
    }

    /// All collections.
    ///
    /// # Errors
    /// [`ApiError`].
    pub fn collections(&self) -> Answer<'_, Vec<CollectionSummary>> {
        self.json(self.request(Method::GET, &["collections"]))
    }

    /// Collections that a token may change; of an owner its own. Asked of the admin API, as is all that needs a token.
    ///
    /// # Errors
    /// [`ApiError`].
    pub fn own_collections(&self, token: &str) -> Answer<'_, Vec<CollectionSummary>> {
        let request = self.request(Method::GET, &["collections"]);
        self.json(request.bearer_auth(token))
    }

    /// All nodes it knows.
    ///
    /// # Errors
    /// [`ApiError`].
    pub fn nodes(&self) -> Answer<'_, Vec<NodeInfo>> {
        self.json(self.request(Method::GET, &["nodes"]))
    }

    /// The ticket log of an epoch that has ended, as bytes for `TicketLog::from_bytes`. Unchecked: its
    /// root on chain tells whether it is the one.
    ///
    /// # Errors
    /// [`ApiError`]; [`ApiError::is_not_found`] while the epoch lasts.
    pub fn ticket_log(&self, epoch: Epoch) -> Answer<'_, Vec<u8>> {
        Box::pin(async move {
            let path = ["epochs", &epoch.to_string(), "tickets"];
            let request = self.request(Method::GET, &path).timeout(LOG_TIMEOUT);
            let response = self.send(request).await?;
            self.read(response, LOG_BYTES_MAX).await
        })
    }

    /// Gives nodes an order.
    ///
    /// # Errors
    /// [`ApiError`].
    pub fn order(&self, request: &OrderRequest, token: &str) -> Answer<'_, OrderStatus> {
        let post = self.request(Method::POST, &["orders"]);
        self.json(post.bearer_auth(token).json(request))
    }

    /// All orders, newest first.
    ///
    /// # Errors
    /// [`ApiError`].
    pub fn orders(&self, token: &str) -> Answer<'_, Vec<OrderSummary>> {
        let request = self.request(Method::GET, &["orders"]);
        self.json(request.bearer_auth(token))
    }

    /// One order; with `fewer_than`, once fewer nodes are outstanding or some time has passed.
    ///
    /// # Errors
    /// [`ApiError`]; [`ApiError::is_not_found`] if there is none, or no longer.
    pub fn order_status(
        &self,
        id: OrderId,
        fewer_than: Option<u32>,
        token: &str,
    ) -> Answer<'_, OrderStatus> {
        let request = self.request(Method::GET, &["orders", &id.to_string()]);
        let wait = fewer_than.map(|count| ("wait", count));
        let request = request.query(wait.as_slice());
        self.json(request.bearer_auth(token))
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        // Segments are percent-encoded: a name can't reach another route.
        url.path_segments_mut()
            .expect("http URLs have paths")
            .pop_if_empty()
            .push("v1")
            .extend(path);
        self.http.request(method, url).timeout(REQUEST_TIMEOUT)
    }

    fn send(&self, request: RequestBuilder) -> Answer<'_, Response> {
        Box::pin(async move {
            let (client, request) = request.build_split();
            let request = request.map_err(|error| self.unreachable(self.url(), error.into()))?;
            let url = request.url().to_string();
            let request = RequestBuilder::from_parts(client, request);
            let sent = self.http.send(request).await;
            let response = sent.map_err(|error| self.unreachable(&url, error))?;
            let status = response.status();
            if status.is_success() {
                return Ok(response);
            }
            let body = self.read(response, ERROR_BYTES_MAX).await;
            let message = sentence(&body.unwrap_or_default(), status);
            let status = status.as_u16();
            Err(ApiError::Refused { status, message })
        })
    }

    fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Answer<'_, T> {
        let answered = self.body(request);
        Box::pin(async move {
            let (url, body) = answered.await?;
            serde_json::from_slice(&body).map_err(|error| ApiError::Unexpected {
                url,
                reason: error.to_string(),
            })
        })
    }

    /// The URL that answered in the end, and the answer's bytes.
    fn body(&self, request: RequestBuilder) -> Answer<'_, (String, Vec<u8>)> {
        Box::pin(async move {
            let response = self.send(request).await?;
            let url = response.url().to_string();
            Ok((url, self.read(response, JSON_BYTES_MAX).await?))
        })
    }

    fn read(&self, mut response: Response, limit: usize) -> Answer<'_, Vec<u8>> {
        Box::pin(async move {
            let mut bytes = Vec::new();
            while let Some(piece) = response
                .chunk()
                .await
                .map_err(|error| self.unreachable(response.url().as_str(), error.into()))?
            {
                if bytes.len() + piece.len() > limit {
                    return Err(ApiError::Unexpected {
                        url: response.url().to_string(),
                        reason: format!("more than {limit} bytes"),
                    });
                }
                bytes.extend_from_slice(&piece);
            }
            Ok(bytes)
        })
    }

    fn unreachable(&self, url: &str, error: HttpError) -> ApiError {
        ApiError::Unreachable {
            url: url.to_owned(),
            reason: error.to_string(),
        }
    }
}

/// What `{"error": "..."}` says, or else the status' own words.
fn sentence(body: &[u8], status: StatusCode) -> String {
    // The answer to a HEAD has no body to say it in.
    if status == StatusCode::UNAUTHORIZED && body.is_empty() {
        return "the admin token is wrong: give one that `quittance control token` made, or admin.token of the data folder, with --token-file"
            .to_owned();
    }
    #[derive(serde::Deserialize)]
    struct ErrorBody {
        error: String,
    }
    serde_json::from_slice::<ErrorBody>(body)
        .map(|refusal| refusal.error)
        .unwrap_or_else(|_| {
            status
                .canonical_reason()
                .unwrap_or("no reason given")
                .to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_checked_and_names_stay_in_their_segment() {
        for wrong in ["", "localhost:80", "ftp://host", "http://", "/v1"] {
            assert!(
                matches!(
                    ControlApi::over(&Http::system(), wrong),
                    Err(ApiError::Url { .. })
                ),
                "{wrong:?}"
            );
        }
        let api = ControlApi::over(&Http::system(), "http://host:8080/cdn").unwrap();
        let path = ["collections", "../../x?y", "manifest"];
        let request = api.request(Method::GET, &path).build().unwrap();
        assert_eq!(
            request.url().as_str(),
            "http://host:8080/cdn/v1/collections/..%2F..%2Fx%3Fy/manifest"
        );
    }

    #[test]
    fn refusals_speak() {
        let status = StatusCode::NOT_FOUND;
        assert_eq!(
            sentence(br#"{"error":"no such name"}"#, status),
            "no such name"
        );
        assert_eq!(sentence(b"<html>", status), "Not Found");
    }
}
