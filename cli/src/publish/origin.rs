//! Content at an HTTP(S) origin: read once to be hashed, and left where it is.
//!
//! It is read in one pass, in constant memory, so its nonce can't be a function of its bytes: it is random, and
//! no other content ever gets it. A reading that breaks off goes on where it was, as long as the origin says
//! that it is the same file.

use super::bar::progress_bar;
use super::files::media_type;
use anyhow::{Context, Result, anyhow, bail};
use bytes::Bytes;
use content::write_outboard;
use host::{Http, HttpError, Random, piece};
use protocol::api::{OriginSeal, OriginSource, OriginValidator};
use protocol::{ContentHash, Entry, Manifest, SealKey, SealNonce};
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, LAST_MODIFIED, RANGE,
};
use reqwest::{Response, StatusCode, Url};
use seal::FileSeal;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// An origin begins to answer within this.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// Attempts in a row of which nothing came.
const ATTEMPTS_MAX: u32 = 8;
/// Before the second of these; doubled for each further one.
const BACKOFF: Duration = Duration::from_millis(250);
/// Pieces on their way to the hasher.
const PIECES_MAX: usize = 16;

/// A file at an origin.
#[derive(Debug)]
pub(super) struct AtOrigin {
    /// Its name, the last part of its path.
    pub(super) name: String,
    pub(super) media_type: Option<String>,
    pub(super) source: OriginSource,
    /// BLAKE3 of the file.
    pub(super) open: ContentHash,
    /// BLAKE3 of what nodes hold of it.
    pub(super) content: ContentHash,
    /// Where its outboard is, for as long as this is.
    pub(super) outboard: PathBuf,
    _folder: tempfile::TempDir,
}

impl AtOrigin {
    /// The collection of this one file.
    pub(super) fn manifest(&self) -> Result<Manifest> {
        let by_name = media_type(Path::new(&self.name));
        let entry = Entry {
            path: self.name.clone(),
            content: self.content,
            size: self.source.size,
            media_type: match (&self.media_type, by_name.as_str()) {
                (Some(said), "application/octet-stream") => said.clone(),
                _ => by_name,
            },
        };
        Ok(match &self.source.seal {
            None => Manifest::new(vec![entry])?,
            Some(seal) => Manifest::sealed(seal.key, vec![(entry, seal.nonce)])?,
        })
    }
}

/// What an origin says of a file.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    size: u64,
    validator: Option<OriginValidator>,
}

impl Said {
    /// Of a file, in the answer to a range of it.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let text = |name| headers.get(name)?.to_str().ok();
        let (_, size) = text(CONTENT_RANGE)?
            .strip_prefix("bytes ")?
            .split_once('/')?;
        // A weak tag is no promise of the same bytes.
        let tag = text(ETAG).filter(|tag| tag.starts_with('"'));
        let tag = tag.map(|tag| OriginValidator::Etag(tag.to_owned()));
        let date =
            || text(LAST_MODIFIED).map(|date| OriginValidator::LastModified(date.to_owned()));
        Some(Self {
            size: size.parse().ok()?,
            validator: tag.or_else(date),
        })
    }
}

