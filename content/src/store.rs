//! Blobs on disk: `blobs/ab/<hash>` and `<hash>.bao`, and `incoming/` for what isn't whole yet.

use crate::blob::Blob;
use bao_tree::io::outboard::PreOrderOutboard;
use body::tree;
use bytes::Bytes;
use protocol::ContentHash;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes read at a time when hashing.
const READ_BYTES: usize = 1 << 20;

/// Why a store can't do that.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system says no.
    #[error("store: cannot {what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that can't be right.
    #[error(
        "store: {0} is damaged (its outboard doesn't fit it); remove it and its .bao and publish or fill it again"
    )]
    Damaged(PathBuf),
    /// Other bytes than announced.
    #[error("the bytes have the hash {actual}, not {expected}")]
    Mismatch {
        /// As announced.
        expected: ContentHash,
        /// As they are.
        actual: ContentHash,
    },
    /// Larger than the whole store may be.
    #[error("{size} bytes don't fit a store of {capacity} bytes; raise its capacity")]
    TooLarge {
        /// Of the content.
        size: u64,
        /// Of the store.
        capacity: u64,
    },
}

pub(crate) fn io_error<'a>(
    what: &'static str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> StoreError + 'a {
    move |source| StoreError::Io {
        what,
        path: path.to_owned(),
        source,
    }
}

/// What to do with a blob whose files can't be right when a store is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDamage {
    /// Drop it: a cache gets it again.
    Discard,
    /// Refuse to open: it may be the only copy.
    Refuse,
}

#[derive(Debug, Default)]
struct Index {
    blobs: HashMap<ContentHash, Kept>,
    bytes: u64,
    /// Counts uses; the blob with the lowest is the least recently used.
    clock: u64,
}

#[derive(Debug)]
struct Kept {
    size: u64,
    used: u64,
}

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    capacity: u64,
    index: Mutex<Index>,
    temporaries: AtomicU64,
}

/// A folder of blobs; cheap to clone. One process at a time.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

impl Store {
    /// Opens or creates a store. What was on its way in when the process ended is dropped. Blocking.
    ///
    /// # Errors
    /// If the folder can't be read or written, or with [`OnDamage::Refuse`] holds a damaged blob.
    pub fn open(dir: &Path, capacity: u64, on_damage: OnDamage) -> Result<Self, StoreError> {
        let incoming = dir.join("incoming");
        let blobs = dir.join("blobs");
        for folder in [&incoming, &blobs] {
            fs::create_dir_all(folder).map_err(io_error("create", folder))?;
        }
        for file in list(&incoming)? {
            fs::remove_file(&file).map_err(io_error("remove", &file))?;
        }
        let mut index = Index::default();
        for shard in list(&blobs)? {
            for path in list(&shard)? {
                let Some(hash) = name_of(&path).and_then(|name| name.parse().ok()) else {
                    continue;
                };
                let outboard = outboard_path(&path);
                let size = fs::metadata(&path).map_err(io_error("read", &path))?.len();
                let fits = fs::metadata(&outboard)
                    .is_ok_and(|meta| meta.len() == tree(size).outboard_size());
                match (fits, on_damage) {
                    (true, _) => {
                        index.blobs.insert(hash, Kept { size, used: 0 });
                        index.bytes += size;
                    }
                    (false, OnDamage::Refuse) => return Err(StoreError::Damaged(path)),
                    (false, OnDamage::Discard) => {
                        tracing::warn!(path = %path.display(), "damaged blob dropped");
                        remove(&path);
                    }
                }
            }
        }
        let inner = Inner {
            dir: dir.to_owned(),
            capacity,
            index: Mutex::new(index),
            temporaries: AtomicU64::new(0),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    fn index(&self) -> std::sync::MutexGuard<'_, Index> {
        self.inner
            .index
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, hash: &ContentHash) -> PathBuf {
        let name = hash.to_string();
        self.inner
            .dir
            .join("blobs")
            .join(&name[2..4])
            .join(&name[2..])
    }

    /// The blob, if it is here whole. Counts as a use.
    pub fn get(&self, hash: &ContentHash) -> Option<Blob> {
        let path = self.path(hash);
        let size = {
            let mut index = self.index();
            index.clock += 1;
            let clock = index.clock;
            let kept = index.blobs.get_mut(hash)?;
            kept.used = clock;
            kept.size
        };
        let (data, outboard) = File::open(&path)
            .and_then(|data| Ok((data, File::open(outboard_path(&path))?)))
            .inspect_err(|error| tracing::warn!(%hash, %error, "cannot open a stored blob"))
            .ok()?;
        Some(Blob {
            hash: *hash,
            size,
            data: Arc::new(data),
            outboard: Arc::new(outboard),
        })
    }

    /// Whether the blob is here whole.
    pub fn contains(&self, hash: &ContentHash) -> bool {
        self.index().blobs.contains_key(hash)
    }

    /// Takes a blob out, durably; whoever reads it reads on. `false` if it isn't here. Blocking.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn remove(&self, hash: &ContentHash) -> Result<bool, StoreError> {
        {
            let mut index = self.index();
            let Some(kept) = index.blobs.remove(hash) else {
                return Ok(false);
            };
            index.bytes -= kept.size;
        }
        let path = self.path(hash);
        remove(&path);
        sync_dir(path.parent().expect("blobs stand in a shard"))?;
        Ok(true)
    }

