//! Syncs, each of which is left out once: those that the world meets, and those that it doesn't.

use super::scratch::sources;
use crate::run::root;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs;

/// What syncs a file, or a folder, or both, and whose receiver has to be called a disk: others have methods so named.
const CALLS: [(&str, &[&str], bool); 6] = [
    (".sync_data(", &["file"], false),
    (".sync_all(", &["file"], false),
    (".sync_dir(", &["folder"], false),
    (".replace(", &["file", "folder"], true),
    (".replace_secret(", &["file", "folder"], true),
    (".create_dir(", &["folder"], true),
];
/// Where a file's tests begin.
const TESTS: &str = "#[cfg(test)]\nmod ";
/// Not a network's: tests, tools, and the crate that all syncs of others go through.
const NOT: [&str; 6] = ["sim/", "xtask/", "tests/", "testnet/", "fuzz/", "disk/"];

/// One of them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sync {
    /// Its file and function, and what is synced: lines move.
    pub(crate) name: String,
    /// As the world names it, if it was met there.
    pub(crate) site: Option<String>,
}

/// All of them, by name, given those that the world meets.
///
/// # Errors
/// If sources can't be read.
pub(crate) fn all(met: &BTreeMap<String, u64>) -> Result<Vec<Sync>> {
    let mut sites: BTreeMap<(String, usize, String), bool> = BTreeMap::new();
    for name in sources()? {
        let tests = name.contains("/tests/") || name.ends_with("tests.rs");
        if name.ends_with(".rs") && !tests && !NOT.iter().any(|start| name.starts_with(start)) {
            let text = fs::read_to_string(root().join(&name)).context(name.clone())?;
            let found = in_source(&text);
            sites.extend(found.map(|(line, of)| ((name.clone(), line, of.to_owned()), false)));
        }
    }
    for site in met.keys() {
        sites.insert(parsed(site).with_context(|| site.clone())?, true);
    }
    let mut seen = BTreeMap::<String, u32>::new();
    let mut all = Vec::new();
    for ((file, line, of), is_met) in sites {
        let text = fs::read_to_string(root().join(&file))?;
        let name = format!("{file}: no sync of the {of} in {}", function(&text, line));
        let times = seen.entry(name.clone()).or_default();
        *times += 1;
        all.push(Sync {
            name: match times {
                1 => name,
                times => format!("{name} ({times})"),
            },
            site: is_met.then(|| format!("{file}:{line} {of}")),
        });
    }
    Ok(all)
}

/// `node/src/store/log.rs:464 file`.
fn parsed(site: &str) -> Option<(String, usize, String)> {
    let (place, of) = site.split_once(' ')?;
    let (file, line) = place.rsplit_once(':')?;
    Some((file.to_owned(), line.parse().ok()?, of.to_owned()))
}

/// Line and what is synced there, of each in a source.
fn in_source(text: &str) -> impl Iterator<Item = (usize, &'static str)> {
    let product = text.split_once(TESTS).map_or(text, |(product, _)| product);
    CALLS.into_iter().flat_map(move |(call, of, of_disk)| {
        let found = product
            .match_indices(call)
            .filter(move |(at, _)| !of_disk || product[..*at].trim_end().ends_with("disk"));
        found.flat_map(move |(at, _)| {
            let line =
                product[..at].lines().count().max(1) + usize::from(product[..at].ends_with('\n'));
            of.iter().map(move |of| (line, *of))
        })
    })
}

/// The function that a line is in.
fn function(text: &str, line: usize) -> String {
    let above: Vec<_> = text.lines().take(line).collect();
    let mut names = above.iter().rev().filter_map(|line| {
        let (before, after) = line.split_once("fn ")?;
        let is_head = before
            .split_whitespace()
            .all(|word| ["pub", "async", "const"].contains(&word) || word.starts_with("pub("));
        is_head.then(|| {
            after
                .split(['(', '<'])
                .next()
                .unwrap_or_default()
                .to_owned()
        })
    });
    names.next().unwrap_or_else(|| "no function".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
impl Log {
    pub(super) fn sync(&mut self) -> Result<()> {
        self.file.sync_data()
    }

    fn keep(&self, text: &str) -> Result<()> {
        let text = text.replace('a', \"b\");
        self.disk
            .replace(&self.path, text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    fn test() { file.sync_all() }
}
";

    #[test]
    fn syncs_are_found_by_their_lines_and_named_by_their_functions() {
        let found: Vec<_> = in_source(SOURCE).collect();
        assert_eq!(found, [(3, "file"), (9, "file"), (9, "folder")]);
        assert_eq!(function(SOURCE, 3), "sync");
        assert_eq!(function(SOURCE, 9), "keep");
    }

    #[test]
    fn what_the_world_says_of_a_sync_is_read() {
        let read = parsed("node/src/log.rs:464 file");
        assert_eq!(read, Some(("node/src/log.rs".into(), 464, "file".into())));
        assert_eq!(parsed("nothing"), None);
    }
}
