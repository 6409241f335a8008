//! What the network agrees on, epoch by epoch, as far as it is known.
//!
//! Versions only ever come at the end, and each is announced a while before it begins. So what is known is never
//! wrong about an epoch that has begun, and right about all that begin within that while of being read. Whoever
//! runs for long keeps it up to date: [`Chain::follow`](crate::Chain::follow).

use std::sync::{Arc, PoisonError, RwLock};

use protocol::{Epoch, RewardTerms, ServiceTargets, Timeline, Windows};

use crate::chain::{Incoherent, Parameters, Version};

/// The versions of the parameters that are known. Cheap to clone; clones see the same.
#[derive(Clone, Debug)]
pub struct Agreed {
    known: Arc<RwLock<Arc<Known>>>,
}

#[derive(Debug)]
struct Known {
    timeline: Timeline,
    versions: Vec<Version>,
}

impl Known {
    fn new(versions: Vec<Version>) -> Result<Self, Incoherent> {
        let incoherent = |version: &Version| Incoherent {
            first_epoch: version.first_epoch,
        };
        let Some((first, later)) = versions.split_first() else {
            return Err(Incoherent { first_epoch: 0 });
        };
        if first.first_epoch != 0 {
            return Err(incoherent(first));
        }
        let mut timeline = Timeline::fixed(first.start, first.parameters.windows());
        for version in later {
            timeline = timeline
                .then(version.first_epoch, version.parameters.windows())
                .map_err(|_| incoherent(version))?;
            if timeline.start(version.first_epoch) != version.start {
                return Err(incoherent(version));
            }
        }
        Ok(Self { timeline, versions })
    }

    fn at(&self, epoch: Epoch) -> &Parameters {
        let later = |version: &Version| version.first_epoch <= epoch;
        let place = self.versions.partition_point(later).saturating_sub(1);
        &self.versions[place].parameters
    }
}

impl Agreed {
    /// All versions, oldest first.
    ///
    /// # Errors
    /// If there is none, or one doesn't follow from those before it.
    pub fn new(versions: Vec<Version>) -> Result<Self, Incoherent> {
        let known = Arc::new(RwLock::new(Arc::new(Known::new(versions)?)));
        Ok(Self { known })
    }

    /// When the network's epochs are.
    pub fn timeline(&self) -> Timeline {
        self.known().timeline.clone()
    }

    /// All versions, oldest first; never empty.
    pub fn versions(&self) -> Vec<Version> {
        self.known().versions.clone()
    }

    /// What holds for an epoch.
    pub fn at(&self, epoch: Epoch) -> Parameters {
        self.known().at(epoch).clone()
    }

    /// What is paid for in an epoch.
    pub fn terms(&self, epoch: Epoch) -> RewardTerms {
        self.known().at(epoch).terms()
    }

    /// The service level of an epoch.
    pub fn targets(&self, epoch: Epoch) -> ServiceTargets {
        self.known().at(epoch).targets()
    }

    /// Takes what was read anew; whether it is something else.
    pub(crate) fn update(&self, versions: Vec<Version>) -> Result<bool, Incoherent> {
        if self.known().versions == versions {
            return Ok(false);
        }
        let newer = Arc::new(Known::new(versions)?);
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = newer;
        Ok(true)
    }

    fn known(&self) -> Arc<Known> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&known)
    }
}

impl Parameters {
    /// Length and windows of the epochs.
    pub fn windows(&self) -> Windows {
        Windows {
            epoch_length: self.epoch_length,
            ticket_tail: self.ticket_tail,
            commit_window: self.commit_window,
            force_window: self.force_window,
            challenge_window: self.challenge_window,
        }
    }

    /// What is paid for.
    pub fn terms(&self) -> RewardTerms {
        RewardTerms {
            price_per_gib: self.price_per_gib,
            sla_floor_ppm: self.sla_floor_ppm,
        }
    }

    /// The service level.
    pub fn targets(&self) -> ServiceTargets {
        ServiceTargets {
            ttfb_ms_max: self.ttfb_ms_max,
            throughput_min: self.throughput_min,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(first_epoch: u64, start: u64, epoch_length: u32, price_per_gib: u128) -> Version {
        Version {
            first_epoch,
            start,
            parameters: Parameters {
                epoch_length,
                ticket_tail: 1,
                commit_window: 2,
                force_window: 3,
                challenge_window: 4,
                sla_floor_ppm: 5,
                ttfb_ms_max: 6,
                throughput_min: 7,
                price_per_gib,
                verifier_bond: 9,
                issuer_bond: 10,
                node_stake: 11,
            },
        }
    }

    #[test]
    fn each_epoch_has_its_version() {
        let first = version(0, 100, 10, 8);
        let agreed = Agreed::new(vec![first.clone()]).unwrap();
        let other = agreed.clone();
        assert_eq!(agreed.timeline().end(9), 200);
        let versions = vec![first, version(5, 150, 10, 9), version(9, 190, 7, 9)];
        assert_eq!(agreed.update(versions.clone()), Ok(true));
        assert_eq!(agreed.update(versions.clone()), Ok(false));
        assert_eq!(other.timeline().end(9), 197, "clones see it");
        let prices = [0, 4, 5, 8, 9, u64::MAX].map(|epoch| other.terms(epoch).price_per_gib);
        assert_eq!(prices, [8, 8, 9, 9, 9, 9]);
        assert_eq!(other.at(9), versions[2].parameters);
    }

    #[test]
    fn versions_that_contradict_each_other_are_refused() {
        let first = version(0, 100, 10, 8);
        for (others, at) in [
            (vec![version(5, 151, 10, 9)], 5),
            (vec![version(0, 100, 10, 9)], 0),
            (vec![version(5, 150, 7, 9), version(9, 190, 10, 9)], 9),
        ] {
            let mut versions = vec![first.clone()];
            versions.extend(others);
            let refused = Agreed::new(versions.clone()).unwrap_err();
            assert_eq!(refused.first_epoch, at);
            let agreed = Agreed::new(vec![first.clone()]).unwrap();
            assert!(agreed.update(versions).is_err());
            assert_eq!(
                agreed.versions(),
                vec![first.clone()],
                "what was known stays"
            );
        }
        assert!(Agreed::new(Vec::new()).is_err());
        assert!(Agreed::new(vec![version(1, 100, 10, 8)]).is_err());
    }
}
