//! A network in this process: a control plane over HTTP, and nodes over QUIC that can be told to fail. Content
//! is sealed unless a test says otherwise.
//!
//! The nodes do what SPEC section 9 asks of nodes: they check tickets and bindings, keep to the window,
//! and check every receipt before they acknowledge it. A receipt that doesn't count fails the test.

#![allow(dead_code)]

use axum::extract::{Path as UrlPath, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use content::{Blob, OnDamage, Store, encode_slice, slices};
use host::watch;
use protocol::api::{RouteAnswer, RouteRequest, RoutedNode};
use protocol::{
    ALPN_NODE, Address, B256, Code, CollectionId, ContentHash, Entry, FetchReply, IssuerKey,
    Manifest, Network, NodeId, ReceiptFrame, Request, SealKey, ServiceTargets, SessionReply,
    SigningKey, Tag, Ticket, TicketId, Timeline, VerifiedReceipt, VerifiedTicket, Windows,
    exporter_binding, verify,
};
use quinn::{RecvStream, SendStream, VarInt};
use seal::{FileSeal, NonceHasher};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use transport::{PeerAuth, exporter, read_frame, server_endpoint, write_frame};

pub(crate) const MIB: u64 = 1 << 20;
pub(crate) const INTERVAL: u64 = 256 << 10;
const WINDOW: u64 = 4 * MIB;
static TIMELINE: Timeline = Timeline::fixed(
    0,
    Windows {
        epoch_length: u32::MAX,
        ticket_tail: 60,
        commit_window: 60,
        force_window: 60,
        challenge_window: 60,
    },
);

/// What a node does wrong; each from the given byte of a content on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Honest,
    FlipBit(u64),
    ResetStream(u64),
    CloseConnection(u64),
    Stall(u64),
    /// Sends nothing more until the client leaves; honest from the second request on.
    HoldOnce(u64),
    RefuseTicket(Code),
    RefuseFetch(Code),
    ClaimReceipt,
}

/// The path's bytes: not compressible, not periodic in a group. Of a playlist, segments `0.ts`, `1.ts`, …
pub(crate) fn bytes(path: &str, size: u64) -> Vec<u8> {
    if path.ends_with(".m3u8") {
        let lines = (0..8).map(|n| format!("#EXTINF:2,\n{n}.ts\n"));
        let text = format!("#EXTM3U\n{}#", lines.collect::<String>());
        return format!("{text:#<size$}", size = size as usize).into_bytes();
    }
    let seed = path.bytes().map(u64::from).sum::<u64>();
    (0..size)
        .map(|i| (i.wrapping_add(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 37) as u8)
        .collect()
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) address: String,
    store: Store,
    issuer: IssuerKey,
    behaviour: Behaviour,
    /// All that were accepted, in order.
    pub(crate) receipts: Mutex<Vec<VerifiedReceipt>>,
    /// Offset and length of every request.
    pub(crate) requests: Mutex<Vec<(u64, u64)>>,
    sessions: Mutex<BTreeMap<TicketId, Arc<Session>>>,
}

#[derive(Debug)]
struct Session {
    sent: Mutex<u64>,
    receipted: watch::Sender<u64>,
}

impl Node {
    /// The newest receipt of each ticket.
    pub(crate) fn final_receipts(&self) -> Vec<protocol::Receipt> {
        let mut last = BTreeMap::new();
        for receipt in self.receipts.lock().unwrap().iter() {
            last.insert(receipt.record().id, *receipt.receipt());
        }
        last.into_values().collect()
    }

    pub(crate) fn receipted_bytes(&self) -> u64 {
        self.final_receipts().iter().map(|r| r.bytes).sum()
    }

