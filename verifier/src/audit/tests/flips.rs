//! An honest epoch's evidence with one byte other, cut, longer, without a file, with one twice: it is never true.
//! Both ways: as it comes from a source that alters it, and as if just that had been attested.

use super::super::{AuditReport, judge_by};
use super::*;
use crate::evidence::{BUNDLE_FILE, Bundle, EvidenceSource};
use crate::judge::ProbeCount;
use protocol::{SEGMENT_HEADER_BYTES, Segment};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::thread;
use tempfile::TempDir;

/// Files up to this long are changed at each byte, longer ones at the borders of their fields and at random.
const SMALL: usize = 200;
/// Bytes of a longer file that are changed at random.
const RANDOM: usize = 16;

pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// Evidence with something of everything, and what the chain says of it.
struct Honest {
    facts: AuditFacts,
    files: Files,
    bundle: Vec<u8>,
}

impl Honest {
    fn new() -> Self {
        let mut world = World::honest(2, 4);
        // What is refused: an altered receipt and one with another's signature.
        let mut records = world.records(0);
        records[0].signature.0[40] ^= 1;
        records[2].receipt.bytes += 1;
        world.hand_in(0, records);
        // What is forced: one that its node handed in too, and one that it didn't.
        let mut records = world.records(1);
        world.forced.insert(1, vec![records[0], records[1]]);
        records.remove(1);
        world.hand_in(1, records);
        let probe = |index, made, ok| ProbeCount { index, made, ok };
        world.probes = vec![probe(0, 4, 4), probe(1, 12, 9)];
        Self::of(&world)
    }

    fn of(world: &World) -> Self {
        let evidence = world.evidence();
        let files = evidence.files();
        Self {
            facts: facts(world, &evidence),
            bundle: evidence.bundle(&files).to_bytes(),
            files,
        }
    }

    /// `bundle.json` over other files.
    fn bundle_of(&self, files: &Files) -> Vec<u8> {
        let (network, epoch) = (self.facts.epoch.network, self.facts.attested.epoch);
        let mut bundle = Bundle::from_bytes(&self.bundle, network, epoch).unwrap();
        bundle.files = Bundle::files_of(files);
        bundle.to_bytes()
    }
}

/// A folder that has evidence, changed from one audit to the next.
pub(super) struct Folder {
    dir: TempDir,
    has: Files,
    runtime: tokio::runtime::Runtime,
}

impl Folder {
    pub(super) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        Self {
            dir: tempfile::tempdir().unwrap(),
            has: Files::new(),
            runtime: runtime.unwrap(),
        }
    }

    /// Audits these files, of which that `bundle.json` is attested.
    fn audit(
        &mut self,
        honest: &Honest,
        files: &Files,
        bundle: &[u8],
        attested: &[u8],
    ) -> AuditReport {
        let bundle_file = (BUNDLE_FILE.to_owned(), bundle.to_vec());
        let wanted = files.clone().into_iter().chain([bundle_file]).collect();
        self.audit_all(&honest.facts, wanted, attested)
    }

    /// Audits files, `bundle.json` among them.
    pub(super) fn audit_all(
        &mut self,
        facts: &AuditFacts,
        wanted: Files,
        attested: &[u8],
    ) -> AuditReport {
        write(self.dir.path(), &mut self.has, wanted);
        let mut facts = facts.clone();
        facts.attested.roots.evidence = Bundle::evidence_hash(attested);
        let sources = [EvidenceSource::Directory(self.dir.path().to_owned())];
        let mut report = AuditReport::new(facts.attested.epoch, facts.epoch.network);
        let progress: Arc<dyn Progress> = Arc::new(NoProgress);
        let judged = judge_by(facts, &sources, &progress, &mut report);
        let failed = self.runtime.block_on(judged).err();
        report.reasons.extend(failed);
        report.conclude();
        report
    }
}

/// Makes a folder have just these files.
fn write(dir: &Path, has: &mut Files, wanted: Files) {
    for name in has.keys().filter(|name| !wanted.contains_key(*name)) {
        fs::remove_file(dir.join(name)).unwrap();
    }
    for (name, bytes) in &wanted {
        if has.get(name) != Some(bytes) {
            fs::write(dir.join(name), bytes).unwrap();
        }
    }
    *has = wanted;
}

