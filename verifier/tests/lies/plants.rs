//! Every lie that a challenge shows, one by one: how it is planted, and what an audit must find.

use super::book::{Book, Part};
use super::network::*;
use contracts::challenge::Kind;
use contracts::{B256, Statement};
use protocol::{
    Address, DeliveryMass, Element, Elements, Mass, Record, Root, StatedElement, TicketId,
    ValueMass, parent,
};
use quittance_verifier::Evidence;

/// What is attested: evidence, and a vote that needn't be what follows from it.
pub struct Planted {
    pub evidence: Evidence,
    /// Number of leaves that are stated instead of those of the nodes, bills and charges trees.
    pub counts: [Option<u32>; 3],
    /// What is added to the honest total.
    pub total_more: u128,
    /// Top of the charges tree, if it isn't what its leaves give.
    pub charges_top: Option<B256>,
}

impl Planted {
    fn of(evidence: Evidence) -> Self {
        Self {
            evidence,
            counts: [None; 3],
            total_more: 0,
            charges_top: None,
        }
    }

    /// The vote, whose evidence has that hash.
    pub fn statement(&self, evidence: B256) -> Statement {
        let trees = self.evidence.trees.roots().unwrap();
        let statement = protocol::Statement {
            epoch: EPOCH,
            trees,
            evidence,
        };
        let mut statement = Statement::from(&statement);
        let [nodes, payers, charges] = self.counts;
        statement.nodes = nodes.unwrap_or(statement.nodes);
        statement.payers = payers.unwrap_or(statement.payers);
        statement.charges = charges.unwrap_or(statement.charges);
        statement.total += self.total_more;
        statement.charges_top = self.charges_top.unwrap_or(statement.charges_top);
        statement
    }
}

/// A lie.
pub struct Plant {
    /// What shows it.
    pub kind: Kind,
    /// What else is to be found, since it follows from the lie.
    pub besides: &'static [&'static str],
    pub plant: fn(&World) -> Planted,
}

const fn plant(
    kind: Kind,
    besides: &'static [&'static str],
    plant: fn(&World) -> Planted,
) -> Plant {
    Plant {
        kind,
        besides,
        plant,
    }
}

/// Honest books but for one change.
fn booked(world: &World, change: impl FnOnce(&mut Book)) -> Planted {
    let mut book = Book::honest(world);
    change(&mut book);
    Planted::of(book.kept(world))
}

/// Honest evidence but for one change.
fn altered(world: &World, change: impl FnOnce(&mut Evidence)) -> Planted {
    let mut evidence = world.evidence.clone();
    change(&mut evidence);
    Planted::of(evidence)
}

/// One record counted though its receipt is another than its client's, signed all the same.
fn receipt_of(world: &World, change: impl FnOnce(&mut protocol::Receipt)) -> Planted {
    let ticket = world.log.ticket(5).unwrap();
    let mut receipt = receipt(&ticket, 1);
    change(&mut receipt);
    with_record(world, (0, 0), signed(&ticket, receipt))
}

/// A record in place of the one of its ticket, or put where it belongs.
fn with_record(world: &World, (payer, node): (u32, u32), record: Record) -> Planted {
    booked(world, |book| {
        let records = &mut book.part(payer, node).records;
        records.retain(|other| other.id != record.id);
        records.push(record);
        records.sort_by_key(|record| record.id);
    })
}

pub fn all() -> Vec<Plant> {
    let mut all = records();
    all.extend(trees());
    all.extend(nodes_and_bills());
    all.extend(charges());
    all.extend(forced());
    all
}

fn records() -> Vec<Plant> {
    vec![
        plant(Kind::BadSignature, &[], |world| {
            let mut record = world.record(5);
            record.signature.0[3] ^= 1;
            with_record(world, (0, 0), record)
        }),
        plant(Kind::OverLimit, &[], |world| {
            receipt_of(world, |receipt| receipt.bytes = (4 << 30) + 1)
        }),
        plant(Kind::OverDeliveries, &[], |world| {
            receipt_of(world, |receipt| receipt.within = receipt.deliveries + 1)
        }),
        plant(Kind::OutsideTime, &[], |world| {
            receipt_of(world, |receipt| receipt.signed_at -= 2)
        }),
        plant(Kind::ZeroSequence, &[], |world| {
            receipt_of(world, |receipt| receipt.sequence = 0)
        }),
        plant(Kind::MalformedTicket, &[], |world| {
            with_record(world, (0, 1), world.record(MALFORMED))
        }),
        // Of another node.
        plant(Kind::TicketElsewhere, &[], |world| {
            with_record(world, (0, 0), world.record(UNUSED))
        }),
        // Of another payer: all that a node served is charged to one.
        plant(Kind::TicketElsewhere, &["leftOut"], |world| {
            booked(world, |book| {
                let moved = book.part(1, 1).records.clone();
                book.parts.retain(|part| (part.payer, part.node) != (1, 1));
                let records = &mut book.part(0, 1).records;
                records.extend(moved);
                records.sort_by_key(|record| record.id);
            })
        }),
        plant(Kind::UnknownPayer, &["chargeOfNobody"], late),
        plant(Kind::NoTicketLog, &[], |world| invented(world, 1, 0)),
        plant(Kind::IndexBeyondLog, &[], |world| invented(world, 0, 99)),
        plant(Kind::TicketNotInLog, &[], |world| {
            let mut other = world.log.ticket(5).unwrap();
            other.bytes_max += 1;
            with_record(world, (0, 0), record(&other, 1))
        }),
        plant(Kind::RecordsOutOfOrder, &[], |world| {
            booked(world, |book| {
                let records = &mut book.part(0, 0).records;
                let twice = records[1];
                records.insert(1, twice);
            })
        }),
    ]
}