    fn start(key: u8, store: Store, issuer: IssuerKey, behaviour: Behaviour) -> Arc<Self> {
        let key = SigningKey::from_bytes(&[key; 32]);
        let bind = "127.0.0.1:0".parse().unwrap();
        let endpoint = server_endpoint(
            &host::Host::system(),
            bind,
            &key,
            &[ALPN_NODE],
            PeerAuth::Anonymous,
        )
        .unwrap();
        let node = Arc::new(Self {
            id: key.verifying_key().to_bytes().into(),
            address: endpoint.local_addr().unwrap().to_string(),
            store,
            issuer,
            behaviour,
            receipts: Mutex::default(),
            requests: Mutex::default(),
            sessions: Mutex::default(),
        });
        let serving = Arc::clone(&node);
        tokio::spawn(async move {
            while let Some(incoming) = endpoint.accept().await {
                let node = Arc::clone(&serving);
                tokio::spawn(async move {
                    let Ok(connection) = incoming.await else {
                        return;
                    };
                    while let Ok((send, recv)) = connection.accept_bi().await {
                        tokio::spawn(Arc::clone(&node).stream(connection.clone(), send, recv));
                    }
                });
            }
        });
        node
    }

    async fn stream(
        self: Arc<Self>,
        connection: quinn::Connection,
        mut send: SendStream,
        mut recv: RecvStream,
    ) {
        match read_frame(&mut recv).await.unwrap() {
            Request::Session { ticket, binding } => {
                let ticket = ticket.verify(&self.issuer, &TIMELINE).unwrap();
                assert_eq!(ticket.ticket().node, self.id);
                let body = exporter_binding(&ticket.digest(), &exporter(&connection));
                let client = ticket.ticket().client;
                verify(client.as_bytes(), Tag::Binding, &body, &binding).unwrap();
                self.session(ticket, send, recv).await;
            }
            Request::Fetch {
                ticket,
                content,
                offset,
                length,
            } => {
                self.requests.lock().unwrap().push((offset, length));
                let session = Arc::clone(&self.sessions.lock().unwrap()[&ticket]);
                if let Behaviour::RefuseFetch(code) = self.behaviour {
                    let _ = write_frame(&mut send, &FetchReply::refused(code, "told to")).await;
                    return;
                }
                let blob = self.store.get(&content).unwrap();
                let size = blob.size();
                write_frame(&mut send, &FetchReply::Ok { size })
                    .await
                    .unwrap();
                self.body(&connection, &session, &blob, offset..offset + length, send)
                    .await;
            }
            Request::Segment { .. } | Request::Fill { .. } => panic!("nobody asks for that here"),
        }
    }

    async fn session(&self, ticket: VerifiedTicket, mut send: SendStream, mut recv: RecvStream) {
        if let Behaviour::RefuseTicket(code) = self.behaviour {
            let _ = write_frame(&mut send, &SessionReply::refused(code, "told to")).await;
            return;
        }
        let session = Arc::new(Session {
            sent: Mutex::new(0),
            receipted: watch::Sender::new(0),
        });
        let id = ticket.ticket().id;
        let before = self
            .sessions
            .lock()
            .unwrap()
            .insert(id, Arc::clone(&session));
        assert!(before.is_none(), "a ticket was used twice");
        let claimed = u32::from(self.behaviour == Behaviour::ClaimReceipt);
        let accepted = SessionReply::Accepted {
            sequence: claimed,
            bytes: u64::from(claimed) * MIB,
            receipt_interval: INTERVAL,
            window: WINDOW,
        };
        write_frame(&mut send, &accepted).await.unwrap();
        let mut last: Option<protocol::Receipt> = None;
        while let Ok(frame) = read_frame::<ReceiptFrame>(&mut recv).await {
            let receipt = frame.receipt.verify(&ticket).unwrap();
            if let Some(last) = &last {
                receipt.check_follows(last).unwrap();
            }
            let stated = *receipt.receipt();
            assert!(stated.bytes <= *session.sent.lock().unwrap(), "never sent");
            last = Some(stated);
            self.receipts.lock().unwrap().push(receipt);
            session.receipted.send_replace(stated.bytes);
            let acked = SessionReply::Acked {
                sequence: stated.sequence,
            };
            if write_frame(&mut send, &acked).await.is_err() {
                return;
            }
        }
    }

