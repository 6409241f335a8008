//! Content that stays at an HTTP(S) origin: its outboard is here, its bytes are fetched when a node fills.
//!
//! In the folder: `<hash>.bao` and `<hash>.json`, written in this order. What comes from an origin is sealed if
//! its collection is, verified against the outboard, and then sent on: an origin that has changed can't fill
//! anything, and the same keystream never meets other bytes.
//!
//! The control plane asks only origins that its operator lists, also after redirects, and none at an address
//! that isn't public unless the operator allows that: who may publish may not look around in its network.

use crate::contents::origin_address::{Allowed, OriginRefused};
use crate::contents::seal_keys::SealKeys;
use bytes::{Bytes, BytesMut};
use content::{Outline, OutlineError, outboard_bytes, slices};
use disk::{Disk, DiskError, DiskFile, failed};
use host::{Host, Http, HttpError, piece};
use host::{Mutex, RwLock};
use protocol::ContentHash;
use protocol::api::{OriginSource, OriginValidator};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_RANGE, IF_MATCH, IF_UNMODIFIED_SINCE, RANGE};
use reqwest::{Response, StatusCode};
use seal::FileSeal;
use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::timeout;

/// An origin begins to answer within this.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest silence of an origin in the middle of its answer.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// The first slice is here within this.
const FIRST_TIMEOUT: Duration = Duration::from_secs(30);
/// Contents that stay elsewhere.
const ORIGINS_MAX: usize = 65_536;
/// Folder of outboards that aren't whole.
const COMING: &str = "coming";
const URL_BYTES_MAX: usize = 4096;

/// Why an origin doesn't fill.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OriginError {
    #[error(transparent)]
    Refused(#[from] OriginRefused),
    #[error("origin {host} can't be reached: {reason}")]
    Unreachable { host: String, reason: String },
    #[error("origin {host} has changed {path} since it was published: publish it again")]
    Changed { host: String, path: String },
    #[error("origin {host} doesn't serve ranges of {path}: publish a copy of the file instead")]
    NoRanges { host: String, path: String },
    #[error("origin {host} answers {status} to a range of {path}")]
    Status {
        host: String,
        path: String,
        status: u16,
    },
    #[error("the outboard has {given} bytes; content of {size} has one of {expected}")]
    Outboard {
        given: u64,
        size: u64,
        expected: u64,
    },
    #[error("the outboard isn't that of content {hash}: publish it again")]
    OtherOutboard { hash: ContentHash },
    #[error("{ORIGINS_MAX} contents stay at origins, and no more can")]
    Full,
    #[error("the key that it is sealed by isn't here: publish it anew")]
    NoKey,
    #[error("cannot read an outboard: {0}")]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    File(#[from] DiskError),
}

/// One content, and where it is.
#[derive(Debug)]
pub(crate) struct Origin {
    source: OriginSource,
    host: String,
    path: String,
    outline: Outline,
    trouble: Mutex<Option<String>>,
}

impl Origin {
    /// Length of the content.
    pub(crate) fn size(&self) -> u64 {
        self.source.size
    }

    /// Scheme, host and port. The rest of the URL may be a secret.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Why the last fill failed, if it did.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.trouble.lock().clone()
    }

    fn ended<T>(&self, outcome: Result<T, OriginError>) -> Result<T, OriginError> {
        let trouble = outcome.as_ref().err().map(ToString::to_string);
        if let Some(trouble) = &trouble {
            tracing::warn!(host = self.host, trouble, "an origin doesn't fill");
        }
        *self.trouble.lock() = trouble;
        outcome
    }
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Origins {
    disk: Disk,
    dir: PathBuf,
    allowed: Arc<Allowed>,
    http: Http,
    known: RwLock<BTreeMap<ContentHash, Arc<Origin>>>,
    seal_keys: Arc<SealKeys>,
    coming: AtomicU64,
}

