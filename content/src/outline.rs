//! Content that is elsewhere: its outboard alone, against which bytes are verified as they are sent on.

use bao_tree::io::EncodeError;
use bao_tree::io::outboard::PreOrderOutboard;
use bao_tree::io::sync::{ReadAt, Size, encode_ranges_validated};
use blake3::hazmat::{Mode, merge_subtrees_non_root, merge_subtrees_root};
use body::{chunk_ranges, tree};
use protocol::{ContentHash, GROUP_BYTES, SLICE_BYTES};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// Bytes read at a time when hashing.
const READ_BYTES: usize = 1 << 20;

/// Length of the outboard of so many bytes: 64 for every 16 KiB but the first.
pub fn outboard_bytes(size: u64) -> u64 {
    tree(size).outboard_size()
}

/// Hashes bytes that come one after the other and writes their outboard, in constant memory. Blocking.
///
/// # Errors
/// If there are less than `size`, or the file can't be written.
pub fn write_outboard(bytes: impl Read, size: u64, outboard: &mut File) -> io::Result<ContentHash> {
    let mut tree = PreOrderOutboard {
        root: blake3::Hash::from([0; 32]),
        tree: tree(size),
        data: outboard,
    };
    let reader = BufReader::with_capacity(READ_BYTES, bytes);
    let root = bao_tree::io::sync::outboard(reader, tree.tree, &mut tree)?;
    Ok(ContentHash::from(*root.as_bytes()))
}

/// Why bytes can't be sent on.
#[derive(Debug, thiserror::Error)]
pub enum OutlineError {
    /// They are not the content.
    #[error("the bytes are not the content that was published")]
    Mismatch,
    /// The outboard can't be read.
    #[error("cannot read an outboard: {0}")]
    Io(#[from] io::Error),
}

/// The outboard of one content; cheap to clone.
#[derive(Debug, Clone)]
pub struct Outline {
    hash: ContentHash,
    size: u64,
    outboard: Arc<File>,
}

impl Outline {
    /// Opens an outboard. Whether it is that content's shows with its bytes, or by [`Outline::check`]. Blocking.
    ///
    /// # Errors
    /// If it can't be read, or doesn't have the length of such an outboard.
    pub fn open(path: &Path, hash: ContentHash, size: u64) -> io::Result<Self> {
        let outboard = File::open(path)?;
        if outboard.metadata()?.len() != outboard_bytes(size) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(Self {
            hash,
            size,
            outboard: Arc::new(outboard),
        })
    }

    /// Length of the content in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Checks that it is that content's outboard: every pair of hashes is what the hash above it says. Blocking.
    ///
    /// # Errors
    /// If it isn't, or can't be read.
    pub fn check(&self) -> Result<(), OutlineError> {
        let mut pairs = BufReader::with_capacity(READ_BYTES, Pairs(&self.outboard, 0));
        // What is to come, in the order of the file: hashes of trees of more than one group.
        let groups = self.size.div_ceil(GROUP_BYTES);
        let root = *self.hash.as_bytes();
        let mut expected: Vec<_> = (groups > 1).then_some((root, groups)).into_iter().collect();
        let mut mode = MergeMode::Root;
        while let Some((hash, groups)) = expected.pop() {
            let mut pair = [[0; 32]; 2];
            pairs.read_exact(&mut pair[0])?;
            pairs.read_exact(&mut pair[1])?;
            if mode.merge(&pair) != hash {
                return Err(OutlineError::Mismatch);
            }
            mode = MergeMode::Inner;
            // The left one has the most groups that are a power of two, and leave some to the right one.
            let left = groups.next_power_of_two() / 2;
            let below = [(pair[1], groups - left), (pair[0], left)];
            expected.extend(below.into_iter().filter(|(_, groups)| *groups > 1));
        }
        Ok(())
    }