/// Where fields of an entry begin, with its size; and the size of what stands before the entries.
fn layout(name: &str) -> Option<(&'static [usize], usize)> {
    Some(match name.rsplit_once('.')?.1 {
        "qtree" => (&[0, 4, 36, 43, 47, 51, 55, 59, 63, 67, 83, 99], 48),
        "qbil" => (&[0, 4, 24, 28, 44, 60], 48),
        "qchg" => (
            &[0, 4, 8, 40, 47, 51, 55, 71, 87, 103, 110, 114, 118, 122],
            48,
        ),
        "qlog" => (
            &[0, 8, 28, 36, 40, 44, 76, 108, 140, 160, 192, 200, 208, 216],
            52,
        ),
        "qseg" => (
            &[0, 8, 12, 16, 48, 52, 60, 64, 68, 76, 108, 140],
            SEGMENT_HEADER_BYTES,
        ),
        _ => return None,
    })
}

/// Where the fields of a file begin, and the bytes before them.
fn borders(name: &str, bytes: &[u8]) -> BTreeSet<usize> {
    let Some((fields, header)) = layout(name) else {
        // JSON: each mark, and what stands beside it.
        let is_mark = |(_, byte): &(usize, &u8)| b"[]{}:,\"".contains(byte);
        let marks = bytes.iter().enumerate().filter(is_mark);
        let beside = marks.flat_map(|(at, _)| [at.saturating_sub(1), at, at + 1]);
        return beside.collect();
    };
    let entries = (header..bytes.len()).step_by(fields[fields.len() - 1]);
    let ends = entries.flat_map(|entry| fields.iter().map(move |field| entry + field));
    let header_and_ends = (0..header).chain(ends.flat_map(|end| [end - 1, end]));
    header_and_ends.collect()
}

/// Bytes of a file that are changed.
fn places(name: &str, bytes: &[u8]) -> BTreeSet<usize> {
    let len = bytes.len();
    if len <= SMALL {
        return (0..len).collect();
    }
    // The same each time.
    let random = (0..RANDOM).map(|at| {
        let hash = protocol::keccak256(format!("{name} {at}"));
        u64::from_be_bytes(*hash.first_chunk().unwrap()) as usize % len
    });
    let all = borders(name, bytes).into_iter().chain(random);
    all.filter(|at| *at < len).collect()
}

/// Which bit is another: in text also the one between upper and lower case.
fn flip(name: &str, at: usize) -> u8 {
    match (name.ends_with(".json"), at % 2) {
        (true, 0) => 0x20,
        (true, _) => 1,
        (false, _) => 1 << (at % 8),
    }
}

/// A file with its last entries cut off or others put after them, and the count that goes with it.
fn resized(name: &str, bytes: &[u8]) -> Vec<Vec<u8>> {
    let Some((fields, header)) = layout(name) else {
        let text = std::str::from_utf8(bytes).unwrap();
        return [" ", "\n", ",", "]", "null"]
            .iter()
            .map(|tail| format!("{text}{tail}").into_bytes())
            .chain([
                format!(" {text}").into_bytes(),
                text.replace(',', ", ").into_bytes(),
            ])
            .collect();
    };
    let size = fields[fields.len() - 1];
    let entries: Vec<_> = bytes[header..].chunks(size).map(<[u8]>::to_vec).collect();
    let with = |entries: &[Vec<u8>]| {
        let mut file = bytes[..header].to_vec();
        file[header - 4..].copy_from_slice(&(entries.len() as u32).to_be_bytes());
        file.extend(entries.concat());
        file
    };
    let mut all = vec![with(&[])];
    let put = |all: &mut Vec<_>, change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut changed = entries.clone();
        change(&mut changed);
        all.push(with(&changed));
    };
    for at in 0..entries.len() {
        put(&mut all, &|entries| drop(entries.remove(at)));
        put(&mut all, &|entries| entries.insert(at, entries[at].clone()));
        put(&mut all, &|entries| {
            let last = entries.len() - 1;
            entries.swap(at, last);
        });
    }
    put(&mut all, &|entries| entries.push(vec![0; size]));
    put(&mut all, &|entries| entries.reverse());
    all.retain(|changed| changed != bytes);
    // Without the count.
    all.extend([[bytes, &[0]].concat(), [bytes, &bytes[header..]].concat()]);
    all
}

