//! What nodes forced, and a verifier ignores.

use super::plant::{Plant, Planted, booked, with_record};
use crate::Scene;
use anyhow::Result;
use contracts::challenge::Kind;
use protocol::TicketId;

pub(super) fn all() -> Vec<Plant> {
    vec![
        Plant::new(
            Kind::IgnoredRecord,
            "leaves out a receipt that its node put on chain",
            |scene| left_out(scene, scene.cast.forced),
        ),
        Plant::new(
            Kind::IgnoredCharge,
            "leaves out all that a payer owes a node, which that node put on chain",
            |scene| left_out(scene, scene.cast.forced_alone),
        )
        .besides(&["leftOut"]),
        Plant::new(
            Kind::IgnoredNewer,
            "counts an older receipt than the one that its node put on chain",
            |scene| {
                let client = &scene.cast.forced_newer;
                let older = client.record(client.receipt());
                with_record(scene, scene.place(&client.ticket)?, older)
            },
        ),
    ]
}

fn left_out(scene: &Scene, ticket: TicketId) -> Result<Planted> {
    booked(scene, |book| {
        for part in &mut book.parts {
            part.records.retain(|record| record.id != ticket);
        }
        book.parts.retain(|part| !part.records.is_empty());
        Ok(())
    })
}
