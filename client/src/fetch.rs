//! Fetching: from a collection's path to verified bytes in a sink, whatever nodes do.

use crate::config::ClientConfig;
use crate::control_api::{Answer, ApiError, ControlApi};
use crate::fault::Attempt;
use crate::opening::Opening;
use crate::pool::{Pool, Trail, Way};
use crate::recent::Recent;
use crate::sink::Sink;
use crate::statistics::Statistics;
use crate::summary::{SessionSummary, Summary};
use crate::transfer::{Ending, Order, transfer};
use futures::future::BoxFuture;
use host::Mutex;
use host::{Disk, Host};
use protocol::{CollectionId, ContentHash, Entry, GROUP_BYTES, Manifest, ViewerToken};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// What a name stands for is asked again after this.
const NAME_LIFETIME: Duration = Duration::from_secs(10);
/// What it stood for is believed for longer if the control plane can't be asked: who watches goes on.
const NAME_STALE: Duration = Duration::from_secs(3600);
/// Manifests kept: 16 MiB each at most.
const COLLECTIONS_KEPT: usize = 16;
/// Attempts of one fetch that are reported; of a longer one, the latest.
const ATTEMPTS_KEPT: usize = 256;
/// Faults of nodes that one fetch puts up with in all.
const FAULTS_MAX: usize = 64;
/// Closing connections takes no longer.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Why a client can't begin.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The control plane's address is none.
    #[error(transparent)]
    Control(#[from] ApiError),
    /// No socket.
    #[error(transparent)]
    Bind(#[from] transport::BindError),
}

/// Why a fetch failed.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The control plane gave no manifest.
    #[error(transparent)]
    Control(#[from] ApiError),
    /// The collection has no such file.
    #[error("collection {collection} has no file {path:?}")]
    NoSuchFile {
        /// In which.
        collection: CollectionId,
        /// As asked for.
        path: String,
    },
    /// The file has no such bytes.
    #[error("bytes {start} to {end} of {path:?}: it has {size}")]
    NoSuchRange {
        /// Of which file.
        path: String,
        /// First byte asked for.
        start: u64,
        /// Byte after the last.
        end: u64,
        /// Bytes there are.
        size: u64,
    },
    /// The manifest gives an empty file a hash that isn't the empty content's.
    #[error("the manifest is wrong about {path:?}: no content of 0 bytes has that hash")]
    WrongEntry {
        /// Which file.
        path: String,
    },
    /// The control plane routes to a sealed collection and gives no key, or not the one it is sealed by.
    #[error("the control plane gave no key that opens sealed collection {collection}")]
    NoKey {
        /// Which.
        collection: CollectionId,
    },
    /// Whoever reads the bytes failed or went away.
    #[error("cannot hand on what came: {0}")]
    Sink(#[source] io::Error),
    /// No node delivered it all.
    #[error("{path:?}: {}", exhausted(*.verified, *.asked, .attempts, .route))]
    NoNode {
        /// Which file.
        path: String,
        /// Bytes verified and handed on before.
        verified: u64,
        /// Bytes asked for.
        asked: u64,
        /// What every node did, in order.
        attempts: Vec<Attempt>,
        /// What the control plane said last, if it gave no route.
        route: Option<Box<ApiError>>,
    },
}

fn exhausted(
    verified: u64,
    asked: u64,
    attempts: &[Attempt],
    route: &Option<Box<ApiError>>,
) -> String {
    let mut text = format!("no node delivers it; {verified} of {asked} bytes came");
    for attempt in attempts {
        if let Some(fault) = &attempt.fault {
            let _ = write!(text, "; node {}: {fault}", attempt.node.short());
        }
    }
    if let Some(error) = route {
        let _ = write!(text, "; {error}");
    }
    text
}

/// A collection's id and files.
#[derive(Debug, Clone)]
pub struct Collection {
    /// Its id.
    pub id: CollectionId,
    /// Its files.
    pub manifest: Arc<Manifest>,
}

/// A fetch that succeeded.
#[derive(Debug)]
pub struct Fetched {
    /// The collection it came from.
    pub collection: CollectionId,
    /// BLAKE3 of the whole file.
    pub content: ContentHash,
    /// The file's size.
    pub size: u64,
    /// The bytes handed on.
    pub range: Range<u64>,
    /// How long it took.
    pub duration: Duration,
    /// The requests it took, in order; the latest 256.
    pub attempts: Vec<Attempt>,
}

/// A client; cheap to clone, and to be shared: sessions are reused across fetches.
#[derive(Debug, Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    host: Host,
    stall_timeout: Duration,
    viewer_token: Option<ViewerToken>,
    control: ControlApi,
    endpoint: quinn::Endpoint,
    pool: Pool,
    statistics: Arc<Statistics>,
    cache: Mutex<Cache>,
}

#[derive(Debug)]
struct Cache {
    names: BTreeMap<String, (CollectionId, Instant)>,
    manifests: Recent<CollectionId, Arc<Manifest>>,
}

impl Client {
    /// Opens a socket; nothing is sent yet. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If the control plane's URL is none or the system gives no socket.
    pub fn new(config: ClientConfig) -> Result<Self, SetupError> {
        let control = ControlApi::over(&config.host.http, &config.control)?;
        let endpoint = transport::client_endpoint(&config.host)?;
        let statistics = Arc::new(Statistics::default());
        let inner = Inner {
            host: config.host.clone(),
            stall_timeout: config.stall_timeout,
            viewer_token: config.viewer_token.clone(),
            control: control.clone(),
            endpoint: endpoint.clone(),
            pool: Pool::new(config, control, endpoint, Arc::clone(&statistics)),
            statistics,
            cache: Mutex::new(Cache {
                names: BTreeMap::new(),
                manifests: Recent::new(COLLECTIONS_KEPT),
            }),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Where files are fetched to.
    pub(crate) fn disk(&self) -> &Disk {
        &self.inner.host.disk
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.inner.pool
    }

    pub(crate) fn own_way(&self) -> Way {
        Way {
            prefer: None,
            token: self.viewer_token().cloned(),
        }
    }

    /// The token of fetches that have none of their own.
    pub fn viewer_token(&self) -> Option<&ViewerToken> {
        self.inner.viewer_token.as_ref()
    }

    /// The control plane it asks.
    pub fn control(&self) -> &ControlApi {
        &self.inner.control
    }

    /// A collection by id or name. Kept: an id for good, a name for ten seconds, or for an hour while the
    /// control plane can't be asked. Cancel safe.
    ///
    /// # Errors
    /// As [`ControlApi::manifest`].
    pub fn collection<'a>(&'a self, id_or_name: &'a str) -> Answer<'a, Collection> {
        Box::pin(async move {
            if let Some(kept) = self.kept(id_or_name, NAME_LIFETIME) {
                return Ok(kept);
            }
            let (id, manifest) = match self.inner.control.manifest(id_or_name).await {
                Ok(found) => found,
                Err(error) if error.is_retryable() => {
                    return self.kept(id_or_name, NAME_STALE).ok_or(error);
                }
                Err(error) => return Err(error),
            };
            let manifest = Arc::new(manifest);
            let mut cache = self.cache();
            let now = Instant::now();
            cache.names.retain(|_, (_, at)| now - *at < NAME_STALE);
            cache.manifests.insert(id, Arc::clone(&manifest));
            if id_or_name.parse::<CollectionId>().is_err() {
                if cache.names.len() >= COLLECTIONS_KEPT && !cache.names.contains_key(id_or_name) {
                    let oldest = cache.names.iter().min_by_key(|(_, (_, at))| *at);
                    if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                        cache.names.remove(&oldest);
                    }
                }
                cache.names.insert(id_or_name.to_owned(), (id, now));
            }
            Ok(Collection { id, manifest })
        })
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, Cache> {
        self.inner.cache.lock()
    }

    fn kept(&self, id_or_name: &str, lifetime: Duration) -> Option<Collection> {
        let mut cache = self.cache();
        let id = match id_or_name.parse() {
            Ok(id) => id,
            Err(_) => {
                let (id, at) = *cache.names.get(id_or_name)?;
                (at.elapsed() < lifetime).then_some(id)?
            }
        };
        let manifest = Arc::clone(cache.manifests.get(&id)?);
        Some(Collection { id, manifest })
    }

    /// Fetches a file, or the bytes of it in `range`, into a sink.
    ///
    /// Nodes that fail are left for others, at the byte that was verified last. Cancel safe in that a
    /// dropped fetch is an abort by the reader: what was verified is signed for, and no node is blamed.
    ///
    /// # Errors
    /// [`FetchError`]; what the sink got before is right all the same.
    pub async fn fetch<S: Sink>(
        &self,
        collection: &str,
        path: &str,
        range: Option<Range<u64>>,
        sink: &mut S,
    ) -> Result<Fetched, FetchError> {
        let collection = self.collection(collection).await?;
        let entry = collection.entry(path)?;
        match self.seal(&collection, path, &self.own_way()).await? {
            None => self.fetch_entry(collection.id, entry, range, sink).await,
            Some(seal) => {
                let mut sink = Opening::new(seal, sink);
                self.fetch_entry(collection.id, entry, range, &mut sink)
                    .await
            }
        }
    }

    /// A file whose manifest is at hand, as nodes hold it: what is sealed stays so, and [`Client::seal`]
    /// opens it. Else as [`Client::fetch`].
    ///
    /// # Errors
    /// [`FetchError`].
    pub async fn fetch_entry<S: Sink>(
        &self,
        collection: CollectionId,
        entry: &Entry,
        range: Option<Range<u64>>,
        sink: &mut S,
    ) -> Result<Fetched, FetchError> {
        self.fetch_entry_via(collection, entry, range, &self.own_way(), sink)
            .await
    }

    /// As [`Client::fetch_entry`], in a way of its own.
    ///
    /// # Errors
    /// [`FetchError`].
    pub async fn fetch_entry_via<S: Sink>(
        &self,
        collection: CollectionId,
        entry: &Entry,
        range: Option<Range<u64>>,
        way: &Way,
        sink: &mut S,
    ) -> Result<Fetched, FetchError> {
        let statistics = &self.inner.statistics;
        statistics.request_began();
        let fetched = self.go(collection, entry, range, way, sink).await;
        if fetched.is_err() {
            statistics.request_failed();
        }
        fetched
    }

    async fn go<S: Sink>(
        &self,
        collection: CollectionId,
        entry: &Entry,
        range: Option<Range<u64>>,
        way: &Way,
        sink: &mut S,
    ) -> Result<Fetched, FetchError> {
        let began = Instant::now();
        let wanted = checked_range(entry, range)?;
        let mut order = Order {
            content: entry.content,
            size: entry.size,
            span: widened(&wanted, entry.size),
            wanted: wanted.clone(),
        };
        let inner = &*self.inner;
        let mut trail = Trail::default();
        let mut whole = order.span.is_empty();
        while !whole {
            let session = inner
                .pool
                .session(collection, way, &order.span, &mut trail)
                .await;
            let Ok((session, targets)) = session else {
                return Err(no_node(entry, &order, trail));
            };
            sink.source(session.link.node);
            let (attempt, ending) =
                transfer(&session, &mut order, &targets, inner.stall_timeout, sink).await;
            if attempt.bytes > 0 {
                trail.routes = 0;
            }
            match ending {
                Ending::Whole => whole = true,
                Ending::Paused => {}
                Ending::TicketOver => inner.pool.retire(collection, way, &session).await,
                Ending::Fault => {
                    inner.pool.retire(collection, way, &session).await;
                    if let Some(fault) = &attempt.fault {
                        let node = attempt.node.short();
                        tracing::debug!(%node, %fault, path = entry.path, "leaving a node");
                        let blame = fault.blame(session.is_expiring());
                        inner.pool.blamed(attempt.node, blame);
                    }
                }
                Ending::Sink(error) => return Err(FetchError::Sink(error)),
            }
            if trail.attempts.len() >= ATTEMPTS_KEPT {
                trail.attempts.remove(0);
            }
            trail.attempts.push(attempt);
            let faults = trail.attempts.iter().filter(|a| a.fault.is_some());
            if !whole && faults.count() >= FAULTS_MAX {
                return Err(no_node(entry, &order, trail));
            }
        }
        Ok(Fetched {
            collection,
            content: entry.content,
            size: entry.size,
            range: wanted,
            duration: began.elapsed(),
            attempts: trail.attempts,
        })
    }

    /// Totals so far.
    pub fn summary(&self) -> Summary {
        self.inner.statistics.summary()
    }

    /// Sessions that are open or were lately.
    pub fn sessions(&self) -> Vec<SessionSummary> {
        self.inner.statistics.sessions()
    }

    /// Settles: lets go of all sessions, waits until their last receipts are acknowledged (for a bounded
    /// time), closes connections. The client can be used again; it then opens new sessions.
    ///
    /// A client that is dropped without it settles in the background, as long as its runtime runs.
    pub fn finish(&self) -> BoxFuture<'_, Summary> {
        Box::pin(async move {
            self.inner.pool.settle().await;
            // Lets the last frames go out. Bounded, because a node may never answer them.
            let _ = timeout(CLOSE_TIMEOUT, self.inner.endpoint.wait_idle()).await;
            self.summary()
        })
    }
}

impl Collection {
    /// The file at a path.
    ///
    /// # Errors
    /// [`FetchError::NoSuchFile`].
    pub fn entry(&self, path: &str) -> Result<&Entry, FetchError> {
        self.manifest
            .entry(path)
            .ok_or_else(|| FetchError::NoSuchFile {
                collection: self.id,
                path: path.to_owned(),
            })
    }
}

fn no_node(entry: &Entry, order: &Order, trail: Trail) -> FetchError {
    let at = order.span.start.clamp(order.wanted.start, order.wanted.end);
    FetchError::NoNode {
        path: entry.path.clone(),
        verified: at - order.wanted.start,
        asked: order.wanted.end - order.wanted.start,
        attempts: trail.attempts,
        route: trail.route_error.map(Box::new),
    }
}

fn checked_range(entry: &Entry, range: Option<Range<u64>>) -> Result<Range<u64>, FetchError> {
    let size = entry.size;
    if size == 0 && entry.content.as_bytes() != blake3::hash(b"").as_bytes() {
        let path = entry.path.clone();
        return Err(FetchError::WrongEntry { path });
    }
    let range = range.unwrap_or(0..size);
    if range.start > range.end || range.end > size {
        return Err(FetchError::NoSuchRange {
            path: entry.path.clone(),
            start: range.start,
            end: range.end,
            size,
        });
    }
    Ok(range)
}

/// The whole groups that a range touches; empty if it is.
fn widened(wanted: &Range<u64>, size: u64) -> Range<u64> {
    if wanted.is_empty() {
        return wanted.clone();
    }
    let start = wanted.start / GROUP_BYTES * GROUP_BYTES;
    let end = wanted.end.div_ceil(GROUP_BYTES).saturating_mul(GROUP_BYTES);
    start..end.min(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    const G: u64 = GROUP_BYTES;

    #[test]
    fn ranges_widen_to_groups_and_no_further_than_the_end() {
        let size = 3 * G + 7;
        for (wanted, widened_to) in [
            (0..size, 0..size),
            (0..1, 0..G),
            (G - 1..G + 1, 0..2 * G),
            (G..2 * G, G..2 * G),
            (3 * G + 1..3 * G + 2, 3 * G..size),
            (5..5, 5..5),
        ] {
            assert_eq!(widened(&wanted, size), widened_to, "{wanted:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_outlives_the_control_plane_for_an_hour() {
        let client = Client::new(crate::ClientConfig::on(
            Host::system(),
            "http://127.0.0.1:1",
        ))
        .unwrap();
        assert!(client.collection("film").await.is_err());
        let entry = Entry {
            path: "a".into(),
            content: [7; 32].into(),
            size: 1,
            media_type: "x/y".into(),
        };
        let manifest = Manifest::new(vec![entry]).unwrap();
        let id = manifest.id();
        {
            let mut cache = client.cache();
            cache.manifests.insert(id, Arc::new(manifest));
            cache.names.insert("film".into(), (id, Instant::now()));
        }
        for elapsed in [NAME_LIFETIME, NAME_STALE - 2 * NAME_LIFETIME] {
            tokio::time::advance(elapsed).await;
            assert!(client.kept("film", NAME_LIFETIME).is_none());
            assert_eq!(client.collection("film").await.unwrap().id, id);
        }
        tokio::time::advance(2 * NAME_LIFETIME).await;
        assert!(client.collection("film").await.is_err());
        assert!(client.collection(&id.to_string()).await.is_ok());
    }

    #[test]
    fn an_empty_file_must_have_the_empty_hash() {
        let mut entry = Entry {
            path: "a".into(),
            content: ContentHash::from(*blake3::hash(b"").as_bytes()),
            size: 0,
            media_type: "x/y".into(),
        };
        assert_eq!(checked_range(&entry, None).unwrap(), 0..0);
        assert!(checked_range(&entry, Some(0..1)).is_err());
        entry.content = [7; 32].into();
        let wrong = checked_range(&entry, None).unwrap_err();
        assert!(matches!(wrong, FetchError::WrongEntry { .. }));
        entry.size = 10;
        let backwards = Range { start: 5, end: 3 };
        assert!(checked_range(&entry, Some(backwards)).is_err());
        assert_eq!(checked_range(&entry, Some(3..5)).unwrap(), 3..5);
    }
}