    /// The bao response for one slice or part of one, whose bytes these are. Blocking.
    ///
    /// # Errors
    /// If they are other bytes.
    ///
    /// # Panics
    /// If the range is longer than a slice, or than the bytes.
    pub fn encode(&self, range: &Range<u64>, bytes: &[u8]) -> Result<Vec<u8>, OutlineError> {
        let length = range.end - range.start;
        assert!(length <= SLICE_BYTES && length == bytes.len() as u64);
        let outboard = PreOrderOutboard {
            root: blake3::Hash::from(*self.hash.as_bytes()),
            tree: tree(self.size),
            data: &*self.outboard,
        };
        let part = Piece {
            at: range.start,
            size: self.size,
            bytes,
        };
        let mut out = Vec::with_capacity(bytes.len() + (8 << 10));
        match encode_ranges_validated(part, outboard, &chunk_ranges(range), &mut out) {
            Ok(()) => Ok(out),
            Err(EncodeError::Io(error)) => Err(error.into()),
            Err(_) => Err(OutlineError::Mismatch),
        }
    }
}

enum MergeMode {
    Root,
    Inner,
}

impl MergeMode {
    fn merge(&self, [left, right]: &[[u8; 32]; 2]) -> [u8; 32] {
        match self {
            Self::Root => merge_subtrees_root(left, right, Mode::Hash).into(),
            Self::Inner => merge_subtrees_non_root(left, right, Mode::Hash),
        }
    }
}

/// Reads a file from its beginning, whoever else reads it.
struct Pairs<'a>(&'a File, u64);

impl Read for Pairs<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = FileExt::read_at(self.0, buffer, self.1)?;
        self.1 += count as u64;
        Ok(count)
    }
}

/// Bytes of a content that stand somewhere in it.
struct Piece<'a> {
    at: u64,
    size: u64,
    bytes: &'a [u8],
}

impl ReadAt for Piece<'_> {
    fn read_at(&self, position: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let from = position
            .checked_sub(self.at)
            .and_then(|from| usize::try_from(from).ok());
        let there = from.and_then(|from| self.bytes.get(from..));
        let there = there.ok_or(io::ErrorKind::UnexpectedEof)?;
        let count = there.len().min(buffer.len());
        buffer[..count].copy_from_slice(&there[..count]);
        Ok(count)
    }
}

impl Size for Piece<'_> {
    fn size(&self) -> io::Result<Option<u64>> {
        Ok(Some(self.size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{OnDamage, Store, encode_slice, slices};

    #[tokio::test]
    async fn what_is_elsewhere_is_sent_like_what_is_here_and_other_bytes_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(
            &disk::Disk::system(),
            &dir.path().join("store"),
            u64::MAX,
            OnDamage::Refuse,
        )
        .unwrap();
        for size in [
            0u64,
            1,
            16 << 10,
            (16 << 10) + 1,
            48 << 10,
            (3 << 20) + 77_777,
        ] {
            let bytes: Vec<u8> = (0..size).map(|i| ((i * i) >> 7) as u8).collect();
            let file = dir.path().join("file");
            std::fs::write(&file, &bytes).unwrap();
            let blob = store.import_file(&file).unwrap();
            let path = dir.path().join("outboard");
            let mut outboard = File::create(&path).unwrap();
            let hash = write_outboard(&bytes[..], size, &mut outboard).unwrap();
            assert_eq!(hash, blob.hash());
            let outline = Outline::open(&path, hash, size).unwrap();
            outline.check().unwrap();
            let last = size.saturating_sub(1) / (16 << 10) * (16 << 10);
            let last = (size > 0).then_some(last..size);
            for range in slices(0..size).chain(last) {
                let mut part = bytes[range.start as usize..range.end as usize].to_vec();
                let sent = outline.encode(&range, &part).unwrap();
                assert_eq!(sent, encode_slice(&blob, range.clone()).await.unwrap());
                *part.last_mut().unwrap() ^= 1;
                let refused = outline.encode(&range, &part);
                assert!(matches!(refused, Err(OutlineError::Mismatch)));
            }
            assert!(Outline::open(&path, hash, size + (32 << 10)).is_err());
            // Any other outboard is refused, without a byte of the content.
            let whole = std::fs::read(&path).unwrap();
            for at in (0..whole.len()).step_by(31) {
                let mut other = whole.clone();
                other[at] ^= 1;
                std::fs::write(&path, other).unwrap();
                let refused = outline.check();
                assert!(matches!(refused, Err(OutlineError::Mismatch)), "{at}");
            }
            if size == 0 {
                continue;
            }
            assert!(write_outboard(&bytes[..size as usize - 1], size, &mut outboard).is_err());
        }
    }
}
