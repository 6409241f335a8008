//! The receiving end of the wire: parents and groups, each verified as it arrives.

use crate::geometry::{RangeError, check_range, chunk_ranges, slices, tree};
use bao_tree::BaoTree;
use bao_tree::io::fsm::{ResponseDecoder, ResponseDecoderNext};
use bao_tree::io::{BaoContentItem, DecodeError, Parent};
use bytes::Bytes;
use iroh_io::AsyncStreamReader;
use protocol::ContentHash;
use std::io;
use std::ops::Range;

/// Why a body ended early.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// Not a range of this content.
    #[error(transparent)]
    Range(#[from] RangeError),
    /// The bytes are not the content: the sender is at fault.
    #[error("the bytes sent are not the content asked for ({0})")]
    Corrupt(String),
    /// The stream ended, was reset, or the connection is gone.
    #[error("the stream broke: {0}")]
    Stream(#[source] io::Error),
}

/// Verified bytes, at most 16 KiB.
#[derive(Debug, Clone)]
pub struct Group {
    /// Where in the content they stand.
    pub offset: u64,
    /// They.
    pub data: Bytes,
}

/// One verified thing of a body.
#[derive(Debug)]
pub enum Item {
    /// Two hashes, and where they stand in the tree.
    Parent(Parent),
    /// Bytes.
    Group(Group),
}

/// A body on its way in, by the stream `R`. Each group is verified before it is handed on.
#[derive(Debug)]
pub struct Body<R> {
    hash: blake3::Hash,
    tree: BaoTree,
    /// What is still to come.
    left: Range<u64>,
    state: State<R>,
}

#[derive(Debug)]
enum State<R> {
    Between(R),
    Within(ResponseDecoder<R>),
    Over,
}

impl<R: AsyncStreamReader> Body<R> {
    /// A body of this range of this content, as it comes from `recv`.
    ///
    /// # Errors
    /// If that is no range of it.
    pub fn new(
        recv: impl Into<R>,
        content: ContentHash,
        size: u64,
        offset: u64,
        length: u64,
    ) -> Result<Self, RangeError> {
        let range = check_range(size, offset, length)?;
        Ok(Self {
            hash: blake3::Hash::from(*content.as_bytes()),
            tree: tree(size),
            left: range,
            state: State::Between(recv.into()),
        })
    }

    /// The next group; `None` at the end. **Not** cancel safe: after a dropped call the body is over.
    ///
    /// # Errors
    /// If the stream broke or the bytes are wrong; the body is then over.
    pub async fn next_group(&mut self) -> Result<Option<Group>, BodyError> {
        loop {
            match self.next_item().await? {
                None => return Ok(None),
                Some(Item::Parent(_)) => {}
                Some(Item::Group(group)) => return Ok(Some(group)),
            }
        }
    }

    /// The next parent or group; `None` at the end. **Not** cancel safe, as [`Self::next_group`].
    ///
    /// # Errors
    /// As [`Self::next_group`].
    pub async fn next_item(&mut self) -> Result<Option<Item>, BodyError> {
        loop {
            match std::mem::replace(&mut self.state, State::Over) {
                State::Over => return Ok(None),
                State::Between(encoded) => {
                    let Some(range) = slices(self.left.clone()).next() else {
                        return Ok(None);
                    };
                    self.left.start = range.end;
                    let ranges = chunk_ranges(&range);
                    let decoder = ResponseDecoder::new(self.hash, ranges, self.tree, encoded);
                    self.state = State::Within(decoder);
                }
                State::Within(decoder) => match decoder.next().await {
                    ResponseDecoderNext::Done(encoded) => self.state = State::Between(encoded),
                    ResponseDecoderNext::More((decoder, item)) => {
                        let item = item.map_err(body_error)?;
                        self.state = State::Within(decoder);
                        return Ok(Some(match item {
                            BaoContentItem::Parent(parent) => Item::Parent(parent),
                            BaoContentItem::Leaf(leaf) => Item::Group(Group {
                                offset: leaf.offset,
                                data: leaf.data,
                            }),
                        }));
                    }
                },
            }
        }
    }
}

fn body_error(error: DecodeError) -> BodyError {
    match error {
        DecodeError::Io(source) => BodyError::Stream(source),
        // An end of the stream within a parent or group.
        DecodeError::ParentNotFound(_) | DecodeError::LeafNotFound(_) => {
            BodyError::Stream(io::ErrorKind::UnexpectedEof.into())
        }
        DecodeError::ParentHashMismatch(_) | DecodeError::LeafHashMismatch(_) => {
            BodyError::Corrupt(error.to_string())
        }
    }
}
