//! What is attested of each node and each payer.

use crate::audit::Audited;
use crate::audit::findings::Findings;
use contracts::challenge::{Claim, Kind};
use protocol::{BillLeaf, ChargeLeaf, DeliveryMass, Mass, NodeLeaf, score};
use std::collections::BTreeSet;

/// Last charges as the charges tree has them.
struct Charges<'a> {
    audited: &'a Audited,
    /// Whether the charges tree is opened.
    known: bool,
    count: u32,
}

impl<'a> Charges<'a> {
    fn of(audited: &'a Audited) -> Self {
        Self {
            audited,
            known: audited.charges.is_some(),
            count: audited.facts.attested.charges,
        }
    }

    /// The charge that a leaf names as its last.
    fn named(&self, last: u32) -> Option<&'a ChargeLeaf> {
        let place = last.checked_sub(1)?;
        self.audited.charges.as_ref()?.leaf(place)
    }
}

/// Every node's leaf.
pub(in crate::audit) fn check_nodes(audited: &Audited, findings: &mut Findings) {
    let Some(nodes) = &audited.nodes else {
        return;
    };
    let charges = Charges::of(audited);
    for (place, leaf) in nodes.leaves() {
        check_node(audited, &charges, place, leaf, findings);
    }
    // Of several charges after the one that is named, one is enough to show.
    let Some(tree) = &audited.charges else {
        return;
    };
    let mut shown = BTreeSet::new();
    for (place, charge) in tree.leaves() {
        let node = charge.node;
        let Some(leaf) = nodes.leaf(node).filter(|_| node < nodes.count()) else {
            continue;
        };
        if place >= leaf.last && shown.insert(node) {
            let last = leaf.last;
            findings.claim(
                Kind::LaterChargeOfNode,
                || format!("node {node} has charge {place}, after the one that its leaf names as the last ({last})"),
                move |show| Ok(Claim::LaterChargeOfNode(show.node(node)?, show.charge(place)?)),
            );
        }
    }
}

fn check_node(
    audited: &Audited,
    charges: &Charges<'_>,
    place: u32,
    leaf: &NodeLeaf,
    findings: &mut Findings,
) {
    let node = *leaf;
    // Beyond the registry, it is the count that is wrong.
    let key = audited.facts.epoch.nodes.get(place as usize);
    if node.index != place || key.is_some_and(|key| *key != node.node) {
        findings.claim(
            Kind::WrongNode,
            || {
                let (index, key) = (node.index, node.node.short());
                format!("leaf {place} of the nodes tree is of node {index}, key {key}, which isn't who has that place")
            },
            move |show| Ok(Claim::WrongNode(show.node(place)?)),
        );
    }
    let (mass, probes) = (node.mass, (node.probes, node.probes_ok));
    let right = score(mass.deliveries(), mass.within(), probes.0, probes.1);
    if node.sla_ppm != right {
        findings.claim(
            Kind::WrongScore,
            || {
                format!(
                    "node {place} is given a score of {}; its deliveries and probes give {right}",
                    node.sla_ppm
                )
            },
            move |show| Ok(Claim::WrongScore(show.node(place)?)),
        );
    }
    let last = node.last;
    let nothing = node.reward == 0 && mass == DeliveryMass::ZERO;
    if charges.known && (last == 0 && !nothing || last > charges.count) {
        findings.claim(
            Kind::RewardWithoutCharge,
            || match last {
                0 => format!(
                    "node {place} is rewarded {} for {mass:?}, and has no charge",
                    node.reward
                ),
                _ => format!(
                    "node {place} names charge {} as its last; there are {}",
                    last - 1,
                    charges.count
                ),
            },
            move |show| {
                Ok(Claim::RewardWithoutCharge(
                    show.node(place)?,
                    show.charges_root()?,
                ))
            },
        );
    } else if let Some(charge) = charges.named(last) {
        let right = charge.node == place && charge.earned == node.reward && charge.served == mass;
        if !right {
            findings.claim(
                Kind::WrongReward,
                || {
                    let (reward, named) = (node.reward, last - 1);
                    let ChargeLeaf { node, earned, served, .. } = charge;
                    format!("node {place} is rewarded {reward} for {mass:?}; charge {named}, named as its last, says {earned} for {served:?} of node {node}")
                },
                move |show| Ok(Claim::WrongReward(show.node(place)?, show.charge(last - 1)?)),
            );
        }
    }
    if let Some(earlier) = audited.earned_before(place)
        && earlier.checked_add(node.reward) != Some(node.cumulative)
    {
        findings.claim(
            Kind::WrongCumulative,
            || {
                let (reward, cumulative) = (node.reward, node.cumulative);
                format!("node {place} is given {cumulative} in all; it had {earlier} before, and earned {reward}")
            },
            move |show| Ok(Claim::WrongCumulative(show.node(place)?, show.node_before(place)?)),
        );
    }
}