/// Where an outboard is put that isn't whole yet; gone when this is, unless it was renamed.
#[derive(Debug)]
pub(crate) struct Coming {
    disk: Disk,
    path: PathBuf,
    file: DiskFile,
    bytes: u64,
}

impl Coming {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends to what has come so far.
    pub(crate) async fn write(&mut self, bytes: Bytes) -> Result<(), DiskError> {
        let (file, at) = (self.file.clone(), self.bytes);
        self.bytes += bytes.len() as u64;
        disk::run(move || file.write_all_at(&bytes, at)).await
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        // What stays is removed at the next start.
        let _ = self.disk.remove(&self.path);
    }
}

impl Origins {
    /// Reads the folder; what isn't allowed any more stays known, and fills nothing. Blocking.
    pub(crate) fn open(
        host: &Host,
        dir: &Path,
        allowed: Allowed,
        seal_keys: Arc<SealKeys>,
    ) -> Result<Self, OriginsError> {
        let disk = &host.disk;
        let coming = dir.join(COMING);
        disk.create_dir(&coming)?;
        for left in disk.list(&coming)? {
            disk.remove(&left)?;
        }
        let allowed = Arc::new(allowed);
        let mut known = BTreeMap::new();
        for path in disk.list(dir)? {
            if path.extension().is_none_or(|ending| ending != "json") {
                continue;
            }
            let damaged = || OriginsError::Damaged(path.clone());
            let hash = path
                .file_stem()
                .and_then(|name| name.to_str()?.parse().ok());
            let hash: ContentHash = hash.ok_or_else(damaged)?;
            let bytes = fs::read(&path).map_err(failed("read", &path))?;
            let source = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
            let origin =
                origin(hash, source, &path.with_extension("bao")).map_err(|_| damaged())?;
            known.insert(hash, Arc::new(origin));
        }
        Ok(Self {
            disk: host.disk.clone(),
            dir: dir.to_owned(),
            http: host.http.guarded(allowed.clone()),
            allowed,
            known: RwLock::new(known),
            seal_keys,
            coming: AtomicU64::new(0),
        })
    }

    /// Whether nothing is at any.
    pub(crate) fn is_empty(&self) -> bool {
        let known = self.known.read();
        known.is_empty()
    }

    /// The content, if it is at an origin.
    pub(crate) fn find(&self, hash: &ContentHash) -> Option<Arc<Origin>> {
        let known = self.known.read();
        known.get(hash).cloned()
    }

    /// Where an outboard may be put before [`Origins::add`].
    pub(crate) async fn coming(&self) -> Result<Coming, DiskError> {
        let number = self.coming.fetch_add(1, Ordering::Relaxed);
        let path = self.dir.join(COMING).join(number.to_string());
        let disk = self.disk.clone();
        disk::run(move || {
            let file = disk.create(&path)?;
            Ok(Coming {
                disk,
                path,
                file,
                bytes: 0,
            })
        })
        .await
    }

    /// Whether a content may stay there, with an outboard of so many bytes.
    pub(crate) fn check(&self, source: &OriginSource, outboard: u64) -> Result<(), OriginError> {
        if source.url.len() > URL_BYTES_MAX {
            return Err(OriginRefused::Url.into());
        }
        self.allowed.check(&source.url)?;
        let expected = outboard_bytes(source.size);
        if outboard != expected {
            return Err(OriginError::Outboard {
                given: outboard,
                size: source.size,
                expected,
            });
        }
        let known = self.known.read();
        match known.len() < ORIGINS_MAX {
            true => Ok(()),
            false => Err(OriginError::Full),
        }
    }

