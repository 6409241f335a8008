//! One operation, as it is asked for.

use std::path::Path;

/// What a file that is opened for writing may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// It isn't there yet.
    New,
    /// What is in it goes.
    Empty,
    /// What is in it stays.
    Keep,
}

/// A file, whatever its name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct FileId(pub(crate) u64);

/// One operation as it is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step<'a> {
    CreateDir(&'a Path),
    Open(&'a Path, How),
    Write(FileId, u64, &'a [u8]),
    /// From, up to.
    Zero(FileId, u64, u64),
    SetLen(FileId, u64),
    Sync(FileId),
    SyncDir(&'a Path),
    Rename(&'a Path, &'a Path),
    Remove(&'a Path),
}
