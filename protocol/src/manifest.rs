//! Collections: which paths hold which content. SPEC section 8.

use crate::layout::{FILE_VERSION, LayoutError, Put, Reader};
use crate::mass::DeliveryMass;
use crate::seal::SealNonce;
use crate::{CollectionId, ContentHash, SealKeyId};
use std::collections::BTreeMap;

const MAGIC: &str = "QCOL";
/// Version of a sealed collection's manifest.
const SEALED_VERSION: u16 = 2;

/// One file of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Relative path, `/` between segments.
    pub path: String,
    /// BLAKE3 of the bytes as nodes hold them.
    pub content: ContentHash,
    /// Length in bytes, sealed or open.
    pub size: u64,
    /// Media type, as in `Content-Type`.
    pub media_type: String,
}

/// A manifest that is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// The layout is wrong.
    #[error("not a manifest: {0}")]
    Layout(#[from] LayoutError),
    /// A path that could escape the collection, or is no path.
    #[error(
        "path {0:?} is not allowed: it must be relative, without empty, `.` or `..` segments, backslashes or control characters, and at most 1024 bytes"
    )]
    Path(String),
    /// Paths not strictly increasing.
    #[error("path {0:?} is out of order or there twice")]
    Order(String),
    /// Media type too long or not ASCII.
    #[error("media type of {0:?} must be 1 to 255 printable ASCII characters")]
    MediaType(String),
    /// All sizes together are too much.
    #[error("the collection is larger than 2^56 bytes")]
    TooLarge,
    /// No files.
    #[error("a collection needs at least one file")]
    Empty,
    /// Two contents that one keystream was used for: together they would tell what they are.
    #[error("{0:?} is sealed with the nonce of another content: seal it with one of its own")]
    Nonce(String),
}

/// The files of a collection, in order of their paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    entries: Vec<Entry>,
    bytes: u64,
    seal: Option<Seal>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Seal {
    key: SealKeyId,
    /// One for each entry.
    nonces: Vec<SealNonce>,
}

fn path_is_allowed(path: &str) -> bool {
    (1..=Manifest::PATH_BYTES_MAX).contains(&path.len())
        && !path.bytes().any(|b| b < 0x20 || b == 0x7f || b == b'\\')
        && path
            .split('/')
            .all(|segment| !matches!(segment, "" | "." | ".."))
}

impl Manifest {
    /// Most files.
    pub const ENTRIES_MAX: u32 = 65_536;
    /// Longest manifest.
    pub const BYTES_MAX: usize = 16 << 20;
    /// Longest path.
    pub const PATH_BYTES_MAX: usize = 1024;

    /// Sorts the entries by path.
    ///
    /// # Errors
    /// If there is none, a path or media type is not allowed or there twice, or something is too large.
    pub fn new(mut entries: Vec<Entry>) -> Result<Self, ManifestError> {
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Self::from_sorted(entries, None)
    }

    /// Of contents that are sealed by a key, each with its nonce. Sorts the entries by path.
    ///
    /// # Errors
    /// As [`Manifest::new`], and if two contents have one nonce.
    pub fn sealed(
        key: SealKeyId,
        mut entries: Vec<(Entry, SealNonce)>,
    ) -> Result<Self, ManifestError> {
        entries.sort_by(|(a, _), (b, _)| a.path.cmp(&b.path));
        let (entries, nonces) = entries.into_iter().unzip();
        Self::from_sorted(entries, Some(Seal { key, nonces }))
    }

