//! Files of one crate that use each other in a ring can only be read together: finds such rings.
//!
//! A file uses another by `use` or by a path in its code; what counts is the file that *defines* the
//! name, however many others hand it on. A parent's `mod` and what it only hands on (`pub use`) don't
//! count, but what its children take from it does, as soon as it uses one of them itself.
//!
//! It reads tokens, not types: a method that another file adds to a type isn't seen. Nor is anything
//! under `#[cfg(test)]`.

use std::collections::{BTreeMap, BTreeSet};

/// A source file: its path from the crate's folder on, and its text.
pub(crate) type Sources = BTreeMap<String, String>;

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

/// The folder in which the modules of the file `path` lie.
fn home(path: &str, root: bool) -> String {
    let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
    if root || name == "mod.rs" {
        return format!("{dir}/");
    }
    let stem = name.strip_suffix(".rs").unwrap_or(name);
    format!("{dir}/{stem}/")
}

/// A path without `..`.
fn plain(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    /// `::`.
    Colons,
    Sign(char),
}

impl Token {
    fn word(&self) -> Option<&str> {
        match self {
            Token::Word(word) => Some(word),
            _ => None,
        }
    }

    fn is(&self, sign: char) -> bool {
        *self == Token::Sign(sign)
    }
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// What is left of a source without comments and spaces.
fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let mut found = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        let c = chars[i];
        if c == '/' && at(i + 1) == '/' {
            while i < chars.len() && chars[i] != '\n' {
                i += 1;
            }
        } else if c == '/' && at(i + 1) == '*' {
            while i < chars.len() && !(chars[i] == '*' && at(i + 1) == '/') {
                i += 1;
            }
            i += 2;
        } else if is_part(c) {
            let start = i;
            while is_part(at(i)) {
                i += 1;
            }
            let word: String = chars[start..i].iter().collect();
            let raw = ["r", "br", "cr"].contains(&word.as_str());
            let hashes = chars[i..].iter().take_while(|c| **c == '#').count();
            if raw && at(i + hashes) == '"' {
                let end: String = std::iter::once('"').chain(vec!['#'; hashes]).collect();
                let rest: String = chars[i + hashes + 1..].iter().collect();
                let inner = rest.split(&end).next().unwrap_or_default();
                i += hashes + 1 + inner.chars().count() + end.len();
                found.push(Token::Text(inner.to_owned()));
            } else {
                found.push(Token::Word(word));
            }
        } else if c == '"' {
            let start = i + 1;
            i += 1;
            while i < chars.len() && chars[i] != '"' {
                i += if chars[i] == '\\' { 2 } else { 1 };
            }
            found.push(Token::Text(
                chars[start..i.min(chars.len())].iter().collect(),
            ));
            i += 1;
        } else if c == '\'' {
            // A character, or a lifetime.
            if at(i + 1) == '\\' {
                i += 3;
                while i < chars.len() && chars[i] != '\'' {
                    i += 1;
                }
                i += 1;
            } else {
                i += if at(i + 2) == '\'' { 3 } else { 1 };
            }
        } else if c == ':' && at(i + 1) == ':' {
            found.push(Token::Colons);
            i += 2;
        } else {
            if !c.is_whitespace() {
                found.push(Token::Sign(c));
            }
            i += 1;
        }
    }
    found
}

/// A name that a module takes from elsewhere.
#[derive(Debug)]
struct Taken {
    path: Vec<String>,
    /// As what; `*` for all there is.
    name: String,
    handed_on: bool,
}

#[derive(Debug, Default)]
struct Module {
    file: String,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    taken: Vec<Taken>,
    /// Paths of two words or more in its code.
    paths: BTreeSet<Vec<String>>,
    /// All words of its code but those of `use`.
    words: BTreeSet<String>,
    defined: BTreeSet<String>,
}

#[derive(Debug, Default)]
struct Tree {
    modules: Vec<Module>,
}

