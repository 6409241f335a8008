//! The audit itself: chain and evidence in, what is false out. Blocking; uses all cores for signatures.

use super::attested::Tree;
use super::content::Content;
use super::facts::AuditFacts;
use super::findings::{Findings, Unprovable};
use super::forced::{self, Newest};
use super::logs::{Log, LogFile, Logs};
use super::progress::Progress;
use super::recompute::{self, Recomputed};
use super::records::{Checkers, Fault, SegmentFile};
use super::report::{Lie, LieChallenge};
use super::rules;
use super::segments::{Accounts, Scan, scan};
use super::show::{Blocked, Show};
use super::tree::StatedRoot;
use super::walk::WalkError;
use super::{Audited, Before, Gaps};
use crate::evidence::{
    BILLS_FILE, CHARGES_FILE, EvidenceFiles, PREVIOUS_BILLS_FILE, PREVIOUS_FILE, PROBES_FILE,
    REJECTIONS_FILE, RejectionLine, TREE_FILE, numbered,
};
use crate::judge::ProbeCount;
use crate::report::{NodeLine, PayerLine};
use contracts::Address as Account;
use protocol::{
    BillLeaf, Elements, EpochLeaf, Mass, NodeLeaf, Record, Rejection, Roots, ValueMass,
};
use serde::Deserializer;
use serde::de::{DeserializeOwned, SeqAccess, Visitor};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader};
use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;

/// Where the trees of the epoch before stand in an epoch's own evidence: nodes, bills, and elements of both.
pub(super) const COPIES: [&str; 4] = [PREVIOUS_FILE, PREVIOUS_BILLS_FILE, "", ""];
/// Where they stand in theirs.
pub(super) const ORIGINALS: [&str; 4] = [TREE_FILE, BILLS_FILE, "tree.elements", "bills.elements"];

/// What an audit comes to.
#[derive(Debug, Default)]
pub(super) struct Examined {
    pub(super) gaps: Vec<String>,
    pub(super) lies: Vec<Lie>,
    pub(super) lies_by_kind: BTreeMap<String, u64>,
    /// How many of them are in the attestation.
    pub(super) attested_lies: u64,
    pub(super) roots: Option<Roots>,
    pub(super) total: Option<u128>,
    pub(super) signatures: u64,
    pub(super) nodes: Vec<NodeLine>,
    pub(super) payers: Vec<PayerLine>,
}

/// Opens the trees of the epoch before with files of these names.
pub(super) fn open_before(
    facts: &AuditFacts,
    files: &EvidenceFiles,
    [nodes, bills, nodes_elements, bills_elements]: [&'static str; 4],
) -> Result<(Tree<NodeLeaf>, Tree<BillLeaf>), String> {
    let before = facts.before.as_ref();
    let before = before.ok_or("the epoch before isn't attested")?;
    let place = (facts.epoch.network, before.epoch);
    let root = |hash, count| StatedRoot {
        hash,
        mass: ValueMass::new(before.total).unwrap_or_default(),
        count,
    };
    let stated = |name: &str| match files.path(name) {
        Some(path) => read_elements(path).map(Some),
        None => Ok(None),
    };
    let (of_nodes, of_bills) = (stated(nodes_elements)?, stated(bills_elements)?);
    let nodes = Tree::open(
        nodes,
        files.path(nodes),
        of_nodes.as_ref(),
        root(before.roots.nodes, before.nodes),
        place,
    );
    let bills = Tree::open(
        bills,
        files.path(bills),
        of_bills.as_ref(),
        root(before.roots.bills, before.payers),
        place,
    );
    let text = |error: super::attested::TreeError| error.to_string();
    Ok((nodes.map_err(text)?, bills.map_err(text)?))
}

fn read_elements(path: &Path) -> Result<Elements, String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    Elements::from_bytes(&bytes).map_err(|error| error.to_string())
}

