//! A verifier that stalls: it says nothing any more.
//!
//! It costs it nothing, since nobody is paid for a vote. Today everybody pays: where its vote belongs to the quorum, no
//! epoch is attested any more, no reward is paid and no deposit comes back.

use super::stage::Stage;
use anyhow::Result;

pub(super) async fn play(stage: &mut Stage) -> Result<()> {
    stage.network.begun(0).await;
    stage.network.verifiers[1].stop().await?;
    stage.watched_by("honest", 1, None).await?;
    stage.did_it();
    Ok(())
}