    fn from_sorted(entries: Vec<Entry>, seal: Option<Seal>) -> Result<Self, ManifestError> {
        if entries.is_empty() {
            return Err(ManifestError::Empty);
        }
        if entries.len() > Self::ENTRIES_MAX as usize {
            let (count, limit) = (entries.len() as u64, Self::ENTRIES_MAX.into());
            return Err(LayoutError::Count { count, limit }.into());
        }
        let mut bytes = 0u64;
        let mut encoded = 10;
        if seal.is_some() {
            encoded += 32 + entries.len() * SealNonce::BYTES;
        }
        for entry in &entries {
            if !path_is_allowed(&entry.path) {
                return Err(ManifestError::Path(entry.path.clone()));
            }
            let media_type = entry.media_type.as_bytes();
            if !(1..=255).contains(&media_type.len())
                || !media_type.iter().all(|b| (0x20..0x7f).contains(b))
            {
                return Err(ManifestError::MediaType(entry.path.clone()));
            }
            bytes = bytes
                .checked_add(entry.size)
                .filter(|sum| *sum < DeliveryMass::BYTES_END)
                .ok_or(ManifestError::TooLarge)?;
            encoded += 43 + entry.path.len() + media_type.len();
        }
        if encoded > Self::BYTES_MAX {
            let limit = Self::BYTES_MAX as u64;
            return Err(LayoutError::Count {
                count: encoded as u64,
                limit,
            }
            .into());
        }
        if let Some(pair) = entries.windows(2).find(|pair| pair[0].path >= pair[1].path) {
            return Err(ManifestError::Order(pair[1].path.clone()));
        }
        if let Some(seal) = &seal {
            let mut sealed_by = BTreeMap::new();
            for (entry, nonce) in entries.iter().zip(&seal.nonces) {
                if *sealed_by.entry(nonce).or_insert(entry.content) != entry.content {
                    return Err(ManifestError::Nonce(entry.path.clone()));
                }
            }
        }
        Ok(Self {
            entries,
            bytes,
            seal,
        })
    }