/// Each change of one file's bytes.
fn changes(name: &str, bytes: &[u8]) -> Vec<Vec<u8>> {
    let flips = places(name, bytes).into_iter().map(|at| {
        let mut changed = bytes.to_vec();
        changed[at] ^= flip(name, at);
        changed
    });
    let cuts = borders(name, bytes).into_iter().step_by(8);
    let cuts = cuts.filter(|at| *at < bytes.len());
    let cuts = cuts.map(|at| bytes[..at].to_vec());
    let all = flips.chain(cuts).chain(resized(name, bytes));
    all.collect()
}

/// Whether a list of refusals says what an honest one says: of the same tickets the same reasons, in the one form.
/// Which record was refused, only its node and the verifier know.
fn refuses_alike(changed: &[u8], honest: &[u8]) -> bool {
    let told = |bytes: &[u8]| {
        let text = String::from_utf8(bytes.to_vec()).ok()?;
        let list = text.strip_prefix("[{")?.strip_suffix("}]")?.to_owned();
        let told = list.split("},{").map(|line| {
            let (told, record) = line.split_once("\"record\":\"0x")?;
            let digits = record.strip_suffix('"')?;
            let is_hex = |digit: u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
            let is_record = digits.len() == 280 && digits.bytes().all(is_hex);
            let is_tickets = told.contains(&format!("\"ticket\":\"0x{}\"", &digits[..32]));
            (is_record && is_tickets).then(|| told.to_owned())
        });
        told.collect::<Option<Vec<_>>>()
    };
    told(changed).is_some_and(|changed| Some(changed) == told(honest))
}

#[test]
fn evidence_that_a_source_alters_is_never_judged() {
    let (honest, mut folder) = (Honest::new(), Folder::new());
    let Honest { files, bundle, .. } = &honest;
    let report = folder.audit(&honest, files, bundle, bundle);
    assert_eq!(report.verdict, Verdict::True, "{:?}", report.lies);
    let mut not_judged = |files: &Files, changed: &[u8], what: &str| {
        let report = folder.audit(&honest, files, changed, bundle);
        assert_eq!(report.verdict, Verdict::NotJudged, "{what}");
        assert!(!report.reasons.is_empty(), "{what}");
    };
    for (name, bytes) in files {
        let mut others = files.clone();
        others.remove(name);
        not_judged(&others, bundle, name);
        for changed in changes(name, bytes) {
            others.insert(name.clone(), changed);
            not_judged(&others, bundle, name);
        }
    }
    for changed in changes(BUNDLE_FILE, bundle) {
        not_judged(files, &changed, BUNDLE_FILE);
    }
    // What it doesn't name isn't evidence.
    let mut more = files.clone();
    more.insert("notes.txt".to_owned(), b"not evidence".to_vec());
    more.insert("tickets-7.qlog".to_owned(), b"nor this".to_vec());
    let report = folder.audit(&honest, &more, bundle, bundle);
    assert_eq!(report.verdict, Verdict::True);
}

fn is_false(report: &AuditReport, what: &str) {
    let reasons = &report.reasons;
    assert_eq!(report.verdict, Verdict::False, "{what}: {reasons:?}");
    assert!(!report.lies.is_empty(), "{what}");
}

/// Each change of one file, attested so.
fn altered_and_attested(honest: &Honest, folder: &mut Folder, name: &str) {
    let bytes = &honest.files[name];
    let mut judged = |files: &Files| {
        let bundle = honest.bundle_of(files);
        folder.audit(honest, files, &bundle, &bundle)
    };
    let mut others = honest.files.clone();
    others.remove(name);
    is_false(&judged(&others), name);
    for changed in changes(name, bytes) {
        let is_refusals = name == "rejections.json";
        let may_be_true = is_refusals && refuses_alike(&changed, bytes);
        others.insert(name.to_owned(), changed);
        let report = judged(&others);
        match report.verdict {
            Verdict::True if may_be_true => {}
            _ => is_false(&report, name),
        }
    }
    // Another file in its place.
    for other in honest.files.values().filter(|other| *other != bytes) {
        others.insert(name.to_owned(), other.clone());
        is_false(&judged(&others), name);
    }
}

