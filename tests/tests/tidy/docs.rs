//! The documents: what they name is there, and they stay as long as they say.
//!
//! What counts as a path: a word in backticks, without blanks and not beginning with `/`, that ends like a source or
//! document of ours (`SOURCES`), or that has a `/` and begins with an entry of the repository's root or of the
//! document's folder. It is looked for from the root, from the document's folder, or as the end of a file's path, so
//! that `audit/tree.rs` will do. What is installed or built (`FOREIGN`) isn't looked for, nor what is in a fenced
//! block.

use super::{FOREIGN, root};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const SOURCES: [&str; 5] = [".rs", ".sol", ".md", ".py", ".mjs"];
const README_LINES_MAX: usize = 150;
const ARCHITECTURE_LINES_MAX: usize = 250;
/// Characters that no path of ours has: patterns, places to fill in, routes, code.
const NOT_IN_PATHS: &str = "*{}<>$=?,;:()\"'#@|…";

/// What the repository has.
struct Repository {
    /// Paths from the root, with `/`.
    files: BTreeSet<String>,
    folders: BTreeSet<String>,
}

impl Repository {
    fn read() -> Self {
        let mut found = Self {
            files: BTreeSet::new(),
            folders: BTreeSet::new(),
        };
        found.walk(&root(), "");
        found
    }

    fn walk(&mut self, dir: &Path, shown: &str) {
        for entry in fs::read_dir(dir).expect("a folder of the repository") {
            let entry = entry.expect("readable");
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = join(shown, &name);
            if !entry.file_type().expect("known").is_dir() {
                self.files.insert(path);
            } else if !FOREIGN.contains(&&*name) {
                self.walk(&entry.path(), &path);
                self.folders.insert(path);
            }
        }
    }

    fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        path.is_empty() || self.files.contains(path) || self.folders.contains(path)
    }

    /// Whether a path that a document of that folder mentions is there.
    fn finds(&self, folder: &str, path: &str) -> bool {
        let end = format!("/{path}");
        self.has(path)
            || normal(folder, path).is_some_and(|path| self.has(&path))
            || self.files.iter().any(|file| file.ends_with(&end))
    }
}

/// A document that the repository's readers are sent to.
struct Document {
    path: String,
    text: String,
}

impl Document {
    fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// Without its fenced blocks; a line of them counts as empty.
    fn prose(&self) -> String {
        let mut fenced = false;
        let line = |line: &str| {
            let fence = line.trim_start().starts_with("```");
            let dropped = fenced || fence;
            fenced ^= fence;
            if dropped {
                String::new()
            } else {
                line.to_owned()
            }
        };
        let lines: Vec<_> = self.text.lines().map(line).collect();
        lines.join("\n")
    }

    /// The words in backticks.
    fn code(&self) -> Vec<String> {
        let prose = self.prose();
        let paragraphs = prose.split("\n\n");
        // What stands between an opening and a closing backtick.
        let spans = paragraphs.flat_map(|text| text.split('`').skip(1).step_by(2));
        spans.map(|span| span.trim().to_owned()).collect()
    }

    /// Where its links lead.
    fn links(&self) -> Vec<String> {
        let prose = self.prose();
        let ends = prose.split("](").skip(1);
        let targets = ends.filter_map(|rest| Some(rest.split_once(')')?.0));
        // With blanks it is a formula.
        let targets = targets.filter(|target| !target.contains(' '));
        targets.map(str::to_owned).collect()
    }

    /// Names of its headings, as links have them.
    fn anchors(&self) -> BTreeSet<String> {
        let mut anchors = BTreeSet::new();
        for line in self.prose().lines() {
            let heading = line.trim_start_matches('#');
            if heading.len() == line.len() || !heading.starts_with(' ') {
                continue;
            }
            let name = anchor(heading.trim());
            let mut numbered = name.clone();
            let mut before = 0;
            while !anchors.insert(numbered) {
                before += 1;
                numbered = format!("{name}-{before}");
            }
        }
        anchors
    }
}

fn join(folder: &str, name: &str) -> String {
    match folder {
        "" => name.to_owned(),
        _ => format!("{folder}/{name}"),
    }
}

/// A heading as GitHub names it in links.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || " -_".contains(*c);
    let name: String = heading.to_lowercase().chars().filter(kept).collect();
    name.replace(' ', "-")
}

