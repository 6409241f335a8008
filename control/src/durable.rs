//! Small files that are whole or absent, whatever happens: written beside, flushed, renamed, and the
//! folder flushed, so that the name survives a power cut too.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Ending of a file that is being written; what carries it is left over from a crash.
const UNFINISHED: &str = "unfinished";

/// A file that could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {}: {source}", path.display())]
pub struct FileError {
    /// What was tried.
    what: &'static str,
    /// On which file or folder.
    path: PathBuf,
    /// What the system says.
    #[source]
    source: io::Error,
}

impl FileError {
    /// Whether the disk is full, or a quota used up.
    pub fn is_full(&self) -> bool {
        matches!(
            self.source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        )
    }
}

/// For `map_err`: names what was tried, and where.
pub(crate) fn failed<'a>(
    what: &'static str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> FileError + 'a {
    move |source| FileError {
        what,
        path: path.to_owned(),
        source,
    }
}

/// Makes names created in a folder durable. Blocking.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), FileError> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(failed("flush", dir))
}

/// Creates a folder, with those above it, and makes their names durable. Blocking.
pub(crate) fn create_dir(dir: &Path) -> Result<(), FileError> {
    if dir.is_dir() {
        return Ok(());
    }
    let above = dir.parent().filter(|above| !above.as_os_str().is_empty());
    if let Some(above) = above {
        create_dir(above)?;
    }
    match fs::create_dir(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(failed("create", dir)(error));
        }
        _ => {}
    }
    sync_dir(above.unwrap_or(Path::new(".")))
}

/// Replaces a file. When this returns it is durable; after a crash it is the old one or the new one.
/// Writers of the same path must take turns. Blocking.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    replace_with(path, bytes, 0o666)
}

/// As [`replace`], of a file that only its owner may read. Blocking.
pub(crate) fn replace_secret(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    replace_with(path, bytes, 0o600)
}

fn replace_with(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(UNFINISHED);
    let beside = PathBuf::from(name);
    let write = || {
        // Anew, since one that is there keeps its mode.
        if let Err(error) = fs::remove_file(&beside)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let mut options = File::options();
        let options = options.write(true).create_new(true).mode(mode);
        let mut file = options.open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().map_err(failed("write", path))?;
    sync_dir(path.parent().unwrap_or(Path::new(".")))
}

/// The files of a folder; what a crash left unfinished is removed. Blocking.
pub(crate) fn list(dir: &Path) -> Result<Vec<PathBuf>, FileError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed("list", dir))? {
        let path = entry.map_err(failed("list", dir))?.path();
        if path.extension().is_some_and(|ending| ending == UNFINISHED) {
            fs::remove_file(&path).map_err(failed("remove", &path))?;
        } else {
            files.push(path);
        }
    }
    Ok(files)
}
