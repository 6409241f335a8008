//! The QUIC side: nodes dial in, become members, and fill their caches from here.
//!
//! Peers prove an ed25519 key in the handshake; whether that key may do anything, the chain's registry
//! says, before the first request is answered. One task per connection, one per stream; both are bounded,
//! and all of them end with the server.

use crate::chain::registry::Standing;
use crate::contents::origins::{Origin, OriginError};
use crate::nodes::NodeDesk;
use crate::nodes::membership::Membership;
use content::{check_range, send_body};
use formats::address;
use protocol::{
    Code, CollectionId, ContentHash, ControlRequest, FetchReply, MemberFrame, NodeId, OrderFrame,
    SourcesReply,
};
use quinn::{Connection, Endpoint, Incoming, RecvStream, SendStream};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use transport::{StreamError, peer_key, read_frame, write_frame};

/// Connections at once, members and others.
const CONNECTIONS_MAX: usize = 16_384;
/// Connections above which newcomers must first prove their address.
const CONNECTIONS_UNPROVEN_MAX: usize = 1024;
/// Streams of one connection at once; transport bounds them to the same order.
const STREAMS_PER_CONNECTION_MAX: usize = 128;
/// Bodies sent at once: each holds up to 2 MiB.
const FILLS_MAX: usize = 256;
/// A handshake must be done by then.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// A new stream must say what it wants by then.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// A member that is silent for longer has lost its mind or its way; it may join again.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(60);
/// A peer must take a small frame by then.
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);
/// Slowest that a body may go, bytes per second, after [`BODY_TIMEOUT_MIN`].
const BODY_RATE_MIN: u64 = 128 << 10;
/// Time that every body has.
const BODY_TIMEOUT_MIN: Duration = Duration::from_secs(60);
/// How long a refused peer has to read why.
const REFUSAL_LINGER: Duration = Duration::from_secs(2);
/// Longest software version that is kept.
const VERSION_CHARS_MAX: usize = 64;

struct Shared {
    desk: Arc<NodeDesk>,
    fills: Semaphore,
}

/// Accepts connections until told to stop; then closes all of them and waits for their tasks.
pub(crate) async fn serve(endpoint: Endpoint, desk: Arc<NodeDesk>, stop: CancellationToken) {
    let shared = Arc::new(Shared {
        desk,
        fills: Semaphore::new(FILLS_MAX),
    });
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            incoming = endpoint.accept() => {
                let Some(incoming) = incoming else { break };
                if let Some(incoming) = admit(incoming, connections.len()) {
                    connections.spawn(connection_task(incoming, shared.clone()));
                }
            }
        }
    }
    let code = u32::from(Code::ShuttingDown.to_u16());
    endpoint.close(code.into(), Code::ShuttingDown.name().as_bytes());
    while connections.join_next().await.is_some() {}
    endpoint.wait_idle().await;
}

fn admit(incoming: Incoming, open: usize) -> Option<Incoming> {
    if open >= CONNECTIONS_MAX {
        tracing::warn!(open, "too many connections; one is refused");
        incoming.refuse();
        return None;
    }
    if open >= CONNECTIONS_UNPROVEN_MAX && !incoming.remote_address_validated() {
        // Can only fail for an address that is validated.
        let _ = incoming.retry();
        return None;
    }
    Some(incoming)
}

async fn connection_task(incoming: Incoming, shared: Arc<Shared>) {
    let remote = incoming.remote_address();
    match timeout(HANDSHAKE_TIMEOUT, async { incoming.await }).await {
        Ok(Ok(connection)) => {
            let Some(node) = peer_key(&connection).map(NodeId::from) else {
                // TLS asks for a key, so this doesn't happen; without one there is nothing to say.
                close(&connection, Code::UnknownPeer);
                return;
            };
            serve_connection(connection, node, shared).await;
        }
        Ok(Err(error)) => tracing::debug!(%remote, %error, "no handshake"),
        Err(_) => tracing::debug!(%remote, "no handshake in time"),
    }
}

fn close(connection: &Connection, code: Code) {
    let number = u32::from(code.to_u16());
    connection.close(number.into(), code.name().as_bytes());
}

