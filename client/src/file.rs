//! Fetching into files: resumed after an interruption, and under their final name only when whole.
//!
//! Bytes go to `<out>.part` beside the target, which is locked while it is written to. One that an earlier
//! run left is hashed and continued; if the whole then has another hash than the manifest says, that
//! beginning was damaged and the file is fetched once more from the start. A file fetched from its first
//! byte is not hashed again: every group of it was verified against the manifest's hash as it came.
//!
//! Sealed content is opened where it is written. `<out>.part` is open, so that nothing is written twice;
//! what the hash is over is sealed again to be hashed.

use crate::control_api::Answer;
use crate::fetch::{Client, FetchError, Fetched};
use crate::sink::{Sink, WriterSink};
use bytes::Bytes;
use content::Group;
use disk::{Disk, DiskError, DiskFile};
use protocol::{ContentHash, Entry, GROUP_BYTES};
use seal::FileSeal;
use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io::{self, IoSlice, Read};
use std::mem;
use std::path::{Path, PathBuf};
use tokio::io::AsyncWrite;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Bytes that are gathered before they are written.
const BATCH_BYTES: usize = 1 << 20;
/// Batches on their way to the disk.
const BATCHES_MAX: usize = 4;
/// Bytes read at a time when a beginning is hashed.
const READ_BYTES: usize = 1 << 20;

/// Why a file was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The fetch failed; what came is kept in `<out>.part`.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The target is a folder.
    #[error("{0} is a folder: name a file in it")]
    IsFolder(PathBuf),
    /// The target's folder isn't there.
    #[error("there is no folder {0}: create it first")]
    NoFolder(PathBuf),
    /// Somebody else is writing to it.
    #[error("{0} is being written by another process")]
    Busy(PathBuf),
    /// The system says no.
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Bytes that were verified don't have the hash: memory or disk is failing.
    #[error("{0} came twice with the wrong hash though each part of it was right: check the disk")]
    Damaged(PathBuf),
}

impl From<DiskError> for FileError {
    fn from(error: DiskError) -> Self {
        let DiskError { what, path, source } = error;
        Self::Io { what, path, source }
    }
}

fn io_error<'a>(
    what: &'static str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> FileError + use<'a> {
    move |source| FileError::Io {
        what,
        path: path.to_owned(),
        source,
    }
}

/// How far a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes there, those of an earlier run included.
    pub bytes: u64,
    /// Bytes of the whole.
    pub size: u64,
}

/// What is there already, open for more.
struct PartialFile {
    file: DiskFile,
    /// Bytes to keep: whole groups, or all.
    length: u64,
    /// Over these as nodes hold them, if there are any.
    hasher: Option<blake3::Hasher>,
    seal: Option<FileSeal>,
    /// What is opened is gathered here.
    opened: Vec<u8>,
}

impl PartialFile {
    /// Opens and locks, and hashes what an earlier run left. Blocking.
    fn open(
        disk: &Disk,
        path: &Path,
        size: u64,
        seal: Option<FileSeal>,
    ) -> Result<Self, FileError> {
        let file = disk.open(path)?;
        match file.file().try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(FileError::Busy(path.to_owned())),
            // Not every file system can lock.
            Err(TryLockError::Error(error)) => {
                tracing::debug!(path = %path.display(), %error, "not locked");
            }
        }
        let length = resumable(file.length()?, size);
        file.set_len(length)?;
        let hasher = match length {
            0 => None,
            _ => {
                let hashed = hashed(file.file(), length, seal.as_ref());
                Some(hashed.map_err(io_error("read", path))?)
            }
        };
        Ok(Self {
            file,
            length,
            hasher,
            seal,
            opened: Vec::new(),
        })
    }

    /// Writes what came after what is there. Blocking.
    fn write(&mut self, batch: &[Bytes]) -> Result<(), DiskError> {
        match &self.seal {
            None => write_batch(&self.file, batch, self.length)?,
            Some(seal) => {
                self.opened.clear();
                let opened = &mut self.opened;
                batch
                    .iter()
                    .for_each(|bytes| opened.extend_from_slice(bytes));
                seal.apply(self.length, opened);
                self.file.write_all_at(opened, self.length)?;
            }
        }
        for bytes in batch {
            self.length += bytes.len() as u64;
            if let Some(hasher) = &mut self.hasher {
                hasher.update(bytes);
            }
        }
        Ok(())
    }
}

/// How much of `there` bytes can be continued from: all, or else whole groups.
fn resumable(there: u64, size: u64) -> u64 {
    if there >= size {
        // Longer than it should be is something else.
        if there == size { size } else { 0 }
    } else {
        there / GROUP_BYTES * GROUP_BYTES
    }
}

