//! Reads the sources of a library or program: its modules, what each takes from elsewhere, defines and names.

use std::collections::{BTreeMap, BTreeSet};

/// A source file: its path from the crate's folder on, and its text.
pub(crate) type Sources = BTreeMap<String, String>;

/// The folder in which the modules of the file `path` lie.
pub(super) fn home(path: &str, root: bool) -> String {
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
pub(super) struct Taken {
    pub(super) path: Vec<String>,
    /// As what; `*` for all there is.
    pub(super) name: String,
    /// By `pub use`.
    pub(super) handed_on: bool,
}

#[derive(Debug, Default)]
pub(super) struct Module {
    pub(super) file: String,
    pub(super) parent: Option<usize>,
    pub(super) children: BTreeMap<String, usize>,
    pub(super) taken: Vec<Taken>,
    /// Paths of two words or more in its code.
    pub(super) paths: BTreeSet<Vec<String>>,
    /// All words of its code but those of `use`.
    pub(super) words: BTreeSet<String>,
    pub(super) defined: BTreeSet<String>,
}

#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) modules: Vec<Module>,
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
    pub(super) fn file(
        &mut self,
        path: &str,
        dir: &str,
        parent: Option<usize>,
        sources: &Sources,
    ) -> usize {
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
