//! `evidence.json`: the evidence of `epoch.json`, changed in many ways, each with the verdict that SPEC section 11
//! has for it. Whoever writes an auditor can see by them how strict it has to be.
//!
//! The verdicts are stated here, from the SPEC alone, and no auditor's: ours and the one in Python are held
//! against them.

use crate::epoch;
use crate::scene::{EPOCH, ISSUER};
use crate::values::hex;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const TRUE: &str = "true";
const FALSE: &str = "false";
const NOT_JUDGED: &str = "not_judged";

type Files = BTreeMap<String, Vec<u8>>;

/// A file whose entries have the same size: of which the header, and where their fields begin.
struct Layout {
    header: usize,
    fields: &'static [usize],
}

impl Layout {
    fn of(name: &str) -> Option<Self> {
        let (header, fields): (_, &[usize]) = match name.rsplit_once('.')?.1 {
            "qtree" => (48, &[0, 4, 36, 43, 47, 51, 55, 59, 63, 67, 83, 99]),
            "qbil" => (48, &[0, 4, 24, 28, 44, 60]),
            "qchg" => (48, &[0, 4, 8, 40, 55, 71, 87, 103, 118, 122]),
            "qlog" => (
                52,
                &[0, 28, 36, 40, 44, 76, 108, 140, 160, 192, 200, 208, 216],
            ),
            "qseg" => (80, &[0, 8, 12, 16, 48, 52, 60, 64, 68, 76, 108, 140]),
            _ => return None,
        };
        Some(Self { header, fields })
    }

    fn entry(&self) -> usize {
        self.fields[self.fields.len() - 1]
    }
}

/// The evidence of the golden epoch, without `bundle.json`.
fn files() -> Files {
    let vector = epoch::epoch();
    let bytes = |value: &Value| {
        let digits = value["encoding"].as_str().or(value.as_str());
        let digits = digits.and_then(|digits| digits.strip_prefix("0x"));
        let digits = digits.expect("hexadecimal").as_bytes().chunks(2);
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        digits.map(byte).collect::<Option<Vec<_>>>().expect("pairs")
    };
    let probe = &vector["probes"][0];
    let probes = format!(
        "[{{\"index\":{},\"made\":{},\"ok\":{}}}]",
        probe["index"], probe["made"], probe["ok"]
    );
    let mut files = Files::from([
        ("tree.qtree".to_owned(), bytes(&vector["nodes"])),
        ("bills.qbil".to_owned(), bytes(&vector["bills"])),
        ("charges.qchg".to_owned(), bytes(&vector["charges"])),
        (
            "previous.qtree".to_owned(),
            bytes(&vector["previous"]["nodes"]),
        ),
        (
            "previous-bills.qbil".to_owned(),
            bytes(&vector["previous"]["bills"]),
        ),
        (format!("tickets-{ISSUER}.qlog"), bytes(&vector["log"])),
        ("probes.json".to_owned(), probes.into_bytes()),
        ("rejections.json".to_owned(), b"[]".to_vec()),
    ]);
    for (index, segment) in vector["segments"]
        .as_array()
        .expect("a list")
        .iter()
        .enumerate()
    {
        files.insert(format!("segment-{index}.qseg"), bytes(segment));
    }
    files
}

/// The cases so far.
struct Cases(Vec<Value>);

impl Cases {
    /// `attested` are changes of files, and of `bundle.json` as it then is: it is attested so. `at_hand` are those
    /// made to it afterwards.
    fn push(&mut self, name: &str, verdict: &str, attested: Vec<Value>, at_hand: Vec<Value>) {
        self.0.push(json!({
            "name": name,
            "verdict": verdict,
            "attested": attested,
            "at_hand": at_hand,
        }));
    }

    /// A change of a file that is attested so.
    fn file(&mut self, name: &str, what: &str, verdict: &str, changes: impl Into<Vec<Value>>) {
        self.push(&format!("{name}: {what}"), verdict, changes.into(), vec![]);
    }

    /// The honest evidence is attested, and this is what is at hand.
    fn at_hand(&mut self, name: &str, what: &str, change: Value) {
        let name = format!("{name}, at hand: {what}");
        self.push(&name, NOT_JUDGED, vec![], vec![change]);
    }
}

