//! Evidence as files to be read through, however large: in place where it is in a folder, or else fetched
//! into one that goes away afterwards. Nothing of it is held in memory.

use super::{BUNDLE_FILE, Bundle, BundleFile, EvidenceSource, FetchError};
use crate::audit::Progress;
use crate::http::{self, Asker, DownloadError};
use bundle::{BUNDLE_BYTES_MAX, hash};
use protocol::{B256, Epoch, Network};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// The largest file, a ticket log of 906 MB, at 4 Mbit/s.
const FILE_TIMEOUT: Duration = Duration::from_secs(1_800);
/// Bytes that are hashed at a time.
const CHUNK: usize = 1 << 20;

/// The files of an epoch's evidence, each with the size and hash that `bundle.json` gives it.
#[derive(Debug)]
pub(crate) struct EvidenceFiles {
    paths: BTreeMap<String, PathBuf>,
    /// Keeps what was fetched until this is dropped.
    _spool: Option<TempDir>,
}

impl EvidenceFiles {
    /// Path of a file, if the evidence has it.
    pub(crate) fn path(&self, name: &str) -> Option<&Path> {
        self.paths.get(name).map(PathBuf::as_path)
    }

    /// All names, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.paths.keys().map(String::as_str)
    }

    /// The files as they lie in a folder, unchecked.
    #[cfg(test)]
    pub(crate) fn in_folder(folder: &Path) -> Self {
        let entries = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap());
        let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
        let paths = entries.map(|entry| (name(&entry.path()), entry.path()));
        Self {
            paths: paths.collect(),
            _spool: None,
        }
    }
}

/// Why the evidence couldn't be had from any source: what each answered.
#[derive(Debug, thiserror::Error)]
#[error("{}", tell(.0))]
pub(crate) struct NowhereError(Vec<(String, FetchError)>);

impl NowhereError {
    /// Why the attested `bundle.json` is none, if a source had it: no other can have a better one.
    pub(crate) fn refused(&self) -> Option<String> {
        let mut failures = self.0.iter();
        let refused = failures.find(|(_, error)| error.is_content());
        refused.map(|(_, error)| error.to_string())
    }
}

fn tell(failures: &[(String, FetchError)]) -> String {
    let failures = failures.iter();
    let told: Vec<_> = failures
        .map(|(source, error)| format!("{source}: {error}"))
        .collect();
    match told.is_empty() {
        true => "no source of evidence is given".to_owned(),
        false => told.join("; "),
    }
}

/// Has an epoch's evidence of that hash from whichever source has it: `bundle.json` from the first that has
/// the attested one, each file from the first that has its bytes. With `wanted`, only the files of which it is
/// true. Cancel safe.
///
/// # Errors
/// If no source has `bundle.json`, or one of the files.
pub(crate) async fn fetch(
    sources: &[EvidenceSource],
    network: Network,
    (epoch, expected): (Epoch, B256),
    wanted: impl Fn(&str) -> bool,
    progress: &dyn Progress,
) -> Result<EvidenceFiles, NowhereError> {
    let mut failures = Vec::new();
    let mut places = Vec::new();
    for source in sources {
        match Place::new(source, epoch) {
            Ok(place) => places.push((source.to_string(), place)),
            Err(error) => failures.push((source.to_string(), error)),
        }
    }
    let mut bundle = None;
    for (at, (name, place)) in places.iter().enumerate() {
        match place.bundle(network, epoch, expected).await {
            Ok(found) => {
                bundle = Some((at, found));
                break;
            }
            Err(error) => failures.push((name.clone(), error)),
        }
    }
    let Some((first, bundle)) = bundle else {
        return Err(NowhereError(failures));
    };
    // Those before didn't have it; they may have files of it all the same.
    places.rotate_left(first);
    let files: Vec<BundleFile> = bundle.files;
    let files: Vec<_> = files.into_iter().filter(|f| wanted(&f.name)).collect();
    progress.begin("evidence", files.iter().map(|file| file.size).sum());
    let spool = match places.iter().any(|(_, place)| place.is_remote()) {
        true => match TempDir::with_prefix("quittance-audit-") {
            Ok(spool) => Some(spool),
            Err(source) => {
                let name = "a temporary folder".to_owned();
                let error = FetchError::Io { name, source };
                return Err(NowhereError(vec![("this machine".to_owned(), error)]));
            }
        },
        false => None,
    };
    let mut paths = BTreeMap::new();
    for file in files {
        let mut failures = Vec::new();
        let mut found = None;
        for (name, place) in &places {
            match place.file(&file, spool.as_ref(), progress).await {
                Ok(path) => {
                    found = Some(path);
                    break;
                }
                Err(error) => failures.push((name.clone(), error)),
            }
        }
        let path = found.ok_or(NowhereError(failures))?;
        paths.insert(file.name, path);
    }
    Ok(EvidenceFiles {
        paths,
        _spool: spool,
    })
}

