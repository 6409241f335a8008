//! The files that are published: found, hashed, sealed, each with its media type.

use super::bar::progress_bar;
use anyhow::{Context, Result, bail, ensure};
use protocol::{ContentHash, Entry, Manifest, SealKey, SealNonce};
use seal::{FileSeal, NonceHasher};
use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

/// Bytes read at a time.
const READ_BYTES: usize = 1 << 20;

/// A file, and what it is in the collection.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) file: PathBuf,
    pub(super) size: u64,
    /// BLAKE3 of the file.
    pub(super) open: ContentHash,
    /// BLAKE3 of what is uploaded: of the file, sealed.
    pub(super) content: ContentHash,
    pub(super) seal: Option<FileSeal>,
}

/// Files with their paths in the collection.
pub(super) fn find(root: &Path) -> Result<Vec<(String, PathBuf)>> {
    let meta = fs::metadata(root).with_context(|| format!("cannot read {}", root.display()))?;
    if meta.is_file() {
        return Ok(vec![(own_name(root)?, root.to_owned())]);
    }
    let mut files = Vec::new();
    let mut folders = vec![(String::new(), root.to_owned())];
    while let Some((prefix, folder)) = folders.pop() {
        let unreadable = || format!("cannot read {}", folder.display());
        for entry in fs::read_dir(&folder).with_context(unreadable)? {
            let entry = entry.with_context(unreadable)?;
            let path = entry.path();
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                bail!("the name of {} is not UTF-8: rename it", path.display());
            };
            let inner = format!("{prefix}{name}");
            let kind = entry.file_type().with_context(unreadable)?;
            if kind.is_dir() {
                folders.push((format!("{inner}/"), path));
            } else if kind.is_file() {
                files.push((inner, path));
            } else {
                // A link could lead out of the directory, to what nobody meant to publish.
                bail!(
                    "{} is not a regular file: copy its contents or leave it out",
                    path.display()
                );
            }
        }
    }
    ensure!(!files.is_empty(), "{} holds no files", root.display());
    Ok(files)
}

/// Hashes every file, as it is uploaded; gives the manifest, and the files in its order.
pub(super) fn hash_all(
    mut files: Vec<(String, PathBuf)>,
    key: Option<&SealKey>,
) -> Result<(Manifest, Vec<Source>)> {
    let bar = progress_bar(
        files.len() as u64,
        "hashing {bar:30} {pos} of {len} files  {msg}",
    );
    files.sort();
    let (mut entries, mut nonces) = (Vec::new(), Vec::new());
    let mut sources = Vec::with_capacity(files.len());
    for (path, file) in files {
        bar.set_message(path.clone());
        let unreadable = || format!("cannot read {}", file.display());
        let mut open = File::open(&file).with_context(unreadable)?;
        let found = look_through(&mut open, key, None).with_context(unreadable)?;
        let mut source = Source {
            size: found.size,
            open: found.content,
            content: found.content,
            seal: None,
            file,
        };
        if let (Some(key), Some(nonce)) = (key, found.nonce) {
            let seal = FileSeal::new(key, &nonce);
            let unreadable = || format!("cannot read {}", source.file.display());
            open.rewind().with_context(unreadable)?;
            let again = look_through(&mut open, Some(key), Some(&seal)).with_context(unreadable)?;
            // Or the nonce would be that of other bytes.
            ensure!(
                again.nonce == found.nonce,
                "{} changed while it was read: publish it when it is finished",
                source.file.display()
            );
            source.content = again.content;
            source.seal = Some(seal);
            nonces.push(nonce);
        }
        entries.push(Entry {
            media_type: media_type(Path::new(&path)),
            path,
            content: source.content,
            size: found.size,
        });
        sources.push(source);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let manifest = match key {
        None => Manifest::new(entries)?,
        Some(key) => Manifest::sealed(key.id(), entries.into_iter().zip(nonces).collect())?,
    };
    Ok((manifest, sources))
}

/// What one reading of a file tells.
struct Found {
    size: u64,
    /// Over the bytes, sealed if there is a seal.
    content: ContentHash,
    /// Of the open bytes, if there is a key.
    nonce: Option<SealNonce>,
}

fn look_through(
    file: &mut File,
    key: Option<&SealKey>,
    seal: Option<&FileSeal>,
) -> io::Result<Found> {
    let mut hasher = blake3::Hasher::new();
    let mut nonce = key.map(NonceHasher::new);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let read = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let bytes = &mut buffer[..read];
        if let Some(nonce) = &mut nonce {
            nonce.update(bytes);
        }
        if let Some(seal) = seal {
            seal.apply(hasher.count(), bytes);
        }
        hasher.update(bytes);
    }
    Ok(Found {
        size: hasher.count(),
        content: ContentHash::from(*hasher.finalize().as_bytes()),
        nonce: nonce.map(|nonce| nonce.nonce()),
    })
}

