//! Records in the segments of charges.

use crate::audit::findings::{Findings, Unprovable};
use crate::audit::forced::Newest;
use crate::audit::logs::Entry;
use crate::audit::records::{Checker, Checkers, Fault};
use crate::audit::segments::{
    FalseRecord, OpenedSegment, Scan, Seen, Segment, look, open_segment, root_preimage,
};
use crate::audit::{Audited, Gaps};
use contracts::challenge::{Claim, Kind};
use protocol::{ChargeLeaf, Rejection};
use std::collections::BTreeMap;
use std::io;

/// The segment of every charge. Returns those of which something is to be shown, by the charge's place.
pub(in crate::audit) fn check(
    audited: &Audited,
    scans: &BTreeMap<u32, Scan>,
    newest: &BTreeMap<u32, Newest>,
    checkers: &Checkers<'_>,
    findings: &mut Findings,
    gaps: &mut Gaps,
) -> io::Result<BTreeMap<u32, OpenedSegment>> {
    let forced_of = |charge: &ChargeLeaf| {
        let of_node = newest.get(&charge.node);
        let mut forced = of_node.into_iter().flat_map(BTreeMap::values);
        forced.any(|forced| forced.payer() == Some(charge.payer))
    };
    let mut charged: BTreeMap<(u32, u32), u32> = BTreeMap::new();
    let mut opened = BTreeMap::new();
    let charges = audited.charges.as_ref();
    for (place, charge) in charges.into_iter().flat_map(|tree| tree.leaves()) {
        charged.insert((charge.node, charge.payer), place);
        let scan = scans.get(&charge.node);
        let elements = audited.elements.get(&format!("charge-{place}.elements"));
        let must_open = forced_of(charge);
        match open_segment(audited, charge, scan, elements, must_open)? {
            Segment::Clean => {}
            Segment::NoRoot(preimage) => root_is_none(place, charge, preimage, findings),
            Segment::Closed(why) => {
                let node = charge.node;
                findings.unprovable(Unprovable::Root, || {
                    format!("segment-{node}.qseg does not open the segment root of charge {place}: {why}")
                });
            }
            Segment::Opened(segment) => {
                let root = segment.opened.root;
                if root.mass != charge.mass || root.count == 0 {
                    let preimage = root_preimage(&root, segment.opened.top).to_vec();
                    root_is_none(place, charge, preimage, findings);
                }
                if segment.opened.unknown > 0 {
                    findings.unprovable(Unprovable::Root, || {
                        format!("parts of the segment of charge {place} are not known")
                    });
                }
                // A charge of nobody is a lie by itself.
                if let Some(checker) = checkers.of(audited, charge.node) {
                    look_at(audited, &segment, (place, charge), &checker, findings, gaps)?;
                }
                opened.insert(place, *segment);
            }
        }
    }
    // Only what the evidence itself has can be missed: what is in no file, nobody can show.
    let charges_known = charges.is_some_and(|charges| charges.is_whole());
    for (node, scan) in scans {
        for (payer, group) in &scan.groups {
            if !charges_known || charged.contains_key(&(*node, *payer)) {
                continue;
            }
            if group.counted > 0 {
                let count = group.counted;
                findings.unprovable(Unprovable::LeftOut, || {
                    format!("{count} records in segment-{node}.qseg count, and nobody charges payer {payer} for them")
                });
            } else {
                findings.unprovable(Unprovable::Stray, || {
                    format!("segment-{node}.qseg has records of payer {payer} that don't count, and that no charge has")
                });
            }
        }
    }
    Ok(opened)
}

fn root_is_none(place: u32, charge: &ChargeLeaf, preimage: Vec<u8>, findings: &mut Findings) {
    let mass = charge.mass;
    findings.claim(
        Kind::SegmentRootMismatch,
        || format!("the segment root of charge {place} isn't that of records with {mass:?}"),
        move |show| {
            Ok(Claim::SegmentRootMismatch(
                show.charge(place)?,
                preimage.clone().into(),
            ))
        },
    );
}

