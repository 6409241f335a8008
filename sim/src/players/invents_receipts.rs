//! A node that keeps a receipt to itself, and hands in one that nobody signed.
//!
//! Before its epoch is sealed it stops, and writes the segment itself: without the receipt of one client, and with one for
//! another's whole ticket, signed by a key of its own. It costs it what the one was worth; the other is refused, and
//! stands among the rejections. Nobody else pays.

use super::stage::Stage;
use anyhow::{Context, Result, ensure};
use contracts::Address;
use prover::OpenEpoch;

/// Its payout.
const PAYOUT: Address = Address::repeat_byte(16);

pub(super) async fn play(stage: &mut Stage) -> Result<()> {
    let place = stage.world.host("inventor");
    let (id, node) = stage.node("inventor", &place, PAYOUT).await?;
    stage.network.begun(0).await;
    stage.books.enter(|books| books.rogues.insert(id));
    stage
        .watched_by("whose receipt is kept", 1, Some(id))
        .await?;
    let (wire, _place) = stage.wire("whose ticket is used", 2)?;
    let session = wire.ready(Some(id)).await?;
    let stated = session.receipt(1, session.ticket.bytes_max, 1, 1);
    let made_up = stage.key("nobody's");
    let mut record = session.record(stated);
    record.signature = stated.sign(&made_up).signature;
    let tickets_end_s = stage.network.chain.timeline().tickets_end_ms(0) / 1000;
    stage.network.until(tickets_end_s - 2).await;
    node.end().await?;
    let (chain_id, settlement) = stage.network.chain.network();
    let network = protocol::Network {
        chain_id,
        settlement,
    };
    let mut open = OpenEpoch::new(network, 0, id);
    open.extend([record])?;
    let segments = place.folder.join("segments");
    std::fs::create_dir_all(&segments)?;
    std::fs::write(
        segments.join("epoch-0.qseg"),
        open.seal()?.segment().to_bytes(),
    )?;
    let node = stage.start_node(&place, stage.key("inventor")).await?;
    stage.closed().await?;
    let rejections = std::fs::read_to_string(stage.evidence().join("0/rejections.json"))?;
    ensure!(
        rejections.contains(&record.id.to_string()) && rejections.contains("bad_signature"),
        "its invention isn't among the rejections: {rejections}"
    );
    let arrived = stage.books.enter(|books| {
        let of = books.epochs.get(&0)?;
        Some(of.nodes.iter().find(|node| node.node == id)?.arrived)
    });
    ensure!(
        arrived.context("it is a node")? == 0,
        "{arrived:?} were paid for it"
    );
    stage.did_it();
    node.end().await
}
