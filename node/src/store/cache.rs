//! The cache: manifests, whole blobs, and blobs that are being filled.
//!
//! Requests for the same content collapse into one fill, and are served from it as far as it has come
//! (RFC 9211: `collapsed`). A fill comes from the nodes that the control plane names, the nearest first, and at last
//! from its own store; it goes on where the one before broke off. All is verified group by group.

use crate::wire::counts::Filled;
use crate::wire::member::{ControlLink, LinkError};
use crate::wire::peers::{PeerError, Peers};
use content::{Blob, Body, BodyError, Fill, FillError, RangeError, Store, StoreError};
use protocol::{
    CollectionId, ContentHash, ControlRequest, FetchReply, FillSource, Manifest, ManifestError,
    NodeId, Paths,
};
use quinn::RecvStream;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use transport::{StreamError, read_frame, write_frame};

/// Fills at a time; more wait.
const FILLS: usize = 16;
/// Fills under way or waiting; more are refused, and the client goes to another node.
const FILLS_WAITING: usize = 128;
/// How often a fill is taken up again where it broke off.
const FILL_TRIES: u32 = 5;
/// Pause before a fill is taken up again, times the number of tries.
const FILL_PAUSE: Duration = Duration::from_millis(300);
/// A source that sends nothing for so long has failed.
const FILL_STALL: Duration = Duration::from_secs(30);
/// A node that brings less than [`Fill`] writes at a time, 1 MiB, in so long is left for the next source.
const CRAWL: Duration = Duration::from_secs(5);

