//! Charges: their order, whose they are, what they amount to, and what they add up to.

use crate::audit::Audited;
use crate::audit::findings::Findings;
use contracts::challenge::{Claim, Kind};
use protocol::{ChargeLeaf, Mass, reward};
use std::collections::BTreeMap;

/// Every charge.
pub(in crate::audit) fn check(audited: &Audited, findings: &mut Findings) {
    let Some(charges) = &audited.charges else {
        return;
    };
    let (nodes, payers) = (audited.facts.attested.nodes, audited.facts.attested.payers);
    // Where each node's charge before is.
    let mut last_of: BTreeMap<u32, u32> = BTreeMap::new();
    for (place, charge) in charges.leaves() {
        let before = place.checked_sub(1).map(|before| charges.leaf(before));
        if let Some(Some(before)) = before
            && (before.payer, before.node) >= (charge.payer, charge.node)
        {
            findings.claim(
                Kind::ChargesOutOfOrder,
                || format!("charges {} and {place} aren't in order", place - 1),
                move |show| Ok(Claim::ChargesOutOfOrder(show.charges(place - 1)?)),
            );
        }
        if charge.payer >= payers || charge.node >= nodes {
            findings.claim(
                Kind::ChargeOfNobody,
                || {
                    let ChargeLeaf { payer, node, .. } = charge;
                    format!("charge {place} is of payer {payer} at node {node}; there are {payers} payers and {nodes} nodes in their trees")
                },
                move |show| {
                    let charge = show.charge(place)?;
                    Ok(Claim::ChargeOfNobody(charge, show.nodes_root()?, show.bills_root()?))
                },
            );
        }
        check_money(audited, place, charge, before, findings);
        check_running(
            audited,
            place,
            charge,
            last_of.get(&charge.node).copied(),
            findings,
        );
        last_of.insert(charge.node, place);
    }
}

/// Amount, and the payer's running total. `before` is the charge before: `Some(None)` if there is one and it
/// isn't known.
fn check_money(
    audited: &Audited,
    place: u32,
    charge: &ChargeLeaf,
    before: Option<Option<&ChargeLeaf>>,
    findings: &mut Findings,
) {
    let same_payer = match before {
        Some(None) => return,
        Some(Some(before)) => (before.payer == charge.payer).then_some(before.billed),
        None => None,
    };
    let is_own = same_payer.is_some();
    let Some(billed) = same_payer.or_else(|| audited.billed_before(charge.payer)) else {
        return;
    };
    let earlier = move |show: &crate::audit::show::Show<'_>, payer| match is_own {
        true => Ok(Box::new(contracts::challenge::Earlier::Nothing)),
        false => show.bill_before(payer),
    };
    let (payer, node) = (charge.payer, charge.node);
    let has_before = before.is_some();
    let neighbour = move |show: &crate::audit::show::Show<'_>| match has_before {
        true => show.charge(place - 1).map(Some),
        false => Ok(None),
    };
    let deposit = audited.facts.epoch.payers.get(payer as usize);
    let earner = audited.nodes.as_ref().and_then(|nodes| nodes.leaf(node));
    if let (Some(deposit), Some(earner)) = (deposit, earner) {
        let worth = reward(&audited.facts.epoch.terms, charge.mass, earner.sla_ppm);
        // A score that is too high for a worth is a lie that is shown at the node.
        if let Ok(worth) = worth {
            let amount = worth.min(deposit.deposit.saturating_sub(billed));
            if charge.amount != amount {
                let stated = charge.amount;
                findings.claim(
                    Kind::WrongAmount,
                    || format!("charge {place}, of payer {payer} at node {node}, is {stated}; score, price and deposit give {amount}"),
                    move |show| {
                        let (charge, node) = (show.charge(place)?, show.node(node)?);
                        Ok(Claim::WrongAmount(charge, node, neighbour(show)?, earlier(show, payer)?))
                    },
                );
            }
        }
    }
    if billed.checked_add(charge.amount) != Some(charge.billed) {
        let (stated, amount) = (charge.billed, charge.amount);
        findings.claim(
            Kind::WrongBilled,
            || format!("charge {place} brings payer {payer} to {stated}; it was at {billed}, and the charge is {amount}"),
            move |show| {
                let charge = show.charge(place)?;
                Ok(Claim::WrongBilled(charge, neighbour(show)?, earlier(show, payer)?))
            },
        );
    }
}

/// The node's running totals. `last` is the place of its charge before.
fn check_running(
    audited: &Audited,
    place: u32,
    charge: &ChargeLeaf,
    last: Option<u32>,
    findings: &mut Findings,
) {
    let (node, named) = (charge.node, charge.previous.checked_sub(1));
    // One that is skipped isn't shown by what is named, but by itself.
    if let Some(skipped) = last.filter(|last| *last >= charge.previous) {
        findings.claim(
            Kind::SkippedCharge,
            || format!("charge {place} of node {node} passes over its charge {skipped}"),
            move |show| {
                Ok(Claim::SkippedCharge(
                    show.charge(place)?,
                    show.charge(skipped)?,
                ))
            },
        );
    }
    let charges = audited.charges.as_ref();
    let previous = match named {
        None => None,
        // Itself or a later one: whatever stands there.
        Some(named) if named >= place => None,
        Some(named) => match charges.and_then(|charges| charges.leaf(named)) {
            Some(previous) => Some((named, previous)),
            None => return,
        },
    };
    let follows = match (named, previous) {
        (None, _) => charge.earned == charge.amount && charge.served == charge.mass,
        (Some(_), None) => false,
        (Some(_), Some((_, previous))) => {
            previous.node == node
                && previous.earned.checked_add(charge.amount) == Some(charge.earned)
                && previous.served.checked_add(charge.mass) == Ok(charge.served)
        }
    };
    if !follows {
        let shown = previous.map(|(named, _)| named);
        let (earned, served) = (charge.earned, charge.served);
        findings.claim(
            Kind::WrongEarned,
            || match named {
                Some(named) => format!("charge {place} brings node {node} to {earned} for {served:?}, which doesn't follow from charge {named}"),
                None => format!("charge {place}, the first of node {node}, brings it to {earned} for {served:?}, which isn't what it is itself"),
            },
            move |show| {
                let previous = shown.map(|named| show.charge(named)).transpose()?;
                Ok(Claim::WrongEarned(show.charge(place)?, previous))
            },
        );
    }
}
