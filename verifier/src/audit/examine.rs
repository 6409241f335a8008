//! The audit itself: chain and evidence in, what is false out. Blocking; uses all cores for signatures.

use super::facts::AuditFacts;
use super::findings::{Finding, Findings};
use super::forced::{self, Newest};
use super::lists::{check_probes, check_refusals};
use super::opening::{self, refuse};
use super::progress::Progress;
use super::recompute::{self, Recomputed};
use super::records::Checkers;
use super::report::{Lie, LieChallenge};
use super::rules;
use super::segments::{Scan, scan};
use super::show::{Blocked, Show};
use super::walk::WalkError;
use super::{Audited, Before, Gaps};
use crate::evidence::EvidenceFiles;
use crate::report::{NodeLine, PayerLine};
use contracts::Address as Account;
use protocol::Roots;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

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

/// What is at hand of an epoch's evidence.
#[derive(Debug)]
pub(super) enum Had<'a> {
    /// All files that were attested.
    Files(&'a EvidenceFiles),
    /// The attested `bundle.json`, which is none: for this reason.
    Refused(String),
    /// Nothing: it couldn't be had.
    Nothing,
}

/// Audits an epoch by chain and evidence; without files, by the chain alone.
///
/// # Errors
/// If a file that was there can't be read any more.
pub(super) fn examine(
    facts: Arc<AuditFacts>,
    had: Had<'_>,
    before: Before,
    progress: &dyn Progress,
) -> io::Result<Examined> {
    let mut gaps = Gaps::default();
    let mut findings = Findings::default();
    let files = match had {
        Had::Files(files) => Some(files),
        Had::Refused(why) => {
            refuse(&mut findings, || why);
            None
        }
        Had::Nothing => None,
    };
    let opened = opening::open(facts, files, before, &mut findings, &mut gaps, progress);
    let mut audited = opened?;
    rules::check_counts(&audited, &mut findings);
    let Some(files) = files else {
        return finish(&audited, findings, gaps, None, &BTreeMap::new());
    };
    rules::check_before(&audited, &mut findings);
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
    let probes = check_probes(&audited, files, &mut findings)?;
    let refused = check_refusals(&audited, files, &checkers, &scans, &mut findings, &mut gaps)?;
    let probes = probes.as_deref();
    let recomputed = recompute::recompute(&audited, &scans, probes, &mut findings, &mut gaps);
    if let Some(recomputed) = &recomputed {
        recompute::compare(&audited, recomputed, &mut findings);
        rules::check_roots(&audited, recomputed, &mut findings);
    }
    rules::check_files(&audited, &scans, &mut findings);
    let mut examined = finish(&audited, findings, gaps, recomputed.as_ref(), &scans)?;
    for line in &mut examined.nodes {
        line.rejected += refused.get(&line.index).copied().unwrap_or(0);
    }
    Ok(examined)
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
    let lie = |found: &Finding| {
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
