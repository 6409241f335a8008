//! Blobs on disk: `blobs/ab/<hash>` and `<hash>.bao`, and `incoming/` for what isn't whole yet.

use crate::blob::Blob;
use bao_tree::io::outboard::PreOrderOutboard;
use bao_tree::io::sync::WriteAt;
use body::tree;
use bytes::Bytes;
use disk::{Disk, DiskError, DiskFile};
use host::Mutex;
use protocol::ContentHash;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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

impl From<DiskError> for StoreError {
    fn from(error: DiskError) -> Self {
        let DiskError { what, path, source } = error;
        Self::Io { what, path, source }
    }
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
    blobs: BTreeMap<ContentHash, BlobEntry>,
    bytes: u64,
    /// Counts uses; the blob with the lowest is the least recently used.
    clock: u64,
}

#[derive(Debug)]
struct BlobEntry {
    size: u64,
    used: u64,
}

#[derive(Debug)]
struct Inner {
    disk: Disk,
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
    pub fn open(
        disk: &Disk,
        dir: &Path,
        capacity: u64,
        on_damage: OnDamage,
    ) -> Result<Self, StoreError> {
        let incoming = dir.join("incoming");
        let blobs = dir.join("blobs");
        for folder in [&incoming, &blobs] {
            disk.create_dir(folder)?;
        }
        for file in list(&incoming)? {
            disk.remove(&file)?;
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
                        index.blobs.insert(hash, BlobEntry { size, used: 0 });
                        index.bytes += size;
                    }
                    (false, OnDamage::Refuse) => return Err(StoreError::Damaged(path)),
                    (false, OnDamage::Discard) => {
                        tracing::warn!(path = %path.display(), "damaged blob dropped");
                        let _ = remove(disk, &path);
                    }
                }
            }
        }
        let inner = Inner {
            disk: disk.clone(),
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
        self.inner.index.lock()
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
        let (path, disk) = (self.path(hash), &self.inner.disk);
        let kept = {
            let mut index = self.index();
            let Some(kept) = index.blobs.remove(hash) else {
                return Ok(false);
            };
            index.bytes -= kept.size;
            kept
        };
        let shard = path.parent().expect("blobs stand in a shard");
        let removed = disk.remove(&path).and_then(|_| disk.sync_dir(shard));
        // Only then the outboard: data without one would be damage to whoever opens this after a power cut.
        let removed = removed.and_then(|()| disk.remove(&outboard_path(&path)));
        if let Err(error) = removed {
            // It may be here still, and whoever ordered its removal must hear so and can order it again.
            let mut index = self.index();
            let size = kept.size;
            if index.blobs.insert(*hash, kept).is_none() {
                index.bytes += size;
            }
            return Err(error.into());
        }
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
        let temporary = self.temporary()?;
        let mut writer = BufWriter::with_capacity(READ_BYTES, temporary.file.writer(0));
        io::copy(&mut source, &mut writer)
            .and_then(|_| writer.flush())
            .map_err(io_error("copy", path))?;
        drop(writer);
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
            bytes: 0,
        })
    }

    /// Bytes that all blobs together may have.
    pub(crate) fn capacity(&self) -> u64 {
        self.inner.capacity
    }

    pub(crate) fn temporary(&self) -> Result<Temporary, StoreError> {
        let number = self.inner.temporaries.fetch_add(1, Ordering::Relaxed);
        let path = self.inner.dir.join("incoming").join(number.to_string());
        let file = self.inner.disk.create(&path)?;
        let disk = self.inner.disk.clone();
        Ok(Temporary { disk, path, file })
    }

    /// Hashes a whole file, builds its outboard, takes it in.
    fn adopt(&self, data: Temporary, expected: Option<ContentHash>) -> Result<Blob, StoreError> {
        let outboard = self.temporary()?;
        let size = data.file.length()?;
        let reading = File::open(&data.path).map_err(io_error("read", &data.path))?;
        let mut tree = PreOrderOutboard {
            root: blake3::Hash::from([0; 32]),
            tree: tree(size),
            data: Written(&outboard.file),
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
        let (path, disk) = (self.path(&hash), &self.inner.disk);
        let shard = path.parent().expect("blobs stand in a shard");
        if !shard.is_dir() {
            disk.create_dir(shard)?;
        }
        for file in [&data, &outboard] {
            file.file.sync_all()?;
        }
        // The outboard first: data under its final name means that both are there.
        let beside = outboard_path(&path);
        disk.rename(&outboard.path, &beside)?;
        // Or a power cut could keep the second name without the first.
        disk.sync_dir(shard)?;
        disk.rename(&data.path, &path)?;
        disk.sync_dir(shard)?;
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
            if index.blobs.insert(hash, BlobEntry { size, used }).is_none() {
                index.bytes += size;
            }
            index.evict_down_to(capacity)
        };
        for hash in evicted {
            tracing::debug!(%hash, "evicted");
            if let Err(error) = remove(disk, &self.path(&hash)) {
                tracing::warn!(%hash, %error, "what was evicted can't be removed");
            }
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

fn name_of(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

fn outboard_path(path: &Path) -> PathBuf {
    path.with_extension("bao")
}

/// Data first: without it the rest is no blob.
fn remove(disk: &Disk, path: &Path) -> Result<(), DiskError> {
    disk.remove(path)?;
    disk.remove(&outboard_path(path))?;
    Ok(())
}

fn list(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    fs::read_dir(dir)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(io_error("list", dir))
}

/// A file in `incoming/`, removed when dropped unless it was renamed.
#[derive(Debug)]
pub(crate) struct Temporary {
    disk: Disk,
    pub(crate) path: PathBuf,
    pub(crate) file: DiskFile,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = self.disk.remove(&self.path);
    }
}

/// An outboard that is written where bao says.
struct Written<'a>(&'a DiskFile);

impl WriteAt for Written<'_> {
    fn write_at(&mut self, position: u64, bytes: &[u8]) -> io::Result<usize> {
        let written = self.0.write_all_at(bytes, position);
        written.map_err(DiskError::into_io)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A file whose bytes come one after the other; hashed when it is whole. Dropped, it leaves nothing.
#[derive(Debug)]
pub struct Incoming {
    store: Store,
    temporary: Option<Temporary>,
    bytes: u64,
}

impl Incoming {
    /// Appends. **Not** cancel safe: after a dropped call start again.
    ///
    /// # Errors
    /// If the disk takes no more.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        let temporary = self.temporary.take().expect("present between calls");
        let (at, length) = (self.bytes, bytes.len() as u64);
        let (temporary, written) = disk::run(move || {
            let written = temporary.file.write_all_at(&bytes, at);
            (temporary, written)
        })
        .await;
        self.temporary = Some(temporary);
        written?;
        self.bytes += length;
        Ok(())
    }

    /// Hashes and takes it in, if it is what was announced.
    ///
    /// # Errors
    /// If it is something else, or the disk fails.
    pub async fn finish(mut self, expected: Option<ContentHash>) -> Result<Blob, StoreError> {
        let temporary = self.temporary.take().expect("present between calls");
        let store = self.store.clone();
        disk::run(move || store.adopt(temporary, expected)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(dir: &Path, capacity: u64) -> Store {
        Store::open(&Disk::system(), dir, capacity, OnDamage::Refuse).unwrap()
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
        let refused = Store::open(&Disk::system(), dir.path(), u64::MAX, OnDamage::Refuse);
        assert!(matches!(refused, Err(StoreError::Damaged(_))));
        let opened = Store::open(&Disk::system(), dir.path(), u64::MAX, OnDamage::Discard).unwrap();
        assert!(!opened.contains(&hash));
    }
}