/// In place of `remove` bytes at a place stand these.
fn splice(file: &str, at: usize, remove: usize, insert: &[u8]) -> Value {
    json!({ "file": file, "at": at, "remove": remove, "insert": hex(insert) })
}

fn flip(file: &str, bytes: &[u8], at: usize) -> Value {
    splice(file, at, 1, &[bytes[at] ^ 1 << (at % 8)])
}

fn whole(file: &str, bytes: &[u8]) -> Value {
    json!({ "file": file, "bytes": hex(bytes) })
}

/// It is as another file is.
fn copy(file: &str, of: &str) -> Value {
    json!({ "file": file, "of": of })
}

fn gone(file: &str) -> Value {
    json!({ "file": file, "bytes": null })
}

/// Of each file: bytes that are others, cut off, put after, there twice; attested so, and only at hand so.
fn bytes_changed(files: &Files, cases: &mut Cases) {
    for (name, bytes) in files {
        let len = bytes.len();
        let mut places: Vec<usize> = match Layout::of(name) {
            Some(layout) => {
                let last = len - layout.entry();
                let firsts = layout
                    .fields
                    .iter()
                    .flat_map(|at| [layout.header + at, last + at]);
                let header = (0..layout.header).step_by(3).chain([layout.header - 1]);
                header.chain(firsts).chain([len - 1]).collect()
            }
            None => (0..len).collect(),
        };
        places.retain(|at| *at < len);
        places.sort_unstable();
        places.dedup();
        for at in &places {
            let what = format!("byte {at} is another");
            cases.file(name, &what, FALSE, [flip(name, bytes, *at)]);
        }
        for cut in BTreeSet::from([1, len / 2, len]) {
            let change = splice(name, len - cut, cut, &[]);
            cases.file(name, &format!("{cut} bytes are cut off"), FALSE, [change]);
        }
        for (what, tail) in [
            ("a zero follows", &b"\0"[..]),
            ("a line end follows", b"\n"),
            ("half of it follows again", &bytes[len / 2..]),
        ] {
            cases.file(name, what, FALSE, [splice(name, len, 0, tail)]);
        }
        cases.file(name, "isn't there", FALSE, [gone(name)]);
        for (other, _) in files.iter().filter(|(_, other)| *other != bytes).take(2) {
            let what = format!("{other} in its place");
            cases.file(name, &what, FALSE, [copy(name, other)]);
        }
        for at in BTreeSet::from([0, len / 2, len - 1]) {
            let what = format!("byte {at} is another");
            cases.at_hand(name, &what, flip(name, bytes, at));
        }
        cases.at_hand(name, "cut short", splice(name, len - 1, 1, &[]));
        cases.at_hand(name, "longer", splice(name, len, 0, &[0]));
        cases.at_hand(name, "nothing", gone(name));
    }
}

/// Entries that are missing, there twice, or elsewhere, with the count that goes with them.
fn entries_changed(files: &Files, cases: &mut Cases) {
    for (name, bytes) in files {
        let Some(layout) = Layout::of(name) else {
            continue;
        };
        let (size, len) = (layout.entry(), bytes.len());
        let count = (len - layout.header) / size;
        let counted = |count: usize| {
            let count = (count as u32).to_be_bytes();
            splice(name, layout.header - 4, 4, &count)
        };
        let (first, last) = (layout.header, len - size);
        let entry = |at: usize| &bytes[at..at + size];
        let all_others: Vec<_> = bytes[first..]
            .chunks(size)
            .rev()
            .flatten()
            .copied()
            .collect();
        for (what, count, change) in [
            ("no entry", 0, splice(name, first, len - first, &[])),
            (
                "without the first entry",
                count - 1,
                splice(name, first, size, &[]),
            ),
            (
                "without the last entry",
                count - 1,
                splice(name, last, size, &[]),
            ),
            (
                "the first entry twice",
                count + 1,
                splice(name, first, 0, entry(first)),
            ),
            (
                "the last entry twice",
                count + 1,
                splice(name, len, 0, entry(last)),
            ),
            (
                "an entry of zeros more",
                count + 1,
                splice(name, len, 0, &vec![0; size]),
            ),
            (
                "in reverse",
                count,
                splice(name, first, len - first, &all_others),
            ),
        ] {
            cases.file(name, what, FALSE, [counted(count), change]);
        }
    }
}

