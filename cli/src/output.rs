//! stdout is the result, stderr everything else.

use anyhow::Result;
use serde::Serialize;
use serde_json::Value;

/// Prints a result: as one JSON document, or a line a field.
pub(crate) fn print(json: bool, result: &impl Serialize) -> Result<()> {
    print_value(json, serde_json::to_value(result)?)
}

/// The same for all results, so that it is compiled once.
#[allow(clippy::print_stdout)]
fn print_value(json: bool, value: Value) -> Result<()> {
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

/// Unix milliseconds as people write them, UTC.
pub(crate) fn time(ms: u64) -> String {
    let (days, seconds) = (ms / 86_400_000, ms / 1000 % 86_400);
    // Howard Hinnant's days to civil, in years that begin in March.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}Z")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, shown) in [
            (0, "1970-01-01 00:00:00Z"),
            (951_782_400, "2000-02-29 00:00:00Z"),
            (1_700_025_200, "2023-11-15 05:13:20Z"),
            (4_107_542_399, "2100-02-28 23:59:59Z"),
            (4_107_542_400, "2100-03-01 00:00:00Z"),
        ] {
            assert_eq!(time(seconds * 1000), shown);
        }
    }
}
