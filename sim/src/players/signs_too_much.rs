//! A client that signs for more than its ticket grants, and for less than it had signed for before.
//!
//! A false statement costs it the ticket: the node serves nothing more under it. Nobody pays.

use super::stage::Stage;
use super::wire::RECEIPT_REFUSED;
use anyhow::{Result, ensure};

pub(super) async fn play(stage: &mut Stage) -> Result<()> {
    stage.network.begun(0).await;
    stage.watched_by("honest", 1, None).await?;
    let (content, size) = (stage.content(), stage.size());
    let (mut wire, place) = stage.wire("signs too much", 2)?;
    let mut session = wire.ready(None).await?;
    let receipt = session.receipt(1, session.ticket.bytes_max + 1, 1, 1);
    let said = session.sign(receipt).await?;
    ensure!(
        said == RECEIPT_REFUSED,
        "more than the ticket's limit: {said:?}"
    );
    wire.with_another_key(&place);
    let mut session = wire.ready(None).await?;
    let all = session.keep_the_rules(content, size).await?;
    let receipt = session.receipt(all.sequence + 1, 1, 9, 9);
    let said = session.sign(receipt).await?;
    ensure!(said == RECEIPT_REFUSED, "less than before: {said:?}");
    stage.did_it();
    Ok(())
}
