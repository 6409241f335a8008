//! Reading evidence from where it is, without trusting it.

use super::{BundleError, BundleFile, Evidence, EvidenceError};
use crate::Answer;
use crate::http::{Asker, Server};
use bundle::EVIDENCE_BYTES_MAX;
use host::HttpError;
use protocol::{B256, Epoch, Network};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The largest file, a ticket log of 906 MB, at 4 Mbit/s.
const FILE_TIMEOUT: Duration = Duration::from_secs(1_800);

/// Where an epoch's evidence is.
#[derive(Debug, Clone)]
pub enum EvidenceSource {
    /// A directory with `bundle.json` and the files it names. In audits also one with such a directory for
    /// each epoch, under its number.
    Directory(PathBuf),
    /// A verifier: the files are under `/v1/evidence/{epoch}/`.
    Verifier(Server),
}

impl fmt::Display for EvidenceSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(folder) => write!(f, "{}", folder.display()),
            Self::Verifier(server) => server.fmt(f),
        }
    }
}

/// Why evidence couldn't be had. Except for [`Self::Bundle`] and [`Self::Content`] the source is at fault,
/// not who attested.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// A file can't be read.
    #[error("cannot read {name}: {source}")]
    Io {
        /// Which file.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// The verifier can't be asked.
    #[error("cannot fetch {name}: {source}")]
    Http {
        /// Which file.
        name: String,
        /// Why.
        source: HttpError,
    },
    /// Not the evidence that was attested.
    #[error("bundle.json has hash {found}, attested is {expected}: this is other evidence")]
    OtherEvidence {
        /// On chain.
        expected: B256,
        /// Here.
        found: B256,
    },
    /// A file is not the one that `bundle.json` names.
    #[error("{name} differs from what bundle.json says: size or hash is another")]
    Altered {
        /// Which file.
        name: String,
    },
    /// More than is read into memory.
    #[error(
        "the evidence has {size} bytes, more than the {EVIDENCE_BYTES_MAX} that are read into memory"
    )]
    TooLarge {
        /// All files together.
        size: u64,
    },
    /// `bundle.json` itself, though it may be the attested one, is none.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The files, though they are the attested ones, make no sense.
    #[error(transparent)]
    Content(#[from] EvidenceError),
}

impl FetchError {
    /// Whether the attested bytes themselves are bad, so that no other source can have better ones. Only
    /// meaningful where the evidence hash was given.
    pub fn is_content(&self) -> bool {
        matches!(self, Self::Bundle(_) | Self::Content(_))
    }
}

impl EvidenceSource {
    /// Reads and checks an epoch's evidence; with `expected`, only the evidence of that hash. Returns the
    /// hash with it. Cancel safe.
    ///
    /// # Errors
    /// If a file is missing, altered, too large or makes no sense.
    pub fn read(
        &self,
        network: Network,
        epoch: Epoch,
        expected: Option<B256>,
    ) -> Answer<'_, Result<(Evidence, B256), FetchError>> {
        Box::pin(async move {
            let opened = self.open(network, epoch, expected).await?;
            let size = opened.bundle().size();
            if size > EVIDENCE_BYTES_MAX {
                return Err(FetchError::TooLarge { size });
            }
            let mut files = BTreeMap::new();
            for BundleFile { name, .. } in &opened.bundle().files {
                let bytes = opened.file(name).await?.unwrap_or_default();
                files.insert(name.clone(), bytes);
            }
            Ok((Evidence::from_files(files)?, opened.hash()))
        })
    }
}

/// A source, ready to be read.
#[derive(Debug)]
pub(super) enum Reader<'a> {
    Directory(&'a PathBuf),
    Http(Asker, String),
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a EvidenceSource, epoch: Epoch) -> Result<Self, FetchError> {
        match source {
            EvidenceSource::Directory(directory) => Ok(Self::Directory(directory)),
            EvidenceSource::Verifier(server) => Ok(Self::Http(
                server.asker(FILE_TIMEOUT),
                server.url(&format!("/v1/evidence/{epoch}")),
            )),
        }
    }

    /// One file, if it has at most `limit` bytes; a longer one is never read in full.
    pub(super) async fn file(&self, name: &str, limit: u64) -> Result<Vec<u8>, FetchError> {
        let name = name.to_owned();
        let bytes = match self {
            Self::Directory(directory) => match read_bounded(&directory.join(&name), limit).await {
                Ok(bytes) => bytes,
                Err(source) => return Err(FetchError::Io { name, source }),
            },
            Self::Http(client, base) => {
                match crate::http::get_bounded(client, &format!("{base}/{name}"), limit).await {
                    Ok(bytes) => bytes,
                    Err(source) => return Err(FetchError::Http { name, source }),
                }
            }
        };
        bytes.ok_or(FetchError::Altered { name })
    }
}

async fn read_bounded(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let path = path.to_owned();
    let read = move || {
        let mut bytes = Vec::new();
        File::open(path)?
            .take(limit.saturating_add(1))
            .read_to_end(&mut bytes)?;
        Ok((bytes.len() as u64 <= limit).then_some(bytes))
    };
    disk::run(read).await
}
