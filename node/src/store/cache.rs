//! The cache: manifests, whole blobs, and blobs that are being filled.
//!
//! Requests for the same content collapse into one fill, and are served from it as far as it has come
//! (RFC 9211: `collapsed`). How it is filled is `wire/fills.rs`' affair.

use crate::rules::purge::dropped;
use content::{Blob, Fill, Store, StoreError};
use disk::Disk;
use host::Mutex;
use host::watch;
use protocol::{CollectionId, ContentHash, Manifest, Paths};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Fills under way or waiting; more are refused, and the client goes to another node.
const FILLS_WAITING: usize = 128;

/// Why content isn't to be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CacheError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the folder of manifests can't be used: {0}")]
    Manifests(io::Error),
    #[error("too many fills are under way")]
    Busy,
    #[error("the fill failed; see the node's log")]
    Failed,
    #[error("the size of {0} is not what its manifest says")]
    Size(ContentHash),
}

/// Content to serve from: whole, or on its way in.
#[derive(Debug, Clone)]
pub(crate) struct Servable {
    blob: Blob,
    progress: Option<watch::Receiver<u64>>,
}

impl Servable {
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
    pub(crate) async fn kept(&self) -> Result<(), CacheError> {
        self.ready(self.size()).await?;
        if let Some(mut progress) = self.progress.clone() {
            while progress.changed().await.is_ok() {}
        }
        Ok(())
    }
}

/// Content that is asked for.
pub(crate) enum Found {
    /// It is here, or on its way in.
    Here(Servable),
    /// It is to be filled, by whoever is told so, who ends it with [`Cache::filled`].
    Begun(Box<Fill>, Servable),
}

#[derive(Debug)]
pub(crate) struct Cache {
    store: Store,
    disk: Disk,
    manifests_dir: PathBuf,
    manifests: Mutex<BTreeMap<CollectionId, Arc<Manifest>>>,
    fills: Mutex<BTreeMap<ContentHash, Servable>>,
    /// Contents that were purged while they were filled; locked only with `fills`.
    purged: Mutex<BTreeSet<ContentHash>>,
}

fn read_manifest(path: &Path) -> Option<Manifest> {
    let bytes = fs::read(path).ok()?;
    Manifest::from_bytes(&bytes).ok()
}

impl Cache {
    pub(crate) fn new(disk: &Disk, store: Store, manifests_dir: PathBuf) -> Self {
        Self {
            store,
            disk: disk.clone(),
            manifests_dir,
            manifests: Mutex::default(),
            fills: Mutex::default(),
            purged: Mutex::default(),
        }
    }

    /// Contents on their way in, or waiting for their turn.
    pub(crate) fn filling(&self) -> u32 {
        self.fills.lock().len() as u32
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.store.bytes()
    }

    pub(crate) fn free_bytes(&self) -> u64 {
        self.store.free_bytes()
    }

    /// A collection's manifest, if it is here.
    pub(crate) fn manifest(&self, id: CollectionId) -> Option<Arc<Manifest>> {
        if let Some(manifest) = self.manifests.lock().get(&id) {
            return Some(manifest.clone());
        }
        let manifest = read_manifest(&self.manifest_path(&id))?;
        (manifest.id() == id).then(|| self.remember(manifest))
    }

    /// Keeps a manifest. A lost or torn copy is fetched again, so it needn't be durable.
    pub(crate) fn keep(&self, manifest: Manifest) -> Arc<Manifest> {
        let path = self.manifest_path(&manifest.id());
        let written = self.disk.create(&path);
        let written = written.and_then(|file| file.write_all_at(&manifest.to_bytes(), 0));
        if let Err(error) = written {
            tracing::warn!(%error, "manifest not kept");
        }
        self.remember(manifest)
    }

    fn remember(&self, manifest: Manifest) -> Arc<Manifest> {
        let manifest = Arc::new(manifest);
        self.manifests
            .lock()
            .insert(manifest.id(), manifest.clone());
        manifest
    }

    fn manifest_path(&self, id: &CollectionId) -> PathBuf {
        self.manifests_dir.join(format!("{id}.qcol"))
    }

    /// Drops what a collection names, but for content that another of its files, or another collection
    /// whose manifest is here, names too. Who reads it reads on. How many contents went; repeating it
    /// does no harm. Blocking.
    pub(crate) fn purge(&self, id: CollectionId, paths: &Paths) -> Result<usize, CacheError> {
        let path = self.manifest_path(&id);
        // A collection whose manifest never came here has no content here.
        let Some(manifest) = read_manifest(&path).filter(|manifest| manifest.id() == id) else {
            self.manifests.lock().remove(&id);
            return Ok(0);
        };
        let beside = fs::read_dir(&self.manifests_dir).map_err(CacheError::Manifests)?;
        let mut others = Vec::new();
        for other in beside {
            let other = other.map_err(CacheError::Manifests)?.path();
            if other != path {
                others.extend(read_manifest(&other));
            }
        }
        let mut gone = 0;
        for content in dropped(&manifest, paths, &others) {
            // Under the lock of `source`, so that a fill that ends meanwhile isn't missed.
            let fills = self.fills.lock();
            if fills.contains_key(&content) {
                self.purged.lock().insert(content);
            }
            gone += usize::from(self.store.remove(&content)?);
        }
        if *paths == Paths::All {
            // Last: a purge that was cut short finds by it what is left.
            self.manifests.lock().remove(&id);
            let removed = self.disk.remove(&path);
            removed.map_err(|error| CacheError::Manifests(error.into_io()))?;
        }
        Ok(gone)
    }

    /// Content to serve from: what is here, the fill that is under way, or one that begins.
    pub(crate) fn find(&self, content: ContentHash, size: u64) -> Result<Found, CacheError> {
        let of_size = |source: Servable| match source.size() == size {
            true => Ok(Found::Here(source)),
            false => Err(CacheError::Size(content)),
        };
        let mut fills = self.fills.lock();
        if let Some(source) = fills.get(&content) {
            // Whoever asks after a purge wants it again.
            self.purged.lock().remove(&content);
            return of_size(source.clone());
        }
        if let Some(blob) = self.store.get(&content) {
            return of_size(Servable {
                blob,
                progress: None,
            });
        }
        // Each holds files open, also while it waits for its turn.
        if fills.len() >= FILLS_WAITING {
            return Err(CacheError::Busy);
        }
        let fill = self.store.fill(content, size)?;
        let source = Servable {
            blob: fill.blob(),
            progress: Some(fill.progress()),
        };
        fills.insert(content, source.clone());
        Ok(Found::Begun(Box::new(fill), source))
    }

    /// A fill that began has ended, however.
    pub(crate) fn filled(&self, content: ContentHash) {
        // Under the lock of `find`, so that nobody finds it neither here nor in the store.
        let mut fills = self.fills.lock();
        fills.remove(&content);
        if self.purged.lock().remove(&content)
            && let Err(error) = self.store.remove(&content)
        {
            tracing::error!(%content, %error, "purged content can't be removed");
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
        let cache = Cache::new(&Disk::system(), store, manifests_dir);
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

    #[test]
    fn a_purge_takes_what_nobody_else_names() {
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
