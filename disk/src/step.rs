//! One operation, as it is asked for.

use std::fmt;
use std::panic::Location;
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

/// What a sync makes durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Of {
    /// Bytes.
    File,
    /// Names.
    Folder,
}

/// Where a sync is asked for: the line outside of this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Site {
    file: &'static str,
    line: u32,
    of: Of,
}

impl Site {
    /// The one at which whoever calls this was called.
    #[track_caller]
    pub(crate) fn here(of: Of) -> Self {
        let at = Location::caller();
        Self {
            file: at.file(),
            line: at.line(),
            of,
        }
    }

    /// The same line, of something else that is synced there.
    pub(crate) fn of(self, of: Of) -> Self {
        Self { of, ..self }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = match self.of {
            Of::File => "file",
            Of::Folder => "folder",
        };
        write!(f, "{}:{} {of}", self.file, self.line)
    }
}

/// One operation as it is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step<'a> {
    CreateDir(&'a Path),
    Open(&'a Path, How),
    Write(FileId, u64, &'a [u8]),
    /// From, up to.
    Zero(FileId, u64, u64),
    SetLen(FileId, u64),
    Sync(FileId, Site),
    SyncDir(&'a Path, Site),
    Rename(&'a Path, &'a Path),
    Remove(&'a Path),
}
