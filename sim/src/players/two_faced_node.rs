//! A node that gives its segment to one verifier and not to the other.
//!
//! It keeps all other rules; to one verifier's address it sends nothing. It costs it nothing. Today everybody pays: two
//! verifiers judge by what each was given, their roots differ, no quorum of two ever agrees, and epochs are attested in
//! order, so nobody is paid any more.

use super::shut::shut_to;
use super::stage::Stage;
use anyhow::{Result, ensure};
use contracts::Address;
use std::sync::atomic::Ordering;

/// Its payout.
const PAYOUT: Address = Address::repeat_byte(10);

pub(super) async fn play(stage: &mut Stage) -> Result<()> {
    stage.network.begun(0).await;
    let mut place = stage.world.host("two-faced node");
    let shut = stage.network.verifiers[1].machine().ip();
    let kept;
    (place.host, kept) = shut_to(&place.host, shut);
    let (id, node) = stage.node("two-faced node", &place, PAYOUT).await?;
    stage.watched_by("honest", 1, Some(id)).await?;
    stage.closed().await?;
    node.end().await?;
    let given = stage.network.evidence(0).join("0/segment-1.qseg");
    ensure!(
        given.exists() && kept.load(Ordering::Relaxed) > 0,
        "both or none have its segment"
    );
    stage.did_it();
    Ok(())
}
