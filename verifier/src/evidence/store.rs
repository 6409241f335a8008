//! A verifier's own evidence on disk: `{root}/{epoch}/`, whole or not there at all.

use super::bundle::hash;
use super::{BUNDLE_FILE, Bundle, Evidence, EvidenceSource, is_file_name};
use protocol::{B256, Epoch};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Evidence that can't be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {path}: {source}")]
pub struct StoreError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

fn at<T>(action: &'static str, path: &Path, result: io::Result<T>) -> Result<T, StoreError> {
    result.map_err(|source| StoreError {
        action,
        path: path.to_owned(),
        source,
    })
}

/// A directory of evidence. One process writes to it.
#[derive(Debug, Clone)]
pub struct EvidenceStore {
    root: PathBuf,
}

impl EvidenceStore {
    /// Opens the directory, making it where it isn't there, and clears what a crash left half written.
    ///
    /// # Errors
    /// If it can't be made or read.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let root = root.into();
        at("make", &root, fs::create_dir_all(&root))?;
        for entry in at("read", &root, fs::read_dir(&root))? {
            let entry = at("read", &root, entry)?;
            if entry.file_name().to_string_lossy().starts_with(PARTIAL) {
                at("clear", &entry.path(), fs::remove_dir_all(entry.path()))?;
            }
        }
        Ok(Self { root })
    }

    /// Whether there is evidence of an epoch.
    pub fn contains(&self, epoch: Epoch) -> bool {
        self.directory(epoch).is_dir()
    }

    /// An epoch's evidence, to be read.
    pub fn source(&self, epoch: Epoch) -> EvidenceSource {
        EvidenceSource::Directory(self.directory(epoch))
    }

    /// Path of a file that may be there; `None` for a name that evidence doesn't have.
    pub fn path(&self, epoch: Epoch, name: &str) -> Option<PathBuf> {
        is_file_name(name).then(|| self.directory(epoch).join(name))
    }

    /// Writes an epoch's evidence and returns its hash. When this returns it is on disk; a crash before
    /// leaves nothing of it. What was there for the epoch is replaced. Blocks.
    ///
    /// # Errors
    /// If something can't be written; what was there before stays.
    pub fn write(&self, evidence: &Evidence) -> Result<B256, StoreError> {
        let epoch = evidence.epoch();
        let partial = self.root.join(format!("{PARTIAL}{epoch}"));
        if partial.exists() {
            at("clear", &partial, fs::remove_dir_all(&partial))?;
        }
        at("make", &partial, fs::create_dir(&partial))?;
        let files = evidence.files();
        let bundle = Bundle::of(evidence, &files).to_bytes();
        for (name, bytes) in &files {
            write_durably(&partial.join(name), bytes)?;
        }
        write_durably(&partial.join(BUNDLE_FILE), &bundle)?;
        sync_directory(&partial)?;
        self.discard(epoch)?;
        let directory = self.directory(epoch);
        at("rename to", &directory, fs::rename(&partial, &directory))?;
        sync_directory(&self.root)?;
        Ok(hash(&bundle))
    }

    /// Removes an epoch's evidence, if there is any. Blocks.
    ///
    /// # Errors
    /// If it can't be removed.
    pub fn discard(&self, epoch: Epoch) -> Result<(), StoreError> {
        let directory = self.directory(epoch);
        if !directory.exists() {
            return Ok(());
        }
        // Out of the way in one step, so that nobody sees half of it.
        let old = self.root.join(format!("{PARTIAL}old-{epoch}"));
        if old.exists() {
            at("clear", &old, fs::remove_dir_all(&old))?;
        }
        at("rename", &directory, fs::rename(&directory, &old))?;
        at("clear", &old, fs::remove_dir_all(&old))
    }

    fn directory(&self, epoch: Epoch) -> PathBuf {
        self.root.join(epoch.to_string())
    }
}

/// Begins the name of what isn't whole.
const PARTIAL: &str = ".partial-";

fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let write = || {
        let mut file = File::create_new(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    at("write", path, write())
}

/// A file's name is only durable with its directory.
fn sync_directory(path: &Path) -> Result<(), StoreError> {
    at(
        "sync",
        path,
        File::open(path).and_then(|dir| dir.sync_all()),
    )
}
