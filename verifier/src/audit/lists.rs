//! The lists of the evidence that are JSON: probes and refused records, each line held against what it is about.
//! SPEC section 11 has one form for them, to the byte.

use super::findings::{Findings, Unprovable};
use super::opening::refuse;
use super::records::{Checkers, Fault};
use super::segments::Scan;
use super::{Audited, Gaps};
use crate::evidence::{EvidenceFiles, PROBES_FILE, REJECTIONS_FILE, RejectionLine};
use crate::judge::ProbeCount;
pub(super) use bundle::ListError;
use protocol::{DeliveryMass, Mass, RECORDS_MAX, Record, Rejection};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

/// Reads a list line by line, so that a long one isn't held. What is told before an error is as it should be.
pub(super) fn for_each<T: DeserializeOwned + Serialize>(
    path: &Path,
    each: impl FnMut(T),
) -> Result<(), ListError> {
    bundle::for_each(BufReader::new(File::open(path)?), each)
}

/// The probes of the evidence, if they can be read: those that nodes are attested to have had.
///
/// # Errors
/// If the file can't be read any more.
pub(super) fn check_probes(
    audited: &Audited,
    files: &EvidenceFiles,
    findings: &mut Findings,
) -> io::Result<Option<Vec<ProbeCount>>> {
    let mut probes = Vec::new();
    let Some(path) = files.path(PROBES_FILE) else {
        refuse(findings, || format!("the evidence has no {PROBES_FILE}"));
        return Ok(None);
    };
    match for_each(path, |line: ProbeCount| probes.push(line)) {
        Ok(()) => {}
        Err(ListError::Io(error)) => return Err(error),
        Err(error) => {
            refuse(findings, || format!("{PROBES_FILE} {error}"));
            return Ok(None);
        }
    }
    let is_list = probes.is_sorted_by(|a, b| a.index < b.index);
    let is_count = |probe: &ProbeCount| probe.made > 0 && probe.ok <= probe.made;
    let is_node = |probe: &ProbeCount| (probe.index as usize) < audited.facts.epoch.nodes.len();
    if !is_list || !probes.iter().all(|probe| is_count(probe) && is_node(probe)) {
        findings.unprovable(Unprovable::Probes, || {
            format!("{PROBES_FILE} has a line that is out of order, of no node, or no count")
        });
        return Ok(None);
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
    Ok(Some(probes))
}

/// Records that were left out with another reason than they give, or though they count. Returns how many were
/// left out of each node's.
///
/// # Errors
/// If a file can't be read any more.
pub(super) fn check_refusals(
    audited: &Audited,
    files: &EvidenceFiles,
    checkers: &Checkers<'_>,
    scans: &BTreeMap<u32, Scan>,
    findings: &mut Findings,
    gaps: &mut Gaps,
) -> io::Result<BTreeMap<u32, u64>> {
    let mut refused = BTreeMap::new();
    let Some(path) = files.path(REJECTIONS_FILE) else {
        refuse(findings, || {
            format!("the evidence has no {REJECTIONS_FILE}")
        });
        return Ok(refused);
    };
    let (mut unjudged, mut failed, mut before) = (0u64, None, None::<(u32, Record)>);
    let read = for_each(path, |line: RejectionLine| {
        let (index, ticket) = (line.index, line.ticket);
        *refused.entry(index).or_default() += 1;
        // The same record twice, one after the other, is one.
        let is_after = before.is_none_or(|(at, record)| {
            (at, record.id) <= (index, ticket) && (at, record) != (index, line.record)
        });
        if !is_after {
            findings.unprovable(Unprovable::Refusal, || {
                format!("{REJECTIONS_FILE}: node {index}, ticket {ticket}, is out of order, or there twice")
            });
        }
        before = Some((index, line.record));
        let mut found = match refusal(audited, checkers, scans, &line) {
            Ok(Refusal::Unknown) => {
                unjudged += 1;
                None
            }
            Ok(Refusal::NoNode) => Some("there is no such node".to_owned()),
            Ok(Refusal::Counts) => Some("the record counts".to_owned()),
            Ok(Refusal::For(found)) => {
                let is_stated = found.code() == line.code && found.name() == line.reason;
                (!is_stated).then(|| found.to_string())
            }
            Err(error) => {
                failed = failed.take().or(Some(error));
                None
            }
        };
        if ticket != line.record.id {
            found = Some("its ticket is another".to_owned());
        }
        if let Some(found) = found {
            let stated = line.reason;
            findings.unprovable(Unprovable::Refusal, || {
                format!("{REJECTIONS_FILE}, node {index}, ticket {ticket}: stated {stated}; found: {found}")
            });
        }
    });
    match (read, failed) {
        (_, Some(error)) | (Err(ListError::Io(error)), None) => return Err(error),
        (Err(error), None) => refuse(findings, || format!("{REJECTIONS_FILE} {error}")),
        (Ok(()), None) => {}
    }
    if unjudged > 0 {
        gaps.push(format!(
            "{unjudged} refusals can't be judged, since the evidence doesn't open their log"
        ));
    }
    Ok(refused)
}

/// What is found of a record that was left out.
enum Refusal {
    For(Rejection),
    Counts,
    NoNode,
    /// Its log isn't opened.
    Unknown,
}

fn refusal(
    audited: &Audited,
    checkers: &Checkers<'_>,
    scans: &BTreeMap<u32, Scan>,
    line: &RejectionLine,
) -> io::Result<Refusal> {
    let Some(checker) = checkers.of(audited, line.index) else {
        return Ok(Refusal::NoNode);
    };
    let scan = scans.get(&line.index);
    let (mass, counted) = scan.map_or((DeliveryMass::ZERO, 0), |scan| (scan.mass, scan.counted));
    Ok(match checker.check(line.record)?.found {
        None => Refusal::Unknown,
        Some(Err(Fault(rejection))) => Refusal::For(rejection),
        Some(Ok(_)) if counted >= RECORDS_MAX.into() || !fits(mass, &line.record) => {
            Refusal::For(Rejection::SumOverflow)
        }
        Some(Ok(_)) => Refusal::Counts,
    })
}

/// Whether a node's attested mass has room for a record more.
pub(super) fn has_room(audited: &Audited, index: u32, record: &Record) -> bool {
    let nodes = audited.nodes.as_ref();
    let leaf = nodes.and_then(|nodes| nodes.leaf(index));
    leaf.is_none_or(|leaf| fits(leaf.mass, record))
}

fn fits(sum: DeliveryMass, record: &Record) -> bool {
    let sum = record.mass().and_then(|mass| sum.checked_add(mass));
    sum.is_ok()
}
