//! Trees that aren't what they say.

use super::plant::{FIRST, Plant, Planted, altered, booked, honest};
use super::records::late;
use crate::{Part, Scene};
use anyhow::{Context, Result, ensure};
use contracts::challenge::Kind;
use protocol::{
    Address, DeliveryMass, Element, Elements, EpochLeaf, Mass, Root, StatedElement, ValueMass,
    parent,
};

/// Charges that a scene has: they fill three quarters of their tree.
const CHARGES: usize = 6;

pub(super) fn all() -> Vec<Plant> {
    vec![
        Plant::new(
            Kind::WrongSum,
            "attests a higher total than its leaves add up to",
            |scene| {
                Ok(Planted {
                    total_more: 1,
                    ..honest(scene)
                })
            },
        ),
        Plant::new(
            Kind::WrongSum,
            "attests a segment whose root states more than its receipts",
            |scene| {
                booked(scene, |book| {
                    let part = book.part(FIRST)?;
                    (part.mass, part.in_root) = (Some(more(part)?), true);
                    Ok(())
                })
            },
        ),
        Plant::new(
            Kind::WrongSum,
            "moves money between two branches deep in the charges tree",
            inner_sums,
        ),
        Plant::new(
            Kind::WrongShape,
            "says that a tree has fewer leaves, and so another height",
            |scene| {
                ensure!(
                    scene.evidence.trees.charges.leaves.len() == CHARGES,
                    "there aren't {CHARGES} charges"
                );
                Ok(Planted {
                    counts: [None, None, Some(2)],
                    ..honest(scene)
                })
            },
        )
        .besides(&["billWithoutCharge", "rewardWithoutCharge"]),
        Plant::new(
            Kind::WrongCount,
            "says that a tree has a leaf more",
            |scene| {
                let charges = scene.evidence.trees.charges.leaves.len();
                Ok(Planted {
                    counts: [None, None, Some(u32::try_from(charges)? + 1)],
                    ..honest(scene)
                })
            },
        ),
        Plant::new(
            Kind::SegmentRootMismatch,
            "charges for more than the root of the receipts states",
            |scene| {
                booked(scene, |book| {
                    let part = book.part(FIRST)?;
                    part.mass = Some(more(part)?);
                    Ok(())
                })
            },
        ),
        Plant::new(Kind::ChargesOutOfOrder, "swaps two charges", |scene| {
            booked(scene, |book| {
                ensure!(book.parts.len() > 1, "there is one charge");
                book.parts.swap(0, 1);
                Ok(())
            })
        }),
        Plant::new(
            Kind::WrongNode,
            "puts a stranger's key in a node's place",
            |scene| {
                altered(scene, |evidence| {
                    evidence.trees.nodes.leaves.get_mut(1)?.node.0.0[0] ^= 1;
                    Some(())
                })
            },
        ),
        Plant::new(
            Kind::WrongPayer,
            "puts a stranger's account in a payer's place",
            |scene| {
                altered(scene, |evidence| {
                    evidence.trees.bills.leaves.get_mut(1)?.payer = Address::repeat_byte(9);
                    Some(())
                })
            },
        ),
        Plant::new(
            Kind::WrongNodeCount,
            "lists a node that isn't registered",
            |scene| {
                altered(scene, |evidence| {
                    let leaves = &mut evidence.trees.nodes.leaves;
                    let mut leaf = *leaves.first()?;
                    (leaf.index, leaf.mass) =
                        (u32::try_from(leaves.len()).ok()?, DeliveryMass::ZERO);
                    (leaf.last, leaf.reward, leaf.cumulative) = (0, 0, 0);
                    leaf.sla_ppm = 1_000_000;
                    leaves.push(leaf);
                    Some(())
                })
            },
        ),
        Plant::new(
            Kind::WrongPayerCount,
            "lists a payer that registered after the epoch",
            |scene| {
                let late = scene.cast.late;
                altered(scene, |evidence| {
                    let leaves = &mut evidence.trees.bills.leaves;
                    let mut leaf = *leaves.first()?;
                    (leaf.index, leaf.payer) = (u32::try_from(leaves.len()).ok()?, late);
                    (leaf.last, leaf.bill, leaf.cumulative) = (0, 0, 0);
                    leaves.push(leaf);
                    Some(())
                })
            },
        ),
        Plant::new(
            Kind::ChargeOfNobody,
            "charges a payer that isn't in the bills",
            late,
        )
        .besides(&["unknownPayer"]),
    ]
}

/// A mebibyte more than there is, in a delivery more.
fn more(part: &Part) -> Result<DeliveryMass> {
    Ok(part.sum()?.checked_add(DeliveryMass::new(1 << 20, 1, 1)?)?)
}

/// Two inner elements of the charges tree that state one unit more and one less than is below them. Only an
/// elements file opens such a root.
fn inner_sums(scene: &Scene) -> Result<Planted> {
    let mut planted = honest(scene);
    let charges = &planted.evidence.trees.charges;
    ensure!(
        charges.leaves.len() == CHARGES,
        "there aren't {CHARGES} charges"
    );
    let element = |place: usize| match charges.leaves.get(place) {
        Some(leaf) => leaf.leaf(),
        None => Ok(Element::EMPTY),
    };
    let over = |left, right| parent::<ValueMass>(left, right);
    let mut level = Vec::new();
    for at in 0..4 {
        level.push(over(element(2 * at)?, element(2 * at + 1)?)?);
    }
    let moved = |element: Element<ValueMass>, more: bool| {
        let amount = element.mass.amount();
        let amount = match more {
            true => amount.checked_add(1),
            false => amount.checked_sub(1),
        };
        let mass = ValueMass::new(amount.context("nothing is charged there")?)?;
        anyhow::Ok(Element { mass, ..element })
    };
    let (more, less) = (moved(level[0], true)?, moved(level[1], false)?);
    let top = over(over(more, less)?, over(level[2], level[3])?)?;
    let stated = |position, element: Element<ValueMass>| StatedElement {
        level: 1,
        position,
        mass: element.mass.to_bytes(),
        hash: element.hash,
        preimage: Vec::new(),
    };
    let elements = Elements {
        network: charges.network,
        epoch: charges.epoch,
        root: Vec::new(),
        elements: vec![stated(0, more), stated(1, less)],
    };
    let root = Root {
        top,
        count: CHARGES as u64,
    };
    ensure!(
        root.mass() == charges.root()?.mass(),
        "what is added and what is taken isn't the same"
    );
    planted.charges_top = Some(top.hash);
    planted
        .evidence
        .elements
        .insert("charges.elements".to_owned(), elements);
    Ok(planted)
}
