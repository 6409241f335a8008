//! The one place that writes durably.
//!
//! A [`Disk`] is handed in when a process starts. Whatever has to outlast a power cut is created, written, cut,
//! renamed, removed and synced through it, each as one operation: so a test can record the operations, make the
//! n-th of them fail, cut the power after any of them ([`faults`]), and open what is then in the folder with the
//! product's own start.
//!
//! What POSIX promises, and no more, is what is built on. Bytes are on disk after a sync of their file; a name is
//! after a sync of its folder; a rename is whole or didn't happen. After a sync that failed, nothing is known of
//! what it should have written, also if a later one succeeds.
//!
//! Reading needs none of this: paths and [`DiskFile::file`] are read as any others.

mod error;
pub mod faults;
mod file;
mod lock;
mod operations;
mod pieces;
mod run;
mod step;

pub use error::{DiskError, failed};
pub use file::{DiskFile, Writer};
pub use lock::{Lock, LockError};
pub use pieces::Pieces;
pub use run::{InPlace, Panicked, in_place, run, try_run};

use faults::Recorder;
use operations::Operations;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use step::{How, Of, Site, Step};

/// Ending of a file that is being written; what carries it is left over from a crash.
const UNFINISHED: &str = "unfinished";

/// Where everything durable is written; cheap to clone. All calls block.
#[derive(Debug, Clone)]
pub struct Disk {
    operations: Operations,
}

impl Disk {
    /// The machine's own.
    pub fn system() -> Self {
        Self {
            operations: Operations::default(),
        }
    }

    /// One that is recorded. Paths outside of the recorder's folder are written, and not recorded.
    pub fn recorded(recorder: &Arc<Recorder>) -> Self {
        let recorder = Some(recorder.clone());
        Self {
            operations: Operations { recorder },
        }
    }

    /// Creates a folder, with those above it, and makes their names durable. One that is there stays.
    ///
    /// # Errors
    /// If it can't be made.
    #[track_caller]
    pub fn create_dir(&self, dir: &Path) -> Result<(), DiskError> {
        self.create_dir_for(Site::here(Of::Folder), dir)
    }

