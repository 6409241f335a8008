//! What is changed: mutations that cargo-mutants lists, in an order that a seed draws, and patches that stay.

use crate::run::{cargo_command, root, show};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// The tool, and the version that the list is drawn from: another lists others.
const TOOL: &str = "cargo-mutants";
const VERSION: &str = "27.1.0";
/// The files whose decisions are changed.
const RULES: &str = "**/src/**/rules/**";
/// The same where no folder is between `src` and `rules`.
const RULES_ABOVE: &str = "**/src/rules/**";
/// Patches that are judged in each run.
const PATCHES: &str = "sim/mutants";

/// A change of the sources.
#[derive(Debug)]
pub(crate) struct Mutant {
    /// Its file and what is changed there; the patch's path, of one that stays.
    pub(crate) name: String,
    /// What `git apply` takes.
    pub(crate) patch: String,
}

/// As cargo-mutants lists it.
#[derive(Debug, Deserialize)]
struct Listed {
    name: String,
    file: String,
    diff: String,
}

/// All mutations of rules, in the order of a seed.
///
/// # Errors
/// If cargo-mutants can't be installed, or lists nothing.
pub(crate) fn draw(seed: u64) -> Result<Vec<Mutant>> {
    let mut tool = Command::new(tool()?);
    tool.args([
        "mutants",
        "--workspace",
        "--no-config",
        "--list",
        "--json",
        "--diff",
    ]);
    tool.args(["-f", RULES, "-f", RULES_ABOVE])
        .current_dir(root());
    let listed = tool.output().context("cannot run cargo-mutants")?;
    ensure!(
        listed.status.success(),
        "cargo-mutants lists nothing: {}",
        String::from_utf8_lossy(&listed.stderr)
    );
    let listed: Vec<Listed> = serde_json::from_slice(&listed.stdout)?;
    ensure!(!listed.is_empty(), "cargo-mutants finds no rules");
    let mut mutants = named(listed);
    let mut dice = Dice(seed);
    for at in (1..mutants.len()).rev() {
        mutants.swap(at, dice.below(at + 1));
    }
    Ok(mutants)
}

/// Names without lines and columns, which move: of several of one name in a file each has its number.
fn named(listed: Vec<Listed>) -> Vec<Mutant> {
    let mut seen = BTreeMap::<String, u32>::new();
    let named = listed.into_iter().map(|listed| {
        let what = listed.name.rsplit_once(": ").map_or("", |(_, what)| what);
        let mut name = format!("{}: {what}", listed.file);
        let times = seen.entry(name.clone()).or_default();
        *times += 1;
        if *times > 1 {
            name = format!("{name} ({times})");
        }
        // Its head says in words what is changed, where a patch has the file's name.
        let body = listed.diff.splitn(3, '\n').nth(2).unwrap_or_default();
        let file = &listed.file;
        let patch = format!("--- a/{file}\n+++ b/{file}\n{body}");
        Mutant { name, patch }
    });
    named.collect()
}

/// The patches that stay, by name.
///
/// # Errors
/// If they can't be read.
pub(crate) fn permanent() -> Result<Vec<Mutant>> {
    let folder = root().join(PATCHES);
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.retain(|name| name.ends_with(".patch"));
    names.sort_unstable();
    let read = names.into_iter().map(|name| {
        let patch = fs::read_to_string(folder.join(&name))?;
        Ok(Mutant {
            name: format!("{PATCHES}/{name}"),
            patch,
        })
    });
    read.collect()
}

/// The tool, installed into target/tools if it isn't there.
fn tool() -> Result<PathBuf> {
    let place = root().join("target/tools");
    let tool = place.join("bin").join(TOOL);
    let is_there = |tool: &PathBuf| {
        let said = Command::new(tool).args(["mutants", "--version"]).output();
        said.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).contains(VERSION))
    };
    for found in [PathBuf::from(TOOL), tool.clone()] {
        if is_there(&found) {
            return Ok(found);
        }
    }
    eprintln!("installing {TOOL} {VERSION} into {}", place.display());
    let mut install = cargo_command();
    install.args(["install", TOOL, "--version", VERSION, "--locked"]);
    install.arg("--root").arg(&place);
    show(install)?;
    Ok(tool)
}

/// Numbers that a seed decides: splitmix64, which is enough for a draw.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) % end as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mutation_is_named_without_its_line_and_its_diff_becomes_a_patch() {
        let listed = |line| Listed {
            name: format!("a/src/rules/b.rs:{line}:9: replace < with <= in C::d"),
            file: "a/src/rules/b.rs".into(),
            diff: "--- a/src/rules/b.rs\n+++ replace < with <= in C::d\n@@ -1 +1 @@\n-x\n+y\n"
                .into(),
        };
        let mutants = named(vec![listed(1), listed(7)]);
        assert_eq!(
            mutants[0].name,
            "a/src/rules/b.rs: replace < with <= in C::d"
        );
        assert_eq!(
            mutants[1].name,
            "a/src/rules/b.rs: replace < with <= in C::d (2)"
        );
        let patch = "--- a/a/src/rules/b.rs\n+++ b/a/src/rules/b.rs\n@@ -1 +1 @@\n-x\n+y\n";
        assert_eq!(mutants[0].patch, patch);
    }
}
