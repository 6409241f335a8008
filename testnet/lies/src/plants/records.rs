//! Records that count though they may not.

use super::plant::{FIRST, Place, Plant, Planted, SPENT, booked, with_record};
use crate::{Part, Scene};
use anyhow::{Context, Result};
use contracts::challenge::Kind;
use protocol::{Receipt, TicketId};

pub(super) fn all() -> Vec<Plant> {
    vec![
        Plant::new(
            Kind::BadSignature,
            "counts a receipt that its client didn't sign",
            |scene| {
                let colluder = &scene.cast.colluder;
                let mut record = colluder.record(colluder.receipt());
                record.signature.0[3] ^= 1;
                with_record(scene, scene.place(&colluder.ticket)?, record)
            },
        ),
        Plant::new(
            Kind::OverLimit,
            "counts more bytes than a ticket grants",
            |scene| receipt(scene, |receipt, limit| receipt.bytes = limit + 1),
        ),
        Plant::new(
            Kind::OverDeliveries,
            "counts more deliveries within the service level than there were",
            |scene| receipt(scene, |receipt, _| receipt.within = receipt.deliveries + 1),
        ),
        Plant::new(
            Kind::OutsideTime,
            "counts a receipt from before its ticket was issued",
            |scene| receipt(scene, |receipt, _| receipt.signed_at -= 2),
        ),
        Plant::new(
            Kind::ZeroSequence,
            "counts a receipt without a sequence number",
            |scene| receipt(scene, |receipt, _| receipt.sequence = 0),
        ),
        Plant::new(
            Kind::MalformedTicket,
            "counts a receipt for a ticket that its issuer may not have granted",
            |scene| {
                let malformed = &scene.cast.malformed;
                let record = malformed.record(malformed.receipt());
                with_record(scene, scene.place(&malformed.ticket)?, record)
            },
        ),
        Plant::new(
            Kind::TicketElsewhere,
            "counts a receipt for another node's ticket",
            |scene| {
                let unused = &scene.cast.unused;
                with_record(scene, FIRST, unused.record(unused.receipt()))
            },
        ),
        Plant::new(
            Kind::TicketElsewhere,
            "charges one payer for what another ordered",
            |scene| {
                booked(scene, |book| {
                    let moved = book.part(SPENT)?.records.clone();
                    book.parts.retain(|part| (part.payer, part.node) != SPENT);
                    let (_, node) = SPENT;
                    let records = &mut book.part((0, node))?.records;
                    records.extend(moved);
                    records.sort_by_key(|record| record.id);
                    Ok(())
                })
            },
        )
        .besides(&["leftOut"]),
        Plant::new(
            Kind::UnknownPayer,
            "counts a receipt whose payer wasn't registered",
            late,
        )
        .besides(&["chargeOfNobody"]),
        Plant::new(
            Kind::NoTicketLog,
            "counts a receipt for a ticket of an issuer without a log",
            |scene| invented(scene, scene.cast.silent_issuer, 0),
        ),
        Plant::new(
            Kind::IndexBeyondLog,
            "counts a receipt for a ticket beyond the end of its log",
            |scene| {
                let issuer = scene.cast.colluder.ticket.id.issuer;
                let mut logs = scene.evidence.logs.iter();
                let log = logs.find(|log| log.issuer() == issuer);
                let count = log.context("the colluder's ticket has no log")?;
                let count = u32::try_from(count.root()?.count)?;
                invented(scene, issuer, count + 9)
            },
        ),
        Plant::new(
            Kind::TicketNotInLog,
            "counts a receipt for another ticket than the log has in its place",
            |scene| {
                let colluder = &scene.cast.colluder;
                let mut other = colluder.ticket;
                other.bytes_max -= 1;
                let mut receipt = colluder.receipt();
                receipt.ticket = other.digest();
                let place = scene.place(&colluder.ticket)?;
                with_record(scene, place, colluder.record(receipt))
            },
        ),
        Plant::new(Kind::RecordsOutOfOrder, "counts a receipt twice", |scene| {
            booked(scene, |book| {
                let records = &mut book.part(FIRST)?.records;
                let twice = *records.first().context("nothing is charged there")?;
                records.insert(0, twice);
                Ok(())
            })
        }),
    ]
}

/// A receipt that its client signed, though it may not: `change` has it, and the ticket's limit.
fn receipt(scene: &Scene, change: impl FnOnce(&mut Receipt, u64)) -> Result<Planted> {
    let colluder = &scene.cast.colluder;
    let mut receipt = colluder.receipt();
    change(&mut receipt, colluder.ticket.bytes_max);
    let place = scene.place(&colluder.ticket)?;
    with_record(scene, place, colluder.record(receipt))
}

/// A record for a ticket that nobody granted.
fn invented(scene: &Scene, issuer: u32, index: u32) -> Result<Planted> {
    let colluder = &scene.cast.colluder;
    let place: Place = scene.place(&colluder.ticket)?;
    let mut ticket = colluder.ticket;
    ticket.id = TicketId {
        epoch: ticket.id.epoch,
        issuer,
        index,
    };
    let mut receipt = colluder.receipt();
    receipt.ticket = ticket.digest();
    let mut record = colluder.record(receipt);
    record.id = ticket.id;
    with_record(scene, place, record)
}

/// A charge of somebody who has registered since.
pub(super) fn late(scene: &Scene) -> Result<Planted> {
    let unknown = &scene.cast.unknown_payer;
    let place = scene.place(&unknown.ticket)?;
    let record = unknown.record(unknown.receipt());
    booked(scene, |book| {
        book.parts.push(Part::new(place, vec![record]));
        Ok(())
    })
}