async fn serve_connection(connection: Connection, node: NodeId, shared: Arc<Shared>) {
    let mut streams = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            Some(_) = streams.join_next(), if !streams.is_empty() => {}
            stream = connection.accept_bi(), if streams.len() < STREAMS_PER_CONNECTION_MAX => {
                // Streams end by themselves with their connection; dropping the set makes sure.
                let Ok((send, recv)) = stream else { return };
                streams.spawn(stream_task(connection.clone(), node, send, recv, shared.clone()));
            }
        }
    }
}

/// Why a stream ended before its time.
#[derive(Debug, thiserror::Error)]
enum StreamEnd {
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error("the peer took too long")]
    TooSlow,
    #[error("the peer isn't registered")]
    Refused,
    #[error(transparent)]
    Body(#[from] content::SendError),
    #[error(transparent)]
    Origin(#[from] OriginError),
    #[error("the peer is gone: {0}")]
    Gone(#[from] quinn::ConnectionError),
}

async fn stream_task(
    connection: Connection,
    node: NodeId,
    mut send: SendStream,
    recv: RecvStream,
    shared: Arc<Shared>,
) {
    match serve_stream(&connection, node, &mut send, recv, &shared).await {
        Ok(()) => {
            // A peer that is gone doesn't mind.
            let _ = send.finish();
        }
        Err(StreamEnd::Refused) => {
            shared.desk.metrics.joins_refused.add(1);
            let _ = send.finish();
            // Closing at once could overtake the refusal.
            let _ = timeout(REFUSAL_LINGER, send.stopped()).await;
            close(&connection, Code::UnknownPeer);
        }
        Err(error) => {
            tracing::debug!(%node, %error, "stream ended");
            let code = match error {
                StreamEnd::Stream(StreamError::Frame(_)) => Code::Malformed,
                StreamEnd::Origin(_) => Code::FillFailed,
                _ => Code::Internal,
            };
            let _ = send.reset(u32::from(code.to_u16()).into());
        }
    }
}

async fn serve_stream(
    connection: &Connection,
    node: NodeId,
    send: &mut SendStream,
    mut recv: RecvStream,
    shared: &Shared,
) -> Result<(), StreamEnd> {
    let request = timeout(REQUEST_TIMEOUT, read_frame(&mut recv))
        .await
        .map_err(|_| StreamEnd::TooSlow)??;
    let refusal = match shared.desk.ordering.nodes.standing(&node).await {
        Standing::Registered => None,
        Standing::Unknown => Some((
            Code::UnknownPeer,
            format!("node {node} is not in this network's registry: register it, then join"),
        )),
        Standing::Undecided => Some((
            Code::Internal,
            "the registry can't be read at the moment: try again".to_owned(),
        )),
    };
    if let Some((code, detail)) = refusal {
        match request {
            ControlRequest::Join { .. } => {
                tracing::info!(%node, code = code.name(), "a node may not join");
                let code = code.to_u16();
                reply(send, &OrderFrame::Refused { code, detail }).await?;
            }
            ControlRequest::Sources { .. } => {
                let code = code.to_u16();
                reply(send, &SourcesReply::Refused { code, detail }).await?;
            }
            _ => reply(send, &FetchReply::refused(code, detail)).await?,
        }
        return Err(StreamEnd::Refused);
    }
    match request {
        ControlRequest::Join { version, address } => {
            if let Err(undialable) = address::check(&address) {
                let (code, detail) = (Code::Malformed.to_u16(), undialable.to_string());
                return reply(send, &OrderFrame::Refused { code, detail }).await;
            }
            let version = version
                .chars()
                .filter(|c| !c.is_control())
                .take(VERSION_CHARS_MAX)
                .collect();
            let stated = Stated { version, address };
            member(connection, node, stated, send, recv, shared).await
        }
        ControlRequest::Manifest { collection } => manifest(collection, send, &shared.desk).await,
        ControlRequest::Sources { collection } => {
            let answer = match shared.desk.fills.sources(node, collection) {
                Some(sources) => SourcesReply::Known { sources },
                None => SourcesReply::Refused {
                    code: Code::NotFound.to_u16(),
                    detail: format!("there is no collection {collection} here"),
                },
            };
            reply(send, &answer).await
        }
        ControlRequest::Fill {
            content,
            offset,
            length,
        } => fill(content, offset, length, send, shared).await,
    }
}

async fn reply<T: Serialize>(send: &mut SendStream, frame: &T) -> Result<(), StreamEnd> {
    timeout(REPLY_TIMEOUT, write_frame(send, frame))
        .await
        .map_err(|_| StreamEnd::TooSlow)??;
    Ok(())
}

/// Leaves when dropped, however the member's stream ends.
struct Leaving<'a>(&'a NodeDesk, Membership, NodeId);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.members.leave(self.1, Instant::now());
        tracing::info!(node = %self.2, "a node's connection is gone");
    }
}

