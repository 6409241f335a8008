//! The lists of the evidence that are JSON: probes and refused records. SPEC section 11 has one form for them, to
//! the byte.

use protocol::{FixedBytes, RECORD_BYTES, Record, TicketId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, Read};

/// Longest line of a list: under 424 bytes for a refused record, under 52 for a node's probes.
const LINE_BYTES_MAX: u64 = 424;

/// Blind probes of one node in an epoch: a line of `probes.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeCount {
    /// Registry index.
    pub index: u32,
    /// Probes made.
    pub made: u32,
    /// Of these, answered within the service level.
    pub ok: u32,
}

/// A line of `rejections.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RejectionLine {
    /// Registry index of the node.
    pub index: u32,
    /// The record's ticket.
    pub ticket: TicketId,
    /// Code of SPEC section 5.
    pub code: u16,
    /// Its name.
    pub reason: String,
    /// The record's 140 bytes, with which the refusal can be checked.
    #[serde(with = "record_bytes")]
    pub record: Record,
}

/// A record as hexadecimal digits.
mod record_bytes {
    use super::{FixedBytes, RECORD_BYTES, Record};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(record: &Record, to: S) -> Result<S::Ok, S::Error> {
        FixedBytes(record.to_bytes()).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Record, D::Error> {
        let bytes = FixedBytes::<RECORD_BYTES>::deserialize(from)?;
        Ok(Record::from_bytes(&bytes.0))
    }
}

/// Why a list isn't one.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The file fails.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// Other bytes than such a list has.
    #[error("isn't written as SPEC section 11 has it, from line {line} on: {why}")]
    Form {
        /// From 1.
        line: u64,
        /// What is wrong.
        why: String,
    },
}

/// Reads a list line by line, so that a long one isn't held. What is told before an error is as it should be.
///
/// # Errors
/// If the file can't be read, or isn't written to the byte as it should be.
pub fn for_each<T: DeserializeOwned + Serialize>(
    mut file: impl BufRead,
    mut each: impl FnMut(T),
) -> Result<(), ListError> {
    fn next(file: &mut impl BufRead) -> io::Result<Option<u8>> {
        let mut byte = [0];
        Ok((file.read(&mut byte)? > 0).then_some(byte[0]))
    }
    let form = |line: u64, why: &str| {
        let why = why.to_owned();
        Err(ListError::Form { line, why })
    };
    let mut line = 1;
    if next(&mut file)? != Some(b'[') {
        return form(line, "no list");
    }
    let mut bytes = Vec::new();
    let mut ends = file.fill_buf()?.first() == Some(&b']');
    while !ends {
        bytes.clear();
        // No name or number in a line has a brace in it.
        file.by_ref()
            .take(LINE_BYTES_MAX)
            .read_until(b'}', &mut bytes)?;
        let read: T = match serde_json::from_slice(&bytes) {
            Ok(read) => read,
            Err(error) => return form(line, &error.to_string()),
        };
        if serde_json::to_vec(&read).ok().as_ref() != Some(&bytes) {
            return form(line, "other bytes than its fields have");
        }
        each(read);
        line += 1;
        ends = file.fill_buf()?.first() != Some(&b',');
        if !ends {
            file.consume(1);
        }
    }
    match (next(&mut file)?, next(&mut file)?) {
        (Some(b']'), None) => Ok(()),
        _ => form(line, "neither a line nor the end"),
    }
}

/// Reads a whole list that is written to the byte as it should be.
///
/// # Errors
/// If it isn't.
pub fn canonical<T: DeserializeOwned + Serialize>(bytes: &[u8]) -> Result<Vec<T>, ListError> {
    let mut all = Vec::new();
    for_each(bytes, |line| all.push(line))?;
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn probes(text: &str) -> Option<Vec<ProbeCount>> {
        canonical(text.as_bytes()).ok()
    }

    #[test]
    fn a_list_has_one_form() {
        let line = r#"{"index":1,"made":2,"ok":2}"#;
        let count = |list: Option<Vec<ProbeCount>>| list.map(|list| list.len());
        assert_eq!(count(probes("[]")), Some(0));
        assert_eq!(count(probes(&format!("[{line}]"))), Some(1));
        assert_eq!(count(probes(&format!("[{line},{line}]"))), Some(2));
        for wrong in [
            "".to_owned(),
            "[".to_owned(),
            "[]\n".to_owned(),
            "[],".to_owned(),
            format!("[{line},]"),
            format!("[{line} ]"),
            format!("[{line}"),
            format!("[,{line}]"),
            format!("[{line}{line}]"),
            r#"[{"index": 1,"made":2,"ok":2}]"#.to_owned(),
            r#"[{"made":2,"index":1,"ok":2}]"#.to_owned(),
            r#"[{"index":1,"made":2,"ok":2,"more":3}]"#.to_owned(),
        ] {
            assert_eq!(count(probes(&wrong)), None, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(lines in prop::collection::vec(any::<(u32, u32, u32)>(), 0..9)) {
            let lines: Vec<_> = lines
                .into_iter()
                .map(|(index, made, ok)| ProbeCount { index, made, ok })
                .collect();
            let bytes = serde_json::to_vec(&lines).expect("numbers");
            prop_assert_eq!(canonical::<ProbeCount>(&bytes).ok(), Some(lines));
        }
    }
}
