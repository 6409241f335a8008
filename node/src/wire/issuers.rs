//! Asking the chain for issuers' keys, no more than has to be.

use crate::rules::issuers::{IssuerKeys, Keys, Known};
use contracts::{Chain, ChainError};
use host::Clock;
use host::Mutex;
use protocol::{Epoch, IssuerKey, Timeline};
use std::sync::MutexGuard;
use tokio::time::Instant;

/// The keys that issuers' tickets are signed with, as the chain states them.
pub(crate) struct Issuers {
    chain: Chain,
    clock: Clock,
    keys: Mutex<IssuerKeys>,
    /// Moments are counted from here.
    began: Instant,
}

impl Issuers {
    /// Asks the chain for those of this epoch.
    pub(crate) async fn ask(chain: Chain, clock: Clock) -> Result<Self, ChainError> {
        let issuers = Self {
            chain,
            clock,
            keys: Mutex::default(),
            began: Instant::now(),
        };
        let epoch = issuers.epoch_now();
        let keys = issuers.of_chain(epoch).await?;
        issuers.keys().learn(epoch, epoch, keys);
        Ok(issuers)
    }

    /// When the network's epochs are.
    pub(crate) fn timeline(&self) -> Timeline {
        self.chain.timeline()
    }

    /// The epoch by this machine's clock; the first before the genesis.
    fn epoch_now(&self) -> Epoch {
        let epoch = self.timeline().epoch_at_ms(self.clock.now_ms());
        epoch.unwrap_or_default()
    }

    fn keys(&self) -> MutexGuard<'_, IssuerKeys> {
        self.keys.lock()
    }

    /// The key that an issuer's tickets of an epoch are signed with. Cancel safe.
    pub(crate) async fn key(&self, index: u32, epoch: Epoch) -> Option<IssuerKey> {
        let current = self.epoch_now();
        let known = self
            .keys()
            .find(index, epoch, current, self.began.elapsed());
        if let Known::Key(key) = known {
            return key;
        }
        match self.of_chain(epoch).await {
            Ok(keys) => {
                let key = keys.get(&index).copied();
                self.keys().learn(epoch, current, keys);
                if epoch > current {
                    return key;
                }
            }
            Err(error) => tracing::warn!(%error, "cannot ask the chain for issuers' keys"),
        }
        self.keys().at_best(index, epoch)
    }

    /// The key of an issuer now.
    pub(crate) async fn key_now(&self, index: u32) -> Option<IssuerKey> {
        self.key(index, self.epoch_now()).await
    }

    async fn of_chain(&self, epoch: Epoch) -> Result<Keys, ChainError> {
        let mut keys = Keys::new();
        for issuer in self.chain.issuers().await? {
            let key = self.chain.issuer_key_at(issuer.index, epoch).await?;
            keys.insert(issuer.index, IssuerKey(key));
        }
        Ok(keys)
    }
}
