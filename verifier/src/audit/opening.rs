//! What is attested, opened by the files of the evidence: trees, ticket logs, segments. SPEC section 11.
//!
//! Bytes that were attested and that can't be read so are a lie of whoever attested them, and told as one. Only
//! what this machine or the chain doesn't give is a gap.

use super::attested::{Tree, TreeError};
use super::content::Content;
use super::facts::AuditFacts;
use super::findings::{Findings, Unprovable};
use super::logs::{Log, LogError, LogFile, Logs};
use super::progress::Progress;
use super::records::{SegmentFile, SegmentFileError};
use super::segments::Accounts;
use super::tree::{OpenError, StatedRoot};
use super::walk::WalkError;
use super::{Audited, Before, Fault, Gaps};
use crate::evidence::{
    BILLS_FILE, CHARGES_FILE, EvidenceFiles, PREVIOUS_BILLS_FILE, PREVIOUS_FILE, TREE_FILE,
    numbered,
};
use protocol::{BillLeaf, Elements, EpochLeaf, LayoutError, NodeLeaf, ValueMass};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Where the trees of the epoch before stand in an epoch's own evidence: nodes, bills, and elements of both.
pub(super) const COPIES: [&str; 4] = [PREVIOUS_FILE, PREVIOUS_BILLS_FILE, "", ""];
/// Where they stand in theirs.
pub(super) const ORIGINALS: [&str; 4] = [TREE_FILE, BILLS_FILE, "tree.elements", "bills.elements"];

