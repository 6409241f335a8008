//! The documents' commands and config files: each is one that this binary takes.

use crate::{Cli, contracts_admin, control, node, verifier};
use clap::{CommandFactory, Parser};
use serde::de::DeserializeOwned;
use std::fs;
use std::path::Path;

/// What stands in the documents for something of a reader's own.
const VARIABLES: [(&str, &str); 21] = [
    ("$QUITTANCE_SETTLEMENT", ADDRESS),
    ("$QUITTANCE_EVIDENCE", "https://verifier.example"),
    ("$QUITTANCE_RPC", "https://rpc.example"),
    ("$NEW_VERIFIER", ADDRESS),
    ("$SETTLED", "3"),
    ("$EPOCH", "3"),
    ("$SETTLEMENT", ADDRESS),
    ("$VERIFIER_URL", "http://127.0.0.1:8090"),
    ("$CONTROL_URL", "http://127.0.0.1:8080"),
    ("$ADMIN_URL", "http://127.0.0.1:8081"),
    ("$NEW_ISSUER", KEY),
    ("$TOKEN_HASH", KEY),
    ("$COMMITTER", ADDRESS),
    ("$VERIFIER", ADDRESS),
    ("$EVIDENCE", "https://verifier.example"),
    ("$ISSUER", KEY),
    ("$CLIENT", KEY),
    ("$STUDIO", ADDRESS),
    ("$TICKET", "5:0:17"),
    ("$NODE", KEY),
    ("$RPC", "https://rpc.example"),
];
const ADDRESS: &str = "0x2222222222222222222222222222222222222222";
const KEY: &str = "0x4444444444444444444444444444444444444444444444444444444444444444";

/// Path and text of each document with commands.
fn documents() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut paths = vec!["README.md".to_owned(), "testnet/README.md".to_owned()];
    for entry in fs::read_dir(root.join("docs")).expect("the documents") {
        let name = entry.expect("readable").file_name();
        let name = name.to_string_lossy();
        if name.ends_with(".md") {
            paths.push(format!("docs/{name}"));
        }
    }
    let read = |path: String| {
        let text = fs::read_to_string(root.join(&path)).expect("a document");
        (path, text)
    };
    paths.into_iter().map(read).collect()
}

/// The fenced blocks of a language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}");
    let begun = text.split(&*fence).skip(1);
    let whole = begun.filter_map(|rest| rest.split_once("\n```"));
    // The rest of the fence's line is the block's name.
    let bodies = whole.filter_map(|(block, _)| block.split_once('\n'));
    bodies.map(|(_, body)| body).collect()
}

/// Calls of the binary, as words; what a shell would do besides is left out.
fn commands(block: &str) -> Vec<Vec<String>> {
    let lines = block.replace("\\\n", " ");
    let mut found = Vec::new();
    for line in lines.lines() {
        let line = line.replace("cargo run --release -- ", "quittance ");
        let Some(at) = line.find("quittance ") else {
            continue;
        };
        if at > 0 && !line[..at].ends_with("$(") {
            continue;
        }
        let call = line[at..].split([')', '|', '>']).next().unwrap_or_default();
        let call = call.split(" #").next().unwrap_or_default();
        let replace = |call: String, (name, value): &(&str, &str)| call.replace(name, value);
        let call = VARIABLES.iter().fold(call.to_owned(), replace);
        assert!(!call.contains('$'), "what is the variable in {call:?}?");
        let words = call.split_whitespace();
        found.push(words.map(|word| word.replace(['\'', '"'], "")).collect());
    }
    found
}

/// Of which command a config file may be, by its name.
fn is_for(config: &str, words: &[&str]) -> bool {
    let name = Path::new(config).file_stem().expect("a file's name");
    match (name.to_string_lossy().trim_end_matches("-0"), words) {
        ("deploy", ["contracts", "deploy", ..])
        | ("control", ["control", "run", ..])
        | ("verifier", ["verifier", "run", ..])
        | ("node", ["node", ..]) => true,
        ("admin", ["contracts", command, ..]) => !["deploy", "verify"].contains(command),
        _ => false,
    }
}

#[test]
fn every_command_in_the_documents_is_one() {
    Cli::command().debug_assert();
    let mut tried = 0;
    for (path, text) in documents() {
        for command in blocks(&text, "sh").into_iter().flat_map(commands) {
            let shown = command.join(" ");
            if let Err(error) = Cli::try_parse_from(&command) {
                panic!("{path}: {shown}\n{error}");
            }
            let words: Vec<_> = command.iter().skip(1).map(String::as_str).collect();
            if let Some(at) = words.iter().position(|word| *word == "--config") {
                assert!(
                    is_for(words[at + 1], &words),
                    "{path}: {shown}: another's file"
                );
            }
            tried += 1;
        }
    }
    assert!(tried > 60, "only {tried} commands were found");
}

#[test]
fn every_config_file_in_the_documents_is_taken_by_its_command() {
    fn check<T: DeserializeOwned>(path: &str, block: &str) {
        if let Err(error) = toml::from_str::<T>(block) {
            panic!("{path}: {block}\n{error}");
        }
    }
    let mut tried = 0;
    for (path, text) in documents() {
        for block in blocks(&text, "toml") {
            let name = block.lines().next().unwrap_or_default();
            match name.trim_start_matches("# ").trim_start_matches("part of ") {
                "deploy.toml" => check::<contracts_admin::DeploySettings>(&path, block),
                "admin.toml" => check::<contracts_admin::acting::AdminSettings>(&path, block),
                "control.toml" => check::<control::ControlSettings>(&path, block),
                "verifier.toml" => check::<verifier::VerifierSettings>(&path, block),
                "node.toml" => check::<node::args::NodeSettings>(&path, block),
                _ => panic!("{path}: whose is this file?\n{block}"),
            }
            tried += 1;
        }
    }
    assert!(tried > 5, "only {tried} files were found");
}
