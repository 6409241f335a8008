//! The one generator of `tests/vectors/*.json`: the golden vectors that Rust and Solidity both read.
//!
//! `cargo run -p quittance-prover --example vectors` writes them, with `--check` it compares what is on
//! disk instead. Everything is derived from fixed seeds. The readers (`protocol/tests/vectors.rs`, the
//! contracts' tests and others) recompute each value from the fields, so a change of a rule shows here first.

mod deliveries;
mod epoch;
mod evidence;
mod leaves;
mod manifests;
mod reasons;
mod scene;
mod seals;
mod times;
mod tokens;
mod trees;
mod values;

use serde_json::Value;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let check = match std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => false,
        [flag] if flag == "--check" => true,
        _ => {
            eprintln!("usage: vectors [--check]");
            return ExitCode::from(2);
        }
    };
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors");
    let files: [(&str, Value); 15] = [
        ("merkle", trees::merkle()),
        ("node_leaf", leaves::node_leaf()),
        ("bill_leaf", leaves::bill_leaf()),
        ("charge_leaf", leaves::charge_leaf()),
        ("attestation", leaves::attestation()),
        ("registration", leaves::registration()),
        ("epoch", epoch::epoch()),
        ("evidence", evidence::evidence()),
        ("ticket", deliveries::ticket()),
        ("receipt", deliveries::receipt()),
        ("segment", deliveries::segment()),
        ("manifest", manifests::manifest()),
        ("seal", seals::seal()),
        ("timeline", times::timeline()),
        ("token", tokens::token_vectors()),
    ];
    let mut failed = false;
    for (name, value) in files {
        let path = directory.join(format!("{name}.json"));
        let outcome = if check {
            compare(&path, &value)
        } else {
            write(&path, &value)
        };
        if let Err(error) = outcome {
            eprintln!("{}: {error}", path.display());
            failed = true;
        }
    }
    ExitCode::from(u8::from(failed))
}

fn write(path: &Path, value: &Value) -> Result<(), Box<dyn std::error::Error>> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    Ok(std::fs::write(path, text)?)
}

/// Compares values, not text: the order of keys is serde_json's business.
fn compare(path: &Path, value: &Value) -> Result<(), Box<dyn std::error::Error>> {
    let found: Value = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    if found == *value {
        Ok(())
    } else {
        Err("differs from what the rules give now; run the generator without --check".into())
    }
}