    fn create_dir_for(&self, site: Site, dir: &Path) -> Result<(), DiskError> {
        if dir.is_dir() {
            return Ok(());
        }
        let above = folder_of(dir);
        if above != Path::new(".") {
            self.create_dir_for(site, above)?;
        }
        match self
            .operations
            .step(Step::CreateDir(dir), || fs::create_dir(dir))
        {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(failed("create", dir)(error));
            }
            _ => {}
        }
        self.sync_dir_for(site, above)
    }

    /// Creates a file. Its name is durable after a sync of its folder, its bytes after its own.
    ///
    /// # Errors
    /// If it is there already, or can't be made.
    pub fn create_new(&self, path: &Path) -> Result<DiskFile, DiskError> {
        self.opened(path, How::New, 0o666)
    }

    /// Creates a file, or empties it.
    ///
    /// # Errors
    /// If it can't be made.
    pub fn create(&self, path: &Path) -> Result<DiskFile, DiskError> {
        self.opened(path, How::Empty, 0o666)
    }

    /// Opens a file for writing, with what is in it; creates it if it isn't there.
    ///
    /// # Errors
    /// If it can't be opened.
    pub fn open(&self, path: &Path) -> Result<DiskFile, DiskError> {
        self.opened(path, How::Keep, 0o666)
    }

    fn opened(&self, path: &Path, how: How, mode: u32) -> Result<DiskFile, DiskError> {
        let mut options = File::options();
        options.read(true).write(true).mode(mode);
        match how {
            How::New => options.create_new(true),
            How::Empty => options.create(true).truncate(true),
            How::Keep => options.create(true),
        };
        let what = match how {
            How::Keep => "open",
            How::New | How::Empty => "create",
        };
        let (file, id) = self
            .operations
            .step(Step::Open(path, how), || options.open(path))
            .map_err(failed(what, path))?;
        Ok(DiskFile::new(self.operations.clone(), file, id, path))
    }

    /// Replaces a file. When this returns it is durable; after a crash it is the old one or the new one.
    /// Writers of the same path must take turns.
    ///
    /// # Errors
    /// If it can't be written. It is then the old one or, if only its folder couldn't be synced, the new one.
    #[track_caller]
    pub fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        self.replace_with(Site::here(Of::File), path, bytes, 0o666)
    }

    /// As [`Disk::replace`], of a file that only its owner may read.
    ///
    /// # Errors
    /// As [`Disk::replace`].
    #[track_caller]
    pub fn replace_secret(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        self.replace_with(Site::here(Of::File), path, bytes, 0o600)
    }

    fn replace_with(
        &self,
        site: Site,
        path: &Path,
        bytes: &[u8],
        mode: u32,
    ) -> Result<(), DiskError> {
        let beside = unfinished(path);
        let write = || {
            // Anew, since one that is there keeps its mode.
            self.remove(&beside)?;
            let file = self.opened(&beside, How::New, mode)?;
            file.write_all_at(bytes, 0)?;
            file.sync_all_for(site)?;
            self.rename(&beside, path)
        };
        if let Err(error) = write() {
            // A full disk gets its room back.
            let _ = self.remove(&beside);
            return Err(failed("write", path)(error.into_io()));
        }
        self.sync_dir_for(site.of(Of::Folder), folder_of(path))
    }

    /// Gives a file or a folder another name, in place of what has it; at once, and durable after a sync of the
    /// folder.
    ///
    /// # Errors
    /// If it can't be renamed.
    #[expect(clippy::disallowed_methods, reason = "here it is done for all")]
    pub fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.operations
            .step(Step::Rename(from, to), || fs::rename(from, to))
            .map(|_| ())
            .map_err(failed("rename to", to))
    }

    /// Removes a file; `false` if it isn't there. Durable after a sync of the folder.
    ///
    /// # Errors
    /// If it is there and can't be removed.
    pub fn remove(&self, path: &Path) -> Result<bool, DiskError> {
        if !is_there(path) {
            return Ok(false);
        }
        match self
            .operations
            .step(Step::Remove(path), || fs::remove_file(path))
        {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(failed("remove", path)(error)),
        }
    }

    /// Removes a folder with all that is in it, or a file; `false` if it isn't there. A crash may leave a part.
    ///
    /// # Errors
    /// If something can't be removed.
    pub fn remove_all(&self, path: &Path) -> Result<bool, DiskError> {
        let is_dir = fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
        if !is_dir {
            return self.remove(path);
        }
        for entry in fs::read_dir(path).map_err(failed("list", path))? {
            self.remove_all(&entry.map_err(failed("list", path))?.path())?;
        }
        self.operations
            .step(Step::Remove(path), || fs::remove_dir(path))
            .map_err(failed("remove", path))?;
        Ok(true)
    }

    /// Makes durable what names were created, changed and removed in a folder.
    ///
    /// # Errors
    /// If it can't be synced: none of them is known to be durable then.
    #[track_caller]
    pub fn sync_dir(&self, dir: &Path) -> Result<(), DiskError> {
        self.sync_dir_for(Site::here(Of::Folder), dir)
    }

    #[expect(clippy::disallowed_methods, reason = "here it is done for all")]
    fn sync_dir_for(&self, site: Site, dir: &Path) -> Result<(), DiskError> {
        let dir = match dir.as_os_str().is_empty() {
            true => Path::new("."),
            false => dir,
        };
        let sync = || File::open(dir).and_then(|dir| dir.sync_all());
        self.operations
            .step(Step::SyncDir(dir, site), sync)
            .map(|_| ())
            .map_err(failed("flush", dir))
    }

    /// What is in a folder; what a crash left unfinished is removed.
    ///
    /// # Errors
    /// If it can't be read, or something can't be removed.
    pub fn list(&self, dir: &Path) -> Result<Vec<PathBuf>, DiskError> {
        let mut files = Vec::new();
        for entry in fs::read_dir(dir).map_err(failed("list", dir))? {
            let path = entry.map_err(failed("list", dir))?.path();
            if path.extension().is_some_and(|ending| ending == UNFINISHED) {
                self.remove_all(&path)?;
            } else {
                files.push(path);
            }
        }
        // By name: what a start does is then the same each time.
        files.sort_unstable();
        Ok(files)
    }
}

/// Beside a file that is being written: [`Disk::list`] removes what has such a name.
pub fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(UNFINISHED);
    name.into()
}

/// The folder that a path is in; `.` for a bare name.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn is_there(path: &Path) -> bool {
    // What can't be looked at is for the operation itself to tell.
    !matches!(fs::symlink_metadata(path), Err(error) if error.kind() == io::ErrorKind::NotFound)
}
