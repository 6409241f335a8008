//! Two copies of one node's key, each with a journal of its own.
//!
//! Both keep all rules; a client meets the one, another the other, and each takes its receipts. It is a mistake more often
//! than a deed. Today the operator pays, for what one of them took: it is acknowledged, and never handed in.

use super::stage::Stage;
use anyhow::{Context, Result};
use contracts::Address;

/// Their payout.
const PAYOUT: Address = Address::repeat_byte(13);
/// Their name, which decides their key.
const NAME: &str = "twin";

pub(super) async fn play(stage: &mut Stage) -> Result<()> {
    let place = stage.world.host(NAME);
    let copy = stage.world.host("its copy");
    let (id, node) = stage.node(NAME, &place, PAYOUT).await?;
    stage.network.begun(0).await;
    let mut routes = Vec::new();
    for network in [1, 2] {
        let (wire, _place) = stage.wire(&format!("client {network}"), network)?;
        let nodes = wire.route(&[]).await?.nodes;
        let routed = nodes.into_iter().find(|routed| routed.node == id);
        routes.push((wire, routed.context("nobody is sent to the twins")?));
    }
    let second = stage.start_node(&copy, stage.key(NAME)).await?;
    for ((wire, mut routed), ip) in routes.into_iter().zip([place.ip, copy.ip]) {
        routed.address = format!("{ip}:4433");
        let mut session = wire.session(&routed).await?;
        session
            .keep_the_rules(stage.content(), stage.size())
            .await?;
    }
    stage.did_it();
    stage.closed().await?;
    node.end().await?;
    second.end().await
}