#[test]
fn altered_evidence_that_is_attested_so_is_false() {
    let honest = Honest::new();
    let names: Vec<_> = honest.files.keys().collect();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for first in 0..threads {
            let (honest, names) = (&honest, names.iter().skip(first).step_by(threads));
            scope.spawn(move || {
                let mut folder = Folder::new();
                for name in names {
                    altered_and_attested(honest, &mut folder, name);
                }
            });
        }
    });
    for (copy, of) in [
        ("segment-2.qseg", "segment-1.qseg"),
        ("segment-4294967295.qseg", "segment-1.qseg"),
        ("tickets-2.qlog", "tickets-1.qlog"),
        ("tree.elements", "tree.qtree"),
        ("charge-0.elements", "probes.json"),
    ] {
        let mut more = honest.files.clone();
        more.insert(copy.to_owned(), honest.files[of].clone());
        let bundle = honest.bundle_of(&more);
        is_false(&Folder::new().audit(&honest, &more, &bundle, &bundle), copy);
    }
}

/// Of an altered bundle that is attested, only what makes it name other bytes than there are isn't judged.
#[test]
fn an_altered_bundle_that_is_attested_so_is_false_or_of_other_files() {
    let (honest, mut folder) = (Honest::new(), Folder::new());
    let Honest { files, bundle, .. } = &honest;
    // Digits of sizes and hashes, and names.
    let text = std::str::from_utf8(bundle).unwrap();
    let mut open = vec![false; bundle.len()];
    for (key, end) in [
        ("\"name\":\"", '"'),
        ("\"size\":", ','),
        ("\"blake3\":\"0x", '"'),
    ] {
        for (at, _) in text.match_indices(key) {
            let first = at + key.len();
            let last = first + text[first..].find(end).unwrap();
            open[first..last].fill(true);
        }
    }
    let mut of_other_files = 0;
    for changed in changes(BUNDLE_FILE, bundle) {
        let report = folder.audit(&honest, files, &changed, &changed);
        let differs = |(one, other): (&u8, &u8)| one != other;
        let at = changed.iter().zip(bundle).position(differs);
        let is_open = changed.len() == bundle.len() && at.is_some_and(|at| open[at]);
        match report.verdict {
            Verdict::NotJudged if is_open => of_other_files += 1,
            verdict => assert_eq!(verdict, Verdict::False, "at {at:?}: {:?}", report.reasons),
        }
    }
    // Most digits have another beside them that is one, too.
    assert!(of_other_files > files.len(), "{of_other_files}");
}

/// Evidence that is in order but for what SPEC section 11 has besides: each was once taken for true.
#[test]
fn what_only_the_form_of_evidence_tells_is_false() {
    let (honest, mut folder) = (Honest::new(), Folder::new());
    let mut is_false = |files: &Files, bundle: &[u8], kind: &str| {
        let report = folder.audit(&honest, files, bundle, bundle);
        let kinds: Vec<_> = report.lies_by_kind.keys().map(String::as_str).collect();
        assert_eq!((report.verdict, &kinds[..]), (Verdict::False, &[kind][..]));
    };
    let mut changed = |name: &str, bytes: Vec<u8>, kind: &str| {
        let mut files = honest.files.clone();
        files.insert(name.to_owned(), bytes);
        let bundle = honest.bundle_of(&files);
        is_false(&files, &bundle, kind);
    };
    let text = |name: &str| String::from_utf8(honest.files[name].clone()).unwrap();
    let probes = text("probes.json");
    for other in [
        probes.replace(':', ": "),
        format!("{probes}\n"),
        probes.replace("\"made\":12,\"ok\":9", "\"ok\":9,\"made\":12"),
    ] {
        changed("probes.json", other.into_bytes(), "refusedEvidence");
    }
    let refused = text("rejections.json");
    let lines: Vec<_> = refused[1..refused.len() - 1].split_inclusive('}').collect();
    let upper = refused.replacen("\"record\":\"0x", "\"record\":\"0X", 1);
    changed("rejections.json", upper.into_bytes(), "refusedEvidence");
    let bare = refused.replacen("\"record\":\"0x", "\"record\":\"", 1);
    changed("rejections.json", bare.into_bytes(), "refusedEvidence");
    let first = lines[0];
    let twice = format!("[{first},{first}{}]", lines[1..].concat());
    changed("rejections.json", twice.into_bytes(), "wrongRefusal");
    let name = "segment-1.qseg";
    let segment = Segment::from_bytes(&honest.files[name]).unwrap();
    // What was forced and counts, but for the file.
    let mut records = segment.records().to_vec();
    records.remove(1);
    let short = Segment::new(segment.network(), segment.epoch(), segment.node(), records);
    changed(name, short.unwrap().to_bytes(), "otherRoot");
    // A record of nobody's ticket after those that count.
    let mut records = segment.records().to_vec();
    let mut stray = records[0];
    stray.id.issuer = 77;
    records.push(stray);
    let long = Segment::new(segment.network(), segment.epoch(), segment.node(), records);
    changed(name, long.unwrap().to_bytes(), "otherSegment");

    let bundle = String::from_utf8(honest.bundle.clone()).unwrap();
    for other in [format!("{bundle} "), bundle.replacen(':', ": ", 1)] {
        is_false(&honest.files, other.as_bytes(), "refusedEvidence");
    }
}

