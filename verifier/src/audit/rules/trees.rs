//! The trees' form: sums, shapes, counts; who is in them.

use crate::audit::Audited;
use crate::audit::findings::Findings;
use crate::audit::show::TreeOf;
use crate::audit::tree::{FalseElement, Opened, Wrong};
use contracts::challenge::{Claim, ElementPath, IssuerClaim, Kind, LogOf};
use protocol::{Mass, TicketId};

/// Elements of the epoch's trees and of opened segments.
pub(in crate::audit) fn check_forms(audited: &Audited, findings: &mut Findings) {
    if let Some(tree) = &audited.nodes {
        check_form(TreeOf::Nodes, "nodes tree", &tree.opened, findings);
    }
    if let Some(tree) = &audited.bills {
        check_form(TreeOf::Bills, "bills tree", &tree.opened, findings);
    }
    if let Some(tree) = &audited.charges {
        check_form(TreeOf::Charges, "charges tree", &tree.opened, findings);
    }
    for (charge, segment) in &audited.segments {
        let name = format!("segment of charge {charge}");
        let tree = TreeOf::Segment(*charge);
        check_form(tree, &name, &segment.opened, findings);
    }
}

fn check_form<M: Mass + 'static>(
    tree: TreeOf,
    name: &str,
    opened: &Opened<M>,
    findings: &mut Findings,
) {
    let count = opened.root.count;
    for lie in &opened.lies {
        let (kind, sentence) = told(lie, name, count);
        let lie = lie.clone();
        findings.claim(
            kind,
            || sentence,
            move |show| {
                let of = show.tree(tree)?;
                let path = show.element(tree, count, &lie)?;
                Ok(match &lie.wrong {
                    Wrong::Sum(preimage) => Claim::WrongSum(of, path, preimage.clone().into()),
                    Wrong::Shape(preimage) => Claim::WrongShape(of, path, preimage.clone().into()),
                    Wrong::Count => Claim::WrongCount(of, path, lie.element.hash),
                })
            },
        );
    }
}

/// The challenge of an issuer that shows a false element of its log.
pub(in crate::audit) fn log_claim<M: Mass>(
    log: LogOf,
    path: ElementPath,
    lie: &FalseElement<M>,
) -> IssuerClaim {
    match &lie.wrong {
        Wrong::Sum(preimage) => IssuerClaim::LogWrongSum(log, path, preimage.clone().into()),
        Wrong::Shape(preimage) => IssuerClaim::LogWrongShape(log, path, preimage.clone().into()),
        Wrong::Count => IssuerClaim::LogWrongCount(log, path, lie.element.hash),
    }
}

/// What is false about an element of a log, and which challenge of its issuer shows it.
pub(in crate::audit) fn told_of_log<M: Mass>(
    lie: &FalseElement<M>,
    issuer: u32,
    count: u32,
) -> (Kind, String) {
    let (kind, sentence) = told(lie, &format!("log of issuer {issuer}"), count);
    let kind = match kind {
        Kind::WrongSum => Kind::LogWrongSum,
        Kind::WrongShape => Kind::LogWrongShape,
        _ => Kind::LogWrongCount,
    };
    (kind, sentence)
}

/// What is false about an element, and which challenge of an attestation shows it.
fn told<M: Mass>(lie: &FalseElement<M>, name: &str, count: u32) -> (Kind, String) {
    let (level, position) = lie.at;
    let at = format!("in the {name}, the element at level {level}, position {position}");
    let mass = lie.element.mass;
    match &lie.wrong {
        Wrong::Sum(_) => (
            Kind::WrongSum,
            format!("{at}, is stated to have {mass:?}, which isn't the sum of what is below it"),
        ),
        Wrong::Shape(_) => (
            Kind::WrongShape,
            format!("{at}, is the hash of something that doesn't belong at that level"),
        ),
        Wrong::Count if level == 0 && position >= count => (
            Kind::WrongCount,
            format!("{at}, isn't empty though the tree is stated to have {count} leaves"),
        ),
        Wrong::Count => (
            Kind::WrongCount,
            format!("{at}, is empty though the tree is stated to have {count} leaves"),
        ),
    }
}

/// How many nodes and payers there are, and whether they can pay.
pub(in crate::audit) fn check_counts(audited: &Audited, findings: &mut Findings) {
    let facts = &audited.facts;
    let attested = &facts.attested;
    let (nodes, payers) = (facts.epoch.nodes.len(), facts.epoch.payers.len());
    if attested.nodes as usize != nodes {
        let stated = attested.nodes;
        findings.claim(
            Kind::WrongNodeCount,
            || format!("the nodes tree is stated to have {stated} leaves; {nodes} nodes were registered before the epoch's end"),
            |show| Ok(Claim::WrongNodeCount(show.nodes_root()?)),
        );
    }
    if attested.payers as usize != payers {
        let stated = attested.payers;
        findings.claim(
            Kind::WrongPayerCount,
            || format!("the bills tree is stated to have {stated} leaves; {payers} payers were registered before the epoch's end"),
            |show| Ok(Claim::WrongPayerCount(show.bills_root()?)),
        );
    }
    if attested.total > facts.funded {
        let (total, funded) = (attested.total, facts.funded);
        findings.claim(
            Kind::TotalAboveFunds,
            || format!("{total} is attested in all; payers have funded {funded}"),
            |_| Ok(Claim::TotalAboveFunds),
        );
    }
}

/// Logs as their issuers committed them.
pub(in crate::audit) fn check_logs(audited: &Audited, findings: &mut Findings) {
    let epoch = audited.facts.attested.epoch;
    for (&issuer, log) in &audited.logs.committed {
        let Some(opened) = &log.opened else { continue };
        let log_of = LogOf { epoch, issuer };
        let (tree, count) = (TreeOf::Log(issuer), opened.root.count);
        for lie in &opened.lies {
            let (kind, sentence) = told_of_log(lie, issuer, count);
            let lie = lie.clone();
            findings.issuer(
                kind,
                issuer,
                || sentence,
                move |show| Ok(log_claim(log_of, show.element(tree, count, &lie)?, &lie)),
            );
        }
        for (index, ticket) in log.out_of_place.iter().copied() {
            findings.issuer(
                Kind::LogOutOfPlace,
                issuer,
                || told_of_entry(issuer, index, ticket.id),
                move |show| {
                    let path = show.log_entry(issuer, index)?;
                    Ok(IssuerClaim::LogOutOfPlace(log_of, path, Box::new(ticket)))
                },
            );
        }
    }
}

/// What is false about an entry that isn't of its place.
pub(in crate::audit) fn told_of_entry(issuer: u32, index: u32, id: TicketId) -> String {
    format!("entry {index} of the log of issuer {issuer} is ticket {id}, or one of another network")
}
