//! A client that doesn't sign, and asks for more than a window under one ticket.
//!
//! The file is three windows long. It costs it the ticket: what comes ends with the window, for want of a receipt. The
//! node pays with a window.

use super::stage::Stage;
use anyhow::{Result, ensure};

pub(super) async fn play(stage: &mut Stage) -> Result<()> {
    stage.network.begun(0).await;
    let (content, size) = (stage.content(), stage.size());
    let (wire, _place) = stage.wire("takes a long file", 1)?;
    let session = wire.ready(None).await?;
    let (window, id) = stage
        .books
        .enter(|books| (books.tickets[&session.ticket.id].window, session.ticket.id));
    ensure!(size > 2 * window, "the file fits");
    // However it ends: what came stands in the books.
    let _ = session.fetch(content, 0, size).await;
    let came = stage.books.enter(|books| books.tickets[&id].got);
    ensure!(
        came >= window / 2,
        "{came} bytes came of a window of {window}"
    );
    stage.did_it();
    Ok(())
}
