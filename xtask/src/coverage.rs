//! Coverage of the rules of node and control plane by their own unit and property tests: `rustc` counts, its LLVM tools read.
//!
//! Only the crate that is looked at is built to count, so that all that it stands on stays as it was built.

use crate::run::{cargo_command, root, show};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder of rules, and the package whose tests are to cover it.
#[derive(Debug, Clone, Copy)]
struct House {
    rules: &'static str,
    package: &'static str,
    folder: &'static str,
}

/// What is looked at.
const HOUSES: [House; 2] = [
    House {
        rules: "node/src/rules/",
        package: "quittance-node",
        folder: "node",
    },
    House {
        rules: "control/src/rules/",
        package: "quittance-control",
        folder: "control",
    },
];
/// The tests that are to cover them.
const TESTS: &str = "rules::";
/// Least part of lines, and of branches, that tests reach: percent.
const PERCENT_MIN: usize = 95;
/// The line at which a file's tests begin. They cover themselves, so they don't count.
const TESTS_BEGIN: &str = "mod tests {";

/// How many there are of something, and how many of them tests reach.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Part {
    reached: usize,
    all: usize,
}

impl Part {
    fn count(&mut self, is_reached: bool) {
        self.all += 1;
        self.reached += usize::from(is_reached);
    }

    fn is_enough(self) -> bool {
        self.reached * 100 >= self.all * PERCENT_MIN
    }

