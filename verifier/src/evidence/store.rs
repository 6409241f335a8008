//! A verifier's own evidence on disk: `{root}/{epoch}/`, whole or not there at all.

use super::{BUNDLE_FILE, Evidence, EvidenceSource, is_file_name};
use bundle::hash;
use disk::{Disk, DiskError, failed};
use protocol::{B256, Epoch};
use std::fs;
use std::path::{Path, PathBuf};

/// Evidence that can't be written.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct StoreError(#[from] DiskError);

/// A directory of evidence. One process writes to it.
#[derive(Debug, Clone)]
pub struct EvidenceStore {
    disk: Disk,
    root: PathBuf,
}

impl EvidenceStore {
    /// Opens the directory, making it where it isn't there, and clears what a crash left half written.
    ///
    /// # Errors
    /// If it can't be made or read.
    pub fn open(disk: &Disk, root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let root = root.into();
        disk.create_dir(&root)?;
        for entry in fs::read_dir(&root).map_err(failed("read", &root))? {
            let entry = entry.map_err(failed("read", &root))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let place = name.strip_prefix(REPLACED).map(|epoch| root.join(epoch));
            match place.filter(|place| !place.exists()) {
                // What should have taken its place didn't.
                Some(place) => disk.rename(&entry.path(), &place)?,
                None if name.starts_with(PARTIAL) => drop(disk.remove_all(&entry.path())?),
                None => {}
            }
        }
        disk.sync_dir(&root)?;
        let disk = disk.clone();
        Ok(Self { disk, root })
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
        self.disk.remove_all(&partial)?;
        self.disk.create_dir(&partial)?;
        let files = evidence.files();
        let bundle = evidence.bundle(&files).to_bytes();
        for (name, bytes) in &files {
            self.write_new(&partial.join(name), bytes)?;
        }
        self.write_new(&partial.join(BUNDLE_FILE), &bundle)?;
        self.disk.sync_dir(&partial)?;
        let directory = self.directory(epoch);
        let replaced = self.root.join(format!("{REPLACED}{epoch}"));
        self.disk.remove_all(&replaced)?;
        if directory.exists() {
            self.disk.rename(&directory, &replaced)?;
            self.disk.sync_dir(&self.root)?;
        }
        self.disk.rename(&partial, &directory)?;
        self.disk.sync_dir(&self.root)?;
        // Only now: until then it is all that is known to be there.
        self.disk.remove_all(&replaced)?;
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
        self.disk.remove_all(&old)?;
        self.disk.rename(&directory, &old)?;
        self.disk.remove_all(&old)?;
        Ok(())
    }

    fn write_new(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        let file = self.disk.create_new(path)?;
        file.write_all_at(bytes, 0)?;
        file.sync_all()
    }

    fn directory(&self, epoch: Epoch) -> PathBuf {
        self.root.join(epoch.to_string())
    }
}

/// Begins the name of what isn't whole.
const PARTIAL: &str = ".partial-";
/// Begins the name of what is being replaced; it ends in the epoch.
const REPLACED: &str = ".partial-replaced-";
