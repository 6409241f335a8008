//! What was done in a recorded folder.

use crate::step::FileId;
use std::ffi::OsString;
use std::sync::Arc;

/// A name in a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) dir: usize,
    pub(super) name: OsString,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    Dir(usize),
    File(FileId),
}

/// What was done, with its bytes.
#[derive(Debug, Clone)]
pub(super) enum Done {
    /// Was there without us.
    Found(Place, Node, Arc<[u8]>),
    Link(Place, Node),
    Unlink(Place),
    Move(Place, Place),
    Write(FileId, u64, Arc<[u8]>),
    Zero(FileId, u64, u64),
    SetLen(FileId, u64),
    Sync(FileId),
    /// A sync that failed.
    LostSync(FileId),
    SyncDir(usize),
}

impl Done {
    /// The names that it changes.
    pub(super) fn places(&self) -> impl Iterator<Item = &Place> {
        let (first, second) = match self {
            Self::Link(place, _) | Self::Unlink(place) => (Some(place), None),
            Self::Move(from, to) => (Some(from), Some(to)),
            _ => (None, None),
        };
        first.into_iter().chain(second)
    }
}