    fn shown(self) -> String {
        match self.all {
            0 => "-".into(),
            all => {
                let percent = self.reached as f64 * 100.0 / all as f64;
                format!("{}/{all} {percent:.1} %", self.reached)
            }
        }
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Covered {
    lines: Part,
    branches: Part,
    /// Lines that no test reaches, and those with a branch that none takes.
    missed: Vec<usize>,
}

/// Measures, prints a row a file, and fails where a file is covered too little. With `branches` in a folder of its
/// own: stable Rust counts them only when told to be lenient, and what asks whether it is would be built anew.
pub(crate) fn coverage(branches: bool) -> Result<()> {
    let measured = HOUSES.map(|house| measure(house, branches));
    // All are shown before the first that is covered too little ends it.
    measured.into_iter().collect()
}

fn measure(house: House, branches: bool) -> Result<()> {
    let tools = tools()?;
    let place = root().join("target/coverage");
    fs::create_dir_all(&place)?;
    let program = build(house, branches, &place)?;
    let name = house.package;
    let raw = place.join(format!("{name}.profraw"));
    let merged = place.join(format!("{name}.profdata"));
    let mut tests = Command::new(&program);
    tests.arg(TESTS).current_dir(root().join(house.folder));
    show_with(tests, "LLVM_PROFILE_FILE", &raw)?;
    let mut merge = Command::new(tools.join("llvm-profdata"));
    merge.arg("merge").arg("-o").arg(&merged).arg(&raw);
    show(merge)?;
    let exported = Command::new(tools.join("llvm-cov"))
        .args(["export", "--format=lcov"])
        .arg(format!("--instr-profile={}", merged.display()))
        .arg(&program)
        .output()?;
    ensure!(exported.status.success(), "llvm-cov can't read the profile");
    let trace = String::from_utf8(exported.stdout)?;
    let files = read(&trace, house.rules, |path| Ok(fs::read_to_string(path)?))?;
    ensure!(!files.is_empty(), "nothing of {} was built", house.rules);
    print(&files, branches)
}

fn print(files: &BTreeMap<String, Covered>, branches: bool) -> Result<()> {
    println!(
        "{:<16} {:>18} {:>16}  not reached",
        "rule", "lines", "branches"
    );
    let mut little = Vec::new();
    for (name, covered) in files {
        let (lines, taken) = (covered.lines.shown(), covered.branches.shown());
        let missed: Vec<_> = covered.missed.iter().map(usize::to_string).collect();
        println!("{name:<16} {lines:>18} {taken:>16}  {}", missed.join(" "));
        let enough = covered.lines.is_enough() && (!branches || covered.branches.is_enough());
        if !enough {
            little.push(name.as_str());
        }
    }
    let little = little.join(", ");
    ensure!(
        little.is_empty(),
        "covered less than {PERCENT_MIN} %: {little}"
    );
    Ok(())
}

/// Where rustup puts LLVM's tools.
fn tools() -> Result<PathBuf> {
    let ask = |what: &[&str]| -> Result<String> {
        let out = Command::new("rustc")
            .args(what)
            .current_dir(root())
            .output()?;
        Ok(String::from_utf8(out.stdout)?)
    };
    let host = ask(&["-vV"])?;
    let host = host.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.context("rustc doesn't say its host")?;
    let sysroot = ask(&["--print", "sysroot"])?;
    let tools = Path::new(sysroot.trim())
        .join("lib/rustlib")
        .join(host)
        .join("bin");
    let there = tools.join("llvm-cov").exists();
    ensure!(there, "no llvm-cov: run `rustup component add llvm-tools`");
    Ok(tools)
}

/// Builds the tests of the package so that they count; gives the program.
fn build(house: House, branches: bool, place: &Path) -> Result<PathBuf> {
    let mut command = cargo_command();
    command.args([
        "rustc",
        "--locked",
        "-p",
        house.package,
        "--lib",
        "--profile",
        "test",
    ]);
    command.arg("--message-format=json-render-diagnostics");
    if branches {
        command.arg("--target-dir").arg(place);
        command.env("RUSTC_BOOTSTRAP", "1");
    }
    command.args(["--", "-Cinstrument-coverage"]);
    if branches {
        command.arg("-Zcoverage-options=branch");
    }
    command.stderr(std::process::Stdio::inherit());
    let out = command.output()?;
    ensure!(
        out.status.success(),
        "the tests of {} can't be built",
        house.package
    );
    let said = String::from_utf8(out.stdout)?;
    let mut programs = said.lines().filter_map(|line| {
        let (_, path) = line.split_once("\"executable\":\"")?;
        Some(PathBuf::from(path.split_once('"')?.0))
    });
    programs
        .next_back()
        .context("cargo doesn't say what it built")
}

fn show_with(mut command: Command, name: &str, value: &Path) -> Result<()> {
    command.env(name, value);
    show(command)
}

/// What an lcov trace says of the rules, without their tests, by file name. `source` reads a file.
fn read(
    trace: &str,
    rules: &str,
    source: impl Fn(&str) -> Result<String>,
) -> Result<BTreeMap<String, Covered>> {
    let mut files = BTreeMap::new();
    for record in trace.split("end_of_record") {
        let mut lines = record.trim_start().lines();
        let path = lines.next().and_then(|line| line.strip_prefix("SF:"));
        let Some((path, (_, name))) = path.and_then(|path| Some((path, path.split_once(rules)?)))
        else {
            continue;
        };
        let text = source(path)?;
        let tests = text.lines().position(|line| line == TESTS_BEGIN);
        let tests = tests.map_or(usize::MAX, |before| before + 1);
        let mut covered = Covered::default();
        for line in lines {
            let (what, numbers) = line.split_once(':').unwrap_or((line, ""));
            let numbers: Vec<_> = numbers.split(',').collect();
            let (part, count) = match (what, &numbers[..]) {
                ("DA", [_, count, ..]) => (&mut covered.lines, count),
                ("BRDA", [_, _, _, count]) => (&mut covered.branches, count),
                _ => continue,
            };
            let at: usize = numbers[0].parse()?;
            if at < tests {
                let is_reached = !["0", "-"].contains(count);
                part.count(is_reached);
                if !is_reached {
                    covered.missed.push(at);
                }
            }
        }
        covered.missed.sort_unstable();
        covered.missed.dedup();
        // What only tests, or helps tests, has nothing else.
        if name != "testing.rs" && !name.ends_with("tests.rs") {
            files.insert(name.to_owned(), covered);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "\
SF:/somewhere/node/src/rules/pause.rs
BRDA:2,0,0,4
BRDA:2,0,1,0
DA:1,3
DA:2,4
DA:3,0
DA:5,0
end_of_record
SF:/somewhere/node/src/wire/give.rs
DA:1,0
end_of_record
";

    #[test]
    fn tests_of_a_rule_and_what_is_no_rule_don_t_count() {
        let source = |_: &str| Ok("fn one() {\nif it {}\n}\nmod tests {\n}\n".to_owned());
        let files = read(TRACE, HOUSES[0].rules, source).expect("a good trace");
        let expected = Covered {
            lines: Part { reached: 2, all: 3 },
            branches: Part { reached: 1, all: 2 },
            missed: vec![2, 3],
        };
        assert_eq!(files, BTreeMap::from([("pause.rs".to_owned(), expected)]));
        assert!(print(&files, false).is_err(), "66 % of lines");
    }

    #[test]
    fn nineteen_of_twenty_are_enough() {
        assert!(
            Part {
                reached: 19,
                all: 20
            }
            .is_enough()
        );
        assert!(
            !Part {
                reached: 18,
                all: 19
            }
            .is_enough()
        );
        assert!(Part::default().is_enough(), "nothing to cover");
    }
}
