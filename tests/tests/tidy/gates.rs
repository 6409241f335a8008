//! What holds the gates: one Rust, a fuzz target for each decoder, no test that skips itself.

use crate::{root, sources};
use std::collections::BTreeSet;
use std::fs;

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The string that a file gives a key, `key = "value"`.
fn value(path: &str, key: &str) -> String {
    let text = text(path);
    let found = text.lines().find_map(|line| {
        let rest = line.strip_prefix(key)?.trim_start().strip_prefix('=')?;
        Some(rest.trim().trim_matches('"').to_owned())
    });
    found.unwrap_or_else(|| panic!("{path} has no {key}"))
}

#[test]
fn all_is_built_with_the_minimum_rust() {
    let minimum = value("Cargo.toml", "rust-version");
    let pinned = value("rust-toolchain.toml", "channel");
    let of_pinned = pinned.rsplit_once('.').map(|(minor, _)| minor);
    assert_eq!(of_pinned, Some(&*minimum), "rust-toolchain.toml");
    assert_eq!(value("fuzz/Cargo.toml", "rust-version"), minimum, "fuzz");
}

/// Crates whose decoders of others' bytes have fuzz targets.
const DECODING: [&str; 4] = [
    "protocol/src/",
    "formats/src/",
    "content/body/src/",
    "verifier/bundle/src/",
];
/// Of our own bytes: any 32 are a key, and it comes to nobody who doesn't trust us.
const OWN: [&str; 1] = ["SealKey::from_bytes"];

/// The part of a source before its tests.
fn product(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or_default()
}

/// The type that an `impl` line is for.
fn implemented(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("impl")?;
    let rest = match rest.strip_prefix('<') {
        Some(generic) => generic.split_once("> ")?.1,
        None => rest.trim_start(),
    };
    let named = rest.split_once(" for ").map_or(rest, |(_, named)| named);
    named.split(['<', ' ', '{']).next()
}

/// `Type::from_bytes`, types read by `FromStr`, and frames.
fn decoders() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (path, text) in sources() {
        if !DECODING.iter().any(|start| path.starts_with(start)) || path.contains("test") {
            continue;
        }
        let mut of = "";
        for line in product(&text).lines() {
            of = implemented(line).unwrap_or(of);
            let trimmed = line.trim_start();
            if line.starts_with("impl FromStr for ") {
                found.insert(of.to_owned());
            }
            for name in ["from_bytes", "from_bytes_unordered", "from_json"] {
                if trimmed.starts_with(&format!("pub fn {name}(")) {
                    found.insert(format!("{of}::{name}"));
                }
            }
            let named = trimmed
                .strip_prefix("pub enum ")
                .or_else(|| trimmed.strip_prefix("pub struct "));
            // Everything that frame.rs defines travels, but its errors.
            if path == "protocol/src/frame.rs"
                && let Some(name) = named.and_then(|rest| rest.split([' ', '(']).next())
                && !name.ends_with("Error")
            {
                found.insert(name.to_owned());
            }
        }
    }
    assert!(found.len() > 20, "the decoders aren't found: {found:?}");
    found
}

#[test]
fn each_decoder_of_strangers_bytes_has_a_fuzz_target() {
    let targets: String = sources()
        .into_iter()
        .filter(|(path, _)| path.starts_with("fuzz/src/targets/"))
        .map(|(_, text)| text)
        .collect();
    let missing: Vec<_> = decoders()
        .into_iter()
        .filter(|name| !OWN.contains(&name.as_str()))
        .filter(|name| !targets.contains(name.as_str()))
        .collect();
    assert!(missing.is_empty(), "no fuzz target reads {missing:?}");
    // All public functions of `formats` that take others' bytes or text are named in a target too.
    for module in [
        "address",
        "forwarded",
        "target",
        "range",
        "etag",
        "hls",
        "dash",
        "reference",
        "rewriting",
    ] {
        let source = text(&format!("formats/src/{module}.rs"));
        for line in product(&source).lines() {
            let Some(rest) = line.strip_prefix("pub fn ") else {
                continue;
            };
            let name = rest.split(['(', '<']).next().unwrap_or_default();
            let named = targets.contains(&format!("{module}::{name}"));
            assert!(named, "no fuzz target reads {module}::{name}");
        }
    }
}

#[test]
fn each_fuzz_target_is_in_the_table() {
    let table = text("fuzz/README.md");
    let mut targets = 0;
    for (path, text) in sources() {
        if !path.starts_with("fuzz/src/targets/") {
            continue;
        }
        let names = text
            .lines()
            .filter_map(|line| line.strip_prefix("    name: \""));
        for name in names.filter_map(|rest| rest.split('"').next()) {
            targets += 1;
            assert!(table.contains(&format!("`{name}`")), "{name} isn't there");
        }
    }
    assert!(targets >= 16, "the targets aren't found");
}

#[test]
fn no_test_skips_itself() {
    // In pieces, so that this file has none of them.
    let marks = [
        concat!("#[ig", "nore"),
        concat!("vm.sk", "ip("),
        concat!("skip", "ped: "),
        concat!("skip", "ping"),
    ];
    for (path, text) in sources() {
        for (number, line) in (1..).zip(text.lines()) {
            for mark in marks {
                assert!(!line.contains(mark), "{path}:{number} has {mark}");
            }
        }
    }
    let independent = text("tests/independent/test_audit.py");
    for mark in [
        "unittest.skip",
        "skipTest",
        "skipIf",
        "skipUnless",
        "pytest.skip",
    ] {
        assert!(!independent.contains(mark), "test_audit.py has {mark}");
    }
}

#[test]
fn ci_leaves_out_only_what_may_be() {
    let may_be = text(".ci/may-be-left-out");
    let may_be: BTreeSet<_> = may_be
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let run = text(".ci/run");
    let left_out = run.lines().filter_map(|line| {
        let rest = line.trim_start().strip_prefix("leave_out ")?;
        rest.split_whitespace().next()
    });
    let left_out: BTreeSet<_> = left_out.collect();
    assert_eq!(left_out, may_be, "`leave_out` in .ci/run, and the list");
}
