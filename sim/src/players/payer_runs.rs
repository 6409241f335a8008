//! A payer that takes its deposit back when it has been served.
//!
//! It announces the withdrawal of all that it has a moment before the epoch's end. It costs it one transaction. Today the
//! nodes pay: what they delivered in the epoch is billed against nothing.

use super::stage::Stage;
use anyhow::Result;
use contracts::U256;

pub(super) async fn play(stage: &mut Stage) -> Result<()> {
    stage.network.begun(0).await;
    stage.watched_by("honest", 1, None).await?;
    let chain = &stage.network.chain;
    stage.network.until(chain.timeline().end(0) - 5).await;
    let chain = &stage.network.chain;
    let payer = chain.account().unwrap_or_default();
    let all: U256 = chain.deposit_of(payer).await?;
    chain.announce_withdrawal(all).await?;
    stage.did_it();
    Ok(())
}
