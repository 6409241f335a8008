//! A client that signs for what was never sent.
//!
//! It takes a ticket, opens a session, fetches nothing, and states all that the ticket grants. A false statement costs
//! it nothing: keys and tickets are free. Today the payer pays, and any node that the client is sent to gains; an
//! operator who is its own client draws whole deposits so.

use super::stage::Stage;
use anyhow::Result;

pub(super) async fn play(stage: &mut Stage) -> Result<()> {
    stage.network.begun(0).await;
    let (wire, _place) = stage.wire("signs for nothing", 1)?;
    let mut session = wire.ready(None).await?;
    let all = session.ticket.bytes_max;
    let receipt = session.receipt(1, all, 1, 1);
    session.sign(receipt).await?;
    stage.did_it();
    Ok(())
}