/// Files that evidence hasn't, or hasn't of this epoch.
fn files_more(cases: &mut Cases) {
    for (name, of) in [
        ("segment-3.qseg", "segment-2.qseg"),
        ("segment-00.qseg", "segment-0.qseg"),
        ("segment-4294967296.qseg", "segment-2.qseg"),
        ("tickets-0.qlog", "tickets-1.qlog"),
        ("tickets-x.qlog", "tickets-1.qlog"),
        ("notes.txt", "probes.json"),
        ("tree.elements", "probes.json"),
        ("charge-0.elements", "tree.qtree"),
    ] {
        cases.file(name, "is there, too", FALSE, [copy(name, of)]);
    }
    // What bundle.json doesn't name is nothing to it.
    for name in ["notes.txt", "segment-3.qseg", "tree.elements"] {
        let what = format!("{name} lies beside the evidence");
        let beside = whole(name, b"anything");
        cases.push(&what, TRUE, vec![], vec![beside]);
    }
}

/// JSON of the same meaning, or nearly, in other bytes.
fn forms(cases: &mut Cases) {
    for form in [
        r#" [{"index":1,"made":4,"ok":3}]"#,
        "[{\"index\":1,\"made\":4,\"ok\":3}]\n",
        r#"[{"index":1,"made":4,"ok":3} ]"#,
        r#"[{"index": 1,"made":4,"ok":3}]"#,
        r#"[{"index":1,"ok":3,"made":4}]"#,
        r#"[{"index":1,"made":4,"ok":3,"made":4}]"#,
        r#"[{"index":1,"made":4,"ok":3,"x":0}]"#,
        r#"[{"index":1,"made":4.0,"ok":3}]"#,
        r#"[{"index":1,"made":04,"ok":3}]"#,
        r#"[{"index":1,"made":4e0,"ok":3}]"#,
        r#"[{"index":1,"made":"4","ok":3}]"#,
        r#"[{"\u0069ndex":1,"made":4,"ok":3}]"#,
        r#"[{"index":1,"made":4,"ok":3},]"#,
        r#"[[1,4,3]]"#,
        r#"[{"index":1,"made":4,"ok":3}"#,
        r#"[{"index":1,"made":4,"ok":3}]]"#,
        r#"{"index":1,"made":4,"ok":3}"#,
        "[]",
        "null",
        "",
        // Written as it should be, and not so.
        r#"[{"index":1,"made":3,"ok":4}]"#,
        r#"[{"index":1,"made":5,"ok":3}]"#,
        r#"[{"index":1,"made":0,"ok":0}]"#,
        r#"[{"index":0,"made":4,"ok":3}]"#,
        r#"[{"index":3,"made":4,"ok":3}]"#,
        r#"[{"index":4294967297,"made":4,"ok":3}]"#,
        r#"[{"index":1,"made":4294967300,"ok":3}]"#,
        r#"[{"index":1,"made":4,"ok":3},{"index":1,"made":4,"ok":3}]"#,
        r#"[{"index":1,"made":4,"ok":3},{"index":0,"made":1,"ok":1}]"#,
        r#"[{"index":1,"made":4,"ok":3},{"index":2,"made":1,"ok":1}]"#,
    ] {
        let change = whole("probes.json", form.as_bytes());
        cases.file("probes.json", form, FALSE, [change]);
    }
    for form in [
        " []", "[ ]", "[]\n", "{}", "null", "[null]", "[{}]", "[],", "[",
    ] {
        let change = whole("rejections.json", form.as_bytes());
        cases.file("rejections.json", form, FALSE, [change]);
    }
}

/// A line of `rejections.json` about a record of nothing but its ticket's id.
fn line(index: u32, (issuer, place): (u32, u32), code: u32, reason: &str) -> String {
    let ticket = format!("{EPOCH:016x}{issuer:08x}{place:08x}");
    let record = format!("{ticket}{}", "0".repeat(248));
    format!(
        "{{\"index\":{index},\"ticket\":\"0x{ticket}\",\"code\":{code},\"reason\":\"{reason}\",\"record\":\"0x{record}\"}}"
    )
}

