//! What SPEC section 11 says of the evidence itself. Nothing on chain can tell it; so it is told where nothing
//! else is false, or it would be told twice.

use crate::audit::Audited;
use crate::audit::findings::{Findings, Unprovable};
use crate::audit::recompute::Recomputed;
use crate::audit::segments::Scan;
use std::collections::BTreeMap;

/// The trees of the epoch before: just their leaves give the attested roots, and they are of this chain's nodes
/// and payers.
pub(in crate::audit) fn check_before(audited: &Audited, findings: &mut Findings) {
    let Some((nodes, bills)) = &audited.before else {
        return;
    };
    let facts = &audited.facts.epoch;
    let mut tell = |sentence: String| findings.unprovable(Unprovable::Before, || sentence);
    if !nodes.is_as_stated() || !bills.is_as_stated() {
        tell("the trees of the epoch before are stated to be others than their leaves".to_owned());
    }
    let mut leaves = nodes.leaves();
    let wrong =
        leaves.find(|(place, leaf)| leaf.index != *place || *place as usize >= facts.nodes.len());
    if let Some((place, leaf)) = wrong {
        tell(format!(
            "leaf {place} of the nodes tree before is of node {}, and {} nodes are registered",
            leaf.index,
            facts.nodes.len()
        ));
    }
    let mut leaves = bills.leaves();
    let wrong = leaves.find(|(place, leaf)| {
        let payer = facts.payers.get(*place as usize);
        leaf.index != *place || payer.is_none_or(|payer| payer.account != leaf.payer)
    });
    if let Some((place, leaf)) = wrong {
        let (index, payer) = (leaf.index, leaf.payer);
        tell(format!(
            "leaf {place} of the bills tree before is of payer {index}, {payer}, which the vault has not at that place"
        ));
    }
}

/// Segments, logs and elements files.
pub(in crate::audit) fn check_files(
    audited: &Audited,
    scans: &BTreeMap<u32, Scan>,
    findings: &mut Findings,
) {
    if findings.attested() > 0 {
        return;
    }
    for (node, scan) in scans {
        let Some((ticket, why)) = &scan.others.first else {
            continue;
        };
        let count = scan.others.count;
        findings.unprovable(Unprovable::Segment, || {
            format!("segment-{node}.qseg has not just the records that count ({count} others): ticket {ticket}, {why}")
        });
    }
    for (issuer, log) in &audited.logs.committed {
        if !log.is_as_committed() {
            findings.unprovable(Unprovable::Log, || {
                format!("the log that issuer {issuer} committed is none, and was counted")
            });
        }
    }
    if findings.attested() > 0 {
        return;
    }
    if let Some(name) = audited.elements.keys().next() {
        findings.unprovable(Unprovable::Refused, || {
            format!("the evidence has {name}, though it opens without")
        });
    }
}

/// The recomputed roots are those that are attested.
pub(in crate::audit) fn check_roots(
    audited: &Audited,
    recomputed: &Recomputed,
    findings: &mut Findings,
) {
    if findings.explain_leaves() {
        return;
    }
    let (found, attested) = (recomputed.roots(&audited.facts), audited.facts.roots());
    for (tree, found, attested) in [
        ("nodes", found.nodes, attested.nodes),
        ("bills", found.bills, attested.bills),
        ("charges", found.charges, attested.charges),
    ] {
        if found != attested {
            findings.unprovable(Unprovable::Root, || {
                format!(
                    "the root of the {tree} tree is {found} as recomputed; attested is {attested}"
                )
            });
        }
    }
}