    /// The canonical layout.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match &self.seal {
            None => out.put_header(MAGIC),
            Some(seal) => {
                out.extend_from_slice(MAGIC.as_bytes());
                out.extend_from_slice(&SEALED_VERSION.to_be_bytes());
                out.extend_from_slice(seal.key.as_bytes());
            }
        }
        out.extend_from_slice(&(self.entries.len() as u32).to_be_bytes());
        for (at, entry) in self.entries.iter().enumerate() {
            out.extend_from_slice(&(entry.path.len() as u16).to_be_bytes());
            out.extend_from_slice(entry.path.as_bytes());
            out.extend_from_slice(entry.content.as_bytes());
            out.extend_from_slice(&entry.size.to_be_bytes());
            if let Some(seal) = &self.seal {
                out.extend_from_slice(&seal.nonces[at].0);
            }
            out.push(entry.media_type.len() as u8);
            out.extend_from_slice(entry.media_type.as_bytes());
        }
        out
    }

    /// # Errors
    /// If the bytes are not a manifest in canonical form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ManifestError> {
        let text = |bytes: &[u8]| {
            std::str::from_utf8(bytes)
                .map(str::to_owned)
                .map_err(|_| LayoutError::Range("text"))
        };
        let mut reader = Reader::new(bytes);
        let key = match reader.version(MAGIC)? {
            FILE_VERSION => None,
            SEALED_VERSION => Some(SealKeyId(reader.b256()?)),
            other => return Err(LayoutError::Version(other).into()),
        };
        let count = reader.u32()?;
        if count > Self::ENTRIES_MAX {
            let (count, limit) = (count.into(), Self::ENTRIES_MAX.into());
            return Err(LayoutError::Count { count, limit }.into());
        }
        let (mut entries, mut nonces) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let path_length = reader.u16()?;
            let path = text(reader.take(path_length.into())?)?;
            let content = ContentHash(reader.b256()?);
            let size = reader.u64()?;
            if key.is_some() {
                nonces.push(SealNonce(reader.array()?));
            }
            let type_length = reader.u8()?;
            let media_type = text(reader.take(type_length.into())?)?;
            entries.push(Entry {
                path,
                content,
                size,
                media_type,
            });
        }
        reader.finish()?;
        let seal = key.map(|key| Seal { key, nonces });
        Self::from_sorted(entries, seal)
    }

    /// What it holds and what it says, in 32 bytes.
    pub fn id(&self) -> CollectionId {
        CollectionId::new(self.bytes, blake3::hash(&self.to_bytes()).as_bytes())
            .expect("the constructor refuses 2^56 bytes and more")
    }

    /// The files, in order of their paths.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The file at a path.
    pub fn entry(&self, path: &str) -> Option<&Entry> {
        Some(&self.entries[self.place(path)?])
    }

    fn place(&self, path: &str) -> Option<usize> {
        let found = self
            .entries
            .binary_search_by(|entry| entry.path.as_str().cmp(path));
        found.ok()
    }

    /// The file with this content, the first where there are several.
    pub fn content(&self, content: &ContentHash) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.content == *content)
    }

    /// The key that opens it; `None` if it is open.
    pub fn seal_key(&self) -> Option<SealKeyId> {
        self.seal.as_ref().map(|seal| seal.key)
    }

    /// The nonce of the file at a path; `None` if the collection is open or has no such file.
    pub fn seal_nonce(&self, path: &str) -> Option<SealNonce> {
        let seal = self.seal.as_ref()?;
        Some(seal.nonces[self.place(path)?])
    }

    /// Sum of all sizes: what a ticket for the collection may at most pay for.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(path: &str) -> Entry {
        Entry {
            path: path.into(),
            content: ContentHash::from([7; 32]),
            size: 5,
            media_type: "video/mp4".into(),
        }
    }

    #[test]
    fn paths_that_could_escape_are_refused() {
        let long = "x".repeat(1025);
        let wrong = [
            "",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a//b",
            "a/",
            "./a",
            "a\\b",
            "a\nb",
            &long,
        ];
        for path in wrong {
            assert!(
                matches!(
                    Manifest::new(vec![entry(path)]),
                    Err(ManifestError::Path(_))
                ),
                "{path}"
            );
        }
        assert!(Manifest::new(vec![entry("a/..b/c.ts"), entry("ä ö.m3u8")]).is_ok());
    }

    #[test]
    fn only_the_canonical_form_is_read() {
        let manifest = Manifest::new(vec![entry("b"), entry("a")]).unwrap();
        let bytes = manifest.to_bytes();
        assert_eq!(Manifest::from_bytes(&bytes).unwrap(), manifest);
        assert_eq!(manifest.entry("b").unwrap().path, "b");
        assert_eq!(manifest.bytes(), 10);
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(Manifest::from_bytes(&longer).is_err());
        for cut in 0..bytes.len() {
            assert!(Manifest::from_bytes(&bytes[..cut]).is_err());
        }
        assert!(matches!(
            Manifest::new(vec![entry("a"), entry("a")]),
            Err(ManifestError::Order(_))
        ));
        assert_eq!(Manifest::new(vec![]), Err(ManifestError::Empty));
    }

    #[test]
    fn a_sealed_one_names_its_key_and_a_nonce_for_each_content() {
        let (key, other) = (SealKeyId::from([3; 32]), SealNonce([9; 16]));
        let sealed = |a, b| Manifest::sealed(key, vec![(entry("b"), b), (entry("a"), a)]);
        let nonce = SealNonce([8; 16]);
        let manifest = sealed(nonce, other).unwrap();
        let bytes = manifest.to_bytes();
        assert_eq!(Manifest::from_bytes(&bytes).unwrap(), manifest);
        assert_eq!(manifest.seal_key(), Some(key));
        assert_eq!(manifest.seal_nonce("a"), Some(nonce));
        assert_eq!(manifest.seal_nonce("b"), Some(other));
        assert_eq!(manifest.seal_nonce("c"), None);
        for cut in 0..bytes.len() {
            assert!(Manifest::from_bytes(&bytes[..cut]).is_err());
        }
        let open = Manifest::new(vec![entry("a"), entry("b")]).unwrap();
        assert_eq!((open.seal_key(), open.seal_nonce("a")), (None, None));
        assert_ne!(open.id(), manifest.id());
        // One content may have one nonce at two paths; two may not.
        assert!(sealed(nonce, nonce).is_ok());
        let mut different = entry("b");
        different.content = ContentHash::from([6; 32]);
        let both = vec![(entry("a"), nonce), (different, nonce)];
        let refused = Manifest::sealed(key, both);
        assert_eq!(refused, Err(ManifestError::Nonce("b".into())));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(tail: Vec<u8>) {
            let _ = Manifest::from_bytes(&tail);
            for mark in [b"QCOL\x00\x01", b"QCOL\x00\x02"] {
                let mut bytes = mark.to_vec();
                bytes.extend_from_slice(&tail);
                let _ = Manifest::from_bytes(&bytes);
            }
        }
    }
}
