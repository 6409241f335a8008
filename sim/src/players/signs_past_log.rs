//! An issuer that invents: it signs a ticket that its log doesn't have.
//!
//! The ticket's index is far beyond its log's end. It costs it nothing as long as nobody shows the ticket on chain, and
//! nobody has to. Today the node pays: it can't know what the log will have, serves, takes a receipt, and earns nothing.

use super::stage::Stage;
use anyhow::{Context, Result};

/// No log has that many tickets here.
const BEYOND: u32 = 1_000_000;

pub(super) async fn play(stage: &mut Stage) -> Result<()> {
    stage.network.begun(0).await;
    let (wire, _place) = stage.wire("client of an inventor", 1)?;
    let mut routed = wire.route(&[]).await?.nodes;
    let mut routed = routed.pop().context("there is a node")?;
    let mut invented = routed.ticket.peek();
    invented.id.index = BEYOND;
    routed.ticket = invented.sign(&stage.network.keys.issuer);
    let mut session = wire.session(&routed).await?;
    session
        .keep_the_rules(stage.content(), stage.size())
        .await?;
    stage.did_it();
    Ok(())
}