/// The hash over the beginning of a file that was just opened.
fn hashed(mut file: &File, length: u64, seal: Option<&FileSeal>) -> io::Result<blake3::Hasher> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; READ_BYTES];
    let mut left = length;
    while left > 0 {
        let want = left.min(READ_BYTES as u64) as usize;
        let bytes = &mut buffer[..want];
        file.read_exact(bytes)?;
        if let Some(seal) = seal {
            seal.apply(length - left, bytes);
        }
        hasher.update(bytes);
        left -= want as u64;
    }
    Ok(hasher)
}

fn write_batch(file: &DiskFile, batch: &[Bytes], at: u64) -> Result<(), DiskError> {
    let mut pieces: Vec<_> = batch.iter().map(|bytes| IoSlice::new(bytes)).collect();
    file.write_pieces_at(&mut pieces, at)
}

/// Gathers groups and hands them to a task that has them written (and, if a beginning was there, hashed).
struct FileSink<'a> {
    batch: Vec<Bytes>,
    batched: usize,
    batches: mpsc::Sender<Vec<Bytes>>,
    progress: &'a mut (dyn FnMut(Progress) + Send),
    at: Progress,
}

impl<'a> FileSink<'a> {
    fn begin(
        part: PartialFile,
        size: u64,
        progress: &'a mut (dyn FnMut(Progress) + Send),
    ) -> (Self, JoinHandle<Result<PartialFile, DiskError>>) {
        let (batches, mut coming) = mpsc::channel::<Vec<Bytes>>(BATCHES_MAX);
        let at = Progress {
            bytes: part.length,
            size,
        };
        let mut part = part;
        // Goes on after a call that was dropped: what came stays.
        let writer = tokio::spawn(async move {
            while let Some(batch) = coming.recv().await {
                part = disk::run(move || part.write(&batch).map(|()| part)).await?;
            }
            Ok(part)
        });
        let sink = Self {
            batch: Vec::with_capacity(BATCH_BYTES / GROUP_BYTES as usize),
            batched: 0,
            batches,
            progress,
            at,
        };
        (sink, writer)
    }

    async fn flush(&mut self) -> io::Result<()> {
        let fresh = Vec::with_capacity(self.batch.capacity());
        let batch = mem::replace(&mut self.batch, fresh);
        self.at.bytes += mem::take(&mut self.batched) as u64;
        // The writer only goes first if the disk failed; why, it says itself.
        let gone = |_| io::ErrorKind::BrokenPipe;
        self.batches.send(batch).await.map_err(gone)?;
        (self.progress)(self.at);
        Ok(())
    }
}

impl Sink for FileSink<'_> {
    async fn write(&mut self, group: Group) -> io::Result<()> {
        self.batched += group.data.len();
        self.batch.push(group.data);
        if self.batched >= BATCH_BYTES {
            self.flush().await?;
        }
        Ok(())
    }
}

impl Client {
    /// Fetches a file to `out`, by way of `<out>.part`; continues what an interrupted call left there.
    ///
    /// `out` is replaced at once when the file is whole and on disk. `progress` hears of every mebibyte.
    /// Cancel safe: what came stays in `<out>.part`.
    ///
    /// # Errors
    /// [`FileError`]; `out` is then as it was.
    pub fn fetch_to_file<'a>(
        &'a self,
        collection: &'a str,
        path: &'a str,
        out: &'a Path,
        progress: &'a mut (dyn FnMut(Progress) + Send),
    ) -> Answer<'a, Fetched, FileError> {
        Box::pin(async move {
            check_target(out).await?;
            let collection = self
                .collection(collection)
                .await
                .map_err(FetchError::from)?;
            let entry = collection.entry(path)?;
            let seal = self.seal(&collection, path, &self.own_way()).await?;
            let part_path = part_path(out);
            loop {
                let (open_path, size, seal) = (part_path.clone(), entry.size, seal.clone());
                let disk = self.disk().clone();
                let part =
                    disk::run(move || PartialFile::open(&disk, &open_path, size, seal)).await?;
                let began_at = part.length;
                let (part, fetched) = self
                    .fetch_part(collection.id, entry, part, progress)
                    .await?;
                if is_right(&part, &entry.content) {
                    let out = out.to_owned();
                    let disk = self.disk().clone();
                    disk::run(move || finish(&disk, &part.file, &part_path, &out)).await?;
                    return Ok(fetched);
                }
                if began_at == 0 {
                    return Err(FileError::Damaged(part_path));
                }
                let path = part_path.display();
                tracing::warn!(%path, "what an earlier run left is damaged; starting again");
                part.file.set_len(0)?;
            }
        })
    }

    async fn fetch_part(
        &self,
        collection: protocol::CollectionId,
        entry: &Entry,
        part: PartialFile,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<(PartialFile, Fetched), FileError> {
        let range = part.length..entry.size;
        let (mut sink, writer) = FileSink::begin(part, entry.size, progress);
        let mut fetched = self
            .fetch_entry(collection, entry, Some(range), &mut sink)
            .await;
        // What came before a failure is worth keeping too.
        if let Err(error) = sink.flush().await
            && fetched.is_ok()
        {
            fetched = Err(FetchError::Sink(error));
        }
        drop(sink);
        let written = match writer.await {
            Ok(written) => written,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        // If both failed, the disk is why.
        let part = written?;
        Ok((part, fetched?))
    }

    /// Fetches a file into anything that can be written to, such as standard output.
    ///
    /// # Errors
    /// [`FetchError`]; what was written before is right all the same.
    pub fn fetch_to_writer<'a>(
        &'a self,
        collection: &'a str,
        path: &'a str,
        writer: &'a mut (dyn AsyncWrite + Unpin + Send),
    ) -> Answer<'a, Fetched, FetchError> {
        Box::pin(async move {
            let mut sink = WriterSink::new(writer);
            let fetched = self.fetch(collection, path, None, &mut sink).await;
            // Also after a failure: what came is right.
            let flushed = sink.finish().await;
            let fetched = fetched?;
            flushed.map_err(FetchError::Sink)?;
            Ok(fetched)
        })
    }
}