/// A charge of somebody who has registered since.
fn late(world: &World) -> Planted {
    booked(world, |book| {
        book.parts.push(Part {
            payer: 2,
            node: 0,
            records: vec![world.record(UNKNOWN_PAYER)],
            mass: None,
            in_root: false,
            amount: None,
        });
    })
}

/// A record for a ticket that nobody granted.
fn invented(world: &World, issuer: u32, index: u32) -> Planted {
    let mut ticket = world.log.ticket(5).unwrap();
    ticket.id = TicketId {
        epoch: EPOCH,
        issuer,
        index,
    };
    with_record(world, (0, 0), record(&ticket, 1))
}

fn trees() -> Vec<Plant> {
    vec![
        // More in all than there is below.
        plant(Kind::WrongSum, &[], |world| Planted {
            total_more: 1,
            ..Planted::of(world.evidence.clone())
        }),
        // A segment whose root states more than its records.
        plant(Kind::WrongSum, &[], |world| {
            booked(world, |book| {
                let part = book.part(0, 0);
                let mass = DeliveryMass::new(9 << 30, 20, 15).unwrap();
                (part.mass, part.in_root) = (Some(mass), true);
            })
        }),
        plant(Kind::WrongSum, &[], inner_sums),
        plant(
            Kind::WrongShape,
            &["rewardWithoutCharge", "billWithoutCharge"],
            |world| Planted {
                counts: [None, None, Some(2)],
                ..Planted::of(world.evidence.clone())
            },
        ),
        plant(Kind::WrongCount, &[], |world| Planted {
            counts: [None, None, Some(7)],
            ..Planted::of(world.evidence.clone())
        }),
        plant(Kind::SegmentRootMismatch, &[], |world| {
            booked(world, |book| {
                book.part(0, 0).mass = Some(DeliveryMass::new(9 << 30, 20, 15).unwrap());
            })
        }),
        plant(Kind::ChargesOutOfOrder, &[], |world| {
            booked(world, |book| book.parts.swap(0, 1))
        }),
        plant(Kind::WrongNode, &[], |world| {
            altered(world, |evidence| {
                evidence.trees.nodes.leaves[1].node.0.0[0] ^= 1
            })
        }),
        plant(Kind::WrongPayer, &[], |world| {
            altered(world, |evidence| {
                evidence.trees.bills.leaves[1].payer = Address::repeat_byte(9);
            })
        }),
        plant(Kind::WrongNodeCount, &[], |world| {
            altered(world, |evidence| {
                let mut leaf = evidence.trees.nodes.leaves[0];
                (leaf.index, leaf.mass) = (3, DeliveryMass::ZERO);
                (leaf.last, leaf.reward, leaf.cumulative) = (0, 0, 0);
                leaf.sla_ppm = 1_000_000;
                evidence.trees.nodes.leaves.push(leaf);
            })
        }),
        plant(Kind::WrongPayerCount, &[], |world| {
            altered(world, |evidence| {
                let mut leaf = evidence.trees.bills.leaves[0];
                (leaf.index, leaf.payer) = (2, account(LATE).address());
                (leaf.last, leaf.bill, leaf.cumulative) = (0, 0, 0);
                evidence.trees.bills.leaves.push(leaf);
            })
        }),
        plant(Kind::ChargeOfNobody, &["unknownPayer"], late),
    ]
}

