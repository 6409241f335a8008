//! Which bytes a `Range` asks for: RFC 9110, section 14.

use std::ops::Range;

/// Ranges in one field; more are refused unread.
const RANGES_MAX: usize = 64;

/// What a `Range` field comes to for a file of a certain size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Everything: another unit than bytes, or several ranges at once, either of which a server may answer
    /// with the whole.
    Whole,
    /// These bytes; never empty.
    Part(Range<u64>),
    /// Nothing that can be given, answered with 416, and why.
    Refused(&'static str),
}

/// Reads a `Range` field's value.
///
/// "A server MUST ignore a Range header field received with \[…\] a range unit it does not understand";
/// invalid ranges it "MAY ignore or reject": they are rejected, since whoever sends one is mistaken.
pub fn asked(value: &[u8], size: u64) -> Asked {
    let Ok(value) = std::str::from_utf8(value) else {
        return Asked::Refused("Range is not ASCII");
    };
    let Some((unit, set)) = value.split_once('=') else {
        return Asked::Refused("Range must look like bytes=0-99, bytes=100- or bytes=-100");
    };
    if !unit.eq_ignore_ascii_case("bytes") {
        return match !unit.is_empty() && unit.bytes().all(is_token) {
            true => Asked::Whole,
            false => Asked::Refused("Range must begin with a unit, as in bytes=0-99"),
        };
    }
    let mut found = None;
    let (mut valid, mut satisfiable) = (0, 0);
    for spec in set.split(',').map(|spec| spec.trim_matches([' ', '\t'])) {
        // "A recipient MUST parse and ignore a reasonable number of empty list elements" (5.6.1.2).
        if spec.is_empty() {
            continue;
        }
        valid += 1;
        if valid > RANGES_MAX {
            return Asked::Refused("Range has more than 64 ranges");
        }
        match one(spec, size) {
            Err(reason) => return Asked::Refused(reason),
            Ok(None) => {}
            Ok(Some(range)) => {
                satisfiable += 1;
                found = Some(range);
            }
        }
    }
    match (valid, satisfiable, found) {
        (0, ..) => Asked::Refused("Range names no range"),
        (_, 0, _) => Asked::Refused("the file has no such bytes"),
        // The last bytes of an empty file are all of it, which no Content-Range can say.
        (_, 1, Some(range)) if range.is_empty() => Asked::Whole,
        (_, 1, Some(range)) => Asked::Part(range),
        _ => Asked::Whole,
    }
}

/// One range; `None` if the file has none of it.
fn one(spec: &str, size: u64) -> Result<Option<Range<u64>>, &'static str> {
    const SHAPE: &str = "each range must look like 0-99, 100- or -100";
    let (first, last) = spec.split_once('-').ok_or(SHAPE)?;
    if first.is_empty() {
        let suffix = number(last).ok_or(SHAPE)?;
        return Ok((suffix > 0).then(|| size.saturating_sub(suffix)..size));
    }
    let first = number(first).ok_or(SHAPE)?;
    let last = match last {
        "" => u64::MAX,
        last => number(last).ok_or(SHAPE)?,
    };
    if last < first {
        return Err("a range ends before it begins");
    }
    Ok((first < size).then(|| first..last.saturating_add(1).min(size)))
}

/// Digits; a number too large to be one of ours becomes the largest.
fn number(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_are_read_as_rfc_9110_says() {
        let part = Asked::Part;
        for (value, size, expected) in [
            ("bytes=0-0", 10, part(0..1)),
            ("bytes=0-9", 10, part(0..10)),
            ("bytes=0-", 10, part(0..10)),
            ("bytes=9-", 10, part(9..10)),
            ("bytes=2-5", 10, part(2..6)),
            ("Bytes=2-5", 10, part(2..6)),
            ("bytes=5-99", 10, part(5..10)),
            ("bytes=5-99999999999999999999999999", 10, part(5..10)),
            ("bytes=-3", 10, part(7..10)),
            ("bytes=-10", 10, part(0..10)),
            ("bytes=-99", 10, part(0..10)),
            ("bytes=-99999999999999999999999999", 10, part(0..10)),
            ("bytes= 2-5 ,", 10, part(2..6)),
            ("bytes=,,2-5", 10, part(2..6)),
            // Of several, those the file has count.
            ("bytes=20-30, 2-5", 10, part(2..6)),
            ("bytes=0-1, 4-5", 10, Asked::Whole),
            ("bytes=0-1,0-1", 10, Asked::Whole),
            ("seconds=1-2", 10, Asked::Whole),
            ("bytes=-5", 0, Asked::Whole),
        ] {
            assert_eq!(asked(value.as_bytes(), size), expected, "{value} of {size}");
        }
    }

    #[test]
    fn what_is_no_range_or_not_there_is_refused() {
        let long = format!("bytes={}", "0-1,".repeat(65));
        for value in [
            "bytes=10-",
            "bytes=10-12",
            "bytes=-0",
            "bytes=99999999999999999999999999-",
            "bytes=5-2",
            "bytes=0-1,5-2",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=a-b",
            "bytes=1",
            "bytes=+1-2",
            "bytes=1-2-3",
            "bytes=0x1-2",
            "bytes=1 - 2",
            "bytes =0-1",
            "=0-1",
            "0-1",
            "",
            &long,
        ] {
            let refused = matches!(asked(value.as_bytes(), 10), Asked::Refused(_));
            assert!(refused, "{value}");
        }
        assert!(matches!(asked(b"bytes=0-", 0), Asked::Refused(_)));
        assert!(matches!(asked(b"bytes=\xff-", 9), Asked::Refused(_)));
    }

    proptest! {
        #[test]
        fn a_part_is_always_within_the_file(value: Vec<u8>, size: u64) {
            let _ = asked(&value, size);
        }

        #[test]
        fn numbers_of_any_size_stay_within_the_file(first: Option<u64>, last: Option<u64>, size: u64) {
            let text = |n: Option<u64>| n.map(|n| n.to_string()).unwrap_or_default();
            let value = format!("bytes={}-{}", text(first), text(last));
            if let Asked::Part(range) = asked(value.as_bytes(), size) {
                prop_assert!(range.start < range.end && range.end <= size);
            }
        }
    }
}
