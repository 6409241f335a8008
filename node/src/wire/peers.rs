//! Other nodes as sources of fills: which there are, says the control plane; that they may be asked, its grants.

use crate::wire::member::{ControlLink, LinkError};
use protocol::{
    ALPN_NODE, Code, CollectionId, ContentHash, ControlRequest, FetchReply, FillSource, NodeId,
    Request, SigningKey, SourcesReply, Tag, exporter_binding, sign,
};
use quinn::{Connection, Endpoint, RecvStream};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::timeout;
use transport::{ConnectError, StreamError, connect, exporter, read_frame, write_frame};

/// By when a node is connected to, and by when it answers. Another one is at hand.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(5);
/// By when the control plane says who has a collection.
const SOURCES: Duration = Duration::from_secs(5);
/// For how long its answer is used; its grants last longer.
const SOURCES_AGE: Duration = Duration::from_secs(20);
/// For how long a node that failed, and one that sent wrong bytes, isn't asked again.
const FAILED: Duration = Duration::from_secs(30);
const LIED: Duration = Duration::from_secs(3600);
/// Collections, connections and failures remembered.
const REMEMBERED_MAX: usize = 256;

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
    /// Whether the node has only nothing to give at the moment.
    fn is_no_fault(&self) -> bool {
        let codes = [Code::NotFound, Code::TooMany, Code::ShuttingDown];
        matches!(self, Self::Refused { code, .. } if codes.iter().any(|one| one.to_u16() == *code))
    }
}

type Remembered<K, V> = Mutex<HashMap<K, (Instant, V)>>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes a value until a time; what is over goes when there are too many.
fn remember<K: Eq + Hash, V>(memory: &Remembered<K, V>, key: K, until: Instant, value: V) {
    let mut memory = lock(memory);
    if memory.len() >= REMEMBERED_MAX {
        let now = Instant::now();
        memory.retain(|_, (until, _)| *until > now);
        if memory.len() >= REMEMBERED_MAX {
            memory.clear();
        }
    }
    memory.insert(key, (until, value));
}

fn remembered<K: Eq + Hash, V: Clone>(memory: &Remembered<K, V>, key: &K) -> Option<V> {
    let memory = lock(memory);
    let (until, value) = memory.get(key)?;
    (*until > Instant::now()).then(|| value.clone())
}

/// Where other nodes are asked.
#[derive(Debug)]
pub(crate) struct Peers {
    endpoint: Endpoint,
    key: SigningKey,
    sources: Remembered<CollectionId, Arc<Vec<FillSource>>>,
    connections: Remembered<NodeId, Connection>,
    shunned: Remembered<NodeId, ()>,
}

impl Peers {
    pub(crate) fn new(endpoint: Endpoint, key: SigningKey) -> Self {
        Self {
            endpoint,
            key,
            sources: Mutex::default(),
            connections: Mutex::default(),
            shunned: Mutex::default(),
        }
    }

    /// Nodes to fill a collection from, the best first. None where the control plane names none or can't be asked:
    /// it is itself the last source.
    pub(crate) async fn sources(
        &self,
        link: &ControlLink,
        collection: CollectionId,
    ) -> Vec<FillSource> {
        let known = match remembered(&self.sources, &collection) {
            Some(known) => known,
            None => {
                let asked = timeout(SOURCES, ask_sources(link, collection)).await;
                let sources = match asked.unwrap_or(Err(PeerError::Silent)) {
                    Ok(sources) => Arc::new(sources),
                    Err(error) => {
                        tracing::debug!(%collection, %error, "nobody to fill from but the control plane");
                        return Vec::new();
                    }
                };
                // Where nobody is known yet, somebody may be by the next file.
                if !sources.is_empty() {
                    let until = Instant::now() + SOURCES_AGE;
                    remember(&self.sources, collection, until, sources.clone());
                }
                sources
            }
        };
        let usable = |source: &&FillSource| remembered(&self.shunned, &source.node).is_none();
        known.iter().filter(usable).cloned().collect()
    }

    /// A collection was purged: who had it, has it no more.
    pub(crate) fn purged(&self, collection: &CollectionId) {
        lock(&self.sources).remove(collection);
    }

    /// A node sent something else than it was asked for.
    pub(crate) fn lied(&self, node: NodeId) {
        remember(&self.shunned, node, Instant::now() + LIED, ());
    }

    /// A node failed in the midst of it.
    pub(crate) fn failed(&self, node: NodeId) {
        remember(&self.shunned, node, Instant::now() + FAILED, ());
        lock(&self.connections).remove(&node);
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
            && !error.is_no_fault()
        {
            self.failed(source.node);
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
        if let Some(connection) = remembered(&self.connections, &source.node)
            && connection.close_reason().is_none()
        {
            return Ok(connection);
        }
        let key = *source.node.as_bytes();
        let connected = connect(&self.endpoint, &source.address, key, ALPN_NODE, None);
        let connected = timeout(CONNECT, connected).await;
        let connection = connected.map_err(|_| PeerError::Silent)??;
        let until = Instant::now() + LIED;
        remember(&self.connections, source.node, until, connection.clone());
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
