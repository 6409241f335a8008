//! stdout is the result, stderr everything else.

use anyhow::Result;
use serde::Serialize;
use serde_json::Value;

/// Prints a result: as one JSON document, or a line a field.
#[allow(clippy::print_stdout)]
pub(crate) fn print(json: bool, result: &impl Serialize) -> Result<()> {
    let value = serde_json::to_value(result)?;
    if json {
        println!("{}", serde_json::to_string_pretty(&value)?);
        return Ok(());
    }
    match value {
        Value::Object(fields) => {
            let width = fields.keys().map(String::len).max().unwrap_or(0);
            for (name, value) in fields {
                let name = name.replace('_', " ");
                match value {
                    // A list of things of several fields is read better a line each.
                    Value::Array(items) if items.iter().any(Value::is_object) => {
                        for item in &items {
                            println!("{name:width$}  {}", plain(item));
                        }
                    }
                    value => println!("{name:width$}  {}", plain(&value)),
                }
            }
        }
        other => println!("{}", plain(&other)),
    }
    Ok(())
}

/// Prints one of several results, as JSON on a line of its own.
#[allow(clippy::print_stdout)]
pub(crate) fn line(result: &impl Serialize) -> Result<()> {
    println!("{}", serde_json::to_string(result)?);
    Ok(())
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(" "),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| format!("{name}={}", plain(value));
            format!(
                "{{{}}}",
                fields.iter().map(field).collect::<Vec<_>>().join(" ")
            )
        }
        Value::Null => "none".to_owned(),
        other => other.to_string(),
    }
}

/// Bytes as people read them.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut scaled = count;
    let mut rest = 0;
    while scaled >= 1024 && unit + 1 < UNITS.len() {
        rest = scaled % 1024;
        scaled /= 1024;
        unit += 1;
    }
    match unit {
        0 => format!("{count} B"),
        _ => format!("{scaled}.{} {}", rest * 10 / 1024, UNITS[unit]),
    }
}