/// Every payer's leaf.
pub(in crate::audit) fn check_bills(audited: &Audited, findings: &mut Findings) {
    let Some(bills) = &audited.bills else {
        return;
    };
    let charges = Charges::of(audited);
    for (place, leaf) in bills.leaves() {
        check_bill(audited, &charges, place, leaf, findings);
    }
    let Some(tree) = &audited.charges else {
        return;
    };
    let mut shown = BTreeSet::new();
    for (place, charge) in tree.leaves() {
        let payer = charge.payer;
        let Some(leaf) = bills.leaf(payer).filter(|_| payer < bills.count()) else {
            continue;
        };
        if place >= leaf.last && shown.insert(payer) {
            let last = leaf.last;
            findings.claim(
                Kind::LaterChargeOfPayer,
                || format!("payer {payer} has charge {place}, after the one that its leaf names as the last ({last})"),
                move |show| Ok(Claim::LaterChargeOfPayer(show.bill(payer)?, show.charge(place)?)),
            );
        }
    }
}

fn check_bill(
    audited: &Audited,
    charges: &Charges<'_>,
    place: u32,
    leaf: &BillLeaf,
    findings: &mut Findings,
) {
    let bill = *leaf;
    let account = audited.facts.account(place);
    if bill.index != place || account.is_some_and(|account| account != bill.payer) {
        findings.claim(
            Kind::WrongPayer,
            || {
                let (index, payer) = (bill.index, bill.payer);
                format!("leaf {place} of the bills tree is of payer {index}, account {payer}, which isn't who has that place")
            },
            move |show| Ok(Claim::WrongPayer(show.bill(place)?)),
        );
    }
    let last = bill.last;
    if charges.known && (last == 0 && bill.bill != 0 || last > charges.count) {
        findings.claim(
            Kind::BillWithoutCharge,
            || match last {
                0 => format!("payer {place} is billed {}, and has no charge", bill.bill),
                _ => format!(
                    "payer {place} names charge {} as its last; there are {}",
                    last - 1,
                    charges.count
                ),
            },
            move |show| {
                Ok(Claim::BillWithoutCharge(
                    show.bill(place)?,
                    show.charges_root()?,
                ))
            },
        );
    } else if let Some(charge) = charges.named(last)
        && (charge.payer != place || charge.billed != bill.cumulative)
    {
        findings.claim(
            Kind::WrongBill,
            || {
                let (cumulative, named) = (bill.cumulative, last - 1);
                let ChargeLeaf { payer, billed, .. } = charge;
                format!("payer {place} is billed {cumulative} in all; charge {named}, named as its last, says {billed} of payer {payer}")
            },
            move |show| Ok(Claim::WrongBill(show.bill(place)?, show.charge(last - 1)?)),
        );
    }
    if let Some(earlier) = audited.billed_before(place)
        && earlier.checked_add(bill.bill) != Some(bill.cumulative)
    {
        findings.claim(
            Kind::WrongCumulativeBill,
            || {
                let (bill, cumulative) = (bill.bill, bill.cumulative);
                format!("payer {place} is billed {cumulative} in all; it was billed {earlier} before, and {bill} now")
            },
            move |show| Ok(Claim::WrongCumulativeBill(show.bill(place)?, show.bill_before(place)?)),
        );
    }
    let deposit = audited.facts.epoch.payers.get(place as usize);
    // Of another account than the payer's, the wrong payer is the lie.
    let deposit = deposit.filter(|payer| payer.account == bill.payer);
    if let Some(deposit) = deposit.map(|payer| payer.deposit)
        && bill.bill != 0
        && bill.cumulative > deposit
    {
        findings.claim(
            Kind::OverDeposit,
            || {
                format!(
                    "payer {place} is billed {} in all; it has deposited {deposit}",
                    bill.cumulative
                )
            },
            move |show| Ok(Claim::OverDeposit(show.bill(place)?)),
        );
    }
}