/// Keywords before the name of what they define.
const DEFINES: [&str; 9] = [
    "fn",
    "struct",
    "enum",
    "trait",
    "type",
    "const",
    "static",
    "union",
    "macro_rules",
];
/// Those of them, and others, whose text ends with a semicolon, whatever braces it has.
const SIMPLE: [&str; 6] = ["use", "const", "static", "type", "let", "mod"];
const ITEMS: [&str; 5] = ["fn", "struct", "enum", "trait", "impl"];

impl Tree {
    /// Reads the file `path`, whose modules lie in the folder `dir`, and all below it.
    fn file(&mut self, path: &str, dir: &str, parent: Option<usize>, sources: &Sources) -> usize {
        let text = sources
            .get(path)
            .unwrap_or_else(|| panic!("{path} isn't there"));
        let tokens = tokens(text);
        let module = self.module(path, parent);
        self.read(module, &tokens, dir, sources);
        module
    }

    fn module(&mut self, file: &str, parent: Option<usize>) -> usize {
        self.modules.push(Module {
            file: file.to_owned(),
            parent,
            ..Module::default()
        });
        self.modules.len() - 1
    }

    fn read(&mut self, module: usize, tokens: &[Token], dir: &str, sources: &Sources) {
        let mut i = 0;
        let mut test = false;
        let mut path: Option<String> = None;
        while let Some(token) = tokens.get(i) {
            if token.is('#') && tokens.get(i + 1).is_some_and(|next| next.is('[')) {
                let end = closing(tokens, i + 1);
                let inner = &tokens[i + 2..end];
                test |= is_test(inner);
                if let [Token::Word(word), Token::Sign('='), Token::Text(text)] = inner
                    && word == "path"
                {
                    path = Some(text.clone());
                }
                i = end + 1;
                continue;
            }
            if test {
                (test, path) = (false, None);
                i = item_end(tokens, i);
                continue;
            }
            match token.word() {
                Some("mod") => {
                    let name = tokens[i + 1].word().expect("a module's name").to_owned();
                    let child = if tokens[i + 2].is('{') {
                        let end = closing(tokens, i + 2);
                        let file = self.modules[module].file.clone();
                        let child = self.module(&file, Some(module));
                        let dir = format!("{dir}{name}/");
                        self.read(child, &tokens[i + 3..end], &dir, sources);
                        i = end + 1;
                        child
                    } else {
                        i += 3;
                        let file = &self.modules[module].file;
                        let beside = file.rsplit_once('/').map_or("", |(dir, _)| dir);
                        let file = match path.take() {
                            Some(path) => plain(&format!("{beside}/{path}")),
                            None => [format!("{dir}{name}.rs"), format!("{dir}{name}/mod.rs")]
                                .into_iter()
                                .find(|file| sources.contains_key(file))
                                .unwrap_or_else(|| panic!("no file for {dir}{name}")),
                        };
                        self.file(&file, &home(&file, false), Some(module), sources)
                    };
                    self.modules[module].children.insert(name, child);
                }
                // `impl Trait + use<>` captures; it imports nothing.
                Some("use") if !tokens[i + 1].is('<') => {
                    let end = i + tokens[i..].iter().position(|t| t.is(';')).expect("an end");
                    // `pub use` and `pub(crate) use`.
                    let before = &tokens[..i];
                    let handed_on = match before.last() {
                        Some(Token::Word(word)) => word == "pub",
                        Some(Token::Sign(')')) => {
                            let open = before.iter().rposition(|t| t.is('('));
                            open.is_some_and(|at| at > 0 && before[at - 1].word() == Some("pub"))
                        }
                        _ => false,
                    };
                    let taken = &mut self.modules[module].taken;
                    use_tree(&tokens[i + 1..end], &[], handed_on, taken);
                    i = end + 1;
                }
                Some(word) => {
                    let mut words = vec![word.to_owned()];
                    let preceded = i > 0 && tokens[i - 1] == Token::Colons;
                    let mut next = i + 1;
                    while tokens.get(next) == Some(&Token::Colons)
                        && let Some(Token::Word(word)) = tokens.get(next + 1)
                    {
                        words.push(word.clone());
                        next += 2;
                    }
                    let module = &mut self.modules[module];
                    if DEFINES.contains(&word) {
                        let named = tokens[next..].iter().find_map(Token::word);
                        module.defined.extend(named.map(str::to_owned));
                    }
                    module.words.extend(words.iter().cloned());
                    if words.len() > 1 && !preceded {
                        module.paths.insert(words);
                    }
                    i = next;
                }
                None => i += 1,
            }
            path = None;
        }
    }

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

/// Where what opens at `open` is closed.
fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0;
    for (i, token) in tokens.iter().enumerate().skip(open) {
        match token {
            Token::Sign('(' | '[' | '{') => depth += 1,
            Token::Sign(')' | ']' | '}') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return i;
        }
    }
    panic!("brackets aren't closed");
}