    /// Takes a content in whose outboard is in a file, if its origin delivers the last of it, as it was when it
    /// was hashed; durable when it returns. One that is known and fills stays where it is, if it is `others'`.
    pub(crate) async fn add(
        &self,
        hash: ContentHash,
        source: OriginSource,
        outboard: &Path,
        others: impl FnOnce() -> bool,
    ) -> Result<(), OriginError> {
        let size = source.size;
        let origin = {
            let (from, source) = (outboard.to_owned(), source.clone());
            let opened = disk::run(move || {
                let origin = origin(hash, source, &from)?;
                origin.outline.check().map(|()| origin)
            });
            opened.await.map_err(|error| match error {
                OutlineError::Io(error) => OriginError::Io(error),
                OutlineError::Mismatch => OriginError::OtherOutboard { hash },
            })?
        };
        let last = slices(0..size).last().unwrap_or(0..0);
        let mut filling = self.fill(Arc::new(origin), last).await?;
        while filling.next().await?.is_some() {}
        let fills = |known: Arc<Origin>| known.trouble().is_none();
        if self.find(&hash).is_some_and(fills) && others() {
            return Ok(());
        }
        let (from, disk, dir) = (outboard.to_owned(), self.disk.clone(), self.dir.clone());
        let added = disk::run(move || keep(&disk, &dir, hash, source, &from)).await?;
        let mut known = self.known.write();
        known.insert(hash, Arc::new(added));
        Ok(())
    }

    /// Begins to fill from an origin: what comes of it are the bao responses of the range's slices, the first
    /// of which is here when this returns.
    pub(crate) async fn fill(
        &self,
        origin: Arc<Origin>,
        range: Range<u64>,
    ) -> Result<Filling, OriginError> {
        let first = async {
            let mut filling = self.begin(&origin, range).await?;
            filling.first = filling.read().await?;
            Ok(filling)
        };
        let begun = timeout(FIRST_TIMEOUT, first).await.unwrap_or_else(|_| {
            Err(OriginError::Unreachable {
                host: origin.host.clone(),
                reason: format!("nothing came for {} s", FIRST_TIMEOUT.as_secs()),
            })
        });
        origin.ended(begun)
    }

    async fn begin(&self, origin: &Arc<Origin>, range: Range<u64>) -> Result<Filling, OriginError> {
        let source = &origin.source;
        let url = self.allowed.check(&source.url)?;
        let seal = match &source.seal {
            None => None,
            Some(seal) => {
                let key = self.seal_keys.find(&seal.key).ok_or(OriginError::NoKey)?;
                Some(FileSeal::new(&key, &seal.nonce))
            }
        };
        let (host, path) = (origin.host.clone(), origin.path.clone());
        let mut response = None;
        if !range.is_empty() {
            let mut request = self
                .http
                .get(url)
                .header(ACCEPT_ENCODING, "identity")
                .header(RANGE, format!("bytes={}-{}", range.start, range.end - 1));
            request = match &source.validator {
                Some(OriginValidator::Etag(tag)) => request.header(IF_MATCH, tag),
                Some(OriginValidator::LastModified(date)) => {
                    request.header(IF_UNMODIFIED_SINCE, date)
                }
                None => request,
            };
            let answer = timeout(ANSWER_TIMEOUT, self.http.send(request)).await;
            let answer = answer.unwrap_or(Err(HttpError::TimedOut));
            let answer = answer.map_err(|error| unreachable(&host, &error))?;
            let size = source.size;
            let stated = format!("bytes {}-{}/{size}", range.start, range.end - 1);
            match answer.status() {
                StatusCode::PARTIAL_CONTENT => {
                    let given = answer.headers().get(CONTENT_RANGE);
                    if given.is_none_or(|given| given.as_bytes() != stated.as_bytes()) {
                        return Err(OriginError::Changed { host, path });
                    }
                }
                StatusCode::PRECONDITION_FAILED | StatusCode::RANGE_NOT_SATISFIABLE => {
                    return Err(OriginError::Changed { host, path });
                }
                StatusCode::OK => return Err(OriginError::NoRanges { host, path }),
                other => {
                    let status = other.as_u16();
                    return Err(OriginError::Status { host, path, status });
                }
            }
            response = Some(answer);
        }
        Ok(Filling {
            origin: origin.clone(),
            seal,
            response,
            gathered: BytesMut::new(),
            left: range,
            first: None,
        })
    }
}