/// Audits an epoch by chain and evidence; without files, by the chain alone.
///
/// # Errors
/// If a file that was there can't be read any more.
pub(super) fn examine(
    facts: Arc<AuditFacts>,
    files: Option<&EvidenceFiles>,
    before: Before,
    progress: &dyn Progress,
) -> io::Result<Examined> {
    let mut gaps = Gaps::default();
    let mut findings = Findings::default();
    let mut audited = open(facts, files, before, &mut findings, &mut gaps, progress)?;
    rules::check_counts(&audited, &mut findings);
    let Some(files) = files else {
        return finish(&audited, findings, gaps, None, &BTreeMap::new());
    };
    let checkers = Checkers::new(&audited.facts, progress);
    let forced = forced::check_all(&audited, &checkers)?;
    let newest = forced::newest(&forced);
    let scans = scan_all(&audited, &checkers, &newest, &mut gaps, progress)?;
    let opened = rules::check_records(
        &audited,
        &scans,
        &newest,
        &checkers,
        &mut findings,
        &mut gaps,
    )?;
    audited.segments = opened;
    rules::check_counted(&audited, &newest, &mut findings)?;
    rules::check_valid(&audited, &forced, &mut findings);
    rules::check_forms(&audited, &mut findings);
    rules::check_logs(&audited, &mut findings);
    rules::check_charges(&audited, &mut findings);
    rules::check_nodes(&audited, &mut findings);
    rules::check_bills(&audited, &mut findings);
    let probes = check_probes(&audited, files, &mut findings, &mut gaps);
    let refused = check_refusals(&audited, files, &checkers, &mut findings, &mut gaps)?;
    let recomputed = recompute::recompute(&audited, &scans, probes.as_deref(), &mut gaps);
    if let Some(recomputed) = &recomputed {
        recompute::compare(&audited, recomputed, &mut findings);
    }
    let mut examined = finish(&audited, findings, gaps, recomputed.as_ref(), &scans)?;
    for line in &mut examined.nodes {
        line.rejected += refused.get(&line.index).copied().unwrap_or(0);
    }
    Ok(examined)
}

/// Opens what the evidence opens.
pub(super) fn open(
    facts: Arc<AuditFacts>,
    files: Option<&EvidenceFiles>,
    before: Before,
    findings: &mut Findings,
    gaps: &mut Gaps,
    progress: &dyn Progress,
) -> io::Result<Audited> {
    let accounts = (0..).map_while(|index| Some((facts.account(index)?, index)));
    let accounts: Accounts = accounts.collect();
    let mut audited = Audited {
        nodes: None,
        bills: None,
        charges: None,
        before: before.trees,
        logs: Logs::default(),
        segment_files: BTreeMap::new(),
        segments: BTreeMap::new(),
        elements: BTreeMap::new(),
        accounts,
        facts: Arc::clone(&facts),
    };
    let Some(files) = files else {
        return Ok(audited);
    };
    if let Some(fault) = before.fault {
        match audited.before {
            Some(_) => findings.unprovable(Unprovable::Before, || fault),
            None => gaps.push(fault),
        }
    }
    let place = (facts.epoch.network, facts.attested.epoch);
    for name in files.names().filter(|name| name.ends_with(".elements")) {
        let path = files.path(name).expect("it is among the names");
        match read_elements(path) {
            Ok(elements) if (elements.network, elements.epoch) != place => {
                gaps.push(format!("{name} is of another network or epoch"));
            }
            Ok(elements) => {
                audited.elements.insert(name.to_owned(), elements);
            }
            Err(error) => gaps.push(format!("{name}: {error}")),
        }
    }
    let [nodes, bills, charges] = facts.stated();
    audited.nodes = tree(&audited, files, (TREE_FILE, "tree.elements"), nodes, gaps);
    audited.bills = tree(&audited, files, (BILLS_FILE, "bills.elements"), bills, gaps);
    let names = (CHARGES_FILE, "charges.elements");
    audited.charges = tree(&audited, files, names, charges, gaps);
    open_logs(&mut audited, files, findings, gaps, progress);
    open_segment_files(&mut audited, files, gaps);
    Ok(audited)
}