/// Why content isn't to be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CacheError {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error("the control plane refused: {0}")]
    Refused(String),
    #[error("the control plane sent another manifest than asked for")]
    WrongManifest,
    #[error("the control plane sent no manifest: {0}")]
    Manifest(#[from] ManifestError),
    #[error(transparent)]
    Fill(#[from] FillError),
    #[error(transparent)]
    Range(#[from] RangeError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the stream broke: {0}")]
    Read(#[from] quinn::ReadToEndError),
    #[error("nothing came for {} s", FILL_STALL.as_secs())]
    Stalled,
    #[error(transparent)]
    Peer(#[from] PeerError),
    #[error("too little came in {} s", CRAWL.as_secs())]
    Crawls,
    #[error("the folder of manifests can't be used: {0}")]
    Manifests(std::io::Error),
    #[error("too many fills are under way")]
    Busy,
    #[error("the fill failed; see the node's log")]
    Failed,
    #[error("the size of {0} is not what its manifest says")]
    Size(ContentHash),
}

/// Content to serve from: whole, or on its way in.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    blob: Blob,
    progress: Option<watch::Receiver<u64>>,
}

impl Source {
    pub(crate) fn size(&self) -> u64 {
        self.blob.size()
    }

    pub(crate) fn blob(&self) -> &Blob {
        &self.blob
    }

    /// Waits until everything below `end` is there.
    pub(crate) async fn ready(&self, end: u64) -> Result<(), CacheError> {
        let Some(mut progress) = self.progress.clone() else {
            return Ok(());
        };
        progress
            .wait_for(|there| *there >= end)
            .await
            .map(drop)
            .map_err(|_| CacheError::Failed)
    }

    /// Waits until all of it is durable, which it is a little after the last byte came.
    async fn kept(&self) -> Result<(), CacheError> {
        self.ready(self.size()).await?;
        if let Some(mut progress) = self.progress.clone() {
            while progress.changed().await.is_ok() {}
        }
        Ok(())
    }
}

#[derive(Debug)]
pub(crate) struct Cache {
    store: Store,
    manifests_dir: PathBuf,
    manifests: Mutex<HashMap<CollectionId, Arc<Manifest>>>,
    fills: Mutex<HashMap<ContentHash, Source>>,
    /// Contents that were purged while they were filled; locked only with `fills`.
    purged: Mutex<HashSet<ContentHash>>,
    permits: Arc<Semaphore>,
    link: ControlLink,
    peers: Peers,
    filled: Filled,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read_manifest(path: &Path) -> Option<Manifest> {
    let bytes = fs::read(path).ok()?;
    Manifest::from_bytes(&bytes).ok()
}

impl Cache {
    pub(crate) fn new(
        store: Store,
        manifests_dir: PathBuf,
        link: ControlLink,
        peers: Peers,
    ) -> Self {
        Self {
            store,
            manifests_dir,
            manifests: Mutex::default(),
            fills: Mutex::default(),
            purged: Mutex::default(),
            permits: Arc::new(Semaphore::new(FILLS)),
            link,
            peers,
            filled: Filled::default(),
        }
    }

    pub(crate) fn filled(&self) -> &Filled {
        &self.filled
    }

    /// Contents on their way in, or waiting for their turn.
    pub(crate) fn filling(&self) -> u32 {
        lock(&self.fills).len() as u32
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.store.bytes()
    }

    pub(crate) fn free_bytes(&self) -> u64 {
        self.store.free_bytes()
    }

    /// A collection's manifest: from memory, from disk, or from the control plane.
    pub(crate) async fn manifest(&self, id: CollectionId) -> Result<Arc<Manifest>, CacheError> {
        if let Some(manifest) = lock(&self.manifests).get(&id) {
            return Ok(manifest.clone());
        }
        let path = self.manifest_path(&id);
        let manifest = match read_manifest(&path).filter(|manifest| manifest.id() == id) {
            Some(manifest) => manifest,
            None => {
                let manifest = self.fetch_manifest(id).await?;
                // A lost or torn copy is fetched again.
                if let Err(error) = fs::write(&path, manifest.to_bytes()) {
                    tracing::warn!(%error, path = %path.display(), "manifest not kept");
                }
                manifest
            }
        };
        let manifest = Arc::new(manifest);
        lock(&self.manifests).insert(id, manifest.clone());
        Ok(manifest)
    }

    fn manifest_path(&self, id: &CollectionId) -> PathBuf {
        self.manifests_dir.join(format!("{id}.qcol"))
    }

    /// Drops what a collection names, but for content that another of its files, or another collection
    /// whose manifest is here, names too. Who reads it reads on. How many contents went; repeating it
    /// does no harm. Blocking.
    pub(crate) fn purge(&self, id: CollectionId, paths: &Paths) -> Result<usize, CacheError> {
        self.peers.purged(&id);
        let path = self.manifest_path(&id);
        // A collection whose manifest never came here has no content here.
        let Some(manifest) = read_manifest(&path).filter(|manifest| manifest.id() == id) else {
            lock(&self.manifests).remove(&id);
            return Ok(0);
        };
        let (meant, others): (Vec<_>, Vec<_>) = manifest
            .entries()
            .iter()
            .partition(|entry| paths.matches(&entry.path));
        let mut contents: HashSet<_> = meant.iter().map(|entry| entry.content).collect();
        for entry in others {
            contents.remove(&entry.content);
        }
        let beside = fs::read_dir(&self.manifests_dir).map_err(CacheError::Manifests)?;
        for other in beside {
            let other = other.map_err(CacheError::Manifests)?.path();
            if other == path {
                continue;
            }
            for entry in read_manifest(&other).iter().flat_map(Manifest::entries) {
                contents.remove(&entry.content);
            }
        }
        let mut gone = 0;
        for content in contents {
            // Under the lock of `source`, so that a fill that ends meanwhile isn't missed.
            let fills = lock(&self.fills);
            if fills.contains_key(&content) {
                lock(&self.purged).insert(content);
            }
            gone += usize::from(self.store.remove(&content)?);
        }
        if *paths == Paths::All {
            // Last: a purge that was cut short finds by it what is left.
            lock(&self.manifests).remove(&id);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(CacheError::Manifests(error));
                }
                _ => {}
            }
        }
        Ok(gone)
    }

    async fn fetch_manifest(&self, id: CollectionId) -> Result<Manifest, CacheError> {
        timeout(FILL_STALL, self.ask_manifest(id))
            .await
            .map_err(|_| CacheError::Stalled)?
    }

    async fn ask_manifest(&self, id: CollectionId) -> Result<Manifest, CacheError> {
        let connection = self.link.connection().await?;
        let (mut send, mut recv) = connection.open_bi().await.map_err(LinkError::from)?;
        write_frame(&mut send, &ControlRequest::Manifest { collection: id }).await?;
        let _ = send.finish();
        match read_frame(&mut recv).await? {
            FetchReply::Ok { .. } => {}
            FetchReply::Refused { detail, .. } => return Err(CacheError::Refused(detail)),
        }
        let bytes = recv.read_to_end(Manifest::BYTES_MAX).await?;
        let manifest = Manifest::from_bytes(&bytes)?;
        if manifest.id() == id {
            Ok(manifest)
        } else {
            Err(CacheError::WrongManifest)
        }
    }

    /// Content of a collection to serve from. If it isn't here, a fill begins, or the one under way is joined.
    pub(crate) fn source(
        self: &Arc<Self>,
        collection: CollectionId,
        content: ContentHash,
        size: u64,
    ) -> Result<Source, CacheError> {
        let mut fills = lock(&self.fills);
        if let Some(source) = fills.get(&content) {
            // Whoever asks after a purge wants it again.
            lock(&self.purged).remove(&content);
            return if source.size() == size {
                Ok(source.clone())
            } else {
                Err(CacheError::Size(content))
            };
        }
        if let Some(blob) = self.store.get(&content) {
            return if blob.size() == size {
                Ok(Source {
                    blob,
                    progress: None,
                })
            } else {
                Err(CacheError::Size(content))
            };
        }
        // Each holds files open, also while it waits for its turn.
        if fills.len() >= FILLS_WAITING {
            return Err(CacheError::Busy);
        }
        let fill = self.store.fill(content, size)?;
        let source = Source {
            blob: fill.blob(),
            progress: Some(fill.progress()),
        };
        fills.insert(content, source.clone());
        tokio::spawn(self.clone().fill_task(fill, collection, content));
        Ok(source)
    }

    /// Fills the cache with a whole collection, one content after the other.
    pub(crate) async fn prefetch(self: &Arc<Self>, id: CollectionId) -> Result<(), CacheError> {
        let manifest = self.manifest(id).await?;
        for entry in manifest.entries() {
            self.source(id, entry.content, entry.size)?.kept().await?;
        }
        Ok(())
    }

    async fn fill_task(
        self: Arc<Self>,
        fill: Fill,
        collection: CollectionId,
        content: ContentHash,
    ) {
        let _permit = self.permits.acquire().await;
        let size = fill.blob().size();
        let outcome = self.fill(fill, collection).await;
        // Under the lock of `source`, so that nobody finds it neither here nor in the store.
        {
            let mut fills = lock(&self.fills);
            fills.remove(&content);
            if lock(&self.purged).remove(&content)
                && let Err(error) = self.store.remove(&content)
            {
                tracing::error!(%content, %error, "purged content can't be removed");
            }
        }
        match outcome {
            Ok(from) => {
                self.filled.add(size);
                match from {
                    Some(node) => tracing::info!(%content, size, %node, "filled from a node"),
                    None => tracing::info!(%content, size, "filled from the control plane"),
                }
            }
            Err(error) => tracing::warn!(%content, size, %error, "fill failed"),
        }
    }

    /// Gives the node that the last of it came from; `None` for the control plane.
    async fn fill(
        &self,
        mut fill: Fill,
        collection: CollectionId,
    ) -> Result<Option<NodeId>, CacheError> {
        let sources = match fill.blob().size() {
            0 => Vec::new(),
            _ => self.peers.sources(&self.link, collection).await,
        };
        for source in sources {
            match self.fill_from(&mut fill, &source).await {
                Ok(()) => {
                    fill.finish().await?;
                    return Ok(Some(source.node));
                }
                Err(error) => {
                    let (node, content) = (source.node, fill.blob().hash());
                    tracing::info!(%content, %node, %error, "a node is left for the next source");
                }
            }
        }
        let mut tries = 0;
        while let Err(error) = self.fill_once(&mut fill).await {
            tries += 1;
            if tries == FILL_TRIES {
                return Err(error);
            }
            tracing::debug!(%error, tries, "fill broke off");
            tokio::time::sleep(FILL_PAUSE * tries).await;
        }
        fill.finish().await?;
        Ok(None)
    }

    async fn fill_from(&self, fill: &mut Fill, source: &FillSource) -> Result<(), CacheError> {
        let (content, size) = (fill.blob().hash(), fill.blob().size());
        let progress = fill.progress();
        let offset = *progress.borrow();
        if offset == size {
            return Ok(());
        }
        let recv = self.peers.ask(source, content, size, offset).await?;
        let body = Body::new(recv, content, size, offset, size - offset)?;
        let crawls = async {
            let mut there = offset;
            loop {
                tokio::time::sleep(CRAWL).await;
                let now = *progress.borrow();
                if now == there {
                    return;
                }
                there = now;
            }
        };
        let taken = tokio::select! {
            taken = fill.take(body) => taken.map_err(CacheError::from),
            () = crawls => Err(CacheError::Crawls),
        };
        match &taken {
            Err(CacheError::Fill(FillError::Body(BodyError::Corrupt(_)))) => {
                self.peers.lied(source.node);
            }
            Err(_) => self.peers.failed(source.node),
            Ok(()) => {}
        }
        taken
    }

    async fn fill_once(&self, fill: &mut Fill) -> Result<(), CacheError> {
        let (content, size) = (fill.blob().hash(), fill.blob().size());
        let offset = *fill.progress().borrow();
        if offset == size {
            return Ok(());
        }
        let length = size - offset;
        let asked = self.ask_fill(content, size, offset, length);
        let recv = timeout(FILL_STALL, asked)
            .await
            .map_err(|_| CacheError::Stalled)??;
        let body = Body::new(recv, content, size, offset, length)?;
        let mut progress = fill.progress();
        let stalled = async {
            // Ends when nothing has come for FILL_STALL.
            while timeout(FILL_STALL, progress.changed()).await.is_ok() {}
        };
        tokio::select! {
            taken = fill.take(body) => Ok(taken?),
            () = stalled => Err(CacheError::Stalled),
        }
    }

    async fn ask_fill(
        &self,
        content: ContentHash,
        size: u64,
        offset: u64,
        length: u64,
    ) -> Result<RecvStream, CacheError> {
        let connection = self.link.connection().await?;
        let (mut send, mut recv) = connection.open_bi().await.map_err(LinkError::from)?;
        let request = ControlRequest::Fill {
            content,
            offset,
            length,
        };
        write_frame(&mut send, &request).await?;
        let _ = send.finish();
        match read_frame(&mut recv).await? {
            FetchReply::Ok { size: there } if there == size => Ok(recv),
            FetchReply::Ok { .. } => Err(CacheError::Size(content)),
            FetchReply::Refused { detail, .. } => Err(CacheError::Refused(detail)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use content::OnDamage;
    use protocol::Entry;

    /// A cache that holds collections of these paths and contents.
    fn cache(dir: &Path, collections: &[&[(&str, &str)]]) -> (Cache, Vec<Manifest>) {
        let store = Store::open(
            &disk::Disk::system(),
            &dir.join("cache"),
            u64::MAX,
            OnDamage::Refuse,
        )
        .unwrap();
        let manifests_dir = dir.join("manifests");
        fs::create_dir_all(&manifests_dir).unwrap();
        let entry = |(path, text): &(&str, &str)| {
            let file = dir.join("file");
            fs::write(&file, text).unwrap();
            let blob = store.import_file(&file).unwrap();
            Entry {
                path: (*path).into(),
                content: blob.hash(),
                size: blob.size(),
                media_type: "text/plain".into(),
            }
        };
        let manifests = collections
            .iter()
            .map(|files| Manifest::new(files.iter().map(entry).collect()).unwrap())
            .collect();
        let peers = Peers::new(
            transport::client_endpoint().unwrap(),
            protocol::SigningKey::from_bytes(&[1; 32]),
        );
        let cache = Cache::new(store, manifests_dir, ControlLink::new().1, peers);
        for manifest in &manifests {
            let manifest: &Manifest = manifest;
            fs::write(cache.manifest_path(&manifest.id()), manifest.to_bytes()).unwrap();
        }
        (cache, manifests)
    }

    fn there(cache: &Cache, manifest: &Manifest) -> Vec<bool> {
        let entries = manifest.entries().iter();
        entries
            .map(|entry| cache.store.contains(&entry.content))
            .collect()
    }

    #[tokio::test]
    async fn a_purge_takes_what_nobody_else_names() {
        let dir = tempfile::tempdir().unwrap();
        let film = [("a", "one"), ("b", "two"), ("c/d", "two"), ("e", "shared")];
        let (cache, manifests) = cache(dir.path(), &[&film, &[("x", "shared")]]);
        let (film, other) = (&manifests[0], &manifests[1]);
        let path = |path: &str| Paths::Path(path.into());
        assert_eq!(cache.purge(film.id(), &path("b")).unwrap(), 0, "c/d has it");
        assert_eq!(cache.purge(film.id(), &Paths::Glob("?".into())).unwrap(), 1);
        assert_eq!(there(&cache, film), [false, true, true, true]);
        assert_eq!(cache.purge(film.id(), &Paths::All).unwrap(), 1);
        assert_eq!(there(&cache, film), [false, false, false, true]);
        assert!(!cache.manifest_path(&film.id()).exists());
        assert_eq!(cache.purge(film.id(), &Paths::All).unwrap(), 0);
        assert_eq!(cache.purge(other.id(), &Paths::All).unwrap(), 1);
        assert_eq!(cache.bytes(), 0);
    }
}