/// What a node says of itself when it joins.
struct Stated {
    /// Of its software, for operators.
    version: String,
    /// Where clients reach it, `host:port`.
    address: String,
}

async fn member(
    connection: &Connection,
    node: NodeId,
    stated: Stated,
    send: &mut SendStream,
    recv: RecvStream,
    shared: &Shared,
) -> Result<(), StreamEnd> {
    let Stated { version, address } = stated;
    let desk = &shared.desk;
    let remote = connection.remote_address().ip();
    reply(send, &OrderFrame::Welcome).await?;
    tracing::info!(%node, address, version, "a node joined");
    desk.metrics.joins.add(1);
    let (membership, queue) =
        desk.members
            .join(node, address, version, Some(remote), Instant::now());
    let _leaving = Leaving(desk, membership, node);
    // Neither half is cancel safe; whichever ends, the stream is over, so nothing is lost.
    tokio::select! {
        biased;
        end = hear(desk, node, membership, recv) => end,
        end = orders(desk, node, queue, send) => end,
        end = connection.closed() => Err(end.into()),
    }
}

/// What the member says, until it says no more.
async fn hear(
    desk: &Arc<NodeDesk>,
    node: NodeId,
    membership: Membership,
    mut recv: RecvStream,
) -> Result<(), StreamEnd> {
    loop {
        let frame = timeout(HEARTBEAT_TIMEOUT, read_frame(&mut recv)).await;
        let frame = match frame.map_err(|_| StreamEnd::TooSlow)? {
            Err(StreamError::Ended) => return Ok(()),
            other => other?,
        };
        match frame {
            MemberFrame::Heartbeat(heartbeat) => {
                let now = Instant::now();
                if !desk.members.heartbeat(membership, heartbeat, now) {
                    return Ok(());
                }
            }
            MemberFrame::Counts(counts) => {
                let epoch = desk.agreed.timeline().epoch_at_ms(desk.host.clock.now_ms());
                desk.members
                    .counted(membership, &counts, epoch, Instant::now());
            }
            MemberFrame::Done { order } => desk.ordering.orders.confirm(&node, order),
            MemberFrame::Filled { collection } => {
                desk.fills.filled(node, collection);
                desk.members.filled(membership, Instant::now());
            }
            MemberFrame::Failed { order, detail } => {
                let desk = desk.clone();
                let kept = move || desk.ordering.failed(&node, order, &detail);
                disk::run(kept).await;
            }
        }
    }
}

/// Tells the member what waits in its queue, and what it has yet to do, as soon as there is something.
async fn orders(
    desk: &NodeDesk,
    node: NodeId,
    mut queue: mpsc::Receiver<OrderFrame>,
    send: &mut SendStream,
) -> Result<(), StreamEnd> {
    let mut changes = desk.ordering.orders.changes();
    let mut told = 0;
    loop {
        // Before looking: what changes from here on is looked at again.
        changes.borrow_and_update();
        for (id, order) in desk.ordering.orders.outstanding(&node, told) {
            reply(send, &OrderFrame::Order { id, order }).await?;
            told = id;
        }
        loop {
            tokio::select! {
                biased;
                order = queue.recv() => match order {
                    Some(order) => reply(send, &order).await?,
                    None => return Ok(()),
                },
                // Ends only with the desk.
                _ = changes.changed() => break,
            }
        }
    }
}