    /// Bytes of all blobs, without outboards (0.4%).
    pub fn bytes(&self) -> u64 {
        self.index().bytes
    }

    /// Bytes that may still come in before something is evicted.
    pub fn free_bytes(&self) -> u64 {
        self.inner.capacity.saturating_sub(self.bytes())
    }

    /// Copies a file in. Blocking.
    ///
    /// # Errors
    /// If it can't be read, or written here.
    pub fn import_file(&self, path: &Path) -> Result<Blob, StoreError> {
        let mut source = File::open(path).map_err(io_error("read", path))?;
        let mut temporary = self.temporary()?;
        io::copy(&mut source, &mut temporary.file).map_err(io_error("copy", path))?;
        self.adopt(temporary, None)
    }

    /// Begins a file of bytes that come one after the other.
    ///
    /// # Errors
    /// If it can't be created.
    pub fn incoming(&self) -> Result<Incoming, StoreError> {
        Ok(Incoming {
            store: self.clone(),
            temporary: Some(self.temporary()?),
        })
    }

    /// Bytes that all blobs together may have.
    pub(crate) fn capacity(&self) -> u64 {
        self.inner.capacity
    }

    pub(crate) fn temporary(&self) -> Result<Temporary, StoreError> {
        let number = self.inner.temporaries.fetch_add(1, Ordering::Relaxed);
        let path = self.inner.dir.join("incoming").join(number.to_string());
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .map_err(io_error("create", &path))?;
        Ok(Temporary { path, file })
    }

    /// Hashes a whole file, builds its outboard, takes it in.
    fn adopt(&self, data: Temporary, expected: Option<ContentHash>) -> Result<Blob, StoreError> {
        let mut outboard = self.temporary()?;
        let size = data
            .file
            .metadata()
            .map_err(io_error("read", &data.path))?
            .len();
        let reading = File::open(&data.path).map_err(io_error("read", &data.path))?;
        let mut tree = PreOrderOutboard {
            root: blake3::Hash::from([0; 32]),
            tree: tree(size),
            data: &mut outboard.file,
        };
        let reader = BufReader::with_capacity(READ_BYTES, reading);
        let root = bao_tree::io::sync::outboard(reader, tree.tree, &mut tree)
            .map_err(io_error("hash", &data.path))?;
        let actual = ContentHash::from(*root.as_bytes());
        if let Some(expected) = expected.filter(|expected| *expected != actual) {
            return Err(StoreError::Mismatch { expected, actual });
        }
        self.keep(actual, size, data, outboard)
    }

