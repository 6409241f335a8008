//! A blob on its way into a store: verified as it comes, readable as far as it has come.

use crate::blob::Blob;
use crate::encoded::Body;
use crate::store::{Store, StoreError, Temporary, io_error};
use body::{BodyError, Item, tree};
use host::watch;
use protocol::{ContentHash, GROUP_BYTES};
use std::fs::File;
use std::sync::Arc;

/// Items that are gathered before they are written: 1 MiB of groups.
const BATCH_ITEMS: usize = 128;

/// A blob on its way in. Dropped before [`Fill::finish`] it leaves nothing.
#[derive(Debug)]
pub struct Fill {
    store: Store,
    blob: Blob,
    data: Temporary,
    outboard: Temporary,
    progress: watch::Sender<u64>,
}

/// Why a fill failed.
#[derive(Debug, thiserror::Error)]
pub enum FillError {
    /// The source ended early or sent something else.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The disk fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Not all of it came.
    #[error("only {got} of {size} bytes came")]
    Short {
        /// Bytes there.
        got: u64,
        /// Bytes wanted.
        size: u64,
    },
}

impl Store {
    /// Begins a blob whose hash and size are known and which comes in verified.
    ///
    /// # Errors
    /// If it can't be created, or can never fit.
    pub fn fill(&self, hash: ContentHash, size: u64) -> Result<Fill, StoreError> {
        let capacity = self.capacity();
        if size > capacity {
            return Err(StoreError::TooLarge { size, capacity });
        }
        // Nothing comes of an empty content, so nothing would verify it.
        let nothing = ContentHash::from(*blake3::hash(b"").as_bytes());
        if size == 0 && hash != nothing {
            return Err(StoreError::Mismatch {
                expected: hash,
                actual: nothing,
            });
        }
        Fill::begin(
            self.clone(),
            hash,
            size,
            self.temporary()?,
            self.temporary()?,
        )
    }
}

impl Fill {
    fn begin(
        store: Store,
        hash: ContentHash,
        size: u64,
        data: Temporary,
        outboard: Temporary,
    ) -> Result<Self, StoreError> {
        let open = |temporary: &Temporary| {
            File::open(&temporary.path)
                .map(Arc::new)
                .map_err(io_error("open", &temporary.path))
        };
        let blob = Blob {
            hash,
            size,
            data: open(&data)?,
            outboard: open(&outboard)?,
        };
        Ok(Self {
            store,
            blob,
            data,
            outboard,
            progress: watch::Sender::new(0),
        })
    }

    /// To read from while it arrives: bytes below [`Fill::progress`] only.
    pub fn blob(&self) -> Blob {
        self.blob.clone()
    }

    /// Bytes there, from the start without a gap. Its sender goes when the fill ends: if it is then
    /// below the size, the fill failed.
    pub fn progress(&self) -> watch::Receiver<u64> {
        self.progress.subscribe()
    }

    /// Takes in what comes, from [`Fill::progress`] on. May be called again with another body after an
    /// error: what was verified stays.
    ///
    /// # Errors
    /// If the body breaks or lies, or the disk fails.
    pub async fn take(&mut self, mut body: Body) -> Result<(), FillError> {
        let mut batch = Vec::with_capacity(BATCH_ITEMS);
        loop {
            let item = body.next_item().await;
            let last = !matches!(item, Ok(Some(_)));
            if let Ok(Some(item)) = &item {
                batch.push(match item {
                    Item::Parent(parent) => {
                        let place = tree(self.blob.size).pre_order_offset(parent.node);
                        let pair = [*parent.pair.0.as_bytes(), *parent.pair.1.as_bytes()].concat();
                        Piece::Parent(place.unwrap_or(0) * 64, pair)
                    }
                    Item::Group(group) => Piece::Group(group.offset, group.data.clone()),
                });
            }
            if last || batch.len() == BATCH_ITEMS {
                self.write(std::mem::replace(
                    &mut batch,
                    Vec::with_capacity(BATCH_ITEMS),
                ))
                .await?;
            }
            if last {
                item?;
                return Ok(());
            }
        }
    }

    async fn write(&mut self, pieces: Vec<Piece>) -> Result<(), StoreError> {
        let files = (self.data.file.clone(), self.outboard.file.clone());
        let end = disk::run(move || {
            let (data, outboard) = files;
            let mut end = None;
            for piece in &pieces {
                match piece {
                    Piece::Parent(at, pair) => outboard.write_all_at(pair, *at)?,
                    Piece::Group(at, bytes) => {
                        debug_assert!(at.is_multiple_of(GROUP_BYTES), "groups are aligned");
                        data.write_all_at(bytes, *at)?;
                        end = Some(at + bytes.len() as u64);
                    }
                }
            }
            Ok::<_, StoreError>(end)
        })
        .await?;
        if let Some(end) = end {
            self.progress.send_replace(end);
        }
        Ok(())
    }

    /// Makes it durable, once it is whole.
    ///
    /// # Errors
    /// If it isn't, or the disk fails.
    pub async fn finish(self) -> Result<Blob, FillError> {
        let (got, size) = (*self.progress.borrow(), self.blob.size);
        if got < size {
            return Err(FillError::Short { got, size });
        }
        let Self {
            store,
            blob,
            data,
            outboard,
            progress,
        } = self;
        let kept = disk::run(move || store.keep(blob.hash, size, data, outboard)).await;
        // Only now: who waits for progress and then asks the store must find it there.
        drop(progress);
        Ok(kept?)
    }
}

enum Piece {
    Parent(u64, Vec<u8>),
    Group(u64, bytes::Bytes),
}
