//! A client that doesn't sign.
//!
//! Under a new key and a new ticket each time it takes the whole file and leaves. A false statement it doesn't make; it
//! makes none. It costs it a key, which is free. Today nodes pay, with what they sent, as often as it likes.

use super::stage::Stage;
use anyhow::{Result, ensure};

/// Whole files that it takes.
const TAKEN: usize = 5;

pub(super) async fn play(stage: &mut Stage) -> Result<()> {
    stage.network.begun(0).await;
    let (content, size) = (stage.content(), stage.size());
    let (mut wire, place) = stage.wire("doesn't sign", 1)?;
    for _ in 0..TAKEN {
        let session = wire.ready(None).await?;
        if session.fetch(content, 0, size).await.is_err() {
            // What is mended ends here.
            break;
        }
        wire.with_another_key(&place);
    }
    let taken: u64 = stage
        .books
        .enter(|books| books.tickets.values().map(|of| of.got).sum());
    ensure!(taken > 0, "nothing was taken");
    stage.did_it();
    Ok(())
}