/// Opens the trees of the epoch before with files of these names.
pub(super) fn open_before(
    facts: &AuditFacts,
    files: &EvidenceFiles,
    [nodes, bills, nodes_elements, bills_elements]: [&'static str; 4],
) -> Result<(Tree<NodeLeaf>, Tree<BillLeaf>), Fault> {
    let Some(before) = &facts.before else {
        return Err(Fault::Unread("the epoch before isn't attested".to_owned()));
    };
    let place = (facts.epoch.network, before.epoch);
    let root = |hash, count| StatedRoot {
        hash,
        mass: ValueMass::new(before.total).unwrap_or_default(),
        count,
    };
    let stated = |name: &str| match files.path(name).map(read_elements) {
        Some(Ok(Ok(elements))) => Ok(Some(elements)),
        Some(Ok(Err(error))) => Err(Fault::False(format!("{name}: {error}"))),
        Some(Err(error)) => Err(Fault::Unread(format!("{name}: {error}"))),
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
    let fault = |error: TreeError| match error {
        TreeError::Io(..) => Fault::Unread(error.to_string()),
        _ => Fault::False(error.to_string()),
    };
    Ok((nodes.map_err(fault)?, bills.map_err(fault)?))
}

fn read_elements(path: &Path) -> io::Result<Result<Elements, LayoutError>> {
    Ok(Elements::from_bytes(&std::fs::read(path)?))
}

/// Opens what the evidence opens.
///
/// # Errors
/// If a file that was there can't be read any more.
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
    match before.fault {
        Some(Fault::False(fault)) => findings.unprovable(Unprovable::Before, || fault),
        Some(Fault::Unread(fault)) => gaps.push(fault),
        None => {}
    }
    let place = (facts.epoch.network, facts.attested.epoch);
    for name in files.names().filter(|name| name.ends_with(".elements")) {
        let path = files.path(name).expect("it is among the names");
        match read_elements(path)? {
            Ok(elements) if (elements.network, elements.epoch) != place => {
                refuse(findings, || {
                    format!("{name} is of another network or epoch")
                });
            }
            Ok(elements) => {
                audited.elements.insert(name.to_owned(), elements);
            }
            Err(error) => refuse(findings, || format!("{name}: {error}")),
        }
    }
    let [nodes, bills, charges] = facts.stated();
    let names = (TREE_FILE, "tree.elements");
    audited.nodes = tree(&audited, files, names, nodes, findings)?;
    let names = (BILLS_FILE, "bills.elements");
    audited.bills = tree(&audited, files, names, bills, findings)?;
    let names = (CHARGES_FILE, "charges.elements");
    audited.charges = tree(&audited, files, names, charges, findings)?;
    open_logs(&mut audited, files, findings, gaps, progress)?;
    open_segment_files(&mut audited, files, findings)?;
    Ok(audited)
}

/// Tells attested bytes that aren't evidence.
pub(super) fn refuse(findings: &mut Findings, sentence: impl FnOnce() -> String) {
    findings.unprovable(Unprovable::Refused, sentence);
}

fn tree<L: EpochLeaf + Content<Mass = ValueMass>>(
    audited: &Audited,
    files: &EvidenceFiles,
    (name, elements): (&'static str, &str),
    root: StatedRoot<ValueMass>,
    findings: &mut Findings,
) -> io::Result<Option<Tree<L>>> {
    let facts = &audited.facts;
    let place = (facts.epoch.network, facts.attested.epoch);
    let stated = audited.elements.get(elements);
    match Tree::open(name, files.path(name), stated, root, place) {
        Ok(tree) => {
            if tree.opened.unknown > 0 {
                findings.unprovable(Unprovable::Root, || {
                    format!("parts of the tree of {name} are not known")
                });
            }
            Ok(Some(tree))
        }
        Err(TreeError::Io(name, error)) => {
            Err(io::Error::new(error.kind(), format!("{name}: {error}")))
        }
        Err(error @ TreeError::Root(..)) => {
            findings.unprovable(Unprovable::Root, || error.to_string());
            Ok(None)
        }
        Err(error) => {
            refuse(findings, || error.to_string());
            Ok(None)
        }
    }
}

fn open_logs(
    audited: &mut Audited,
    files: &EvidenceFiles,
    findings: &mut Findings,
    gaps: &mut Gaps,
    progress: &dyn Progress,
) -> io::Result<()> {
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
            Err(LogError::Io(error)) => return Err(error),
            Err(error) => {
                refuse(findings, || format!("{name} {error}"));
            }
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
        if file.is_none() && files.path(&name).is_none() {
            refuse(findings, || {
                format!("the evidence has no {name}, which is committed")
            });
        }
        let stated = audited.elements.get(&format!("tickets-{issuer}.elements"));
        let (log, error) = Log::open(*committed, file, stated, place, progress);
        match error {
            Some(OpenError::Walk(WalkError::Io(error))) => return Err(error),
            Some(error) => findings.unprovable(Unprovable::Root, || {
                format!("{name} does not open the committed root: {error}")
            }),
            None if log.has_more_than_committed() => findings.unprovable(Unprovable::Log, || {
                format!("{name} has more tickets than issuer {issuer} committed")
            }),
            None => {}
        }
        if log.opened.as_ref().is_some_and(|opened| opened.unknown > 0) {
            findings.unprovable(Unprovable::Root, || {
                format!("parts of {name} are not known")
            });
        }
        audited.logs.committed.insert(*issuer, log);
    }
    for issuer in found.keys() {
        findings.unprovable(Unprovable::Log, || {
            format!("tickets-{issuer}.qlog is of an issuer that committed no log")
        });
    }
    audited.logs.others = found;
    Ok(())
}

fn open_segment_files(
    audited: &mut Audited,
    files: &EvidenceFiles,
    findings: &mut Findings,
) -> io::Result<()> {
    let facts = &audited.facts;
    for name in files.names() {
        let Some(index) = numbered(name, "segment-", ".qseg") else {
            continue;
        };
        let Some(node) = facts.epoch.nodes.get(index as usize) else {
            refuse(findings, || {
                format!("{name} is of a node that isn't registered")
            });
            continue;
        };
        let path = files.path(name).expect("it is among the names");
        match SegmentFile::open(path, facts.epoch.network, facts.attested.epoch, *node) {
            Ok(file) => {
                if file.count == 0 {
                    findings.unprovable(Unprovable::Segment, || format!("{name} has no record"));
                }
                audited.segment_files.insert(index, file);
            }
            Err(SegmentFileError::Io(error)) => return Err(error),
            Err(error) => refuse(findings, || format!("{name} {error}")),
        }
    }
    Ok(())
}
