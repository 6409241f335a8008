//! Records that were forced and aren't counted, and those that no node may force.

use crate::audit::Audited;
use crate::audit::content::{Content, Leaves};
use crate::audit::findings::Findings;
use crate::audit::forced::{Forced, Newest, own_fault};
use crate::audit::segments::{AttestedRecords, PartOf};
use contracts::challenge::{ChargeGap, Claim, Kind, NodeClaim, RecordGap};
use protocol::{Mass, Record, TicketId};
use std::collections::BTreeMap;
use std::io;

/// What is forced and counts has to be counted: it, or a newer one of its ticket.
pub(in crate::audit) fn check_counted(
    audited: &Audited,
    newest: &BTreeMap<u32, Newest>,
    findings: &mut Findings,
) -> io::Result<()> {
    let (Some(nodes), Some(charges)) = (&audited.nodes, &audited.charges) else {
        return Ok(());
    };
    // Of each payer and node, where its charge is and what it has to have.
    let mut of_charges: BTreeMap<(u32, u32), Vec<Forced>> = BTreeMap::new();
    for forced in newest.values().flat_map(BTreeMap::values) {
        let Some(leaf) = nodes.leaf(forced.node) else {
            continue;
        };
        let mass = forced.record().mass();
        let fits = mass.is_ok_and(|mass| leaf.mass.checked_add(mass).is_ok());
        if let (Some(payer), true) = (forced.payer(), fits) {
            let wanted = of_charges.entry((payer, forced.node)).or_default();
            wanted.push(*forced);
        }
    }
    for ((payer, node), wanted) in of_charges {
        let rank = (payer, node);
        let mut place_of = charges.leaves();
        match place_of.find(|(_, charge)| (charge.payer, charge.node) == rank) {
            Some((place, _)) => in_segment(audited, place, payer, &wanted, findings)?,
            None if charges.is_whole() => without_charge(audited, rank, &wanted, findings),
            None => {}
        }
    }
    Ok(())
}

fn told(forced: &Forced) -> String {
    let (node, id) = (forced.node, forced.record().id);
    let (chunk, place) = (forced.chunk, forced.place);
    format!(
        "node {node} forced a record of ticket {id} (chunk {chunk}, record {place}) that counts"
    )
}

/// There is no charge of the payer and node.
fn without_charge(audited: &Audited, rank: (u32, u32), wanted: &[Forced], findings: &mut Findings) {
    let Some(charges) = &audited.charges else {
        return;
    };
    let before = charges
        .leaves()
        .take_while(|(_, charge)| (charge.payer, charge.node) < rank);
    let (place, count) = (before.count() as u32, charges.count());
    for &forced in wanted {
        findings.claim(
            Kind::IgnoredCharge,
            || {
                let (payer, node) = rank;
                let told = told(&forced);
                format!("{told}; there is no charge of payer {payer} at node {node}")
            },
            move |show| {
                let left = place.checked_sub(1).map(|left| show.charge(left));
                let right = (place < count).then(|| show.charge(place));
                let gap = ChargeGap {
                    place,
                    count,
                    left: left.transpose()?.map(|shown| *shown),
                    right: right.transpose()?.map(|shown| *shown),
                };
                let standing = show.standing(&forced, rank.0)?;
                Ok(Claim::IgnoredCharge(
                    show.forced(&forced)?,
                    standing,
                    Box::new(gap),
                ))
            },
        );
    }
}

/// What a segment has at a ticket.
#[derive(Debug, Clone, Copy, Default)]
struct At {
    /// The record of the ticket and its place.
    is: Option<(u32, Record)>,
    /// The last record before it.
    left: Option<(u32, Record)>,
    /// The first after it.
    right: Option<(u32, Record)>,
}

/// There is a charge: its segment has to have the record, or a newer one.
fn in_segment(
    audited: &Audited,
    charge: u32,
    payer: u32,
    wanted: &[Forced],
    findings: &mut Findings,
) -> io::Result<()> {
    let Some(segment) = audited.segments.get(&charge) else {
        return Ok(());
    };
    let file = audited.segment_files.get(&segment.node);
    let records = AttestedRecords {
        leaves: PartOf::new(audited, file, segment.part)?,
        opened: &segment.opened,
    };
    let ids = wanted
        .iter()
        .map(|forced| (forced.record().id, At::default()));
    let mut found: BTreeMap<TicketId, At> = ids.collect();
    let (mut place, mut last, mut in_order) = (0, None, true);
    records.visit(&mut |content| {
        let Some(record) = Record::from_content(content) else {
            return;
        };
        in_order &= last.is_none_or(|last| last < record.id);
        last = Some(record.id);
        for (id, at) in &mut found {
            let here = Some((place, record));
            match record.id.cmp(id) {
                std::cmp::Ordering::Less => at.left = here,
                std::cmp::Ordering::Equal => at.is = here,
                std::cmp::Ordering::Greater => at.right = at.right.or(here),
            }
        }
        place += 1;
    })?;
    let count = segment.opened.root.count;
    for &forced in wanted {
        let at = found[&forced.record().id];
        match at.is {
            Some((_, counted)) if counted.receipt.sequence >= forced.record().receipt.sequence => {}
            Some((place, older)) => findings.claim(
                Kind::IgnoredNewer,
                || format!("{}; charge {charge} has an older one", told(&forced)),
                move |show| {
                    let older = show.record(charge, place, older)?;
                    let standing = show.standing(&forced, payer)?;
                    Ok(Claim::IgnoredNewer(show.forced(&forced)?, standing, older))
                },
            ),
            // Between neighbours that aren't in order nothing can be missed.
            None if !in_order => {}
            None => findings.claim(
                Kind::IgnoredRecord,
                || format!("{}; charge {charge} has none of its ticket", told(&forced)),
                move |show| {
                    let side = |side: Option<(u32, Record)>| {
                        let shown = side.map(|(place, record)| show.record(charge, place, record));
                        let shown = shown.transpose()?;
                        Ok(shown.map(|shown| (shown.record.leaf, shown.record.proof)))
                    };
                    let gap = RecordGap {
                        charge: *show.charge(charge)?,
                        place: at.left.map_or(0, |(place, _)| place + 1),
                        count,
                        left: side(at.left)?,
                        right: side(at.right)?,
                    };
                    let standing = show.standing(&forced, payer)?;
                    Ok(Claim::IgnoredRecord(
                        show.forced(&forced)?,
                        standing,
                        Box::new(gap),
                    ))
                },
            ),
        }
    }
    Ok(())
}

/// A node that forces what its ticket refutes is at fault itself.
pub(in crate::audit) fn check_valid(audited: &Audited, all: &[Forced], findings: &mut Findings) {
    let epoch = audited.facts.attested.epoch;
    for forced in all.iter().copied() {
        let Some(rejection) = own_fault(audited, &forced) else {
            continue;
        };
        let node = forced.node;
        findings.node(
            Kind::ForcedInvalid,
            node,
            || {
                let (chunk, place, id) = (forced.chunk, forced.place, forced.record().id);
                format!(
                    "node {node} forced record {place} of chunk {chunk}, ticket {id}: {rejection}"
                )
            },
            move |show| {
                let forced = show.forced(&forced)?;
                Ok(NodeClaim::ForcedInvalid { epoch, forced })
            },
        );
    }
}