    /// Makes two whole, verified files durable under their final names.
    pub(crate) fn keep(
        &self,
        hash: ContentHash,
        size: u64,
        data: Temporary,
        outboard: Temporary,
    ) -> Result<Blob, StoreError> {
        let capacity = self.inner.capacity;
        if size > capacity {
            return Err(StoreError::TooLarge { size, capacity });
        }
        let path = self.path(&hash);
        let shard = path.parent().expect("blobs stand in a shard");
        if !shard.is_dir() {
            fs::create_dir_all(shard).map_err(io_error("create", shard))?;
            // Or the shard itself could be lost with the power.
            sync_dir(&self.inner.dir.join("blobs"))?;
        }
        for file in [&data, &outboard] {
            file.file
                .sync_all()
                .map_err(io_error("flush", &file.path))?;
        }
        // The outboard first: data under its final name means that both are there.
        let beside = outboard_path(&path);
        fs::rename(&outboard.path, &beside).map_err(io_error("name", &beside))?;
        fs::rename(&data.path, &path).map_err(io_error("name", &path))?;
        sync_dir(shard)?;
        let reopen = |path: &Path| File::open(path).map(Arc::new);
        let blob = Blob {
            hash,
            size,
            data: reopen(&path).map_err(io_error("open", &path))?,
            outboard: reopen(&beside).map_err(io_error("open", &beside))?,
        };
        let evicted = {
            let mut index = self.index();
            index.clock += 1;
            let used = index.clock;
            if index.blobs.insert(hash, Kept { size, used }).is_none() {
                index.bytes += size;
            }
            index.evict_down_to(capacity)
        };
        for hash in evicted {
            tracing::debug!(%hash, "evicted");
            remove(&self.path(&hash));
        }
        Ok(blob)
    }
}

impl Index {
    /// Takes the least recently used blobs out until the rest fits.
    fn evict_down_to(&mut self, capacity: u64) -> Vec<ContentHash> {
        let mut evicted = Vec::new();
        while self.bytes > capacity {
            let oldest = self
                .blobs
                .iter()
                .min_by_key(|(_, kept)| kept.used)
                .map(|(hash, _)| *hash);
            let Some(hash) = oldest else { break };
            if let Some(kept) = self.blobs.remove(&hash) {
                self.bytes -= kept.size;
            }
            evicted.push(hash);
        }
        evicted
    }
}

fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(io_error("flush", dir))
}

