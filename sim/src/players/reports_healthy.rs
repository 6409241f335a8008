//! Clients that report a healthy node as failed.
//!
//! Three of them, each in another client network, name the node in a route request. None has ever had a ticket, so a
//! false statement costs a request. Today the node pays, which gets no clients for half a minute, and as often as it is
//! said again; where all nodes are named, everybody does.

use super::stage::Stage;
use crate::checks::OfRoute;
use anyhow::{Context, Result, ensure};
use client::ApiError;

pub(super) async fn play(stage: &mut Stage) -> Result<()> {
    stage.network.begun(0).await;
    let (content, size) = (stage.content(), stage.size());
    let (honest, _place) = stage.wire("honest", 1)?;
    let first = honest.route(&[]).await?;
    let node = first.nodes.first().context("there is a node")?.node;
    for network in [2, 3, 4] {
        let (wire, _place) = stage.wire(&format!("reports {network}"), network)?;
        // It is the only node, so where it is passed over there is none; that the report was read is what counts.
        let answer = wire.route(&[node]).await;
        let read = matches!(answer, Ok(_) | Err(ApiError::Refused { .. }));
        ensure!(read, "a report wasn't answered: {answer:?}");
    }
    let mut session = honest
        .session(first.nodes.first().context("a node")?)
        .await?;
    let delivers = session.keep_the_rules(content, size).await.is_ok();
    let answer = honest.route(&[]).await;
    let named = answer.is_ok_and(|answer| answer.nodes.iter().any(|routed| routed.node == node));
    let entry = OfRoute {
        node,
        delivers,
        named,
    };
    stage.books.enter(|books| books.routes.push(entry));
    stage.did_it();
    Ok(())
}