    async fn body(
        &self,
        connection: &quinn::Connection,
        session: &Session,
        blob: &Blob,
        range: std::ops::Range<u64>,
        mut send: SendStream,
    ) {
        for slice in slices(range) {
            let first = self.requests.lock().unwrap().len() == 1;
            match self.behaviour {
                Behaviour::ResetStream(at) if slice.end > at => {
                    // What was sent before must arrive: a reset overtakes it otherwise. Less than an
                    // interval may be unsigned.
                    session.receipted_at_least(at - INTERVAL).await;
                    let _ = send.reset(VarInt::from_u32(Code::Internal.to_u16().into()));
                    return;
                }
                Behaviour::CloseConnection(at) if slice.end > at => {
                    session.receipted_at_least(at - INTERVAL).await;
                    connection.close(VarInt::from_u32(1), b"told to");
                    return;
                }
                Behaviour::Stall(at) if slice.end > at => {
                    let _ = send.stopped().await;
                    return;
                }
                Behaviour::HoldOnce(at) if slice.end > at && first => {
                    let _ = send.stopped().await;
                    return;
                }
                _ => {}
            }
            let length = slice.end - slice.start;
            let sent = {
                let mut sent = session.sent.lock().unwrap();
                *sent += length;
                *sent
            };
            session
                .receipted_at_least(sent.saturating_sub(WINDOW))
                .await;
            let mut encoded = encode_slice(blob, slice.clone()).await.unwrap().to_vec();
            if let Behaviour::FlipBit(at) = self.behaviour
                && slice.contains(&at)
            {
                let middle = encoded.len() / 2;
                encoded[middle] ^= 1;
            }
            if send.write_chunk(encoded.into()).await.is_err() {
                return;
            }
        }
        let _ = send.finish();
    }
}

impl Session {
    async fn receipted_at_least(&self, bytes: u64) {
        let mut receipted = self.receipted.subscribe();
        let _ = receipted.wait_for(|now| *now >= bytes).await;
    }
}

/// What the control plane grants.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grants {
    pub(crate) lifetime: Duration,
    pub(crate) bytes_max: Option<u64>,
    pub(crate) targets: ServiceTargets,
    /// Added to the control plane's clock.
    pub(crate) clock_ahead: Duration,
    pub(crate) sealing: Sealing,
}

/// What nodes hold, and what opens it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sealing {
    Open,
    Sealed,
    /// And the control plane gives another key.
    WrongKey,
    /// And the control plane gives none.
    NoKey,
}

