//! A client that states deliveries that weren't.
//!
//! On a fresh ticket it states 128 failed deliveries of no bytes. A false statement costs it nothing: keys and tickets
//! are free, and no deed of the node's is needed. Today the node pays, with all that it earned in the epoch; its
//! competitors gain.

use super::stage::Stage;
use anyhow::Result;

/// What nodes take on a fresh ticket.
const DELIVERIES: u32 = 128;

pub(super) async fn play(stage: &mut Stage) -> Result<()> {
    stage.network.begun(0).await;
    stage.watched_by("honest", 1, None).await?;
    let (wire, _place) = stage.wire("states failures", 2)?;
    let mut session = wire.ready(None).await?;
    let receipt = session.receipt(1, 0, DELIVERIES, 0);
    session.sign(receipt).await?;
    stage.did_it();
    Ok(())
}
