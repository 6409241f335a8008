//! One process a folder.

use crate::{Disk, DiskError, failed};
use std::fs::TryLockError;
use std::path::{Path, PathBuf};

/// Why a folder can't be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("{} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// The system says no.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// A folder that is this process's alone while this lives. The system lets go of it however the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: crate::DiskFile,
}

impl Lock {
    pub(crate) fn take(disk: &Disk, dir: &Path) -> Result<Self, LockError> {
        disk.create_dir(dir)?;
        let path = dir.join("lock");
        let file = disk.open(&path)?;
        match file.file().try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LockError::InUse(dir.to_owned())),
            Err(TryLockError::Error(source)) => Err(failed("lock", &path)(source).into()),
        }
    }
}

impl Disk {
    /// Takes a folder, which is made if it isn't there, for this process alone.
    ///
    /// # Errors
    /// If another process has it, or it can't be used.
    pub fn lock(&self, dir: &Path) -> Result<Lock, LockError> {
        Lock::take(self, dir)
    }
}