fn name_of(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

fn outboard_path(path: &Path) -> PathBuf {
    path.with_extension("bao")
}

/// Data first: without it the rest is no blob.
fn remove(path: &Path) {
    let _ = fs::remove_file(path);
    let _ = fs::remove_file(outboard_path(path));
}

fn list(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    fs::read_dir(dir)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(io_error("list", dir))
}

/// A file in `incoming/`, removed when dropped unless it was renamed.
#[derive(Debug)]
pub(crate) struct Temporary {
    pub(crate) path: PathBuf,
    pub(crate) file: File,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// A file whose bytes come one after the other; hashed when it is whole. Dropped, it leaves nothing.
#[derive(Debug)]
pub struct Incoming {
    store: Store,
    temporary: Option<Temporary>,
}

impl Incoming {
    /// Appends. **Not** cancel safe: after a dropped call start again.
    ///
    /// # Errors
    /// If the disk takes no more.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        let mut temporary = self.temporary.take().expect("present between calls");
        let (temporary, written) = blocking(move || {
            let written = temporary.file.write_all(&bytes);
            (temporary, written)
        })
        .await;
        let written = written.map_err(io_error("write", &temporary.path));
        self.temporary = Some(temporary);
        written
    }

    /// Hashes and takes it in, if it is what was announced.
    ///
    /// # Errors
    /// If it is something else, or the disk fails.
    pub async fn finish(mut self, expected: Option<ContentHash>) -> Result<Blob, StoreError> {
        let temporary = self.temporary.take().expect("present between calls");
        let store = self.store.clone();
        blocking(move || store.adopt(temporary, expected)).await
    }
}

pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(out) => out,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(dir: &Path, capacity: u64) -> Store {
        Store::open(dir, capacity, OnDamage::Refuse).unwrap()
    }

    async fn put(store: &Store, bytes: &[u8]) -> Result<Blob, StoreError> {
        let mut incoming = store.incoming()?;
        incoming.write(Bytes::copy_from_slice(bytes)).await?;
        incoming.finish(None).await
    }

    #[tokio::test]
    async fn what_is_put_is_there_after_reopening_and_half_files_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let bytes = vec![7; 100_000];
        let hash = ContentHash::from(*blake3::hash(&bytes).as_bytes());
        {
            let store = store(dir.path(), u64::MAX);
            assert_eq!(put(&store, &bytes).await.unwrap().hash(), hash);
            let mut half = store.incoming().unwrap();
            half.write(Bytes::from_static(b"half")).await.unwrap();
            std::mem::forget(half);
        }
        let store = store(dir.path(), u64::MAX);
        assert_eq!(store.get(&hash).unwrap().size(), 100_000);
        assert_eq!(store.bytes(), 100_000);
        assert_eq!(
            list(&dir.path().join("incoming")).unwrap(),
            Vec::<PathBuf>::new()
        );
    }

    #[tokio::test]
    async fn other_bytes_than_announced_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path(), u64::MAX);
        let incoming = store.incoming().unwrap();
        let expected = ContentHash::from([1; 32]);
        let refused = incoming.finish(Some(expected)).await;
        assert!(matches!(refused, Err(StoreError::Mismatch { .. })));
        assert!(!store.contains(&expected));
    }

    #[tokio::test]
    async fn the_least_recently_used_goes_first_and_stays_readable() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path(), 250_000);
        let first = put(&store, &[1; 100_000]).await.unwrap();
        let second = put(&store, &[2; 100_000]).await.unwrap();
        assert!(store.get(&first.hash()).is_some());
        put(&store, &[3; 100_000]).await.unwrap();
        assert!(!store.contains(&second.hash()));
        assert!(store.contains(&first.hash()));
        assert_eq!(store.bytes(), 200_000);
        assert!(crate::encode_slice(&second, 0..100_000).await.is_ok());
        let refused = put(&store, &[0; 250_001]).await;
        assert!(matches!(refused, Err(StoreError::TooLarge { .. })));
    }

    #[tokio::test]
    async fn what_is_removed_stays_readable_to_whoever_has_it() {
        let dir = tempfile::tempdir().unwrap();
        let kept = store(dir.path(), u64::MAX);
        let blob = put(&kept, &[5; 100_000]).await.unwrap();
        assert!(kept.remove(&blob.hash()).unwrap());
        assert!(!kept.remove(&blob.hash()).unwrap());
        assert_eq!((kept.get(&blob.hash()).is_none(), kept.bytes()), (true, 0));
        assert!(crate::encode_slice(&blob, 0..100_000).await.is_ok());
        drop(kept);
        assert!(!store(dir.path(), u64::MAX).contains(&blob.hash()));
    }

    #[tokio::test]
    async fn a_damaged_blob_is_refused_or_dropped_as_told() {
        let dir = tempfile::tempdir().unwrap();
        let hash = put(&store(dir.path(), u64::MAX), &[9; 50_000])
            .await
            .unwrap()
            .hash();
        let path = store(dir.path(), u64::MAX).path(&hash);
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(10)
            .unwrap();
        let refused = Store::open(dir.path(), u64::MAX, OnDamage::Refuse);
        assert!(matches!(refused, Err(StoreError::Damaged(_))));
        let opened = Store::open(dir.path(), u64::MAX, OnDamage::Discard).unwrap();
        assert!(!opened.contains(&hash));
    }
}