fn is_right(part: &PartialFile, content: &ContentHash) -> bool {
    part.hasher
        .as_ref()
        .is_none_or(|hasher| hasher.finalize().as_bytes() == content.as_bytes())
}

fn part_path(out: &Path) -> PathBuf {
    let mut name = OsString::from(out);
    name.push(".part");
    name.into()
}

fn folder_of(out: &Path) -> &Path {
    match out.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

async fn check_target(out: &Path) -> Result<(), FileError> {
    let out = out.to_owned();
    disk::run(move || {
        if out.is_dir() || out.file_name().is_none() {
            return Err(FileError::IsFolder(out));
        }
        let folder = folder_of(&out);
        match folder.is_dir() {
            true => Ok(()),
            false => Err(FileError::NoFolder(folder.to_owned())),
        }
    })
    .await
}

/// Makes it durable and gives it its name. Blocking.
fn finish(disk: &Disk, file: &DiskFile, part: &Path, out: &Path) -> Result<(), FileError> {
    file.sync_all()?;
    disk.rename(part, out)?;
    // Makes the name durable. Some systems don't open folders; the file is whole all the same.
    if let Err(error) = disk.sync_dir(folder_of(out)) {
        tracing::debug!(%error, "the folder was not flushed");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{SealKey, SealNonce};

    #[test]
    fn only_whole_groups_are_continued_from() {
        let g = GROUP_BYTES;
        // there, size, kept
        let cases = [
            (0, 0, 0),
            (0, 100, 0),
            (99, 100, 0),
            (100, 100, 100),
            (101, 100, 0),
            (g + 1, 3 * g, g),
            (2 * g, 3 * g, 2 * g),
            (3 * g, 3 * g, 3 * g),
        ];
        for (there, size, kept) in cases {
            assert_eq!(resumable(there, size), kept, "{there} of {size}");
        }
    }

    #[test]
    fn a_part_is_hashed_up_to_its_last_whole_group_and_locked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.part");
        let bytes = vec![5; GROUP_BYTES as usize + 100];
        std::fs::write(&path, &bytes).unwrap();
        let part = PartialFile::open(&Disk::system(), &path, 10 * GROUP_BYTES, None).unwrap();
        assert_eq!(part.length, GROUP_BYTES);
        let hash = part.hasher.as_ref().unwrap().finalize();
        assert_eq!(hash, blake3::hash(&bytes[..GROUP_BYTES as usize]));
        let second = PartialFile::open(&Disk::system(), &path, 10 * GROUP_BYTES, None);
        assert!(matches!(second, Err(FileError::Busy(_))));
        drop(part);
        // Of what is sealed, as it is sealed.
        let seal = FileSeal::new(&SealKey::from_bytes([1; 32]), &SealNonce([2; 16]));
        let mut sealed = bytes.clone();
        seal.apply(0, &mut sealed);
        let part = PartialFile::open(&Disk::system(), &path, 10 * GROUP_BYTES, Some(seal)).unwrap();
        let hash = part.hasher.as_ref().unwrap().finalize();
        assert_eq!(hash, blake3::hash(&sealed[..GROUP_BYTES as usize]));
    }

    #[test]
    fn batches_are_written_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let batch: Vec<_> = (0..100u8).map(|i| Bytes::from(vec![i; 1000])).collect();
        write_batch(&Disk::system().create(&path).unwrap(), &batch, 0).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), batch.concat());
    }
}