/// Records of several payers, each payer's in order, all together not.
#[test]
fn a_segment_that_is_out_of_order_between_payers_is_false() {
    let honest = Honest::of(&World::honest(2, 4));
    let name = "segment-1.qseg";
    let segment = Segment::from_bytes(&honest.files[name]).unwrap();
    let mut records = segment.records().to_vec();
    records.sort_by_key(|record| (record.id.index / 2 % 2, record.id));
    let records: Vec<_> = records.iter().flat_map(Record::to_bytes).collect();
    let header = &honest.files[name][..SEGMENT_HEADER_BYTES];
    let mut files = honest.files.clone();
    files.insert(name.to_owned(), [header, &records].concat());
    let bundle = honest.bundle_of(&files);
    let report = Folder::new().audit(&honest, &files, &bundle, &bundle);
    let kinds: Vec<_> = report.lies_by_kind.keys().collect();
    assert_eq!(report.verdict, Verdict::False);
    assert_eq!(kinds, ["otherSegment"]);
}

/// An empty segment, of a node of which nothing counts.
#[test]
fn a_segment_without_records_is_false() {
    let mut world = World::honest(3, 9);
    world.segments.remove(&1);
    let evidence = world.evidence();
    assert!(!evidence.segments.contains_key(&1));
    clean(&found(&world, &evidence));
    let mut with_empty = evidence;
    let (node, nothing) = (world.nodes[1], Vec::new());
    let empty = Segment::new(network(), EPOCH, node, nothing).unwrap();
    with_empty.segments.insert(1, empty.to_bytes());
    let examined = found(&world, &with_empty);
    assert_eq!(
        (kinds(&examined), examined.attested_lies),
        (vec!["otherSegment"], 1)
    );
}

/// The trees of the epoch before, attested so, but not of this chain's nodes and payers.
#[test]
fn trees_before_of_others_are_false() {
    type Lie = fn(&mut World);
    let lies: [Lie; 4] = [
        |world| world.previous.as_mut().unwrap().nodes.leaves[1].index = 0,
        |world| world.previous.as_mut().unwrap().bills.leaves[1].index = 0,
        |world| world.previous.as_mut().unwrap().bills.leaves[1].payer = Address::ZERO,
        |world| {
            let nodes = &mut world.previous.as_mut().unwrap().nodes.leaves;
            let mut more = nodes[0];
            more.cumulative = 0;
            for index in 2..4 {
                more.index = index;
                nodes.push(more);
            }
        },
    ];
    let honest = World::honest(3, 9);
    for lie in lies {
        let mut world = honest.clone();
        lie(&mut world);
        let mut evidence = honest.evidence();
        evidence.previous = world.previous.clone();
        let mut facts = facts(&honest, &evidence);
        facts.before = before(world.previous.as_ref());
        let examined = audit(facts, &evidence);
        assert!(
            kinds(&examined).contains(&"otherTreesBefore"),
            "{:?}",
            kinds(&examined)
        );
        assert!(examined.attested_lies > 0);
    }
}