async fn manifest(
    collection: CollectionId,
    send: &mut SendStream,
    desk: &NodeDesk,
) -> Result<(), StreamEnd> {
    if desk.contents.catalogue.find_id(&collection).is_none() {
        let detail = format!("there is no collection {collection} here");
        return reply(send, &FetchReply::refused(Code::NotFound, detail)).await;
    }
    let catalogue = desk.contents.catalogue.clone();
    let read = disk::run(move || catalogue.manifest_bytes(&collection)).await;
    let bytes = match read {
        Ok(bytes) => bytes,
        Err(error) => {
            tracing::error!(%error, "cannot read a manifest");
            let detail = "the control plane can't read it; its operator has been told";
            return reply(send, &FetchReply::refused(Code::Internal, detail)).await;
        }
    };
    let size = bytes.len() as u64;
    reply(send, &FetchReply::Ok { size }).await?;
    timeout(body_timeout(size), send.write_all(&bytes))
        .await
        .map_err(|_| StreamEnd::TooSlow)?
        .map_err(StreamError::from)?;
    Ok(())
}

fn body_timeout(bytes: u64) -> Duration {
    BODY_TIMEOUT_MIN + Duration::from_secs(bytes / BODY_RATE_MIN)
}

async fn fill(
    content: ContentHash,
    offset: u64,
    length: u64,
    send: &mut SendStream,
    shared: &Shared,
) -> Result<(), StreamEnd> {
    let Ok(_slot) = shared.fills.try_acquire() else {
        let detail = "too many fills at once: try again";
        return reply(send, &FetchReply::refused(Code::TooMany, detail)).await;
    };
    let store = shared.desk.contents.store.clone();
    let Some(blob) = disk::run(move || store.get(&content)).await else {
        if let Some(origin) = shared.desk.contents.origins.find(&content) {
            return fill_from(origin, offset, length, send, &shared.desk).await;
        }
        let detail = format!("there is no content {content} here");
        return reply(send, &FetchReply::refused(Code::NotFound, detail)).await;
    };
    if let Err(error) = check_range(blob.size(), offset, length) {
        return reply(
            send,
            &FetchReply::refused(Code::BadRange, error.to_string()),
        )
        .await;
    }
    reply(send, &FetchReply::Ok { size: blob.size() }).await?;
    timeout(body_timeout(length), send_body(&blob, offset, length, send))
        .await
        .map_err(|_| StreamEnd::TooSlow)??;
    shared.desk.metrics.fills.add(1);
    shared.desk.metrics.filled.add(length);
    Ok(())
}

/// From an origin, if it still is what it was.
async fn fill_from(
    origin: Arc<Origin>,
    offset: u64,
    length: u64,
    send: &mut SendStream,
    desk: &NodeDesk,
) -> Result<(), StreamEnd> {
    let size = origin.size();
    let range = match check_range(size, offset, length) {
        Ok(range) => range,
        Err(error) => {
            let refused = FetchReply::refused(Code::BadRange, error.to_string());
            return reply(send, &refused).await;
        }
    };
    let begun = desk.contents.origins.fill(origin, range).await;
    let mut filling = match begun {
        Ok(filling) => filling,
        Err(error) => {
            desk.metrics.origin_failures.add(1);
            let refused = FetchReply::refused(Code::FillFailed, error.to_string());
            return reply(send, &refused).await;
        }
    };
    reply(send, &FetchReply::Ok { size }).await?;
    let body = async {
        while let Some(slice) = filling.next().await? {
            send.write_chunk(slice).await.map_err(StreamError::from)?;
        }
        Ok::<_, StreamEnd>(())
    };
    let sent = timeout(body_timeout(length), body).await;
    let sent = sent.map_err(|_| StreamEnd::TooSlow)?;
    if matches!(sent, Err(StreamEnd::Origin(_))) {
        desk.metrics.origin_failures.add(1);
    }
    sent?;
    desk.metrics.fills.add(1);
    desk.metrics.filled.add(length);
    desk.metrics.origin_filled.add(length);
    Ok(())
}

#[cfg(test)]
#[path = "join_tests.rs"]
mod tests;