fn tree<L: EpochLeaf + Content<Mass = ValueMass>>(
    audited: &Audited,
    files: &EvidenceFiles,
    (name, elements): (&'static str, &str),
    root: StatedRoot<ValueMass>,
    gaps: &mut Gaps,
) -> Option<Tree<L>> {
    let facts = &audited.facts;
    let place = (facts.epoch.network, facts.attested.epoch);
    let stated = audited.elements.get(elements);
    match Tree::open(name, files.path(name), stated, root, place) {
        Ok(tree) => {
            if tree.opened.unknown > 0 {
                gaps.push(format!("parts of the tree of {name} are not known"));
            }
            Some(tree)
        }
        Err(error) => {
            gaps.push(error.to_string());
            None
        }
    }
}

fn open_logs(
    audited: &mut Audited,
    files: &EvidenceFiles,
    findings: &mut Findings,
    gaps: &mut Gaps,
    progress: &dyn Progress,
) {
    let facts = Arc::clone(&audited.facts);
    let place = (facts.epoch.network, facts.attested.epoch);
    let mut found = BTreeMap::new();
    for name in files.names() {
        let Some(issuer) = numbered(name, "tickets-", ".qlog") else {
            continue;
        };
        let path = files.path(name).expect("it is among the names");
        match LogFile::open(path, place.0, place.1, issuer) {
            Ok(file) => {
                found.insert(issuer, file);
            }
            Err(error) => gaps.push(format!("{name} {error}")),
        }
    }
    let tickets = found.values().map(|file| u64::from(file.count)).sum();
    progress.begin("tickets", tickets);
    for (issuer, root) in &facts.epoch.committed {
        let name = format!("tickets-{issuer}.qlog");
        let file = found.remove(issuer);
        let Some(committed) = facts.log(*issuer).filter(|log| log.root == *root) else {
            gaps.push(format!(
                "the event that committed the log of issuer {issuer} is gone"
            ));
            continue;
        };
        let is_there = file.is_some();
        let stated = audited.elements.get(&format!("tickets-{issuer}.elements"));
        let (log, error) = Log::open(*committed, file, stated, place, progress);
        if let Some(error) = error {
            gaps.push(format!("{name} does not open the committed root: {error}"));
        } else if !is_there {
            gaps.push(format!("the evidence has no {name}, which is committed"));
        } else if log
            .file
            .as_ref()
            .is_some_and(|file| file.count > log.made_of)
        {
            findings.unprovable(Unprovable::Log, || {
                format!("{name} has more tickets than issuer {issuer} committed")
            });
        }
        if log.opened.as_ref().is_some_and(|opened| opened.unknown > 0) {
            gaps.push(format!("parts of {name} are not known"));
        }
        audited.logs.committed.insert(*issuer, log);
    }
    for issuer in found.keys() {
        findings.unprovable(Unprovable::Log, || {
            format!("tickets-{issuer}.qlog is of an issuer that committed no log")
        });
    }
    audited.logs.others = found;
}

fn open_segment_files(audited: &mut Audited, files: &EvidenceFiles, gaps: &mut Gaps) {
    let facts = &audited.facts;
    for name in files.names() {
        let Some(index) = numbered(name, "segment-", ".qseg") else {
            continue;
        };
        let Some(node) = facts.epoch.nodes.get(index as usize) else {
            gaps.push(format!("{name} is of a node that isn't registered"));
            continue;
        };
        let path = files.path(name).expect("it is among the names");
        match SegmentFile::open(path, facts.epoch.network, facts.attested.epoch, *node) {
            Ok(file) => {
                audited.segment_files.insert(index, file);
            }
            Err(error) => gaps.push(format!("{name} {error}")),
        }
    }
}

/// Reads every segment file through.
fn scan_all(
    audited: &Audited,
    checkers: &Checkers<'_>,
    newest: &BTreeMap<u32, Newest>,
    gaps: &mut Gaps,
    progress: &dyn Progress,
) -> io::Result<BTreeMap<u32, Scan>> {
    let records = audited.segment_files.values();
    progress.begin("records", records.map(|file| u64::from(file.count)).sum());
    let mut scans = BTreeMap::new();
    let handed_in = audited.segment_files.keys();
    let indices: BTreeSet<_> = handed_in.chain(newest.keys()).collect();
    let nothing = Newest::new();
    for index in indices {
        let checker = checkers.of(audited, *index);
        let checker = checker.expect("only records of registered nodes are looked at");
        let file = audited.segment_files.get(index);
        let forced = newest.get(index).unwrap_or(&nothing);
        let scan = scan(file, &checker, &audited.accounts, forced)?;
        if scan.unjudged > 0 {
            let unjudged = scan.unjudged;
            gaps.push(format!(
                "{unjudged} records of segment-{index}.qseg can't be judged, since the evidence doesn't open \
                 their log"
            ));
        }
        scans.insert(*index, scan);
    }
    Ok(scans)
}

/// The probes of the evidence, if they can be read: those that nodes are attested to have had.
fn check_probes(
    audited: &Audited,
    files: &EvidenceFiles,
    findings: &mut Findings,
    gaps: &mut Gaps,
) -> Option<Vec<ProbeCount>> {
    let mut probes = Vec::new();
    let path = files.path(PROBES_FILE);
    let read = path.map(|path| for_each(path, |line: ProbeCount| probes.push(line)));
    match read {
        Some(Ok(())) => {}
        Some(Err(error)) => {
            gaps.push(format!("{PROBES_FILE} is malformed: {error}"));
            return None;
        }
        None => {
            gaps.push(format!("the evidence has no {PROBES_FILE}"));
            return None;
        }
    }
    let is_list = probes.is_sorted_by(|a, b| a.index < b.index);
    let is_count = |probe: &ProbeCount| probe.made > 0 && probe.ok <= probe.made;
    let is_node = |probe: &ProbeCount| (probe.index as usize) < audited.facts.epoch.nodes.len();
    if !is_list || !probes.iter().all(|probe| is_count(probe) && is_node(probe)) {
        findings.unprovable(Unprovable::Probes, || {
            format!("{PROBES_FILE} has a line that is out of order, of no node, or no count")
        });
        return None;
    }
    let nodes = audited.nodes.as_ref();
    let by_index: BTreeMap<_, _> = probes.iter().map(|p| (p.index, (p.made, p.ok))).collect();
    for (place, leaf) in nodes.into_iter().flat_map(|nodes| nodes.leaves()) {
        let (made, ok) = by_index.get(&place).copied().unwrap_or((0, 0));
        if (leaf.probes, leaf.probes_ok) != (made, ok) {
            let (probes, probes_ok) = (leaf.probes, leaf.probes_ok);
            findings.unprovable(Unprovable::Probes, || {
                format!("node {place} is attested {probes_ok} of {probes} probes; {PROBES_FILE} has {ok} of {made}")
            });
        }
    }
    Some(probes)
}

/// Records that were left out with another reason than they give, or though they count. Returns how many were
/// left out of each node's.
fn check_refusals(
    audited: &Audited,
    files: &EvidenceFiles,
    checkers: &Checkers<'_>,
    findings: &mut Findings,
    gaps: &mut Gaps,
) -> io::Result<BTreeMap<u32, u64>> {
    let mut refused = BTreeMap::new();
    let Some(path) = files.path(REJECTIONS_FILE) else {
        gaps.push(format!("the evidence has no {REJECTIONS_FILE}"));
        return Ok(refused);
    };
    let (mut unjudged, mut failed, mut before) = (0u64, None, None);
    let read = for_each(path, |line: RejectionLine| {
        let index = line.index;
        *refused.entry(index).or_default() += 1;
        let here = (index, line.ticket);
        if before.is_some_and(|before| before > here) {
            findings.unprovable(Unprovable::Refusal, || {
                format!(
                    "{REJECTIONS_FILE}: node {index}, ticket {}, is out of order",
                    line.ticket
                )
            });
        }
        before = Some(here);
        let checker = checkers.of(audited, index);
        let found = match checker.map(|checker| checker.check(line.record)) {
            None => Some("there is no such node".to_owned()),
            Some(Err(error)) => {
                failed = failed.take().or(Some(error));
                None
            }
            Some(Ok(checked)) => match checked.found {
                Some(found) => {
                    let room = || has_room(audited, index, &line.record);
                    let found = found.err().map(|Fault(rejection)| rejection);
                    let found = found.or_else(|| (!room()).then_some(Rejection::SumOverflow));
                    match found {
                        Some(found) => {
                            let is_stated =
                                found.code() == line.code && found.name() == line.reason;
                            (!is_stated).then(|| found.to_string())
                        }
                        None => Some("the record counts".to_owned()),
                    }
                }
                None => {
                    unjudged += 1;
                    None
                }
            },
        };
        let mut found = found;
        if line.ticket != line.record.id {
            found = Some("its ticket is another".to_owned());
        }
        if let Some(found) = found {
            let (ticket, stated) = (line.ticket, line.reason);
            findings.unprovable(Unprovable::Refusal, || {
                format!("{REJECTIONS_FILE}, node {index}, ticket {ticket}: stated {stated}; found: {found}")
            });
        }
    });
    if let Some(error) = failed {
        return Err(error);
    }
    if let Err(error) = read {
        gaps.push(format!("{REJECTIONS_FILE} is malformed: {error}"));
    }
    if unjudged > 0 {
        gaps.push(format!(
            "{unjudged} refusals can't be judged, since the evidence doesn't open their log"
        ));
    }
    Ok(refused)
}

/// Whether a node's attested mass has room for a record more.
pub(super) fn has_room(audited: &Audited, index: u32, record: &Record) -> bool {
    let nodes = audited.nodes.as_ref();
    let leaf = nodes.and_then(|nodes| nodes.leaf(index));
    leaf.is_none_or(|leaf| {
        let sum = record.mass().and_then(|mass| leaf.mass.checked_add(mass));
        sum.is_ok()
    })
}

/// Reads a list line by line, so that a long one isn't held.
pub(super) fn for_each<T: DeserializeOwned>(
    path: &Path,
    each: impl FnMut(T),
) -> Result<(), String> {
    struct Lines<T, F>(F, PhantomData<T>);
    impl<'de, T: DeserializeOwned, F: FnMut(T)> Visitor<'de> for Lines<T, F> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
            while let Some(line) = list.next_element()? {
                (self.0)(line);
            }
            Ok(())
        }
    }
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut from = serde_json::Deserializer::from_reader(BufReader::new(file));
    let read = from.deserialize_seq(Lines(each, PhantomData));
    read.and_then(|()| from.end())
        .map_err(|error| error.to_string())
}

