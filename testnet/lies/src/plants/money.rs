//! Scores, rewards, bills and charges that don't follow.

use super::plant::{Plant, Planted, SECOND, SPENT, altered, booked, honest};
use anyhow::{Context, ensure};
use contracts::challenge::Kind;
use protocol::{DeliveryMass, Mass};

/// A score without fault.
const FULL: u32 = 1_000_000;

pub(super) fn all() -> Vec<Plant> {
    let mut all = nodes();
    all.extend(payers());
    all.extend(charges());
    all
}

fn nodes() -> Vec<Plant> {
    vec![
        Plant::new(
            Kind::WrongScore,
            "gives a node another score than its deliveries have",
            |scene| {
                let leaf = scene.evidence.trees.nodes.leaves.get(1);
                let right = leaf.context("there is no second node")?.sla_ppm;
                booked(scene, |book| {
                    let wrong = if right == FULL { right - 1 } else { FULL };
                    book.scores.insert(1, wrong);
                    Ok(())
                })
            },
        ),
        Plant::new(
            Kind::RewardWithoutCharge,
            "names a last charge of a node that isn't there",
            |scene| {
                altered(scene, |evidence| {
                    evidence.trees.nodes.leaves.get_mut(1)?.last = 99;
                    Some(())
                })
            },
        ),
        Plant::new(
            Kind::WrongReward,
            "counts a byte for a node that isn't in its charges",
            |scene| {
                altered(scene, |evidence| {
                    let leaf = evidence.trees.nodes.leaves.get_mut(1)?;
                    let one = DeliveryMass::new(1, 0, 0).ok()?;
                    leaf.mass = leaf.mass.checked_add(one).ok()?;
                    Some(())
                })
            },
        ),
        Plant::new(
            Kind::LaterChargeOfNode,
            "passes an earlier charge of a node off for its last",
            |scene| {
                altered(scene, |evidence| {
                    let leaf = evidence.trees.nodes.leaves.first_mut()?;
                    let last = (leaf.last as usize).checked_sub(1)?;
                    leaf.last = evidence.trees.charges.leaves.get(last)?.previous;
                    Some(())
                })
            },
        )
        .besides(&["wrongReward"]),
        Plant::new(
            Kind::WrongCumulative,
            "moves a unit of what one node has earned to another",
            |scene| {
                altered(scene, |evidence| {
                    let [one, other, ..] = &mut evidence.trees.nodes.leaves[..] else {
                        return None;
                    };
                    one.cumulative += 1;
                    other.cumulative = other.cumulative.checked_sub(1)?;
                    Some(())
                })
            },
        ),
    ]
}

fn payers() -> Vec<Plant> {
    vec![
        Plant::new(
            Kind::BillWithoutCharge,
            "names a last charge of a payer that isn't there",
            |scene| {
                altered(scene, |evidence| {
                    evidence.trees.bills.leaves.get_mut(1)?.last = 99;
                    Some(())
                })
            },
        ),
        Plant::new(
            Kind::WrongBill,
            "moves a unit of one payer's bill to another",
            |scene| {
                altered(scene, |evidence| {
                    let [one, other, ..] = &mut evidence.trees.bills.leaves[..] else {
                        return None;
                    };
                    one.bill += 1;
                    one.cumulative += 1;
                    other.bill = other.bill.checked_sub(1)?;
                    other.cumulative = other.cumulative.checked_sub(1)?;
                    Some(())
                })
            },
        ),
        Plant::new(
            Kind::LaterChargeOfPayer,
            "passes an earlier charge of a payer off for its last",
            |scene| {
                altered(scene, |evidence| {
                    let leaf = evidence.trees.bills.leaves.first_mut()?;
                    leaf.last = leaf.last.checked_sub(1)?;
                    Some(())
                })
            },
        )
        .besides(&["wrongBill"]),
        Plant::new(
            Kind::WrongCumulativeBill,
            "states a bill that isn't what its sum has grown by",
            |scene| {
                altered(scene, |evidence| {
                    let leaf = evidence.trees.bills.leaves.first_mut()?;
                    leaf.bill = leaf.bill.checked_sub(1)?;
                    Some(())
                })
            },
        ),
        Plant::new(
            Kind::OverDeposit,
            "bills a payer beyond its deposit",
            |scene| {
                let (payer, _) = SPENT;
                let bill = scene.evidence.trees.bills.leaves.get(payer as usize);
                let left = scene.facts.payers.get(payer as usize).zip(bill);
                let (payer_, bill) = left.context("there is no second payer")?;
                ensure!(
                    bill.cumulative == payer_.deposit,
                    "the second payer's deposit isn't used up"
                );
                booked(scene, |book| {
                    book.unlimited.push(payer);
                    Ok(())
                })
            },
        )
        .besides(&["wrongAmount"]),
        Plant::new(
            Kind::TotalAboveFunds,
            "attests more than all payers have deposited",
            |scene| {
                let deposits = scene.facts.payers.iter().map(|payer| payer.deposit);
                Ok(Planted {
                    total_more: 2 * deposits.sum::<u128>(),
                    ..honest(scene)
                })
            },
        )
        .besides(&["wrongSum"]),
    ]
}

fn charges() -> Vec<Plant> {
    vec![
        Plant::new(
            Kind::WrongAmount,
            "charges another amount than follows from bytes, price and score",
            |scene| {
                booked(scene, |book| {
                    book.part(SECOND)?.amount = Some(5);
                    Ok(())
                })
            },
        ),
        Plant::new(
            Kind::WrongBilled,
            "states another sum of a payer's charges",
            |scene| {
                altered(scene, |evidence| {
                    evidence.trees.charges.leaves.get_mut(1)?.billed += 1;
                    Some(())
                })
            },
        ),
        Plant::new(
            Kind::WrongEarned,
            "states another sum of a node's charges",
            |scene| {
                altered(scene, |evidence| {
                    evidence.trees.charges.leaves.first_mut()?.earned += 1;
                    Some(())
                })
            },
        ),
        Plant::new(
            Kind::SkippedCharge,
            "leaves a charge out of a node's chain of charges",
            |scene| {
                altered(scene, |evidence| {
                    let last = evidence.trees.nodes.leaves.first()?.last;
                    let last = (last as usize).checked_sub(1)?;
                    let charge = evidence.trees.charges.leaves.get_mut(last)?;
                    charge.previous = 0;
                    (charge.earned, charge.served) = (charge.amount, charge.mass);
                    Some(())
                })
            },
        )
        .besides(&["wrongReward"]),
    ]
}
