//! Other nodes as sources of fills: which there are, says the control plane; that they may be asked, its grants.

use crate::rules::memory::Memory;
use crate::rules::sources::{Fault, Sources, is_fault};
use crate::wire::link::{ControlLink, LinkError};
use host::Mutex;
use protocol::{
    ALPN_NODE, CollectionId, ContentHash, ControlRequest, FetchReply, FillSource, NodeId, Request,
    SigningKey, SourcesReply, Tag, exporter_binding, sign,
};
use quinn::{Connection, Endpoint, RecvStream};
use std::time::Duration;
use tokio::time::{Instant, timeout};
use transport::{ConnectError, StreamError, connect, exporter, read_frame, write_frame};

/// By when a node is connected to, and by when it answers. Another one is at hand.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(5);
/// By when the control plane says who has a collection.
const SOURCES: Duration = Duration::from_secs(5);
/// For how long a connection is used again.
const CONNECTED: Duration = Duration::from_secs(3600);
const CONNECTIONS_MAX: usize = 256;

/// Why a node gives nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PeerError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Connection(#[from] quinn::ConnectionError),
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error("the node refused ({code}): {detail}")]
    Refused { code: u16, detail: String },
    #[error("it has another size there")]
    Size,
    #[error("no answer in time")]
    Silent,
}

impl PeerError {
    fn is_fault(&self) -> bool {
        match self {
            Self::Refused { code, .. } => is_fault(*code),
            _ => true,
        }
    }
}

/// Where other nodes are asked.
#[derive(Debug)]
pub(crate) struct Peers {
    endpoint: Endpoint,
    key: SigningKey,
    sources: Mutex<Sources>,
    connections: Mutex<Memory<NodeId, Connection>>,
    /// Moments are counted from here.
    began: Instant,
}

impl Peers {
    pub(crate) fn new(endpoint: Endpoint, key: SigningKey) -> Self {
        Self {
            endpoint,
            key,
            sources: Mutex::new(Sources::new()),
            connections: Mutex::new(Memory::new(CONNECTIONS_MAX)),
            began: Instant::now(),
        }
    }

    /// Nodes to fill a collection from, the best first. None where the control plane names none or can't be asked:
    /// it is itself the last source.
    pub(crate) async fn sources(
        &self,
        link: &ControlLink,
        collection: CollectionId,
    ) -> Vec<FillSource> {
        let now = self.began.elapsed();
        if let Some(known) = self.sources.lock().known(&collection, now) {
            return known;
        }
        let asked = timeout(SOURCES, ask_sources(link, collection)).await;
        match asked.unwrap_or(Err(PeerError::Silent)) {
            Ok(sources) => self.sources.lock().learn(collection, sources, now),
            Err(error) => {
                tracing::debug!(%collection, %error, "nobody to fill from but the control plane");
                Vec::new()
            }
        }
    }

    /// A collection was purged: who had it, has it no more.
    pub(crate) fn purged(&self, collection: &CollectionId) {
        self.sources.lock().purged(collection);
    }

    /// A node is at fault: others are asked for a while.
    pub(crate) fn shun(&self, node: NodeId, fault: Fault) {
        let now = self.began.elapsed();
        self.sources.lock().shun(node, fault, now);
        if fault == Fault::Failed {
            self.connections.lock().forget(&node);
        }
    }

    /// Asks a node for content; the body follows.
    pub(crate) async fn ask(
        &self,
        source: &FillSource,
        content: ContentHash,
        size: u64,
        offset: u64,
    ) -> Result<RecvStream, PeerError> {
        let asked = self.ask_now(source, content, size, offset).await;
        if let Err(error) = &asked
            && error.is_fault()
        {
            self.shun(source.node, Fault::Failed);
        }
        asked
    }

    async fn ask_now(
        &self,
        source: &FillSource,
        content: ContentHash,
        size: u64,
        offset: u64,
    ) -> Result<RecvStream, PeerError> {
        let connection = self.connection(source).await?;
        let digest = source.grant.peek().digest();
        let body = exporter_binding(&digest, &exporter(&connection));
        let request = Request::Fill {
            grant: Box::new(source.grant),
            binding: sign(&self.key, Tag::Binding, &body),
            content,
            offset,
            length: size - offset,
        };
        let answered = async {
            let (mut send, mut recv) = connection.open_bi().await?;
            write_frame(&mut send, &request).await?;
            let _ = send.finish();
            Ok::<_, PeerError>((read_frame(&mut recv).await?, recv))
        };
        let answered = timeout(ANSWER, answered).await;
        match answered.map_err(|_| PeerError::Silent)?? {
            (FetchReply::Ok { size: there }, recv) if there == size => Ok(recv),
            (FetchReply::Ok { .. }, _) => Err(PeerError::Size),
            (FetchReply::Refused { code, detail }, _) => Err(PeerError::Refused { code, detail }),
        }
    }

    async fn connection(&self, source: &FillSource) -> Result<Connection, PeerError> {
        let now = self.began.elapsed();
        let known = self.connections.lock().get(&source.node, now).cloned();
        if let Some(connection) = known
            && connection.close_reason().is_none()
        {
            return Ok(connection);
        }
        let key = *source.node.as_bytes();
        let connected = connect(&self.endpoint, &source.address, key, ALPN_NODE, None);
        let connected = timeout(CONNECT, connected).await;
        let connection = connected.map_err(|_| PeerError::Silent)??;
        let until = now + CONNECTED;
        self.connections
            .lock()
            .note(source.node, connection.clone(), until, now);
        Ok(connection)
    }
}

async fn ask_sources(
    link: &ControlLink,
    collection: CollectionId,
) -> Result<Vec<FillSource>, PeerError> {
    let connection = link.connection().await.map_err(|error| match error {
        LinkError::Connection(error) => PeerError::Connection(error),
        LinkError::Down => PeerError::Silent,
    })?;
    let (mut send, mut recv) = connection.open_bi().await?;
    write_frame(&mut send, &ControlRequest::Sources { collection }).await?;
    let _ = send.finish();
    match read_frame(&mut recv).await? {
        SourcesReply::Known { sources } => Ok(sources),
        SourcesReply::Refused { code, detail } => Err(PeerError::Refused { code, detail }),
    }
}