/// Looks up what the challenges show, and says what was found.
fn finish(
    audited: &Audited,
    findings: Findings,
    gaps: Gaps,
    recomputed: Option<&Recomputed>,
    scans: &BTreeMap<u32, Scan>,
) -> io::Result<Examined> {
    let mut show = Show::new(audited);
    let makes = || findings.told.iter().filter_map(|found| found.make.as_ref());
    // What is blocked now is blocked then.
    makes().for_each(|make| drop(make(&show)));
    show.look_up().map_err(|error| match error {
        WalkError::Io(error) => error,
        other => io::Error::other(other),
    })?;
    let lie = |found: &super::findings::Finding| {
        let made = found.make.as_ref().map(|make| make(&show));
        let (shown, unshown) = match made {
            Some(Ok(challenge)) => (Some(challenge), None),
            Some(Err(Blocked)) => {
                let why = "its path leads past another lie, which has to be shown first";
                (None, Some(why.to_owned()))
            }
            None => (None, Some("nothing on chain can tell".to_owned())),
        };
        Lie {
            kind: found.kind,
            against: found.against,
            sentence: found.sentence.clone(),
            challenge: shown.as_ref().map(|challenge| LieChallenge {
                contract: challenge.contract(),
                function: challenge.kind(),
                to: Account::ZERO,
                data: challenge.call_data(protocol::B256::ZERO),
                gas: None,
                refusal: None,
            }),
            unshown,
            shown,
        }
    };
    let lies = findings.told.iter().map(lie).collect();
    let counts = findings.counts().iter();
    let (nodes, payers) = recompute::lines(audited, recomputed, scans);
    Ok(Examined {
        gaps: gaps.into_told(),
        lies,
        attested_lies: findings.attested(),
        lies_by_kind: counts
            .map(|(kind, count)| (kind.to_string(), *count))
            .collect(),
        roots: recomputed.map(|recomputed| recomputed.roots(&audited.facts)),
        total: recomputed.map(Recomputed::total),
        signatures: scans.values().map(|scan| scan.counted).sum(),
        nodes,
        payers,
    })
}
