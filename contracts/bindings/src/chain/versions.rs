//! What the network agrees on, and from when: read when connecting, and again by whoever runs for long.

use std::convert::Infallible;
use std::pin::Pin;
use std::time::Duration;

use protocol::{Epoch, Timeline};

use super::listed::read_on;
use super::{Answer, Chain, ChainError, Parameters, Version};
use crate::Agreed;
use crate::abi::Settlement;

/// So often in the time between a change's announcement and its effect the versions are read.
const READS_PER_DELAY: u32 = 4;
/// A change that is announced months ahead is still seen soon.
const FOLLOW_MAX: Duration = Duration::from_secs(300);
/// However short the notice is.
const FOLLOW_MIN: Duration = Duration::from_secs(1);

impl Chain {
    /// What is agreed on, by epoch, as last read. It goes on being kept up to date by [`Self::follow`].
    pub fn agreed(&self) -> &Agreed {
        &self.inner.agreed
    }

    /// All versions that are known, those too that haven't begun; never empty.
    pub fn versions(&self) -> Vec<Version> {
        self.inner.agreed.versions()
    }

    /// What was agreed on when connecting: the parameters of the newest version that had begun, or of the
    /// first. An epoch is judged by [`Self::parameters_at`].
    pub fn parameters(&self) -> &Parameters {
        &self.inner.parameters
    }

    /// When the network's epochs are, as far as it is known.
    pub fn timeline(&self) -> Timeline {
        self.inner.agreed.timeline()
    }

    /// What is agreed on for an epoch, by the newest word of the chain: a version that was scheduled after
    /// connecting counts too. For an epoch that has begun the answer stays. Cancel-safe.
    pub fn parameters_at(&self, epoch: Epoch) -> Answer<'_, Parameters> {
        Box::pin(async move {
            let version = self
                .settlement(Settlement::parametersAtCall { epoch })
                .await?;
            Ok(Version::from(version).parameters)
        })
    }

    /// Reads the versions that may be new. Cancel-safe.
    pub fn refresh(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            let inner = &self.inner;
            let now = inner.rpc.latest_block().await?.timestamp;
            // One that has begun was announced so long ago that no reorganisation takes it back.
            let mut versions = inner.agreed.versions();
            let begun = versions.partition_point(|version| version.start <= now);
            versions.truncate(begun);
            read_on(&inner.rpc, inner.settlement, &mut versions).await?;
            let newest = versions.last().map_or(0, |version| version.first_epoch);
            if inner.agreed.update(versions)? {
                tracing::info!(from_epoch = newest, "the network changes its parameters");
            }
            Ok(())
        })
    }

    /// Reads new versions now and then, so that each is known before it begins; while the chain can't be asked,
    /// what is known goes on. Runs until it is dropped.
    pub fn follow(&self) -> Pin<Box<dyn Future<Output = Infallible> + Send + '_>> {
        Box::pin(async move {
            let mut pause = FOLLOW_MIN;
            loop {
                tokio::time::sleep(pause).await;
                match self.follow_once().await {
                    Ok(next) => pause = next,
                    Err(error) => {
                        tracing::warn!(%error, "can't read whether the network changes its parameters");
                        pause = (pause * 2).min(FOLLOW_MAX);
                    }
                }
            }
        })
    }

    async fn follow_once(&self) -> Result<Duration, ChainError> {
        self.refresh().await?;
        let delay = Duration::from_secs(self.change_delay().await?.into());
        Ok((delay / READS_PER_DELAY).clamp(FOLLOW_MIN, FOLLOW_MAX))
    }
}