/// Refusals, true and not.
fn refusals(files: &Files, cases: &mut Cases) {
    let none = line(1, (ISSUER, 99), 1, "unknown_ticket");
    let no_log = line(1, (ISSUER + 1, 0), 1, "unknown_ticket");
    let other = line(1, (ISSUER, 2), 2, "wrong_ticket");
    let earlier = line(0, (ISSUER, 99), 1, "unknown_ticket");
    // One of the records that count.
    let record = hex(&files["segment-0.qseg"][80..220]);
    let counts = |code: u32, reason: &str| {
        let ticket = &record[..34];
        format!(
            "{{\"index\":0,\"ticket\":\"{ticket}\",\"code\":{code},\"reason\":\"{reason}\",\"record\":\"{record}\"}}"
        )
    };
    let elsewhere = counts(4, "wrong_node").replacen("\"index\":0", "\"index\":1", 1);
    let list = |lines: &[&str]| format!("[{}]", lines.join(","));
    let upper = none.replacen("\"record\":\"0x", "\"record\":\"0X", 1);
    let bare = none.replacen("\"ticket\":\"0x", "\"ticket\":\"", 1);
    let of_none = none.replacen("\"ticket\":\"0x0000", "\"ticket\":\"0x0001", 1);
    for (what, verdict, text) in [
        ("a record of no ticket", TRUE, list(&[&none])),
        ("a record of no log", TRUE, list(&[&no_log])),
        ("a record of another ticket", TRUE, list(&[&other])),
        ("another node's record", TRUE, list(&[&elsewhere])),
        (
            "all of these",
            TRUE,
            list(&[&earlier, &elsewhere, &other, &none, &no_log]),
        ),
        ("nodes out of order", FALSE, list(&[&none, &earlier])),
        ("tickets out of order", FALSE, list(&[&none, &other])),
        ("a record twice", FALSE, list(&[&none, &none])),
        (
            "another code",
            FALSE,
            list(&[&line(1, (ISSUER, 99), 2, "unknown_ticket")]),
        ),
        (
            "another reason",
            FALSE,
            list(&[&line(1, (ISSUER, 99), 1, "wrong_ticket")]),
        ),
        (
            "a later check",
            FALSE,
            list(&[&line(1, (ISSUER, 2), 9, "bad_signature")]),
        ),
        ("no reason", FALSE, list(&[&line(1, (ISSUER, 99), 1, "")])),
        (
            "a code there isn't",
            FALSE,
            list(&[&line(1, (ISSUER, 99), 70_000, "unknown_ticket")]),
        ),
        (
            "of no node",
            FALSE,
            list(&[&line(3, (ISSUER, 99), 1, "unknown_ticket")]),
        ),
        (
            "a record that counts",
            FALSE,
            list(&[&counts(9, "bad_signature")]),
        ),
        (
            "a sum that has room",
            FALSE,
            list(&[&counts(13, "sum_overflow")]),
        ),
        ("0X", FALSE, list(&[&upper])),
        ("without 0x", FALSE, list(&[&bare])),
        ("another ticket than its record's", FALSE, list(&[&of_none])),
        ("half a line", FALSE, list(&[&none[..200]])),
        ("a line and a half", FALSE, list(&[&none, &no_log[..200]])),
    ] {
        let change = whole("rejections.json", text.as_bytes());
        cases.file("rejections.json", what, verdict, [change]);
    }
}