impl Default for Grants {
    fn default() -> Self {
        Self {
            lifetime: Duration::from_secs(60),
            bytes_max: None,
            targets: ServiceTargets {
                ttfb_ms_max: 60_000,
                throughput_min: 1,
            },
            clock_ahead: Duration::ZERO,
            sealing: Sealing::Sealed,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Control {
    issuer: SigningKey,
    nodes: Vec<Arc<Node>>,
    pub(crate) collection: CollectionId,
    pub(crate) manifest: Manifest,
    grants: Grants,
    pub(crate) tickets: AtomicU32,
    pub(crate) routes: Mutex<Vec<RouteRequest>>,
}

pub(crate) struct World {
    pub(crate) url: String,
    pub(crate) control: Arc<Control>,
    pub(crate) nodes: Vec<Arc<Node>>,
    _dir: tempfile::TempDir,
}

fn seal_key() -> SealKey {
    SealKey::from_bytes([77; 32])
}

fn refusal(status: StatusCode, error: &str) -> Response {
    (status, Json(serde_json::json!({ "error": error }))).into_response()
}

impl Control {
    fn route(&self, request: RouteRequest) -> Response {
        let exclude = request.exclude.clone();
        let client = request.client;
        self.routes.lock().unwrap().push(request);
        let ahead = self.grants.clock_ahead.as_millis() as u64;
        let issued_at = host::Clock::system().now_ms() + ahead;
        let grant = |node: &Arc<Node>| RoutedNode {
            node: node.id,
            address: node.address.clone(),
            ticket: Ticket {
                network: Network {
                    chain_id: 31337,
                    settlement: Address::ZERO,
                },
                id: TicketId {
                    epoch: 0,
                    issuer: 0,
                    index: self.tickets.fetch_add(1, Ordering::Relaxed),
                },
                node: node.id,
                client,
                collection: self.collection,
                payer: Address::ZERO,
                viewer_token: B256::ZERO,
                bytes_max: self.grants.bytes_max.unwrap_or(self.manifest.bytes()),
                issued_at,
                expires_at: issued_at + self.grants.lifetime.as_millis() as u64,
            }
            .sign(&self.issuer),
        };
        let left = self.nodes.iter().filter(|n| !exclude.contains(&n.id));
        let nodes: Vec<_> = left.map(grant).collect();
        if nodes.is_empty() {
            return refusal(StatusCode::SERVICE_UNAVAILABLE, "no node is left");
        }
        Json(RouteAnswer {
            collection: self.collection,
            targets: self.grants.targets,
            nodes,
            key: match self.grants.sealing {
                Sealing::Sealed => Some(seal_key()),
                Sealing::WrongKey => Some(SealKey::from_bytes([9; 32])),
                Sealing::Open | Sealing::NoKey => None,
            },
        })
        .into_response()
    }

    fn manifest(&self, which: &str) -> Response {
        if which == "films" || which == self.collection.to_string() {
            self.manifest.to_bytes().into_response()
        } else {
            refusal(StatusCode::NOT_FOUND, "no collection of that name")
        }
    }
}

/// Publishes files, starts a node for each behaviour and a control plane before them.
pub(crate) async fn world(
    files: &[(&str, u64)],
    behaviours: &[Behaviour],
    grants: Grants,
) -> World {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(
        &disk::Disk::system(),
        &dir.path().join("store"),
        u64::MAX,
        OnDamage::Refuse,
    )
    .unwrap();
    let mut entries = Vec::new();
    for (path, size) in files {
        let file = dir.path().join("file");
        let mut bytes = bytes(path, *size);
        let mut hasher = NonceHasher::new(&seal_key());
        hasher.update(&bytes);
        let nonce = hasher.nonce();
        if grants.sealing != Sealing::Open {
            FileSeal::new(&seal_key(), &nonce).apply(0, &mut bytes);
        }
        std::fs::write(&file, bytes).unwrap();
        let content: ContentHash = store.import_file(&file).unwrap().hash();
        let entry = Entry {
            path: (*path).into(),
            content,
            size: *size,
            media_type: "application/octet-stream".into(),
        };
        entries.push((entry, nonce));
    }
    let manifest = match grants.sealing {
        Sealing::Open => Manifest::new(entries.into_iter().map(|(entry, _)| entry).collect()),
        _ => Manifest::sealed(seal_key().id(), entries),
    };
    let manifest = manifest.unwrap();
    let issuer = SigningKey::from_bytes(&[200; 32]);
    let issuer_key = IssuerKey::from(issuer.verifying_key().to_bytes());
    let nodes: Vec<_> = behaviours
        .iter()
        .zip(1..)
        .map(|(behaviour, key)| Node::start(key, store.clone(), issuer_key, *behaviour))
        .collect();
    let control = Arc::new(Control {
        issuer,
        nodes: nodes.clone(),
        collection: manifest.id(),
        manifest,
        grants,
        tickets: AtomicU32::new(0),
        routes: Mutex::default(),
    });
    let app = Router::new()
        .route(
            "/v1/route",
            post(async |State(c): State<Arc<Control>>, Json(r): Json<RouteRequest>| c.route(r)),
        )
        .route(
            "/v1/collections/{which}/manifest",
            get(async |State(c): State<Arc<Control>>, UrlPath(w): UrlPath<String>| c.manifest(&w)),
        )
        .with_state(Arc::clone(&control));
    World {
        url: serve(app).await,
        control,
        nodes,
        _dir: dir,
    }
}

/// Serves HTTP until the test ends.
pub(crate) async fn serve(app: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}
