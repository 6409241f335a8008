//! What a player will ask for next, as the playlists that it asked for say.
//!
//! A playlist that passes through the gateway is read, and remembered as a successor for each of its files.
//! Only files of the same collection count. Playlists are others' bytes: what isn't understood is ignored,
//! and what is remembered is bounded by the number of files that the collection has.

use formats::{dash, hls};
use host::Mutex;
use protocol::{CollectionId, Entry, Manifest};
use std::collections::{BTreeMap, BTreeSet};

/// Longer playlists are passed on unread.
const PLAYLIST_BYTES_MAX: u64 = 4 << 20;
/// Collections whose playlists are remembered; of more, the latest.
const COLLECTIONS_MAX: usize = 16;

/// A kind of playlist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Hls,
    Dash,
}

impl Kind {
    /// By media type, or else by name; `None` if it is no playlist, or too long to be read.
    pub(super) fn of(entry: &Entry) -> Option<Self> {
        let essence = entry.media_type.split(';').next().unwrap_or_default();
        let kind = match essence.trim().to_ascii_lowercase().as_str() {
            "application/vnd.apple.mpegurl"
            | "application/x-mpegurl"
            | "audio/mpegurl"
            | "audio/x-mpegurl" => Self::Hls,
            "application/dash+xml" => Self::Dash,
            _ if entry.path.ends_with(".m3u8") => Self::Hls,
            _ if entry.path.ends_with(".mpd") => Self::Dash,
            _ => return None,
        };
        (entry.size <= PLAYLIST_BYTES_MAX).then_some(kind)
    }
}

/// The successors of files, by their place in the manifest.
#[derive(Debug, Default)]
pub(super) struct Orders {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    collections: BTreeMap<CollectionId, Order>,
    clock: u64,
}

#[derive(Debug, Default)]
struct Order {
    used: u64,
    next: BTreeMap<u32, u32>,
    /// Playlists that were read.
    read: BTreeSet<u32>,
}

impl Orders {
    /// Whether this playlist is still to be read.
    pub(super) fn is_new(&self, collection: &CollectionId, playlist: u32) -> bool {
        let inner = self.inner.lock();
        let order = inner.collections.get(collection);
        order.is_none_or(|order| !order.read.contains(&playlist))
    }

    /// Remembers what a playlist says.
    pub(super) fn learn(
        &self,
        collection: CollectionId,
        manifest: &Manifest,
        playlist: u32,
        kind: Kind,
        text: &str,
    ) {
        let entries = manifest.entries();
        let base = &entries[playlist as usize].path;
        let runs = match kind {
            Kind::Hls => vec![places(manifest, &hls::segments(base, text))],
            Kind::Dash => dash::runs(base, text, entries),
        };
        let mut inner = self.inner.lock();
        inner.clock += 1;
        let clock = inner.clock;
        if inner.collections.len() >= COLLECTIONS_MAX
            && !inner.collections.contains_key(&collection)
        {
            let oldest = inner.collections.iter().min_by_key(|(_, order)| order.used);
            if let Some(oldest) = oldest.map(|(id, _)| *id) {
                inner.collections.remove(&oldest);
            }
        }
        let order = inner.collections.entry(collection).or_default();
        order.used = clock;
        order.read.insert(playlist);
        for run in runs {
            for pair in run.windows(2).filter(|pair| pair[0] != pair[1]) {
                order.next.insert(pair[0], pair[1]);
            }
        }
    }

    /// The files that come after this one, `count` at most.
    pub(super) fn after(&self, collection: &CollectionId, file: u32, count: usize) -> Vec<u32> {
        let inner = self.inner.lock();
        let Some(order) = inner.collections.get(collection) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        let mut at = file;
        while found.len() < count
            && let Some(next) = order.next.get(&at).copied()
            // A playlist may go round.
            && next != file
            && !found.contains(&next)
        {
            found.push(next);
            at = next;
        }
        found
    }
}

/// Where these paths stand in the manifest; those that don't are left out.
fn places(manifest: &Manifest, paths: &[String]) -> Vec<u32> {
    let place = |path: &String| place(manifest, path);
    paths.iter().filter_map(place).collect()
}

/// Where a path stands in the manifest.
pub(super) fn place(manifest: &Manifest, path: &str) -> Option<u32> {
    let entries = manifest.entries();
    let at = entries.binary_search_by(|entry| entry.path.as_str().cmp(path));
    // At most 65,536.
    at.ok().map(|at| at as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(paths: &[&str]) -> Manifest {
        let entry = |path: &&str| Entry {
            path: (*path).into(),
            content: [1; 32].into(),
            size: 5,
            media_type: "video/mp2t".into(),
        };
        Manifest::new(paths.iter().map(entry).collect()).unwrap()
    }

    #[test]
    fn what_comes_next_is_remembered_within_bounds() {
        let manifest = manifest(&["a.ts", "b.ts", "c.ts", "i.m3u8"]);
        let orders = Orders::default();
        let id = |n: u64| manifest_id(n);
        let text = "#EXTM3U\na.ts\nb.ts\nmissing.ts\nc.ts\na.ts\n";
        assert!(orders.is_new(&id(0), 3));
        orders.learn(id(0), &manifest, 3, Kind::Hls, text);
        assert!(!orders.is_new(&id(0), 3));
        assert_eq!(orders.after(&id(0), 0, 2), [1, 2]);
        assert_eq!(orders.after(&id(0), 0, 9), [1, 2], "it goes round");
        assert_eq!(orders.after(&id(0), 3, 9), [0; 0]);
        assert_eq!(orders.after(&id(1), 0, 9), [0; 0]);
        for n in 1..=COLLECTIONS_MAX as u64 {
            orders.learn(id(n), &manifest, 3, Kind::Hls, text);
        }
        assert!(orders.is_new(&id(0), 3), "the oldest is forgotten");
    }

    fn manifest_id(n: u64) -> CollectionId {
        CollectionId::new(n, &[7; 32]).unwrap()
    }

    #[test]
    fn playlists_are_known_by_type_or_name() {
        let kind = |path: &str, media_type: &str, size| {
            Kind::of(&Entry {
                path: path.into(),
                content: [1; 32].into(),
                size,
                media_type: media_type.into(),
            })
        };
        assert_eq!(kind("a", "Application/X-mpegURL; x=y", 9), Some(Kind::Hls));
        assert_eq!(kind("a.m3u8", "text/plain", 9), Some(Kind::Hls));
        assert_eq!(kind("a", "application/dash+xml", 9), Some(Kind::Dash));
        assert_eq!(kind("a.ts", "video/mp2t", 9), None);
        assert_eq!(kind("a.m3u8", "x/y", PLAYLIST_BYTES_MAX + 1), None);
    }
}
