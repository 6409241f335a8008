//! A file that is written to.

use crate::error::{DiskError, failed};
use crate::operations::Operations;
use crate::step::{FileId, Of, Site, Step};
use std::fs::File;
use std::io::{self, IoSlice, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// Zeros are written so many at a time.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// A file open for reading and writing; cheap to clone. All calls block.
#[derive(Debug, Clone)]
pub struct DiskFile {
    operations: Operations,
    file: Arc<File>,
    id: FileId,
    path: Arc<Path>,
}

impl DiskFile {
    pub(crate) fn new(operations: Operations, file: File, id: FileId, path: &Path) -> Self {
        Self {
            operations,
            file: Arc::new(file),
            id,
            path: path.into(),
        }
    }

    /// To read from.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The name that it was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its length in bytes.
    ///
    /// # Errors
    /// If the system doesn't say.
    pub fn length(&self) -> Result<u64, DiskError> {
        let found = self.file.metadata().map_err(failed("read", &self.path))?;
        Ok(found.len())
    }

    /// Writes all bytes at a place. After an error some may be written.
    ///
    /// # Errors
    /// If the disk takes no more.
    pub fn write_all_at(&self, bytes: &[u8], at: u64) -> Result<(), DiskError> {
        self.try_write(bytes, at)
            .map_err(failed("write", &self.path))
    }

    fn try_write(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let fits = self.operations.fits(self.id, at, bytes.len());
        let part = &bytes[..fits];
        if !part.is_empty() {
            let real = || self.file.write_all_at(part, at);
            self.operations.step(Step::Write(self.id, at, part), real)?;
        }
        match fits == bytes.len() {
            true => Ok(()),
            false => Err(io::ErrorKind::StorageFull.into()),
        }
    }

    /// Writes pieces one after the other at a place, with as few calls as the system allows. One writer at a time: it
    /// moves the file's own place.
    ///
    /// # Errors
    /// If the disk takes no more; some may be written.
    pub fn write_pieces_at(
        &self,
        mut pieces: &mut [IoSlice<'_>],
        at: u64,
    ) -> Result<(), DiskError> {
        if self.operations.is_recorded() {
            let all: Vec<u8> = pieces
                .iter()
                .flat_map(|piece| piece.iter().copied())
                .collect();
            return self.write_all_at(&all, at);
        }
        let mut write = || {
            let mut file = &*self.file;
            file.seek(SeekFrom::Start(at))?;
            while !pieces.is_empty() {
                match file.write_vectored(pieces) {
                    Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Ok(written) => IoSlice::advance_slices(&mut pieces, written),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        };
        write().map_err(failed("write", &self.path))
    }

    /// Cuts it to a length, or lengthens it by zeros that take no room yet.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn set_len(&self, length: u64) -> Result<(), DiskError> {
        let step = Step::SetLen(self.id, length);
        let done = self.operations.step(step, || self.file.set_len(length));
        done.map(|_| ()).map_err(failed("shorten", &self.path))
    }

    /// Writes zeros up to a length: what is written there later needs no more room.
    ///
    /// # Errors
    /// If the disk takes no more; it may be longer all the same.
    pub fn allocate(&self, from: u64, length: u64) -> Result<(), DiskError> {
        let real = || {
            let mut at = from;
            while at < length {
                let part = (length - at).min(ZEROS.len() as u64);
                self.file.write_all_at(&ZEROS[..part as usize], at)?;
                at += part;
            }
            Ok(())
        };
        let done = self
            .operations
            .step(Step::Zero(self.id, from, length), real);
        done.map(|_| ()).map_err(failed("lengthen", &self.path))
    }

    /// Makes its bytes durable, and its length. Its name is durable after a sync of the folder.
    ///
    /// # Errors
    /// If the disk fails: of what was written since the last sync nothing is known then, also if a later sync
    /// succeeds.
    #[track_caller]
    #[expect(clippy::disallowed_methods, reason = "here it is done for all")]
    pub fn sync_data(&self) -> Result<(), DiskError> {
        let step = Step::Sync(self.id, Site::here(Of::File));
        let done = self.operations.step(step, || self.file.sync_data());
        done.map(|_| ()).map_err(failed("flush", &self.path))
    }

    /// As [`DiskFile::sync_data`], with times and mode.
    ///
    /// # Errors
    /// As [`DiskFile::sync_data`].
    #[track_caller]
    pub fn sync_all(&self) -> Result<(), DiskError> {
        self.sync_all_for(Site::here(Of::File))
    }

    /// As [`DiskFile::sync_all`], which was asked for there.
    #[expect(clippy::disallowed_methods, reason = "here it is done for all")]
    pub(crate) fn sync_all_for(&self, site: Site) -> Result<(), DiskError> {
        let step = Step::Sync(self.id, site);
        let done = self.operations.step(step, || self.file.sync_all());
        done.map(|_| ()).map_err(failed("flush", &self.path))
    }

    /// Writes one after the other from a place on.
    pub fn writer(&self, at: u64) -> Writer<'_> {
        Writer { file: self, at }
    }
}

/// Writes one after the other.
#[derive(Debug)]
pub struct Writer<'a> {
    file: &'a DiskFile,
    at: u64,
}

impl Write for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.try_write(bytes, self.at)?;
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
