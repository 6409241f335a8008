//! Clients that were served badly, and say so.
//!
//! Both keep the rules. Of three deliveries of the one node two were within the service level, of the other's one: the
//! first earns two thirds of the worth, the second, below the floor, nothing.

use super::stage::Stage;
use anyhow::{Result, ensure};
use contracts::Address;
use protocol::NodeId;

/// The second node's payout.
const PAYOUT: Address = Address::repeat_byte(15);
/// Deliveries that each client states.
const DELIVERIES: u32 = 3;

pub(super) async fn play(stage: &mut Stage) -> Result<()> {
    let place = stage.world.host("second node");
    let (second, node) = stage.node("second node", &place, PAYOUT).await?;
    stage.network.begun(0).await;
    let first = stage.network.keys.nodes[0].0.verifying_key().to_bytes();
    let served = [(NodeId::from(first), 2), (second, 1)];
    for (network, (id, within)) in (1..).zip(served) {
        let (wire, _place) = stage.wire(&format!("served {within} of 3"), network)?;
        let mut session = wire.ready(Some(id)).await?;
        let (content, size) = (stage.content(), stage.size());
        let got = session.fetch(content, 0, size).await?;
        let receipt = session.receipt(1, got, DELIVERIES, within);
        let said = session.sign(receipt).await?;
        ensure!(said == super::Said::Acked, "it was refused: {said:?}");
    }
    stage.closed().await?;
    let earned: Vec<_> = stage.books.enter(|books| {
        let nodes = books.epochs.values().flat_map(|of| &of.nodes);
        nodes.map(|node| node.arrived).collect()
    });
    // By SPEC section 7: 666,666 ppm of 10^12 units for 2^30 bytes; and nothing below 500,000 ppm.
    let two_thirds =
        u128::from(stage.size()) * 1_000_000_000_000 * 666_666 / ((1 << 30) * 1_000_000);
    ensure!(
        earned == [two_thirds, 0],
        "{earned:?} arrived, {two_thirds} were earned by the first"
    );
    stage.did_it();
    node.end().await
}