/// A source, ready to be read.
enum Place {
    Folder(PathBuf),
    Http(Asker, String),
}

impl Place {
    fn new(source: &EvidenceSource, epoch: Epoch) -> Result<Self, FetchError> {
        match source {
            // A folder of one epoch, or of several under their numbers, as a verifier keeps them.
            EvidenceSource::Directory(folder) => {
                let of_epoch = folder.join(epoch.to_string());
                let is_parent = of_epoch.join(BUNDLE_FILE).is_file();
                Ok(Self::Folder(match is_parent {
                    true => of_epoch,
                    false => folder.clone(),
                }))
            }
            EvidenceSource::Verifier(server) => Ok(Self::Http(
                server.asker(FILE_TIMEOUT),
                server.url(&format!("/v1/evidence/{epoch}")),
            )),
        }
    }

    fn is_remote(&self) -> bool {
        matches!(self, Self::Http(..))
    }

    async fn bundle(
        &self,
        network: Network,
        epoch: Epoch,
        expected: B256,
    ) -> Result<Bundle, FetchError> {
        let name = BUNDLE_FILE.to_owned();
        let bytes = match self {
            Self::Folder(folder) => {
                let path = folder.join(BUNDLE_FILE);
                let read = disk::run(move || read_bounded(&path)).await;
                read.map_err(|source| FetchError::Io { name, source })?
            }
            Self::Http(client, base) => {
                let url = format!("{base}/{BUNDLE_FILE}");
                let got = http::get_bounded(client, &url, BUNDLE_BYTES_MAX).await;
                let got = got.map_err(|source| FetchError::Http { name, source })?;
                got.ok_or(FetchError::Altered {
                    name: BUNDLE_FILE.to_owned(),
                })?
            }
        };
        let found = hash(&bytes);
        if found != expected {
            return Err(FetchError::OtherEvidence { expected, found });
        }
        Ok(Bundle::from_bytes(&bytes, network, epoch)?)
    }

    /// Where a file is, when its bytes have been checked.
    async fn file(
        &self,
        file: &BundleFile,
        spool: Option<&TempDir>,
        progress: &dyn Progress,
    ) -> Result<PathBuf, FetchError> {
        let name = file.name.clone();
        match (self, spool) {
            (Self::Folder(folder), _) => {
                let (path, size) = (folder.join(&name), file.size);
                let hashed = {
                    let path = path.clone();
                    disk::run(move || hash_of(&path, size)).await
                };
                match hashed {
                    Ok(Some(hash)) if hash == file.blake3 => {
                        progress.advance(size);
                        Ok(path)
                    }
                    Ok(_) => Err(FetchError::Altered { name }),
                    Err(source) => Err(FetchError::Io { name, source }),
                }
            }
            (Self::Http(client, base), Some(spool)) => {
                let (url, path) = (format!("{base}/{name}"), spool.path().join(&name));
                download(client, &url, file, &path, progress).await?;
                Ok(path)
            }
            (Self::Http(..), None) => unreachable!("there is a folder where a source is remote"),
        }
    }
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let bounded = File::open(path)?.take(BUNDLE_BYTES_MAX + 1);
    { bounded }.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Hash of a file of that size; `None` if it has another.
fn hash_of(path: &Path, size: u64) -> io::Result<Option<B256>> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() != size {
        return Ok(None);
    }
    let mut hasher = blake3::Hasher::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(Some(B256::from(*hasher.finalize().as_bytes()))),
            read => hasher.update(&chunk[..read]),
        };
    }
}

/// Fetches a file to a path, if its bytes are those that the bundle names.
async fn download(
    client: &Asker,
    url: &str,
    file: &BundleFile,
    path: &Path,
    progress: &dyn Progress,
) -> Result<(), FetchError> {
    let name = file.name.clone();
    let mut hasher = blake3::Hasher::new();
    let mut each = |chunk: &[u8]| {
        hasher.update(chunk);
        progress.advance(chunk.len() as u64);
    };
    match http::download(client, url, file.size, path, &mut each).await {
        Ok(Some(size)) if size == file.size => {}
        Ok(_) => return Err(FetchError::Altered { name }),
        Err(DownloadError::Http(source)) => return Err(FetchError::Http { name, source }),
        Err(DownloadError::Io(source)) => return Err(FetchError::Io { name, source }),
    }
    match B256::from(*hasher.finalize().as_bytes()) == file.blake3 {
        true => Ok(()),
        false => Err(FetchError::Altered { name }),
    }
}