/// The name that a URL gives a file.
pub(super) fn name_of(url: &Url) -> Result<String> {
    let last = url.path_segments().and_then(|mut parts| parts.next_back());
    let last = last
        .filter(|last| !last.is_empty())
        .context("the URL names no file: it must end in one")?;
    let mut bytes = Vec::new();
    let mut rest = last.bytes();
    while let Some(byte) = rest.next() {
        let hex = |byte: Option<u8>| char::from(byte?).to_digit(16);
        match byte {
            b'%' => match (hex(rest.next()), hex(rest.next())) {
                (Some(high), Some(low)) => bytes.push((high * 16 + low) as u8),
                _ => bail!("{last:?} is no part of a URL"),
            },
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| anyhow!("{last:?} is not UTF-8"))
}

/// Reads a file once, sealed if there is a key.
pub(super) async fn read(url: &Url, key: Option<&SealKey>) -> Result<AtOrigin> {
    let name = name_of(url)?;
    let http = Http::system();
    let shown = shown(url);
    let first = ask(&http, url, 0..1)
        .await
        .with_context(|| format!("cannot read {shown}"))?;
    let said = match first.status() {
        StatusCode::PARTIAL_CONTENT => Said::of(first.headers()),
        StatusCode::OK => bail!(
            "{shown} can't be left where it is: its server doesn't serve ranges, of which nodes fetch it; publish a copy of the file instead"
        ),
        status => bail!("{shown}: its server answers {status}"),
    };
    let said = said.with_context(|| format!("{shown}: its server doesn't say how long it is"))?;
    let media_type = first.headers().get(CONTENT_TYPE);
    let media_type = media_type
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let mut seal = None;
    if let Some(key) = key {
        let nonce = SealNonce(Random::system().bytes());
        seal = Some((
            OriginSeal {
                key: key.id(),
                nonce,
            },
            FileSeal::new(key, &nonce),
        ));
    }
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    let outboard = folder.path().join("outboard");
    let (pieces, coming) = mpsc::channel(PIECES_MAX);
    let hash = {
        let mut reader = Pieces {
            coming,
            piece: Bytes::new(),
            at: 0,
            open: blake3::Hasher::new(),
            seal: seal.as_ref().map(|(_, seal)| seal.clone()),
        };
        let (path, size) = (outboard.clone(), said.size);
        move || {
            let mut file = File::options()
                .read(true)
                .write(true)
                .create_new(true)
                .open(path)?;
            let content = write_outboard(&mut reader, size, &mut file)?;
            io::Result::Ok((
                content,
                ContentHash::from(*reader.open.finalize().as_bytes()),
            ))
        }
    };
    // Beside each other: what is read here is what the other sends.
    let (hashed, streamed) = tokio::join!(disk::run(hash), stream(&http, url, &said, pieces));
    streamed?;
    let (content, open) = hashed.context("cannot hash what came")?;
    Ok(AtOrigin {
        name,
        media_type,
        source: OriginSource {
            url: url.to_string(),
            size: said.size,
            validator: said.validator,
            seal: seal.map(|(seal, _)| seal),
        },
        open,
        content,
        outboard,
        _folder: folder,
    })
}

/// Without the query, in which secrets stand.
fn shown(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

async fn ask(http: &Http, url: &Url, range: std::ops::Range<u64>) -> Result<Response, HttpError> {
    let range = format!("bytes={}-{}", range.start, range.end - 1);
    let request = http.get(url.clone()).header(ACCEPT_ENCODING, "identity");
    let sent = http.send(request.header(RANGE, range));
    timeout(ANSWER_TIMEOUT, sent)
        .await
        .unwrap_or(Err(HttpError::TimedOut))
}

/// All of a file, in order.
async fn stream(http: &Http, url: &Url, said: &Said, pieces: mpsc::Sender<Bytes>) -> Result<()> {
    let template = "reading {bar:30} {bytes} of {total_bytes}  {binary_bytes_per_sec}";
    let bar = progress_bar(said.size, template);
    let (mut at, mut attempts) = (0, 0);
    while at < said.size {
        let before = at;
        let outcome = part(http, url, said, &mut at, &pieces, &bar).await;
        attempts = if at > before { 0 } else { attempts + 1 };
        match outcome {
            Ok(()) => {}
            Err(Broken::For(error)) => return Err(error),
            Err(Broken::Off(error)) if attempts >= ATTEMPTS_MAX => {
                let read = format!("{} broke off {ATTEMPTS_MAX} times at byte {at}", shown(url));
                return Err(error).context(read);
            }
            Err(Broken::Off(error)) => {
                tracing::debug!(%error, at, "an origin broke off");
                tokio::time::sleep(BACKOFF * (1 << attempts)).await;
            }
        }
    }
    bar.finish_and_clear();
    Ok(())
}

enum Broken {
    /// Asking again may help.
    Off(HttpError),
    For(anyhow::Error),
}

async fn part(
    http: &Http,
    url: &Url,
    said: &Said,
    at: &mut u64,
    pieces: &mpsc::Sender<Bytes>,
    bar: &indicatif::ProgressBar,
) -> Result<(), Broken> {
    let mut response = ask(http, url, *at..said.size).await.map_err(Broken::Off)?;
    if response.status().is_server_error() {
        return Err(Broken::Off(HttpError::Status(response.status())));
    }
    let same = response.status() == StatusCode::PARTIAL_CONTENT
        && Said::of(response.headers()).as_ref() == Some(said);
    if !same {
        let error = format!(
            "{} changed while it was read: publish it when it is finished",
            shown(url)
        );
        return Err(Broken::For(anyhow!(error)));
    }
    while let Some(piece) = piece(&mut response).await.map_err(Broken::Off)? {
        let left = said.size - *at;
        let piece = piece.slice(..piece.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
        *at += piece.len() as u64;
        // The hasher only goes first if the disk failed; why, it says itself.
        if pieces.send(piece).await.is_err() {
            return Err(Broken::For(anyhow!("hashing failed")));
        }
        bar.set_position(*at);
    }
    Ok(())
}

/// Pieces as they come, sealed, for who reads them.
struct Pieces {
    coming: mpsc::Receiver<Bytes>,
    piece: Bytes,
    at: u64,
    open: blake3::Hasher,
    seal: Option<FileSeal>,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.coming.blocking_recv() {
                Some(piece) => self.piece = piece,
                None => return Ok(0),
            }
        }
        let piece = self.piece.split_to(self.piece.len().min(buffer.len()));
        let bytes = &mut buffer[..piece.len()];
        bytes.copy_from_slice(&piece);
        self.open.update(bytes);
        if let Some(seal) = &self.seal {
            seal.apply(self.at, bytes);
        }
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }
}
