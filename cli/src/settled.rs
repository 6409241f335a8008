//! The epoch that the vault pays by, and what it says of whom: from the chain and a verifier's evidence.

use anyhow::{Context, Result};
use contracts::{Chain, Settled, Status};
use host::Http;
use protocol::{Epoch, EpochLeaf, EpochTree};

/// Has the vault pay by the newest epoch that is past its challenge window, unless it does already. `None` if
/// there is no such epoch yet.
pub(crate) async fn activate_newest(chain: &Chain) -> Result<Option<Settled>> {
    let settled = chain.settled().await?;
    let Some(epoch) = newest_active(chain).await? else {
        return Ok(settled);
    };
    let is_new = |settled: &Settled| settled.epoch >= epoch;
    if settled.as_ref().is_some_and(is_new) {
        return Ok(settled);
    }
    let attested = chain.attestation_tx(epoch).await?;
    let attested =
        attested.with_context(|| format!("the event that attested epoch {epoch} is gone"))?;
    match chain.activate(epoch, &attested.roots).await {
        Ok(sent) => {
            tracing::info!(epoch, tx = %sent.tx, "the vault pays by this epoch now");
            Ok(chain.settled().await?)
        }
        // Somebody else may have done so meanwhile.
        Err(error) => match chain.settled().await?.filter(is_new) {
            Some(settled) => Ok(Some(settled)),
            None => Err(error.into()),
        },
    }
}

/// The newest epoch that is past its challenge window.
async fn newest_active(chain: &Chain) -> Result<Option<Epoch>> {
    let mut epoch = chain.next_epoch().await?;
    while epoch > 0 {
        epoch -= 1;
        match chain.status(epoch).await? {
            Status::Active => return Ok(Some(epoch)),
            // All before it are too.
            Status::Archived => return Ok(None),
            Status::Pending | Status::None => {}
        }
    }
    Ok(None)
}

/// One of an epoch's trees, from a verifier; the chain's root is what says whether it is true.
pub(crate) async fn fetch_tree<L: EpochLeaf>(
    verifier: &str,
    epoch: Epoch,
    file: &str,
) -> Result<EpochTree<L>> {
    let url = format!(
        "{}/v1/evidence/{epoch}/{file}",
        verifier.trim_end_matches('/')
    );
    let unreachable = || format!("cannot fetch {url}");
    let http = Http::system();
    let read = http.read(http.get(&url), EpochTree::<L>::BYTES_MAX).await;
    let bytes = read.with_context(unreachable)?;
    EpochTree::from_bytes(&bytes).with_context(|| format!("{url} is not what its name says"))
}
