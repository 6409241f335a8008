//! A client that signs for a byte, window after window.
//!
//! Nothing is under way when it signs, so its node takes what is unsigned for broken off, which is forgiven to players that
//! seek. It costs it nothing. Today the node pays: a ticket is worth five windows and not one.

use super::stage::Stage;
use anyhow::{Result, ensure};

pub(super) async fn play(stage: &mut Stage) -> Result<()> {
    stage.network.begun(0).await;
    let (content, size) = (stage.content(), stage.size());
    let (wire, _place) = stage.wire("signs a little", 1)?;
    let mut session = wire.ready(None).await?;
    let id = session.ticket.id;
    let window = stage.books.enter(|books| books.tickets[&id].window);
    let (mut from, mut sequence) = (0, 0);
    while from < size {
        let length = window.min(size - from);
        if session.fetch(content, from, length).await.is_err() {
            // What is mended ends here.
            break;
        }
        from += length;
        sequence += 1;
        let receipt = session.receipt(sequence, sequence.into(), sequence, sequence);
        session.sign(receipt).await?;
    }
    ensure!(from >= window, "nothing was taken");
    stage.did_it();
    Ok(())
}