/// Two inner elements of the charges tree that state one unit more and one less than is below them. Only an
/// elements file opens such a root.
fn inner_sums(world: &World) -> Planted {
    let mut planted = Planted::of(world.evidence.clone());
    let charges = &planted.evidence.trees.charges;
    let element = |place: usize| match charges.leaves.get(place) {
        Some(leaf) => protocol::EpochLeaf::leaf(leaf).unwrap(),
        None => Element::EMPTY,
    };
    let over = |left, right| parent::<ValueMass>(left, right).unwrap();
    let level: Vec<_> = (0..4)
        .map(|at| over(element(2 * at), element(2 * at + 1)))
        .collect();
    let moved = |element: Element<ValueMass>, more: bool| {
        let amount = element.mass.amount();
        let amount = if more { amount + 1 } else { amount - 1 };
        Element {
            mass: ValueMass::new(amount).unwrap(),
            ..element
        }
    };
    let (more, less) = (moved(level[0], true), moved(level[1], false));
    let top = over(over(more, less), over(level[2], level[3]));
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
    planted.charges_top = Some(top.hash);
    planted
        .evidence
        .elements
        .insert("charges.elements".to_owned(), elements);
    let root = Root { top, count: 6 };
    assert_eq!(root.mass(), charges.root().unwrap().mass());
    planted
}

fn nodes_and_bills() -> Vec<Plant> {
    vec![
        plant(Kind::WrongScore, &[], |world| {
            booked(world, |book| {
                book.scores.insert(1, 1_000_000);
            })
        }),
        plant(Kind::RewardWithoutCharge, &[], |world| {
            altered(world, |evidence| evidence.trees.nodes.leaves[1].last = 99)
        }),
        plant(Kind::WrongReward, &[], |world| {
            altered(world, |evidence| {
                let leaf = &mut evidence.trees.nodes.leaves[1];
                let one = DeliveryMass::new(1, 0, 0).unwrap();
                leaf.mass = leaf.mass.checked_add(one).unwrap();
            })
        }),
        plant(Kind::LaterChargeOfNode, &["wrongReward"], |world| {
            altered(world, |evidence| {
                let last = evidence.trees.nodes.leaves[0].last as usize;
                let earlier = evidence.trees.charges.leaves[last - 1].previous;
                evidence.trees.nodes.leaves[0].last = earlier;
            })
        }),
        plant(Kind::WrongCumulative, &[], |world| {
            altered(world, |evidence| {
                evidence.trees.nodes.leaves[0].cumulative += 1;
                evidence.trees.nodes.leaves[1].cumulative -= 1;
            })
        }),
        plant(Kind::BillWithoutCharge, &[], |world| {
            altered(world, |evidence| evidence.trees.bills.leaves[1].last = 99)
        }),
        plant(Kind::WrongBill, &[], |world| {
            altered(world, |evidence| {
                let leaves = &mut evidence.trees.bills.leaves;
                leaves[0].bill += 1;
                leaves[0].cumulative += 1;
                leaves[1].bill -= 1;
                leaves[1].cumulative -= 1;
            })
        }),
        plant(Kind::LaterChargeOfPayer, &["wrongBill"], |world| {
            altered(world, |evidence| evidence.trees.bills.leaves[0].last -= 1)
        }),
        plant(Kind::WrongCumulativeBill, &[], |world| {
            altered(world, |evidence| evidence.trees.bills.leaves[0].bill -= 1)
        }),
        plant(Kind::OverDeposit, &["wrongAmount"], |world| {
            booked(world, |book| book.unlimited.push(1))
        }),
        plant(Kind::TotalAboveFunds, &["wrongSum"], |world| Planted {
            total_more: 2_000 * PRICE,
            ..Planted::of(world.evidence.clone())
        }),
    ]
}

fn charges() -> Vec<Plant> {
    vec![
        plant(Kind::WrongAmount, &[], |world| {
            booked(world, |book| book.part(0, 1).amount = Some(5))
        }),
        plant(Kind::WrongBilled, &[], |world| {
            altered(world, |evidence| {
                evidence.trees.charges.leaves[1].billed += 1
            })
        }),
        plant(Kind::WrongEarned, &[], |world| {
            altered(world, |evidence| {
                evidence.trees.charges.leaves[0].earned += 1
            })
        }),
        plant(Kind::SkippedCharge, &["wrongReward"], |world| {
            altered(world, |evidence| {
                let last = evidence.trees.nodes.leaves[0].last as usize;
                let charge = &mut evidence.trees.charges.leaves[last - 1];
                charge.previous = 0;
                (charge.earned, charge.served) = (charge.amount, charge.mass);
            })
        }),
    ]
}

fn forced() -> Vec<Plant> {
    fn left_out(world: &World, index: u32) -> Planted {
        booked(world, |book| {
            for part in &mut book.parts {
                part.records.retain(|record| record.id.index != index);
            }
            book.parts.retain(|part| !part.records.is_empty());
        })
    }
    vec![
        plant(Kind::IgnoredRecord, &[], |world| left_out(world, FORCED)),
        plant(Kind::IgnoredCharge, &["leftOut"], |world| {
            left_out(world, FORCED_ALONE)
        }),
        plant(Kind::IgnoredNewer, &[], |world| {
            with_record(world, (0, 0), world.record(FORCED_NEWER))
        }),
    ]
}
