//! Issuers that are played: a control plane in front of the real one, that signs tickets as issuers of its own.
//!
//! Whatever it is asked it passes on. Only routes it changes: of the nodes that the real one names it keeps the one
//! that its URL says, `/{issuer}/{payer}/{node}`, and grants that node's ticket anew, as that issuer and on that
//! payer's account. So real clients take its tickets to real nodes.

use anyhow::{Context, Result, anyhow, ensure};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use contracts::challenge::Kind;
use protocol::api::{RouteAnswer, RouteRequest};
use protocol::{Address, Epoch, NodeId, SigningKey, Ticket, TicketId};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Tickets that an issuer which lies has in its log before the first that it grants: a tree to lie about.
const FILLERS: u32 = 3;

/// An issuer.
#[derive(Debug)]
struct Issuer {
    key: SigningKey,
    lie: Option<Kind>,
    granted: Vec<Ticket>,
    /// What it publishes.
    log: Option<Vec<u8>>,
}

#[derive(Debug)]
struct Shared {
    http: reqwest::Client,
    control: String,
    nodes: Vec<NodeId>,
    /// The epoch that tickets are granted in: one, so that an issuer has one log.
    epoch: Epoch,
    issuers: Mutex<BTreeMap<u32, Issuer>>,
}

impl Shared {
    fn issuers(&self) -> MutexGuard<'_, BTreeMap<u32, Issuer>> {
        self.issuers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The control plane. Dropped, it ends.
#[derive(Debug)]
pub(super) struct Staged {
    shared: Arc<Shared>,
    url: String,
    server: JoinHandle<()>,
}

impl Drop for Staged {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Staged {
    /// Serves, for an epoch, in front of a control plane.
    pub(super) async fn start(control: &str, nodes: Vec<NodeId>, epoch: Epoch) -> Result<Self> {
        let shared = Arc::new(Shared {
            http: reqwest::Client::new(),
            control: control.to_owned(),
            nodes,
            epoch,
            issuers: Mutex::default(),
        });
        let app = Router::new()
            .route("/{issuer}/{payer}/{node}/v1/route", post(route))
            .route(
                "/{issuer}/{payer}/{node}/v1/epochs/{epoch}/tickets",
                get(tickets),
            )
            .route("/{issuer}/{payer}/{node}/v1/{*rest}", get(pass_on))
            .with_state(Arc::clone(&shared));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                tracing::error!(%error, "the staged control plane failed");
            }
        });
        Ok(Self {
            shared,
            url,
            server,
        })
    }

    /// Has an issuer of that registry index, which lies in that way or is honest.
    pub(super) fn add(&self, issuer: u32, key: SigningKey, lie: Option<Kind>) {
        let issuer_ = Issuer {
            key,
            lie,
            granted: Vec::new(),
            log: None,
        };
        self.shared.issuers().insert(issuer, issuer_);
    }

    /// URL of the control plane that sends clients to that node, as that issuer, on that payer's account.
    pub(super) fn url(&self, issuer: u32, payer: Address, node: usize) -> String {
        format!("{}/{issuer}/{payer}/{node}", self.url)
    }

    /// What an issuer has granted.
    pub(super) fn granted(&self, issuer: u32) -> Vec<Ticket> {
        let issuers = self.shared.issuers();
        issuers
            .get(&issuer)
            .map(|issuer| issuer.granted.clone())
            .unwrap_or_default()
    }

    /// Puts one more ticket into an issuer's log, as the last before it, but for what `change` makes different.
    pub(super) fn grant(&self, issuer: u32, change: impl FnOnce(&mut Ticket)) -> Result<Ticket> {
        let mut issuers = self.shared.issuers();
        let issuer = issuers
            .get_mut(&issuer)
            .context("there is no such issuer")?;
        let last = issuer.granted.last();
        let mut ticket = *last.context("the issuer has granted nothing yet")?;
        ticket.id.index += 1;
        change(&mut ticket);
        issuer.granted.push(ticket);
        Ok(ticket)
    }

    /// Publishes a log.
    pub(super) fn publish(&self, issuer: u32, log: Vec<u8>) {
        if let Some(issuer) = self.shared.issuers().get_mut(&issuer) {
            issuer.log = Some(log);
        }
    }
}

/// Issuer, payer and node of a path.
type Place = (u32, Address, usize);

/// Why something isn't answered.
struct Refusal(StatusCode, anyhow::Error);

impl From<anyhow::Error> for Refusal {
    fn from(error: anyhow::Error) -> Self {
        Self(StatusCode::SERVICE_UNAVAILABLE, error)
    }
}

impl From<reqwest::Error> for Refusal {
    fn from(error: reqwest::Error) -> Self {
        anyhow!(error).into()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let sentence = serde_json::json!({ "error": format!("{:#}", self.1) });
        (self.0, Json(sentence)).into_response()
    }
}

async fn route(
    State(shared): State<Arc<Shared>>,
    Path((issuer, payer, node)): Path<Place>,
    Json(request): Json<RouteRequest>,
) -> Result<Json<RouteAnswer>, Refusal> {
    let url = format!("{}/v1/route", shared.control);
    let answer = shared.http.post(url).json(&request).send().await?;
    let mut answer: RouteAnswer = answer.error_for_status()?.json().await?;
    let only = shared.nodes.get(node).context("there is no such node")?;
    answer.nodes.retain(|routed| routed.node == *only);
    let mut issuers = shared.issuers();
    let played = issuers
        .get_mut(&issuer)
        .context("there is no such issuer")?;
    for routed in &mut answer.nodes {
        let ticket = played.grant(routed.ticket.peek(), issuer, payer, shared.epoch)?;
        routed.ticket = ticket.sign(&played.key);
    }
    Ok(Json(answer))
}

impl Issuer {
    fn grant(
        &mut self,
        model: Ticket,
        issuer: u32,
        payer: Address,
        epoch: Epoch,
    ) -> Result<Ticket> {
        ensure!(
            model.id.epoch == epoch,
            "epoch {epoch} is over, and with it the time for its tickets"
        );
        let numbered = |index| Ticket {
            id: TicketId {
                epoch,
                issuer,
                index,
            },
            payer,
            ..model
        };
        if self.lie.is_some() && self.granted.is_empty() {
            self.granted.extend((0..FILLERS).map(numbered));
        }
        let mut ticket = numbered(u32::try_from(self.granted.len())?);
        if self.lie == Some(Kind::TicketMalformedByIssuer) {
            ticket.bytes_max = ticket.collection.bytes() + 1;
        }
        self.granted.push(ticket);
        Ok(ticket)
    }
}

async fn tickets(
    State(shared): State<Arc<Shared>>,
    Path((issuer, _, _, epoch)): Path<(u32, Address, usize, Epoch)>,
) -> Result<Vec<u8>, Refusal> {
    let issuers = shared.issuers();
    let log = issuers.get(&issuer).and_then(|issuer| issuer.log.clone());
    let log = log.filter(|_| epoch == shared.epoch);
    log.ok_or_else(|| Refusal(StatusCode::NOT_FOUND, anyhow!("there is no such log")))
}

async fn pass_on(
    State(shared): State<Arc<Shared>>,
    Path((_, _, _, rest)): Path<(u32, Address, usize, String)>,
) -> Result<Response, Refusal> {
    let url = format!("{}/v1/{rest}", shared.control);
    let answer = shared.http.get(url).send().await?;
    let status = answer.status();
    let kind = answer.headers().get(header::CONTENT_TYPE).cloned();
    let body: Bytes = answer.bytes().await?;
    let mut response = (status, body).into_response();
    if let Some(kind) = kind {
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    Ok(response)
}
