//! An issuer that withholds: it commits a ticket log that nobody has.
//!
//! It is added a moment before the epoch's end, without notice and without a bond, and commits a root of which there is
//! no preimage. It costs two transactions. Today everybody pays: no verifier can vote for the epoch, nor for any later
//! one, so no reward is paid and no deposit comes back, for ever.

use super::stage::Stage;
use anyhow::{Context, Result};
use contracts::B256;

pub(super) async fn play(stage: &mut Stage) -> Result<()> {
    stage.network.begun(0).await;
    stage.watched_by("honest", 1, None).await?;
    let end = stage.network.chain.timeline().end(0);
    stage.network.until(end - 5).await;
    let chain = &stage.network.chain;
    let committer = chain.account().context("the owner has a key")?;
    chain.add_issuer(B256::repeat_byte(7), committer).await?;
    stage.network.until(end + 1).await;
    let chain = &stage.network.chain;
    let garbage = B256::repeat_byte(8);
    chain.commit_ticket_log(0, 1, garbage, 1, 1).await?;
    stage.did_it();
    Ok(())
}
