//! Which file of the collection a playlist names: RFC 3986, section 5, within one collection.

use crate::target;
use protocol::Manifest;

/// Files of one playlist that are looked at.
pub const PATHS_MAX: usize = Manifest::ENTRIES_MAX as usize;

/// The path in the collection that a reference in the file at `base` means; `None` if it is none of it.
pub fn relative(base: &str, reference: &str) -> Option<String> {
    let reference = reference.split(['?', '#']).next().unwrap_or_default();
    let scheme = reference.split(['/', ':']).next().unwrap_or_default();
    if reference.is_empty()
        || reference.starts_with('/')
        || (reference[scheme.len()..].starts_with(':') && !scheme.is_empty())
    {
        return None;
    }
    let mut folders: Vec<String> = base.split('/').map(str::to_owned).collect();
    folders.pop();
    for part in reference.split('/') {
        match part {
            "." => {}
            ".." => {
                folders.pop()?;
            }
            // By the same rules as a request's own path.
            part => folders.push(target::segment(part).ok()?),
        }
    }
    let path = folders.join("/");
    (1..=Manifest::PATH_BYTES_MAX)
        .contains(&path.len())
        .then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn references_stay_in_the_collection() {
        for (base, reference, path) in [
            ("index.m3u8", "a.ts", Some("a.ts")),
            ("v/index.m3u8", "a.ts", Some("v/a.ts")),
            ("v/index.m3u8", "./w/../a.ts", Some("v/a.ts")),
            ("v/index.m3u8", "../a.ts", Some("a.ts")),
            ("v/index.m3u8", "../../a.ts", None),
            ("v w/i.m3u8", "%61%20b.ts?x#y", Some("v w/a b.ts")),
            ("i.m3u8", "%2e%2e/a.ts", None),
            ("i.m3u8", "http:a.ts", None),
            ("i.m3u8", "https://h/a.ts", None),
            ("i.m3u8", "/a.ts", None),
            ("i.m3u8", "//h/a.ts", None),
            ("i.m3u8", "", None),
            ("i.m3u8", "?x", None),
            ("i.m3u8", "a//b.ts", None),
            ("i.m3u8", "a\\b.ts", None),
        ] {
            let found = relative(base, reference);
            assert_eq!(found.as_deref(), path, "{reference} in {base}");
        }
    }

    proptest! {
        #[test]
        fn no_reference_leaves(base in "[a-z]{1,3}(/[a-z]{1,3}){0,3}", reference: String) {
            if let Some(path) = relative(&base, &reference) {
                prop_assert!(path.split('/').all(|part| !matches!(part, "" | "." | "..")));
            }
        }
    }
}
