//! What playlists say, of either format.

use formats::reference::relative;
use std::collections::BTreeSet;

/// What playlists say.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// Variants or representations, by what tells them apart.
    pub(super) renditions: BTreeSet<String>,
    pub(super) segments: u64,
    /// What is named, by where.
    pub(super) named: Vec<Named>,
}

/// A reference in a playlist.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Named {
    /// The playlist's path.
    pub(super) playlist: String,
    /// The file that is meant; none if it is outside of what is published.
    pub(super) path: Option<String>,
    /// As it stands there.
    pub(super) reference: String,
}

/// What `reference` in the playlist means; nothing if that is elsewhere.
pub(super) fn named(playlist: &str, base: &str, reference: &str) -> Option<Named> {
    let scheme = reference.split(['/', '?', '#']).next().unwrap_or_default();
    if reference.starts_with("//") || scheme.contains(':') {
        return None;
    }
    Some(Named {
        playlist: playlist.to_owned(),
        path: relative(base, reference),
        reference: reference.chars().take(200).collect(),
    })
}
