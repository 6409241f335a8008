//! Files of one crate that use each other in a ring can only be read together: finds such rings.
//!
//! A file uses another by `use` or by a path in its code; what counts is the file that *defines* the
//! name, however many others hand it on. A parent's `mod` and what it only hands on (`pub use`) don't
//! count, but what its children take from it does, as soon as it uses one of them itself.
//!
//! It reads tokens, not types: a method that another file adds to a type isn't seen. Nor is anything
//! under `#[cfg(test)]`.

mod reader;

use reader::{Sources, Taken, Tree, home};
use std::collections::{BTreeMap, BTreeSet};

/// Files that use each other in a ring, each with whom of the ring it uses and by what names.
pub(crate) type Ring = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// The rings of what `root`, a library or program, consists of.
pub(crate) fn rings(root: &str, sources: &Sources) -> Vec<Ring> {
    let mut tree = Tree::default();
    tree.file(root, &home(root, true), None, sources);
    let uses = tree.edges();
    let reach: BTreeMap<_, _> = uses
        .keys()
        .map(|from| (from, reached(from, &uses)))
        .collect();
    let mut found: Vec<Ring> = Vec::new();
    for from in uses.keys() {
        if !reach[from].contains(from) || found.iter().any(|ring| ring.contains_key(from)) {
            continue;
        }
        let both = |to: &&String| reach.get(to).is_some_and(|back| back.contains(from));
        let ring: BTreeSet<_> = reach[from].iter().filter(both).collect();
        let within = |from: &String| {
            let mut used = uses[from].clone();
            used.retain(|to, _| ring.contains(to));
            (from.clone(), used)
        };
        found.push(ring.iter().map(|from| within(from)).collect());
    }
    found
}

type Edges = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

fn reached(from: &String, uses: &Edges) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut next = vec![from];
    while let Some(from) = next.pop() {
        let targets = uses.get(from).into_iter().flat_map(BTreeMap::keys);
        next.extend(targets.filter(|to| seen.insert((*to).clone())));
    }
    seen
}

impl Tree {
    /// The module that defines what `path` names in `from`: it itself when the path names a module.
    fn defines(&self, from: usize, path: &[String], depth: usize) -> Option<(usize, bool)> {
        if depth > 16 {
            return None;
        }
        let mut at = from;
        let mut rest = path;
        loop {
            match rest.first()?.as_str() {
                "crate" => {
                    while let Some(parent) = self.modules[at].parent {
                        at = parent;
                    }
                }
                "self" => {}
                "super" => at = self.modules[at].parent?,
                _ => break,
            }
            rest = &rest[1..];
            if rest.is_empty() {
                return Some((at, true));
            }
        }
        let rooted = rest.len() < path.len();
        for (i, name) in rest.iter().enumerate() {
            let here = &self.modules[at];
            if let Some(child) = here.children.get(name) {
                at = *child;
                continue;
            }
            if here.defined.contains(name) {
                return (rooted || i > 0).then_some((at, false));
            }
            let known = |taken: &&Taken| taken.name == *name && taken.path != [name.as_str()];
            if let Some(taken) = here.taken.iter().find(known) {
                // Of what comes from another crate nothing of ours is known.
                let (found, is_module) = self.defines(at, &taken.path, depth + 1)?;
                if !is_module {
                    return Some((found, false));
                }
                at = found;
                continue;
            }
            for taken in here.taken.iter().filter(|taken| taken.name == "*") {
                if let Some((within, true)) = self.defines(at, &taken.path, depth + 1)
                    && within != at
                    && let Some(found) = self.defines(within, &own(&rest[i..]), depth + 1)
                    && (found.0 != within || self.modules[within].defined.contains(name))
                {
                    return Some(found);
                }
            }
            return (rooted || i > 0).then_some((at, false));
        }
        Some((at, true))
    }