/// `bundle.json` in other words.
fn bundles(files: &Files, cases: &mut Cases) {
    let text = |text: &str, instead: &str| json!({ "file": "bundle.json", "text": text, "instead": instead });
    for (old, new, verdict) in [
        ("{\"version\":1", " {\"version\":1", FALSE),
        ("]}", "]}\n", FALSE),
        ("]}", "] }", FALSE),
        ("]}", "],\"more\":0}", FALSE),
        ("]}", "]", FALSE),
        ("\"version\":1,", "", FALSE),
        (
            "\"version\":1,\"epoch\":7",
            "\"epoch\":7,\"version\":1",
            FALSE,
        ),
        ("\"version\":1", "\"version\":2", FALSE),
        ("\"version\":1", "\"version\":1.0", FALSE),
        ("\"version\":1", "\"version\":1,\"version\":1", FALSE),
        ("\"epoch\":7", "\"epoch\":8", FALSE),
        ("\"epoch\":7", "\"epoch\":\"7\"", FALSE),
        ("\"chain_id\":31337", "\"chain_id\":1", FALSE),
        ("\"settlement\":\"0x65", "\"settlement\":\"0x66", FALSE),
        ("\"settlement\":\"0x", "\"settlement\":\"", FALSE),
        (
            "\"settlement\":\"0x6522b1ac0c0c",
            "\"settlement\":\"0x6522B1AC0C0C",
            FALSE,
        ),
        ("\"blake3\":\"0x", "\"blake3\":\"0X", FALSE),
        (
            "\"files\":[{\"name\":\"bills.qbil\",\"size\":168",
            "\"files\":[{\"size\":168,\"name\":\"bills.qbil\"",
            FALSE,
        ),
        ("\"size\":168", "\"size\":0168", FALSE),
        ("\"size\":168", "\"size\":-1", FALSE),
        (
            "\"name\":\"tree.qtree\"",
            "\"name\":\"../tree.qtree\"",
            FALSE,
        ),
        (
            "\"name\":\"tree.qtree\"",
            "\"name\":\"tree\\u002eqtree\"",
            FALSE,
        ),
        // The longest that these files may be, and a byte more.
        ("\"size\":345", "\"size\":415236144", NOT_JUDGED),
        ("\"size\":345", "\"size\":415236145", FALSE),
        ("\"size\":29", "\"size\":218103810", NOT_JUDGED),
        ("\"size\":29", "\"size\":218103811", FALSE),
        (
            "\"name\":\"rejections.json\",\"size\":2",
            "\"name\":\"rejections.json\",\"size\":1778384898",
            NOT_JUDGED,
        ),
        (
            "\"name\":\"rejections.json\",\"size\":2",
            "\"name\":\"rejections.json\",\"size\":1778384899",
            FALSE,
        ),
        ("\"size\":345", "\"size\":99999999999999999999", FALSE),
        // Another file than there is.
        ("\"size\":168", "\"size\":169", NOT_JUDGED),
        ("\"size\":168", "\"size\":0", NOT_JUDGED),
        ("\"blake3\":\"0x01a0", "\"blake3\":\"0x01a1", NOT_JUDGED),
        (
            "\"name\":\"tickets-1.qlog\"",
            "\"name\":\"tickets-2.qlog\"",
            NOT_JUDGED,
        ),
        (
            "\"name\":\"tickets-1.qlog\"",
            "\"name\":\"tickets-4294967295.qlog\"",
            NOT_JUDGED,
        ),
        (
            "\"name\":\"tickets-1.qlog\"",
            "\"name\":\"tickets-4294967296.qlog\"",
            FALSE,
        ),
        (
            "\"name\":\"segment-2.qseg\"",
            "\"name\":\"segment-1.qseg\"",
            FALSE,
        ),
        (
            "\"name\":\"segment-2.qseg\"",
            "\"name\":\"segment-0.qseg\"",
            FALSE,
        ),
    ] {
        let what = format!("{new} for {old}");
        cases.file("bundle.json", &what, verdict, [text(old, new)]);
        cases.at_hand("bundle.json", &what, text(old, new));
    }
    let nothing: Vec<_> = files.keys().map(|name| gone(name)).collect();
    cases.file("bundle.json", "no files", FALSE, nothing);
    // Refused is refused, whatever can be had of the rest.
    let (attested, at_hand) = (text("\"version\":1", "\"version\":2"), gone("tree.qtree"));
    let name = "bundle.json: version 2, and tree.qtree can't be had";
    cases.push(name, FALSE, vec![attested], vec![at_hand]);
}

pub(crate) fn evidence() -> Value {
    let files = files();
    let mut cases = Cases(Vec::new());
    cases.push("as it is", TRUE, vec![], vec![]);
    bytes_changed(&files, &mut cases);
    entries_changed(&files, &mut cases);
    files_more(&mut cases);
    forms(&mut cases);
    refusals(&files, &mut cases);
    bundles(&files, &mut cases);
    json!({ "epoch": "epoch.json", "cases": cases.0 })
}
