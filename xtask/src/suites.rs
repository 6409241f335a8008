//! Steps that are timed: all are run, and what failed is said at the end.

use anyhow::{Result, bail, ensure};
use std::io::{BufRead, BufReader, pipe};
use std::process::Command;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How often is looked whether cargo has ended, while nothing is said.
const LOOK: Duration = Duration::from_secs(1);

/// Steps of a task, and how long each took.
pub(crate) struct Suites {
    rows: Vec<(String, u64, bool)>,
}

impl Suites {
    pub(crate) fn new() -> Self {
        Self { rows: Vec::new() }
    }

    /// Runs a step; whether it went well.
    pub(crate) fn run(&mut self, name: &str, step: impl FnOnce() -> Result<()>) -> bool {
        #[expect(clippy::disallowed_methods, reason = "how long a suite took is told")]
        let began = Instant::now();
        let outcome = step();
        if let Err(error) = &outcome {
            eprintln!("error: {error:#}");
        }
        let seconds = began.elapsed().as_secs();
        self.rows.push((name.to_owned(), seconds, outcome.is_ok()));
        outcome.is_ok()
    }

    /// Runs `cargo test`, and adds a row for each program of tests: what cargo says is shown as it comes.
    ///
    /// # Errors
    /// If it can't be run, or a test fails.
    pub(crate) fn tests(&mut self, mut command: Command) -> Result<()> {
        // One pipe for both, so that lines keep their order.
        let (reader, writer) = pipe()?;
        command.stdout(writer.try_clone()?).stderr(writer);
        let mut running = command.spawn()?;
        // Its ends of the pipe go, or reading would never end.
        drop(command);
        let (said, heard) = channel();
        thread::spawn(move || {
            for line in BufReader::new(reader).split(b'\n') {
                let Ok(line) = line else { break };
                if said.send(line).is_err() {
                    break;
                }
            }
        });
        let mut name = String::new();
        loop {
            let line = match heard.recv_timeout(LOOK) {
                // Tests may print what isn't text.
                Ok(line) => String::from_utf8_lossy(&line).into_owned(),
                // What a test left running may hold the pipe open for ever: cargo's end is the end.
                Err(RecvTimeoutError::Timeout) if running.try_wait()?.is_none() => continue,
                Err(_) => break,
            };
            println!("{line}");
            name = program(&line).unwrap_or(name);
            if let Some((ok, seconds)) = result(&line) {
                self.rows.push((name.clone(), seconds, ok));
            }
        }
        ensure!(running.wait()?.success(), "tests failed");
        Ok(())
    }

    /// Prints the table.
    ///
    /// # Errors
    /// If a step failed; the message names each.
    pub(crate) fn end(self) -> Result<()> {
        println!("\n{:<24} {:>8}", "suite", "seconds");
        for (name, seconds, ok) in &self.rows {
            let failed = if *ok { "" } else { "  failed" };
            println!("{name:<24} {seconds:>8}{failed}");
        }
        let total: u64 = self.rows.iter().map(|(_, seconds, _)| seconds).sum();
        println!("{:<24} {total:>8}", "all");
        let failed = self.rows.iter().filter(|(.., ok)| !ok);
        let failed: Vec<_> = failed.map(|(name, ..)| name.as_str()).collect();
        if !failed.is_empty() {
            bail!("failed: {}", failed.join(", "));
        }
        Ok(())
    }
}

/// What cargo says that it runs: `Running tests/a.rs (target/debug/deps/a-0123)`, `Doc-tests quittance_node`.
fn program(line: &str) -> Option<String> {
    let line = line.trim();
    if let Some(name) = line.strip_prefix("Doc-tests ") {
        return Some(format!("{name} (docs)"));
    }
    let (what, path) = line.strip_prefix("Running ")?.split_once(" (")?;
    let file = path.trim_end_matches(')').rsplit('/').next()?;
    let stem = file.rsplit_once('-').map_or(file, |(stem, _)| stem);
    let unit = what.starts_with("unittests");
    Some(format!("{stem}{}", if unit { " (unit)" } else { "" }))
}

/// Whether a program's tests went well, and how many seconds they took.
fn result(line: &str) -> Option<(bool, u64)> {
    let rest = line.strip_prefix("test result: ")?;
    let seconds = rest.rsplit_once("finished in ")?.1.strip_suffix('s')?;
    let seconds: f64 = seconds.parse().ok()?;
    Some((rest.starts_with("ok"), seconds.round() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_s_lines_are_read() {
        let unit = "     Running unittests src/lib.rs (target/debug/deps/quittance_node-01ab)";
        assert_eq!(program(unit).as_deref(), Some("quittance_node (unit)"));
        let own = "     Running tests/system/main.rs (target/debug/deps/system-01ab)";
        assert_eq!(program(own).as_deref(), Some("system"));
        assert_eq!(program("test a ... ok"), None);
        let ok = "test result: ok. 2 passed; 0 failed; 0 ignored; finished in 61.50s";
        assert_eq!(result(ok), Some((true, 62)));
        let failed = "test result: FAILED. 1 passed; 1 failed; finished in 0.00s";
        assert_eq!(result(failed), Some((false, 0)));
    }
}