fn look_at(
    audited: &Audited,
    segment: &OpenedSegment,
    (charge, leaf): (u32, &ChargeLeaf),
    checker: &Checker<'_>,
    findings: &mut Findings,
    gaps: &mut Gaps,
) -> io::Result<()> {
    let unjudged = look(
        audited,
        segment,
        leaf.payer,
        checker,
        &mut |seen| match seen {
            Seen::False(found) => record(audited, charge, leaf, *found, findings),
            Seen::OutOfOrder(place, pair) => {
                let (left, right) = *pair;
                findings.claim(
                Kind::RecordsOutOfOrder,
                || {
                    let (next, left, right) = (place + 1, left.id, right.id);
                    format!("records {place} and {next} of charge {charge} aren't in order: ticket {left} stands before {right}")
                },
                move |show| {
                    let records = show.records(charge, place, (left, right))?;
                    Ok(Claim::RecordsOutOfOrder(records))
                },
            );
            }
        },
    )?;
    if unjudged > 0 {
        gaps.push(format!(
            "{unjudged} records of charge {charge} can't be judged, since the evidence doesn't open their log"
        ));
    }
    Ok(())
}

/// Which challenge shows that a record doesn't count where it is.
fn kind(audited: &Audited, charge: &ChargeLeaf, found: &FalseRecord) -> Kind {
    let record = &found.checked.record;
    let Some(Fault(rejection)) = found.fault else {
        // It counts, for another payer.
        return Kind::TicketElsewhere;
    };
    match rejection {
        Rejection::UnknownTicket => {
            let is_logged = audited
                .facts
                .epoch
                .committed
                .contains_key(&record.id.issuer);
            match is_logged && record.id.epoch == audited.facts.attested.epoch {
                true => Kind::IndexBeyondLog,
                false => Kind::NoTicketLog,
            }
        }
        Rejection::WrongTicket => match found.checked.entry {
            // The very ticket, though it says that its place is another.
            Entry::Ticket(ticket) if ticket.digest() == record.receipt.ticket => {
                Kind::TicketElsewhere
            }
            _ => Kind::TicketNotInLog,
        },
        Rejection::WrongNetwork | Rejection::WrongNode => Kind::TicketElsewhere,
        Rejection::MalformedTicket => Kind::MalformedTicket,
        Rejection::UnknownPayer => {
            // One that is registered since, or nobody at all.
            let account = audited.facts.account(charge.payer);
            let named = found.checked.ticket.map(|ticket| ticket.payer);
            match account {
                Some(account) if named != Some(account) => Kind::TicketElsewhere,
                _ => Kind::UnknownPayer,
            }
        }
        Rejection::OverLimit => Kind::OverLimit,
        Rejection::OverDeliveries => Kind::OverDeliveries,
        Rejection::OutsideTime => Kind::OutsideTime,
        Rejection::ZeroSequence => Kind::ZeroSequence,
        // A single record is checked by none of the others.
        _ => Kind::BadSignature,
    }
}

fn record(
    audited: &Audited,
    charge: u32,
    leaf: &ChargeLeaf,
    found: FalseRecord,
    findings: &mut Findings,
) {
    let FalseRecord {
        place,
        checked,
        fault,
    } = found;
    let kind = kind(audited, leaf, &found);
    let record = checked.record;
    let why = match fault {
        Some(Fault(rejection)) => rejection.to_string(),
        None => "its ticket names another payer".to_owned(),
    };
    let ticket = match checked.entry {
        Entry::Ticket(ticket) => Some(ticket),
        Entry::Nothing | Entry::Unknown => None,
    };
    let (issuer, index) = (record.id.issuer, record.id.index);
    findings.claim(
        kind,
        || {
            let (payer, node) = (leaf.payer, leaf.node);
            format!("record {place} of charge {charge} (payer {payer} at node {node}), ticket {}, is counted: {why}", record.id)
        },
        move |show| {
            let shown = show.record(charge, place, record)?;
            let entry = || ticket.map(Box::new).ok_or(crate::audit::show::Blocked);
            Ok(match kind {
                Kind::NoTicketLog => Claim::NoTicketLog(shown),
                Kind::IndexBeyondLog => Claim::IndexBeyondLog(shown, show.log_opening(issuer)?),
                Kind::TicketNotInLog => {
                    Claim::TicketNotInLog(shown, entry()?, show.log_entry(issuer, index)?)
                }
                Kind::TicketElsewhere => Claim::TicketElsewhere(shown, entry()?),
                Kind::MalformedTicket => Claim::MalformedTicket(shown, entry()?),
                Kind::UnknownPayer => Claim::UnknownPayer(shown, entry()?),
                Kind::OverLimit => Claim::OverLimit(shown, entry()?),
                Kind::OverDeliveries => Claim::OverDeliveries(shown),
                Kind::OutsideTime => Claim::OutsideTime(shown, entry()?),
                Kind::ZeroSequence => Claim::ZeroSequence(shown),
                _ => Claim::BadSignature(shown, entry()?),
            })
        },
    );
}
