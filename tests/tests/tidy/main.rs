//! What must hold of the repository: who depends on whom, what stays small, what never stays in.

#![allow(missing_docs)]

mod docs;
mod gates;
mod house;
mod rings;
mod seams;

use protocol::Rejection;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const LINES_MAX: usize = 700;
/// Folders that hold nothing we wrote.
const FOREIGN: [&str; 5] = ["target", "node_modules", ".git", "out", "cache"];
/// Whom each of our crates may use, besides the packages of others. The verifier never the prover: builder and
/// checker share the rules only.
const DIRECTIONS: [(&str, &str); 24] = [
    ("protocol", ""),
    ("disk", ""),
    ("host", "disk protocol"),
    ("listener", "host"),
    ("toolchain", ""),
    ("prover", "protocol"),
    ("routing", "protocol"),
    ("transport", "host protocol"),
    ("body", "protocol"),
    ("content", "protocol body disk host"),
    ("contracts", "host protocol disk"),
    ("seal", "protocol"),
    ("formats", "protocol"),
    ("bundle", "protocol"),
    (
        "client",
        "host protocol disk transport content seal formats listener",
    ),
    (
        "node",
        "host protocol disk prover transport content client contracts",
    ),
    (
        "control",
        "host protocol disk routing transport content seal formats contracts listener",
    ),
    (
        "verifier",
        "host protocol bundle disk transport contracts listener",
    ),
    ("lies", "protocol contracts verifier"),
    (
        "testnet",
        "host protocol disk contracts client lies verifier toolchain",
    ),
    (
        "tests",
        "host protocol disk transport content client contracts verifier testnet toolchain",
    ),
    ("xtask", "toolchain"),
    // The one binary.
    (
        "cli",
        "host protocol disk transport content seal client node control formats verifier prover contracts testnet",
    ),
    // A network on one clock: nothing of ours may need it.
    ("sim", "*"),
];

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("a member of the workspace").to_owned()
}

/// Names of what each package of the workspace depends on; with `tests` what only its tests need too.
fn dependencies(tests: bool) -> BTreeMap<String, BTreeSet<String>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let out = Command::new(cargo)
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(root())
        .output()
        .expect("cargo can be run");
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "cargo metadata: {said}");
    let metadata: Value = serde_json::from_slice(&out.stdout).expect("JSON");
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    let packages = metadata["packages"].as_array().expect("packages");
    let names = packages.iter().map(|package| {
        let all = package["dependencies"].as_array().expect("dependencies");
        let kept = all.iter().filter(|one| tests || one["kind"] != "dev");
        (
            text(&package["name"]),
            kept.map(|one| text(&one["name"])).collect(),
        )
    });
    names.collect()
}

/// The short name of a package of ours.
fn ours(name: &str) -> Option<&str> {
    match name {
        "quittance" => Some("cli"),
        _ => name.strip_prefix("quittance-"),
    }
}

#[test]
fn dependencies_point_one_way() {
    let all = dependencies(false);
    let directions = BTreeMap::from(DIRECTIONS);
    for (name, used) in &all {
        let name = ours(name).unwrap_or_else(|| panic!("{name} isn't named as ours are"));
        let allowed = directions.get(name);
        let allowed =
            allowed.unwrap_or_else(|| panic!("DIRECTIONS doesn't say whom {name} may use"));
        for used in used.iter().filter_map(|used| ours(used)) {
            let may = *allowed == "*" || allowed.split(' ').any(|one| one == used);
            assert!(may, "{name} must not use {used}");
        }
    }
    for (name, used) in dependencies(true) {
        assert!(
            !used.contains("quittance-tests"),
            "{name} must not use the tests"
        );
        if name != "quittance-tests" && name != "quittance-xtask" && name != "quittance" {
            assert!(
                !used.contains("quittance-testnet"),
                "{name} must not use testnet"
            );
        }
    }
    // No part of a network can lie.
    let liars = all
        .iter()
        .filter(|(_, used)| used.contains("quittance-lies"));
    let liars: Vec<_> = liars.map(|(name, _)| name.as_str()).collect();
    assert_eq!(liars, ["quittance-testnet"]);
    // Nothing that runs is made for its simulation.
    for (name, used) in dependencies(true) {
        assert!(!used.contains("quittance-sim"), "{name} must not use sim");
        assert!(
            !used.contains("revm") || name == "quittance-sim",
            "{name} must not use revm"
        );
    }
}

#[test]
fn the_protocol_does_no_io() {
    let all = dependencies(false);
    for name in [
        "protocol", "prover", "routing", "seal", "body", "formats", "bundle",
    ] {
        for heavy in [
            "tokio", "quinn", "sled", "reqwest", "alloy", "axum", "rustls",
        ] {
            let used = all[&format!("quittance-{name}")].contains(heavy);
            assert!(!used, "{name} must not use {heavy}");
        }
    }
    let sled = all.iter().filter(|(_, used)| used.contains("sled"));
    let sled: Vec<_> = sled.map(|(name, _)| name.as_str()).collect();
    assert_eq!(sled, ["quittance-node"], "the journal is the node's");
}

fn walk(dir: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(dir).expect("a folder of the repository") {
        let entry = entry.expect("readable");
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if entry.file_type().expect("known").is_dir() {
            if !FOREIGN.contains(&&*name) {
                walk(&path, found);
            }
        } else if [".rs", ".sol"].iter().any(|end| name.ends_with(end)) {
            let shown = path.strip_prefix(root()).expect("within").display();
            let text = fs::read_to_string(&path).expect("sources are UTF-8");
            found.push((shown.to_string(), text));
        }
    }
}

/// Path and text of every source file.
fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    walk(&root(), &mut found);
    assert!(found.len() > 100, "the repository isn't here");
    found
}

#[test]
fn no_file_is_longer_than_a_sitting() {
    let long: Vec<_> = sources()
        .into_iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .collect();
    assert!(long.is_empty(), "over {LINES_MAX} lines: {long:?}");
}

#[test]
fn nothing_is_left_for_later() {
    // In pieces, so that this file has none of them.
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X:"),
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("dbg", "!("),
    ];
    for (path, text) in sources() {
        for (line, text) in (1..).zip(text.lines()) {
            for mark in marks {
                assert!(!text.contains(mark), "{path}:{line} has {mark}");
            }
        }
    }
}

#[test]
fn the_spec_s_table_of_rejections_is_the_code_s() {
    let spec = fs::read_to_string(root().join("protocol/SPEC.md")).expect("the spec");
    let section = spec.split("\n## ").find(|text| text.starts_with("5. "));
    let section = section.expect("section 5");
    let mut stated = BTreeMap::new();
    let mut state = |code: &str, name: &str| {
        if let Ok(code) = code.trim().parse::<u16>() {
            let name = name.trim().trim_matches('`').to_owned();
            assert_eq!(stated.insert(code, name), None, "code {code} twice");
        }
    };
    let table = section.find("| code | reason |").expect("the table");
    for line in section[table..].lines() {
        let cells: Vec<_> = line.split('|').collect();
        if let ["", code, name, _, ""] = cells[..] {
            state(code, name);
        }
    }
    // The last stands in the text: (`not_monotonic`, code 10).
    let (before, after) = section.split_once("`, code ").expect("the last one");
    let name = before.rsplit('`').next().expect("a name");
    let code = after.split(')').next().expect("a code");
    state(code, name);
    let known: BTreeMap<_, _> = Rejection::ALL
        .iter()
        .map(|r| (r.code(), r.name()))
        .collect();
    assert_eq!(stated, known);
}
