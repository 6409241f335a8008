//! Which key an issuer's tickets of an epoch are signed with, as far as the chain was asked.

use protocol::{Epoch, IssuerKey};
use std::collections::BTreeMap;
use std::time::Duration;

/// How often the chain is asked at most about issuers.
const ASK_PAUSE: Duration = Duration::from_secs(5);
/// Epochs whose keys are kept: this one, and those whose last tickets may still be used.
const EPOCHS_KEPT: usize = 4;

/// The keys of one epoch, by issuer.
pub(crate) type Keys = BTreeMap<u32, IssuerKey>;

/// What is known of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// It is this, or as far as can be told there is none.
    Key(Option<IssuerKey>),
    /// The chain is to be asked, by whoever is told so.
    Ask,
}

/// The keys that issuers' tickets are signed with, as the chain states them. Moments are since any fixed one.
#[derive(Debug, Default)]
pub(crate) struct IssuerKeys {
    /// By epoch and issuer. An issuer may rotate its key until an epoch begins; for one that has begun the answer stays.
    keys: BTreeMap<Epoch, Keys>,
    asked: Option<Duration>,
}

impl IssuerKeys {
    /// The key of an issuer's tickets of an epoch, in the epoch `current`. The chain is asked once an epoch, and now
    /// and then about an issuer it didn't know. While it can't be asked, or is being asked, the key of the epoch
    /// before is taken: few issuers ever rotate theirs.
    pub(crate) fn find(
        &mut self,
        index: u32,
        epoch: Epoch,
        current: Epoch,
        now: Duration,
    ) -> Known {
        if let Some(key) = self.of(epoch, index) {
            return Known::Key(Some(key));
        }
        // Nobody can be sure of a key that may yet be rotated, but for clocks that are a little apart.
        let is_sensible = epoch <= current.saturating_add(1);
        let asked = self.asked.map(|asked| now.saturating_sub(asked));
        if !is_sensible || asked.is_some_and(|ago| ago < ASK_PAUSE) {
            return Known::Key(self.older(epoch, index));
        }
        self.asked = Some(now);
        Known::Ask
    }

    /// The best that is known when the chain didn't answer.
    pub(crate) fn at_best(&self, index: u32, epoch: Epoch) -> Option<IssuerKey> {
        self.of(epoch, index).or_else(|| self.older(epoch, index))
    }

    /// What the chain said, of an epoch that has begun by `current`: another may change yet, and isn't kept.
    pub(crate) fn learn(&mut self, epoch: Epoch, current: Epoch, keys: Keys) {
        if epoch > current {
            return;
        }
        self.keys.insert(epoch, keys);
        while self.keys.len() > EPOCHS_KEPT {
            self.keys.pop_first();
        }
    }

    /// A key of exactly that epoch.
    fn of(&self, epoch: Epoch, index: u32) -> Option<IssuerKey> {
        self.keys.get(&epoch)?.get(&index).copied()
    }

    /// The newest that is known from before.
    fn older(&self, epoch: Epoch, index: u32) -> Option<IssuerKey> {
        let mut earlier = self.keys.range(..epoch).rev();
        earlier.find_map(|(_, keys)| keys.get(&index).copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> IssuerKey {
        IssuerKey::from([byte; 32])
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn knowing(epoch: Epoch) -> IssuerKeys {
        let mut keys = IssuerKeys::default();
        keys.learn(epoch, epoch, Keys::from([(0, key(1))]));
        keys
    }

    #[test]
    fn a_key_is_asked_for_once_an_epoch() {
        let mut keys = knowing(4);
        assert_eq!(keys.find(0, 4, 4, at(0)), Known::Key(Some(key(1))));
        assert_eq!(keys.find(0, 5, 5, at(0)), Known::Ask, "it may be rotated");
        // Whoever asks meanwhile takes the one before.
        assert_eq!(keys.find(0, 5, 5, at(1)), Known::Key(Some(key(1))));
        keys.learn(5, 5, Keys::from([(0, key(2)), (1, key(3))]));
        assert_eq!(keys.find(0, 5, 5, at(2)), Known::Key(Some(key(2))));
        assert_eq!(keys.find(0, 4, 5, at(2)), Known::Key(Some(key(1))));
        assert_eq!(keys.at_best(1, 5), Some(key(3)));
        assert_eq!(keys.at_best(1, 4), None);
    }

    #[test]
    fn strangers_have_the_chain_asked_only_now_and_then() {
        let mut keys = knowing(4);
        assert_eq!(keys.find(7, 4, 4, at(10)), Known::Ask);
        assert_eq!(keys.find(8, 4, 4, at(14)), Known::Key(None));
        assert_eq!(keys.find(8, 4, 4, at(15)), Known::Ask);
        // Nor about epochs that are far off.
        assert_eq!(keys.find(0, 6, 4, at(100)), Known::Key(Some(key(1))));
        assert_eq!(keys.find(0, 5, 4, at(100)), Known::Ask, "a clock ahead");
    }

    #[test]
    fn an_epoch_that_hasn_t_begun_isn_t_kept() {
        let mut keys = knowing(4);
        keys.learn(5, 4, Keys::from([(0, key(2))]));
        assert_eq!(keys.at_best(0, 5), Some(key(1)));
    }

    #[test]
    fn old_epochs_are_forgotten() {
        let mut keys = knowing(4);
        for epoch in 5..20 {
            keys.learn(epoch, epoch, Keys::new());
        }
        assert_eq!(keys.keys.len(), EPOCHS_KEPT);
        assert_eq!(keys.at_best(0, 20), None);
    }
}
