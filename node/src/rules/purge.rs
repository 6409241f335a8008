//! What a purge drops.

use protocol::{ContentHash, Manifest, Paths};
use std::collections::BTreeSet;

/// The contents that `paths` of a collection name, but for those that another of its files, or another collection
/// that is here, names too.
pub(crate) fn dropped(
    manifest: &Manifest,
    paths: &Paths,
    others: &[Manifest],
) -> BTreeSet<ContentHash> {
    let (meant, kept): (Vec<_>, Vec<_>) = manifest
        .entries()
        .iter()
        .partition(|entry| paths.matches(&entry.path));
    let mut contents: BTreeSet<_> = meant.iter().map(|entry| entry.content).collect();
    for entry in kept
        .into_iter()
        .chain(others.iter().flat_map(Manifest::entries))
    {
        contents.remove(&entry.content);
    }
    contents
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Entry;

    fn manifest(files: &[(&str, u8)]) -> Manifest {
        let entry = |(path, content): &(&str, u8)| Entry {
            path: (*path).into(),
            content: ContentHash::from([*content; 32]),
            size: 1,
            media_type: "text/plain".into(),
        };
        Manifest::new(files.iter().map(entry).collect()).expect("a good one")
    }

    fn gone(paths: Paths, others: &[Manifest]) -> Vec<u8> {
        let film = manifest(&[("a", 1), ("b", 2), ("c/d", 2), ("e", 3)]);
        let contents = dropped(&film, &paths, others);
        contents
            .iter()
            .map(|content| content.as_bytes()[0])
            .collect()
    }

    #[test]
    fn what_somebody_else_names_stays() {
        let other = manifest(&[("x", 3)]);
        assert_eq!(gone(Paths::All, &[]), [1, 2, 3]);
        assert_eq!(gone(Paths::All, std::slice::from_ref(&other)), [1, 2]);
        assert_eq!(gone(Paths::Path("a".into()), &[]), [1]);
        let nothing: [u8; 0] = [];
        assert_eq!(gone(Paths::Path("b".into()), &[]), nothing, "c/d has it");
        assert_eq!(gone(Paths::Path("e".into()), &[other]), nothing);
    }
}
