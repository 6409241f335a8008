//! Content that can be read: open files, and the sending end of the wire.

use bao_tree::iter::BaoChunk;
use body::{RangeError, check_range, chunk_ranges, slices, tree};
use bytes::Bytes;
use protocol::{ContentHash, SLICE_BYTES};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Bytes of a parent in an outboard and on the wire: two hashes.
const PARENT_BYTES: usize = 64;

/// One content, open for reading; cheap to clone. Stays readable when its store drops it.
#[derive(Debug, Clone)]
pub struct Blob {
    pub(crate) hash: ContentHash,
    pub(crate) size: u64,
    pub(crate) data: Arc<File>,
    pub(crate) outboard: Arc<File>,
}

impl Blob {
    /// BLAKE3 of the bytes.
    pub fn hash(&self) -> ContentHash {
        self.hash
    }

    /// Length in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// All its bytes, for what is small; they were verified when they came. Blocking.
    ///
    /// # Errors
    /// If the file can't be read, or has more than `max` bytes.
    pub fn read_whole(&self, max: u64) -> io::Result<Vec<u8>> {
        if self.size > max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let mut bytes = vec![0; self.size as usize];
        self.data.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// Reads parents and groups of one slice in the order in which bao sends them. Blocking.
    fn encode(&self, range: &Range<u64>) -> io::Result<Vec<u8>> {
        let tree = tree(self.size);
        let ranges = chunk_ranges(range);
        // A slice has less than 64 parents of its own and at most 40 above.
        let mut out = Vec::with_capacity((range.end - range.start) as usize + 104 * PARENT_BYTES);
        for chunk in tree.ranges_pre_order_chunks_iter_ref(&ranges, 0) {
            let at = out.len();
            match chunk {
                BaoChunk::Parent { node, .. } => {
                    let parent = tree
                        .pre_order_offset(node)
                        .ok_or(io::ErrorKind::InvalidData)?;
                    out.resize(at + PARENT_BYTES, 0);
                    self.outboard
                        .read_exact_at(&mut out[at..], parent * PARENT_BYTES as u64)?;
                }
                BaoChunk::Leaf {
                    start_chunk, size, ..
                } => {
                    out.resize(at + size, 0);
                    self.data
                        .read_exact_at(&mut out[at..], start_chunk.to_bytes())?;
                }
            }
        }
        Ok(out)
    }
}

/// The bao response for one slice (or part of one): parents and groups. Reads on a thread of its own.
///
/// # Errors
/// If the files can't be read.
///
/// # Panics
/// If the range is longer than a slice.
pub async fn encode_slice(blob: &Blob, range: Range<u64>) -> io::Result<Bytes> {
    assert!(
        range.end - range.start <= SLICE_BYTES,
        "callers cut ranges with `slices`"
    );
    let blob = blob.clone();
    disk::run(move || blob.encode(&range).map(Bytes::from)).await
}

/// Why a body was not sent whole.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Not a range of this content.
    #[error(transparent)]
    Range(#[from] RangeError),
    /// The files can't be read.
    #[error("cannot read content: {0}")]
    Io(#[from] io::Error),
    /// The peer is gone or wants no more.
    #[error(transparent)]
    Write(#[from] quinn::WriteError),
}

/// Sends a range, reading one slice ahead. Cancel safe only in that the stream is then to be reset.
///
/// # Errors
/// What stopped it.
pub async fn send_body(
    blob: &Blob,
    offset: u64,
    length: u64,
    send: &mut quinn::SendStream,
) -> Result<(), SendError> {
    let mut ranges = slices(check_range(blob.size, offset, length)?);
    let Some(first) = ranges.next() else {
        return Ok(());
    };
    let mut slice = encode_slice(blob, first).await?;
    for next in ranges {
        let (sent, encoded) = tokio::join!(send.write_chunk(slice), encode_slice(blob, next));
        sent?;
        slice = encoded?;
    }
    send.write_chunk(slice).await?;
    Ok(())
}
