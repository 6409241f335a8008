//! Filling the cache: from the nodes that the control plane names, the nearest first, and at last from its own store;
//! each goes on where the one before broke off. All is verified group by group.

use crate::rules::counts::Filled;
use crate::rules::idle::Crawl;
use crate::rules::pause::FillTries;
use crate::rules::sources::Fault;
use crate::store::cache::{Cache, CacheError, Found, Servable};
use crate::wire::link::{ControlLink, LinkError};
use crate::wire::peers::{PeerError, Peers};
use content::{Body, Fill, FillError, RangeError};
use protocol::{
    CollectionId, ContentHash, ControlRequest, FetchReply, FillSource, Manifest, ManifestError,
    NodeId, Paths,
};
use quinn::RecvStream;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use transport::{StreamError, read_frame, write_frame};

/// Fills at a time; more wait.
const FILLS: usize = 16;
/// A source that sends nothing for so long has failed.
const FILL_STALL: Duration = Duration::from_secs(30);
/// A node that brings less than [`Fill`] writes at a time, 1 MiB, in so long is left for the next source.
const CRAWL: Duration = Duration::from_secs(5);

/// Why content can't be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotFilled {
    #[error(transparent)]
    Cache(#[from] CacheError),
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
    #[error("the stream broke: {0}")]
    Read(#[from] quinn::ReadToEndError),
    #[error("nothing came for {} s", FILL_STALL.as_secs())]
    Stalled,
    #[error(transparent)]
    Peer(#[from] PeerError),
    #[error("too little came in {} s", CRAWL.as_secs())]
    Crawls,
}

/// The cache, and from where it is filled.
pub(crate) struct Fills {
    cache: Arc<Cache>,
    permits: Semaphore,
    link: ControlLink,
    peers: Peers,
    filled: Filled,
}

impl Fills {
    pub(crate) fn new(cache: Arc<Cache>, link: ControlLink, peers: Peers) -> Self {
        Self {
            cache,
            permits: Semaphore::new(FILLS),
            link,
            peers,
            filled: Filled::default(),
        }
    }

    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    pub(crate) fn filled(&self) -> &Filled {
        &self.filled
    }

    /// A collection's manifest: from memory, from disk, or from the control plane.
    pub(crate) async fn manifest(&self, id: CollectionId) -> Result<Arc<Manifest>, NotFilled> {
        match self.cache.manifest(id) {
            Some(manifest) => Ok(manifest),
            None => Ok(self.cache.keep(self.fetch_manifest(id).await?)),
        }
    }

    /// Drops what a collection names: see [`Cache::purge`]. Blocking.
    pub(crate) fn purge(&self, id: CollectionId, paths: &Paths) -> Result<usize, CacheError> {
        // Who had it, has it no more.
        self.peers.purged(&id);
        self.cache.purge(id, paths)
    }

    async fn fetch_manifest(&self, id: CollectionId) -> Result<Manifest, NotFilled> {
        timeout(FILL_STALL, self.ask_manifest(id))
            .await
            .map_err(|_| NotFilled::Stalled)?
    }

    async fn ask_manifest(&self, id: CollectionId) -> Result<Manifest, NotFilled> {
        let connection = self.link.connection().await?;
        let (mut send, mut recv) = connection.open_bi().await.map_err(LinkError::from)?;
        write_frame(&mut send, &ControlRequest::Manifest { collection: id }).await?;
        let _ = send.finish();
        match read_frame(&mut recv).await? {
            FetchReply::Ok { .. } => {}
            FetchReply::Refused { detail, .. } => return Err(NotFilled::Refused(detail)),
        }
        let bytes = recv.read_to_end(Manifest::BYTES_MAX).await?;
        let manifest = Manifest::from_bytes(&bytes)?;
        if manifest.id() == id {
            Ok(manifest)
        } else {
            Err(NotFilled::WrongManifest)
        }
    }

    /// Content of a collection to serve from. If it isn't here, a fill begins, or the one under way is joined.
    pub(crate) fn source(
        self: &Arc<Self>,
        collection: CollectionId,
        content: ContentHash,
        size: u64,
    ) -> Result<Servable, CacheError> {
        match self.cache.find(content, size)? {
            Found::Here(source) => Ok(source),
            Found::Begun(fill, source) => {
                tokio::spawn(self.clone().fill_task(*fill, collection, content));
                Ok(source)
            }
        }
    }

    /// Fills the cache with a whole collection, one content after the other.
    pub(crate) async fn prefetch(self: &Arc<Self>, id: CollectionId) -> Result<(), NotFilled> {
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
        self.cache.filled(content);
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
    ) -> Result<Option<NodeId>, NotFilled> {
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
        let mut tries = FillTries::default();
        while let Err(error) = self.fill_once(&mut fill).await {
            let Some(pause) = tries.failed() else {
                return Err(error);
            };
            tracing::debug!(%error, ?tries, "fill broke off");
            tokio::time::sleep(pause).await;
        }
        fill.finish().await?;
        Ok(None)
    }

    async fn fill_from(&self, fill: &mut Fill, source: &FillSource) -> Result<(), NotFilled> {
        let (content, size) = (fill.blob().hash(), fill.blob().size());
        let progress = fill.progress();
        let offset = *progress.borrow();
        if offset == size {
            return Ok(());
        }
        let recv = self.peers.ask(source, content, size, offset).await?;
        let body = Body::new(recv, content, size, offset, size - offset)?;
        let crawls = async {
            let mut crawl = Crawl::new(offset);
            loop {
                tokio::time::sleep(CRAWL).await;
                if crawl.look(*progress.borrow()) {
                    return;
                }
            }
        };
        let taken = tokio::select! {
            biased;
            taken = fill.take(body) => taken.map_err(NotFilled::from),
            () = crawls => Err(NotFilled::Crawls),
        };
        let fault = match &taken {
            Ok(()) => None,
            Err(NotFilled::Fill(error)) => Fault::of(error),
            Err(_) => Some(Fault::Failed),
        };
        if let Some(fault) = fault {
            self.peers.shun(source.node, fault);
        }
        taken
    }

    async fn fill_once(&self, fill: &mut Fill) -> Result<(), NotFilled> {
        let (content, size) = (fill.blob().hash(), fill.blob().size());
        let offset = *fill.progress().borrow();
        if offset == size {
            return Ok(());
        }
        let length = size - offset;
        let asked = self.ask_fill(content, size, offset, length);
        let recv = timeout(FILL_STALL, asked)
            .await
            .map_err(|_| NotFilled::Stalled)??;
        let body = Body::new(recv, content, size, offset, length)?;
        let mut progress = fill.progress();
        let stalled = async {
            // Ends when nothing has come for FILL_STALL.
            while timeout(FILL_STALL, progress.changed()).await.is_ok() {}
        };
        tokio::select! {
            biased;
            taken = fill.take(body) => Ok(taken?),
            () = stalled => Err(NotFilled::Stalled),
        }
    }

    async fn ask_fill(
        &self,
        content: ContentHash,
        size: u64,
        offset: u64,
        length: u64,
    ) -> Result<RecvStream, NotFilled> {
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
            FetchReply::Ok { .. } => Err(CacheError::Size(content).into()),
            FetchReply::Refused { detail, .. } => Err(NotFilled::Refused(detail)),
        }
    }
}