    fn edges(&self) -> Edges {
        let mut edges = Edges::new();
        let mut edge = |from: usize, to: usize, name: String| {
            let [from, to] = [from, to].map(|at| self.modules[at].file.clone());
            if from != to {
                edges
                    .entry(from)
                    .or_default()
                    .entry(to)
                    .or_default()
                    .insert(name);
            }
        };
        for (at, module) in self.modules.iter().enumerate() {
            for taken in &module.taken {
                let Some((to, _)) = self.defines(at, &taken.path, 0) else {
                    continue;
                };
                let below = std::iter::successors(Some(to), |at| self.modules[*at].parent);
                let only_handed_on = taken.handed_on
                    && !module.words.contains(&taken.name)
                    && below.skip(1).any(|up| up == at);
                if !only_handed_on {
                    edge(at, to, taken.path.join("::"));
                }
            }
            for path in &module.paths {
                if let Some((to, _)) = self.defines(at, path, 0) {
                    edge(at, to, path.join("::"));
                }
            }
        }
        edges
    }
}

fn own(path: &[String]) -> Vec<String> {
    let mut own = vec!["self".to_owned()];
    own.extend_from_slice(path);
    own
}

/// Files where a ring still is; nothing else may have one.
const STILL: [&str; 1] = ["verifier/src/audit"];

/// Whether a file is where a library or program begins.
fn is_root(path: &str) -> bool {
    let parts: Vec<_> = path.split('/').collect();
    match parts.as_slice() {
        [.., "src", "lib.rs" | "main.rs"] => true,
        [.., "tests" | "examples" | "benches", name] => name.ends_with(".rs"),
        [.., "tests" | "examples" | "benches", _, "main.rs"] => !parts.contains(&"src"),
        _ => false,
    }
}

#[test]
fn no_files_of_a_crate_use_each_other_in_a_ring() {
    let sources: Sources = super::sources().into_iter().collect();
    let roots = sources.keys().filter(|path| {
        // What lies in `src` or beside a test as a module of it isn't a test of its own.
        is_root(path) && !path.contains("/src/tests/")
    });
    let mut found = 0;
    for root in roots {
        found += 1;
        for ring in rings(root, &sources) {
            let still = STILL
                .iter()
                .find(|place| ring.keys().all(|file| file.starts_with(**place)));
            assert!(still.is_some(), "{root} has a ring of files: {ring:#?}");
        }
    }
    assert!(
        found > 20,
        "only {found} libraries, programs and tests were looked at"
    );
}

fn of(files: &[(&str, &str)]) -> Vec<Vec<String>> {
    let sources = files
        .iter()
        .map(|(path, text)| (format!("src/{path}"), (*text).to_owned()));
    let found = rings("src/lib.rs", &sources.collect());
    found
        .into_iter()
        .map(|ring| ring.into_keys().collect())
        .collect()
}

#[test]
fn files_that_use_each_other_are_a_ring() {
    let both = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b::Two; pub struct One;"),
        ("b.rs", "pub struct Two(crate::a::One);"),
    ];
    assert_eq!(of(&both), [["src/a.rs", "src/b.rs"]]);
}

#[test]
fn a_parent_s_definitions_close_a_ring_and_what_it_hands_on_does_not() {
    let child = ("a.rs", "use super::Shared; pub fn one(_: Shared) {}");
    let uses = [
        (
            "lib.rs",
            "mod a; pub struct Shared; fn f() { a::one(Shared) }",
        ),
        child,
    ];
    assert_eq!(of(&uses), [["src/a.rs", "src/lib.rs"]]);
    let hands_on = [
        ("lib.rs", "mod a; pub use a::one; pub struct Shared;"),
        child,
    ];
    assert!(of(&hands_on).is_empty());
    let passes = [
        (
            "lib.rs",
            "mod a; mod b; pub use b::Shared; fn f() { a::one() }",
        ),
        child,
        ("b.rs", "pub struct Shared;"),
    ];
    assert!(
        of(&passes).is_empty(),
        "it is the other child that defines it"
    );
}

#[test]
fn what_only_tests_use_is_no_ring() {
    let tests = [
        ("lib.rs", "mod a; mod b;"),
        (
            "a.rs",
            "use crate::b::Two; #[cfg(test)] mod tests { use super::*; }",
        ),
        (
            "b.rs",
            "pub struct Two; #[cfg(test)] mod tests { use crate::a::*; fn f() { crate::a::g() } }",
        ),
    ];
    assert!(of(&tests).is_empty());
    let words = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b::Two;"),
        (
            "b.rs",
            "pub struct Two; // crate::a::g\nconst TEXT: &str = \"crate::a::g\";",
        ),
    ];
    assert!(of(&words).is_empty(), "neither comments nor texts count");
}
