//! All fuzz targets in one libFuzzer binary, so that one is linked: `QUITTANCE_FUZZ` says which is meant.
//!
//! | `QUITTANCE_FUZZ` | |
//! |---|---|
//! | a target's name | libFuzzer runs it |
//! | `list` | prints the targets' names |
//! | `seeds=FOLDER` | writes the seeds of every target, made of the golden vectors, to `FOLDER/NAME` |
//!
//! `cargo xtask fuzz` does all of it. What a target looks for: panics, overflows, and bytes that aren't written the
//! way they were read.

#![no_main]

mod seeds;
mod target;
mod targets;

use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;
use targets::TARGETS;

/// Says which target is meant.
const VARIABLE: &str = "QUITTANCE_FUZZ";

static MEANT: OnceLock<fn(&[u8])> = OnceLock::new();

#[expect(
    clippy::disallowed_methods,
    reason = "libFuzzer has the main function: there is none of ours to return from"
)]
fn choose() {
    let wanted = std::env::var(VARIABLE).unwrap_or_default();
    if wanted == "list" {
        for target in TARGETS {
            println!("{}", target.name);
        }
        std::process::exit(0);
    }
    if let Some(folder) = wanted.strip_prefix("seeds=") {
        if let Err(error) = seeds::write(folder.as_ref()) {
            eprintln!("cannot write the seeds: {error}");
            std::process::exit(1);
        }
        std::process::exit(0);
    }
    let Some(target) = TARGETS.iter().find(|target| target.name == wanted) else {
        eprintln!("{VARIABLE} names no target: {wanted:?}");
        std::process::exit(2);
    };
    MEANT.get_or_init(|| target.run);
}

fuzz_target!(init: choose(), |bytes: &[u8]| {
    if let Some(run) = MEANT.get() {
        run(bytes);
    }
});