/// By the name's ending. Players of some systems go by it, and know what is streamed by its registered name
/// only (RFC 8216, ISO/IEC 23009-1, 14496-12), not by the first of those that are in use.
pub(super) fn media_type(path: &Path) -> String {
    let ending = path.extension().and_then(|ending| ending.to_str());
    let registered = match ending.unwrap_or_default().to_ascii_lowercase().as_str() {
        "m3u8" => "application/vnd.apple.mpegurl",
        "ts" => "video/mp2t",
        "mpd" => "application/dash+xml",
        "m4s" => "video/iso.segment",
        _ => {
            return mime_guess::from_path(path)
                .first_or_octet_stream()
                .to_string();
        }
    };
    registered.to_owned()
}

/// A path's last part.
pub(super) fn own_name(path: &Path) -> Result<String> {
    let whole = path
        .canonicalize()
        .with_context(|| format!("cannot read {}", path.display()))?;
    let name = whole
        .file_name()
        .and_then(|name| name.to_str())
        .map(str::to_owned);
    name.with_context(|| format!("{} has no name: give --name", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_file_s_hash_is_over_what_is_uploaded_and_always_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let bytes: Vec<_> = (0..READ_BYTES + 77).map(|i| (i / 7) as u8).collect();
        for name in ["a", "b"] {
            fs::write(dir.path().join(name), &bytes).unwrap();
        }
        let key = SealKey::from_bytes([5; 32]);
        let hash = |key| hash_all(find(dir.path()).unwrap(), key).unwrap();
        let (open, _) = hash(None);
        let (manifest, sources) = hash(Some(&key));
        let mut sealed = bytes.clone();
        let seal = FileSeal::new(&key, &manifest.seal_nonce("b").unwrap());
        seal.apply(0, &mut sealed);
        let content = ContentHash::from(*blake3::hash(&sealed).as_bytes());
        assert_eq!(manifest.entry("a").unwrap().content, content);
        assert_eq!(manifest.entry("b").unwrap().content, content);
        assert_eq!(sources[0].content, content);
        assert_eq!(sources[0].open, open.entry("a").unwrap().content);
        assert_eq!(manifest.id(), hash(Some(&key)).0.id());
        let other = SealKey::from_bytes([6; 32]);
        assert_ne!(manifest.id(), hash(Some(&other)).0.id());
    }

    #[test]
    fn what_is_streamed_has_its_registered_type() {
        for (name, media_type) in [
            ("v/index.m3u8", "application/vnd.apple.mpegurl"),
            ("0.TS", "video/mp2t"),
            ("manifest.mpd", "application/dash+xml"),
            ("1.m4s", "video/iso.segment"),
            ("film.mp4", "video/mp4"),
            ("subtitles.vtt", "text/vtt"),
            ("README", "application/octet-stream"),
        ] {
            assert_eq!(self::media_type(Path::new(name)), media_type, "{name}");
        }
    }
}
