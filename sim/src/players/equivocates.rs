//! An issuer that equivocates: it signs two tickets under one id.
//!
//! It costs it its bond, once anybody shows both; the node that meets the second refuses it and keeps it for that. Nobody
//! pays: what was taken by the first counts.

use super::stage::Stage;
use super::wire::Refused;
use anyhow::{Context, Result, ensure};
use protocol::Code;

pub(super) async fn play(stage: &mut Stage) -> Result<()> {
    stage.network.begun(0).await;
    let (wire, _place) = stage.wire("client of two tickets", 1)?;
    let mut routed = wire.route(&[]).await?.nodes;
    let mut routed = routed.pop().context("there is a node")?;
    let mut session = wire.session(&routed).await?;
    let mut other = routed.ticket.peek();
    other.bytes_max -= 1;
    routed.ticket = other.sign(&stage.network.keys.issuer);
    let second = wire.session(&routed).await.err();
    let second = second.context("both tickets of one id are honoured")?;
    let refused: Option<&Refused> = second.downcast_ref();
    ensure!(
        refused.is_some_and(|refused| refused.code == Code::BadTicketSignature as u16),
        "not for the ticket: {second:#}"
    );
    session
        .keep_the_rules(stage.content(), stage.size())
        .await?;
    stage.did_it();
    Ok(())
}
