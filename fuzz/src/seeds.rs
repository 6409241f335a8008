//! Seeds: what the targets start from.

use crate::targets::TARGETS;
use serde_json::Value;
use std::fs;
use std::io;
use std::path::Path;

/// Where the golden vectors are.
const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors");
/// Longer ones would only be slow.
const SEED_BYTES_MAX: usize = 64 << 10;

/// Writes the seeds of every target to a folder of its name.
pub(crate) fn write(folder: &Path) -> io::Result<()> {
    for target in TARGETS {
        let mut seeds = (target.seeds)();
        for name in target.vectors {
            let text = fs::read_to_string(format!("{VECTORS}/{name}.json"))?;
            collect(&serde_json::from_str(&text)?, &mut seeds);
        }
        let folder = folder.join(target.name);
        fs::create_dir_all(&folder)?;
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(folder.join(format!("seed-{number}")), seed)?;
        }
    }
    Ok(())
}

/// All strings of hexadecimal digits, as bytes.
fn collect(value: &Value, seeds: &mut Vec<Vec<u8>>) {
    match value {
        Value::String(text) => seeds.extend(bytes(text)),
        Value::Array(all) => all.iter().for_each(|value| collect(value, seeds)),
        Value::Object(all) => all.values().for_each(|value| collect(value, seeds)),
        _ => {}
    }
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x")?.as_bytes();
    if digits.len() > 2 * SEED_BYTES_MAX {
        return None;
    }
    let (pairs, []) = digits.as_chunks::<2>() else {
        return None;
    };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = |[high, low]: &[u8; 2]| Some((digit(*high)? * 16 + digit(*low)?) as u8);
    pairs.iter().map(byte).collect()
}
