//! The auditor in Python: its own tests, and that it stays what it is meant to be.

#![allow(missing_docs)]

use protocol::keccak256;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use toolchain::Python;

/// Most lines of the auditor: as much as can be read in one go.
const LINES_MAX: usize = 300;

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("a member of the workspace").to_owned()
}

#[test]
fn it_agrees_with_the_vectors_and_is_fooled_by_nothing() {
    let python = Python::ensure().unwrap_or_else(|error| panic!("{error:#}"));
    let mut tests = python.command();
    let out = tests.args(["-m", "unittest", "-v"]).output();
    let out = out.expect("Python can be run");
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{said}");
    // Without any test it is a success too.
    let ran = said.lines().find_map(|line| line.strip_prefix("Ran "));
    let ran = ran.and_then(|rest| rest.split(' ').next());
    let ran: usize = ran.and_then(|count| count.parse().ok()).unwrap_or_default();
    assert!(ran >= 25, "{said}");
}

#[test]
fn it_can_be_read_in_one_go_and_shares_nothing() {
    let path = root().join("tests/independent/audit.py");
    let text = fs::read_to_string(path).expect("the auditor");
    let lines = text.lines().count();
    assert!(lines <= LINES_MAX, "audit.py has {lines} lines");
    // Python's own modules, and two packages from PyPI for the hashes.
    let used: BTreeSet<_> = text
        .lines()
        .filter_map(|line| {
            let line = line
                .strip_prefix("from ")
                .or(line.strip_prefix("import "))?;
            Some(line.split(" import ").next().unwrap_or(line))
        })
        .flat_map(|names| names.split(", "))
        .map(|name| name.split('.').next().unwrap_or(name))
        .collect();
    let foreign = ["Crypto", "blake3"];
    let own = [
        "argparse",
        "bisect",
        "collections",
        "contextlib",
        "hashlib",
        "http",
        "itertools",
        "json",
        "pathlib",
        "re",
        "struct",
        "sys",
        "urllib",
    ];
    let known: BTreeSet<_> = own.into_iter().chain(foreign).collect();
    assert_eq!(used, known);
}

/// The canonical type of an ABI parameter: tuples in full.
fn canonical(parameter: &Value) -> String {
    let kind = parameter["type"].as_str().expect("a type");
    match kind.strip_prefix("tuple") {
        None => kind.to_owned(),
        Some(array) => {
            let parts = parameter["components"].as_array().expect("a tuple's");
            let parts: Vec<_> = parts.iter().map(canonical).collect();
            format!("({}){array}", parts.join(","))
        }
    }
}

/// Signatures of a contract's functions or events, with what the SPEC calls them: the hash they are found by.
fn signatures(contract: &str, kind: &str) -> BTreeSet<String> {
    let path = root().join(format!("contracts/artifacts/{contract}.json"));
    let text = fs::read_to_string(path).expect("an artifact");
    let artifact: Value = serde_json::from_str(&text).expect("JSON");
    let items = artifact["abi"].as_array().expect("an ABI").iter();
    items
        .filter(|item| item["type"] == kind)
        .map(|item| {
            let inputs = item["inputs"].as_array().expect("inputs");
            let inputs: Vec<_> = inputs.iter().map(canonical).collect();
            format!(
                "{}({})",
                item["name"].as_str().expect("a name"),
                inputs.join(",")
            )
        })
        .collect()
}

/// Without the names of parameters: `f(uint64 a, uint32 b)` is `f(uint64,uint32)`.
fn bare(signature: &str) -> String {
    let (name, parameters) = signature.split_once('(').expect("parameters");
    let parameters = parameters.strip_suffix(')').expect("their end");
    let kinds = parameters.split(", ").map(|one| one.split(' ').next());
    let kinds: Vec<_> = kinds.flatten().collect();
    format!("{name}({})", kinds.join(","))
}

#[test]
fn the_spec_s_calls_and_events_are_the_contracts() {
    let spec = fs::read_to_string(root().join("protocol/SPEC.md")).expect("the spec");
    let section = spec.split("\n## ").find(|text| text.starts_with("13. "));
    let section = section.expect("section 13");
    let mut calls = 0;
    for line in section.lines() {
        let cells: Vec<_> = line.split('`').collect();
        let [
            "| S " | "| R " | "| V " | "| F ",
            signature,
            " | ",
            selector,
            ..,
        ] = cells[..]
        else {
            continue;
        };
        let contract = match &line[2..3] {
            "S" => "Settlement",
            "R" => "NodeRegistry",
            "V" => "RewardVault",
            _ => "ForcedSegments",
        };
        let signature = bare(signature);
        let known = signatures(contract, "function");
        assert!(known.contains(&signature), "{contract} has no {signature}");
        let hash = keccak256(&signature).to_string();
        assert_eq!(hash[2..10], *selector, "{signature}");
        calls += 1;
    }
    assert!(calls >= 15, "the table of section 13 isn't read");
    let events = signatures("Settlement", "event")
        .into_iter()
        .chain(signatures("ForcedSegments", "event"))
        .filter(|event| {
            section.contains(&format!("\n    {}(", event.split('(').next().unwrap_or("")))
        });
    let mut found = 0;
    for event in events {
        let topic = keccak256(&event).to_string();
        assert!(section.contains(&topic[2..]), "{event}: {topic}");
        found += 1;
    }
    assert_eq!(found, 3, "events of section 13");
}
