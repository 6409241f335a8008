//! A client that holds its session when its ticket is over.
//!
//! It does nothing but wait, and answers keep-alives. It costs it nothing. Today the node pays, with a place among those
//! that it has for sessions, for as long as the client likes.

use super::stage::Stage;
use anyhow::{Result, ensure};
use std::time::Duration;

/// How long after its ticket's end it looks for the last time.
const STAYS: Duration = Duration::from_secs(30);

pub(super) async fn play(stage: &mut Stage) -> Result<()> {
    stage.network.begun(0).await;
    let (wire, _place) = stage.wire("stays", 1)?;
    let mut session = wire.ready(None).await?;
    ensure!(
        session.stay(STAYS).await,
        "the session ended before its ticket did"
    );
    stage.did_it();
    Ok(())
}