/// A fill from an origin.
#[derive(Debug)]
pub(crate) struct Filling {
    origin: Arc<Origin>,
    seal: Option<FileSeal>,
    response: Option<Response>,
    gathered: BytesMut,
    left: Range<u64>,
    first: Option<Bytes>,
}

impl Filling {
    /// The bao response of the next slice, verified; `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, OriginError> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        let origin = self.origin.clone();
        let read = self.read().await;
        origin.ended(read)
    }

    async fn read(&mut self) -> Result<Option<Bytes>, OriginError> {
        let Some(range) = slices(self.left.clone()).next() else {
            return Ok(None);
        };
        let length = (range.end - range.start) as usize;
        let host = &self.origin.host;
        let Some(response) = &mut self.response else {
            return Ok(None);
        };
        while self.gathered.len() < length {
            let piece = timeout(SILENCE_MAX, piece(response)).await;
            let piece = piece.unwrap_or(Err(HttpError::TimedOut));
            match piece.map_err(|error| unreachable(host, &error))? {
                Some(piece) => self.gathered.extend_from_slice(&piece),
                None => {
                    return Err(OriginError::Unreachable {
                        host: host.clone(),
                        reason: "it sent less than it said".into(),
                    });
                }
            }
        }
        let mut bytes = self.gathered.split_to(length);
        self.left.start = range.end;
        let (origin, seal) = (self.origin.clone(), self.seal.clone());
        let encoded = disk::run(move || {
            if let Some(seal) = seal {
                seal.apply(range.start, &mut bytes);
            }
            origin.outline.encode(&range, &bytes)
        });
        match encoded.await {
            Ok(encoded) => Ok(Some(encoded.into())),
            Err(OutlineError::Io(error)) => Err(error.into()),
            Err(OutlineError::Mismatch) => Err(OriginError::Changed {
                host: self.origin.host.clone(),
                path: self.origin.path.clone(),
            }),
        }
    }
}

/// Makes an origin durable, with the outboard that is in a file. Blocking.
pub(crate) fn keep(
    disk: &Disk,
    dir: &Path,
    hash: ContentHash,
    source: OriginSource,
    outboard: &Path,
) -> Result<Origin, OriginError> {
    let here = dir.join(format!("{}.bao", &hash.to_string()[2..]));
    disk.open(outboard)?.sync_all()?;
    disk.rename(outboard, &here)?;
    // First, and for good: one that is named without its outboard would keep the next start from opening.
    disk.sync_dir(dir)?;
    let json = serde_json::to_vec(&source).expect("text and numbers are JSON");
    // It may name a secret in its URL.
    disk.replace_secret(&here.with_extension("json"), &json)?;
    origin(hash, source, &here).map_err(OriginError::from)
}

fn origin(hash: ContentHash, source: OriginSource, outboard: &Path) -> std::io::Result<Origin> {
    let url = url::Url::parse(&source.url).map_err(|_| std::io::ErrorKind::InvalidData)?;
    Ok(Origin {
        outline: Outline::open(outboard, hash, source.size)?,
        host: url.origin().ascii_serialization(),
        // Without the query, in which secrets stand.
        path: url.path().to_owned(),
        source,
        trouble: Mutex::default(),
    })
}

fn unreachable(host: &str, error: &HttpError) -> OriginError {
    OriginError::Unreachable {
        host: host.to_owned(),
        reason: error.to_string(),
    }
}

/// Why origins can't be used.
#[derive(Debug, thiserror::Error)]
pub enum OriginsError {
    /// The system says no.
    #[error(transparent)]
    File(#[from] DiskError),
    /// A file that can't be right.
    #[error("{} or its outboard is damaged: restore both from a copy, or remove both and publish again", .0.display())]
    Damaged(PathBuf),
}
