//! Steps that are timed: all are run, and what failed is said at the end.

use anyhow::{Result, bail};
use std::time::Instant;

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
        let began = Instant::now();
        let outcome = step();
        if let Err(error) = &outcome {
            eprintln!("error: {error:#}");
        }
        let seconds = began.elapsed().as_secs();
        self.rows.push((name.to_owned(), seconds, outcome.is_ok()));
        outcome.is_ok()
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
