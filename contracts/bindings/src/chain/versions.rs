//! What the network agrees on, and from when.
//!
//! Price, service level and bonds may change from version to version: an epoch's are asked for when it is
//! dealt with. Epochs and windows must stay: this release counts epochs from the genesis alone.

use alloy::primitives::{Address, U256};
use protocol::Timeline;

use super::rpc::Rpc;
use super::{Chain, ChainError, Parameters, Version};
use crate::abi::Settlement;

impl Chain {
    /// All versions there were when connecting, those too that haven't begun; never empty.
    pub fn versions(&self) -> &[Version] {
        &self.inner.versions
    }

    /// What was agreed on when connecting: the parameters of the newest version that had begun, or of the
    /// first. An epoch is judged by [`Self::parameters_at`].
    pub fn parameters(&self) -> &Parameters {
        &self.inner.versions[self.inner.current].parameters
    }

    /// When the network's epochs are; it never changes.
    pub fn timeline(&self) -> Timeline {
        self.inner.timeline
    }

    /// What is agreed on for an epoch, by the newest word of the chain: a version that was scheduled after
    /// connecting counts too. For an epoch that has begun the answer stays. Cancel-safe.
    pub async fn parameters_at(&self, epoch: u64) -> Result<Parameters, ChainError> {
        let version = self
            .settlement(Settlement::parametersAtCall { epoch })
            .await?;
        let version = Version::from(version);
        follows(&self.inner.timeline, &version)?;
        Ok(version.parameters)
    }
}

/// Reads all versions.
pub(super) async fn read(rpc: &Rpc, settlement: Address) -> Result<Vec<Version>, ChainError> {
    let count = rpc
        .view(settlement, Settlement::versionCountCall {})
        .await?;
    let mut versions = Vec::new();
    let mut index = U256::ZERO;
    while index < U256::from(count) {
        let version = Settlement::versionAtCall { index };
        versions.push(Version::from(rpc.view(settlement, version).await?));
        index += U256::ONE;
    }
    Ok(versions)
}

/// Whether a version keeps the network's epochs and windows.
pub(super) fn follows(timeline: &Timeline, version: &Version) -> Result<(), ChainError> {
    if version.parameters.timeline(timeline.genesis) == *timeline {
        Ok(())
    } else {
        Err(ChainError::TimelineChanges {
            first_epoch: version.first_epoch,
        })
    }
}

/// The newest of the versions that has begun at `now`, or the first.
pub(super) fn newest_begun(versions: &[Version], now: u64) -> usize {
    let begun = versions.iter().rposition(|version| version.start <= now);
    begun.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(first_epoch: u64, start: u64) -> Version {
        Version {
            first_epoch,
            start,
            parameters: Parameters {
                epoch_length: 10,
                ticket_tail: 1,
                commit_window: 2,
                force_window: 3,
                challenge_window: 4,
                sla_floor_ppm: 5,
                ttfb_ms_max: 6,
                throughput_min: 7,
                price_per_gib: 8,
                verifier_bond: 9,
                issuer_bond: 10,
                node_stake: 11,
            },
        }
    }

    #[test]
    fn the_newest_version_that_has_begun_counts() {
        let versions = [version(0, 100), version(5, 150), version(9, 190)];
        for (now, newest) in [(0, 0), (100, 0), (149, 0), (150, 1), (189, 1), (190, 2)] {
            assert_eq!(newest_begun(&versions, now), newest, "at {now}");
        }
    }

    #[test]
    fn money_may_change_and_times_may_not() {
        let first = version(0, 100);
        let timeline = first.parameters.timeline(100);
        let mut dearer = version(5, 150);
        dearer.parameters.price_per_gib += 1;
        dearer.parameters.node_stake += 1;
        assert!(follows(&timeline, &dearer).is_ok());
        type Field = fn(&mut Parameters) -> &mut u32;
        let times: [Field; 5] = [
            |p| &mut p.epoch_length,
            |p| &mut p.ticket_tail,
            |p| &mut p.commit_window,
            |p| &mut p.force_window,
            |p| &mut p.challenge_window,
        ];
        for field in times {
            let mut other = dearer.clone();
            *field(&mut other.parameters) += 1;
            let error = follows(&timeline, &other).unwrap_err();
            assert!(
                error.to_string().contains("from epoch 5 on") && !error.is_retryable(),
                "{error}"
            );
        }
    }
}