/// A path from the root, of one from a folder; `None` if it leaves the repository.
fn normal(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop()?,
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn is_path(repository: &Repository, folder: &str, word: &str) -> bool {
    let unlike = |c: char| c.is_whitespace() || NOT_IN_PATHS.contains(c);
    if word.is_empty() || word.starts_with(['/', '-', '~']) || word.contains(unlike) {
        return false;
    }
    if word.split('/').any(|part| FOREIGN.contains(&part)) {
        return false;
    }
    let begins = word.split_once('/').is_some_and(|(first, _)| {
        repository.has(first) || normal(folder, first).is_some_and(|first| repository.has(&first))
    });
    let in_folder = word.contains('/') && begins;
    let is_source = SOURCES
        .iter()
        .any(|end| word.ends_with(end) && word != *end);
    in_folder || is_source
}

/// What a document names that isn't there.
fn missing(repository: &Repository, documents: &[Document], document: &Document) -> Vec<String> {
    let folder = document.folder();
    let mut missing = Vec::new();
    for word in document.code() {
        if is_path(repository, folder, &word) && !repository.finds(folder, &word) {
            missing.push(word);
        }
    }
    for link in document.links() {
        if link.contains("://") || link.starts_with("mailto:") {
            continue;
        }
        let (file, heading) = link
            .split_once('#')
            .map_or((&*link, None), |(file, heading)| (file, Some(heading)));
        let target = match file {
            "" => Some(document.path.clone()),
            file => normal(folder, file),
        };
        let Some(target) = target.filter(|target| repository.has(target)) else {
            missing.push(link);
            continue;
        };
        let Some(heading) = heading else { continue };
        let known = documents.iter().find(|one| one.path == target);
        if !known.is_some_and(|known| known.anchors().contains(heading)) {
            missing.push(link);
        }
    }
    missing
}

fn documents(repository: &Repository) -> Vec<Document> {
    let is_ours = |path: &str| {
        let at_root = !path.contains('/');
        let named = [
            "contracts/README.md",
            "testnet/README.md",
            "protocol/SPEC.md",
        ];
        path.ends_with(".md") && (at_root || path.starts_with("docs/") || named.contains(&path))
    };
    let ours = repository.files.iter().filter(|path| is_ours(path));
    ours.map(|path| Document {
        path: path.clone(),
        text: fs::read_to_string(root().join(path)).expect("documents are UTF-8"),
    })
    .collect()
}

#[test]
fn what_the_documents_name_is_there() {
    let repository = Repository::read();
    let documents = documents(&repository);
    assert!(documents.len() > 10, "the documents aren't here");
    let mut wrong = Vec::new();
    for document in &documents {
        for one in missing(&repository, &documents, document) {
            wrong.push(format!("{}: {one}", document.path));
        }
    }
    assert!(wrong.is_empty(), "not there:\n{}", wrong.join("\n"));
}

#[test]
fn what_isn_t_there_is_found() {
    let repository = Repository {
        files: ["docs/a.md", "node/src/lib.rs"].map(String::from).into(),
        folders: ["docs", "node", "node/src"].map(String::from).into(),
    };
    let text = "# One\n\n## The `second`, of two\n\n`src/lib.rs`, `node/src`, `GET /docs/b`, `/docs/b`, `text/html`\n\
                `node/target/b`, [a](#one), [b](a.md#the-second-of-two), [c](../node/src/lib.rs), [d](https://e.example/f)\n\n\
                ```sh\n`docs/nothing`\n```\n\n\
                `node/src/b.rs`, `b.rs`, `docs/b`, [a](#three), [b](b.md), [c](../../d.md), [d](../node/src/lib.rs#one)\n";
    let document = Document {
        path: "docs/a.md".into(),
        text: text.into(),
    };
    let documents = [document];
    assert_eq!(
        missing(&repository, &documents, &documents[0]),
        [
            "node/src/b.rs",
            "b.rs",
            "docs/b",
            "#three",
            "b.md",
            "../../d.md",
            "../node/src/lib.rs#one"
        ]
    );
}

#[test]
fn the_map_has_every_crate_and_no_other() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the workspace");
    let (_, members) = manifest.split_once("\nmembers = [").expect("members");
    let (members, _) = members.split_once(']').expect("their end");
    let members: BTreeSet<_> = members.split('"').skip(1).step_by(2).collect();
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("the map");
    let (_, table) = map.split_once("\n| crate |").expect("the table");
    let (table, _) = table.split_once("\n\n").expect("its end");
    let rows = table.lines().skip(2);
    let firsts = rows.flat_map(|row| row.split('|').nth(1));
    let named: BTreeSet<_> = firsts.flat_map(|cell| cell.split('`').nth(1)).collect();
    assert_eq!(named, members);
}

#[test]
fn the_front_door_is_a_page() {
    for (path, most) in [
        ("README.md", README_LINES_MAX),
        ("ARCHITECTURE.md", ARCHITECTURE_LINES_MAX),
    ] {
        let text = fs::read_to_string(root().join(path)).expect("a document");
        let lines = text.lines().count();
        assert!(lines <= most, "{path} has {lines} lines, more than {most}");
    }
}