/// Whether an attribute keeps for tests what follows it.
fn is_test(attribute: &[Token]) -> bool {
    let words: Vec<_> = attribute.iter().filter_map(Token::word).collect();
    words == ["test"]
        || (words.first() == Some(&"cfg") && words.contains(&"test") && !words.contains(&"not"))
}

/// Where the item, field or statement that starts at `start` is over.
fn item_end(tokens: &[Token], start: usize) -> usize {
    // `pub`, `pub(crate)`, `async` and the like stand before what says the kind.
    let kind = tokens[start..].iter().filter_map(Token::word);
    let kind = kind
        .take(6)
        .find(|word| SIMPLE.contains(word) || ITEMS.contains(word));
    let simple = kind.is_some_and(|word| SIMPLE.contains(&word) && word != "mod");
    let mut i = start;
    while let Some(token) = tokens.get(i) {
        match token {
            Token::Sign(';') => return i + 1,
            Token::Sign(',') if kind.is_none() => return i + 1,
            Token::Sign(')' | ']' | '}') => return i,
            Token::Sign('{') if !simple => return closing(tokens, i) + 1,
            Token::Sign('(' | '[' | '{') => i = closing(tokens, i) + 1,
            _ => i += 1,
        }
    }
    i
}

/// The names that a `use` takes: `tokens` are what stands behind `before`.
fn use_tree(tokens: &[Token], before: &[String], handed_on: bool, taken: &mut Vec<Taken>) {
    let mut path = before.to_vec();
    let mut i = 0;
    loop {
        match tokens.get(i) {
            Some(Token::Word(word)) if word == "as" => {
                let name = tokens[i + 1].word().expect("a name");
                taken.last_mut().expect("before it").name = name.to_owned();
                return;
            }
            Some(Token::Word(word)) => {
                // `{self}` is what stands before the braces.
                if word != "self" || path.is_empty() {
                    path.push(word.clone());
                }
                if tokens.get(i + 1) != Some(&Token::Colons) {
                    let name = path.last().expect("just pushed").clone();
                    let path = path.clone();
                    taken.push(Taken {
                        path,
                        name,
                        handed_on,
                    });
                }
                i += 1;
            }
            Some(Token::Sign('*')) => {
                let name = "*".to_owned();
                taken.push(Taken {
                    path,
                    name,
                    handed_on,
                });
                return;
            }
            Some(Token::Sign('{')) => {
                let end = closing(tokens, i);
                let mut rest = &tokens[i + 1..end];
                while !rest.is_empty() {
                    let mut depth = 0;
                    let comma = rest.iter().position(|token| {
                        match token {
                            Token::Sign('{') => depth += 1,
                            Token::Sign('}') => depth -= 1,
                            _ => {}
                        }
                        depth == 0 && token.is(',')
                    });
                    let part = comma.unwrap_or(rest.len());
                    use_tree(&rest[..part], &path, handed_on, taken);
                    rest = &rest[(part + 1).min(rest.len())..];
                }
                return;
            }
            Some(Token::Colons) => i += 1,
            Some(Token::Sign(_) | Token::Text(_)) | None => return,
        }
    }
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
