//! The desk where things are published, changed and unpublished, by the rules of [`publication`](crate::rules::publication).

use crate::contents::catalogue::{Catalogue, Collection, PublishError};
use crate::contents::handed_in::{HandedIn, HandedInError};
use crate::contents::origins::Origins;
use crate::contents::seal_keys::{SealKeys, SealKeysError};
use crate::rules::publication::{
    Asker, PublicationRefused, change_name, check_contents, check_kind, take_name,
};
use content::Store;
use disk::DiskError;
use host::Clock;
use host::Mutex;
use protocol::api::{Package, PublishRequest, SealKeyRequest};
use protocol::{Address, CollectionId, Entry, Manifest, Policy, SealKey};
use std::sync::{Arc, MutexGuard};

/// What is published, and what for.
pub(crate) struct PublicationDesk {
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) store: Store,
    pub(crate) seal_keys: Arc<SealKeys>,
    pub(crate) origins: Origins,
    pub(crate) handed_in: HandedIn,
    /// Pays for what operators publish without saying who does.
    pub(crate) payer: Address,
    pub(crate) clock: Clock,
    pub(crate) naming: Naming,
}

/// Held from looking whose a name is to what is done with it.
#[derive(Debug, Default)]
pub(crate) struct Naming(Mutex<()>);

impl Naming {
    fn turn(&self) -> MutexGuard<'_, ()> {
        self.0.lock()
    }
}

/// Why something wasn't published, changed or unpublished.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PublicationError {
    #[error(transparent)]
    Refused(#[from] PublicationRefused),
    #[error(transparent)]
    Catalogue(#[from] PublishError),
    #[error(transparent)]
    HandedIn(#[from] HandedInError),
    #[error(transparent)]
    SealKeys(#[from] SealKeysError),
    #[error(transparent)]
    File(#[from] DiskError),
}

/// What is to be published, and at whose cost.
pub(crate) struct Wanted {
    pub(crate) request: PublishRequest,
    pub(crate) manifest: Manifest,
    pub(crate) payer: Address,
}

impl PublicationDesk {
    /// Whether contents and packages can be published by that asker. Blocking.
    pub(crate) fn check(
        &self,
        asker: Asker,
        manifest: &Manifest,
        kind: &[Package],
    ) -> Result<(), PublicationRefused> {
        // For an owner only what it handed in is there.
        let size_of =
            |entry: &Entry| match self.handed_in.may_publish(asker.account(), entry.content) {
                true => self.size_of(entry),
                false => None,
            };
        check_contents(manifest, size_of)?;
        check_kind(kind)
    }

    fn size_of(&self, entry: &Entry) -> Option<u64> {
        let here = self.store.get(&entry.content).map(|blob| blob.size());
        let elsewhere = || self.origins.find(&entry.content).map(|one| one.size());
        here.or_else(elsewhere)
    }

    fn payer_of(&self, name: &str) -> Option<Address> {
        self.catalogue.find(name).map(|current| current.payer)
    }

    /// What to seal a name's next version with. Blocking.
    pub(crate) fn seal_key(
        &self,
        asker: Asker,
        request: &SealKeyRequest,
    ) -> Result<SealKey, PublicationError> {
        let SealKeyRequest { name, fresh } = request;
        let _naming = self.naming.turn();
        let account = take_name(asker, name, self.payer_of(name))?;
        let used = |id: &_| self.catalogue.is_sealed_by(id);
        let now = self.clock.now_ms();
        let key = self.seal_keys.for_name(name, account, *fresh, used, now);
        key.map_err(|error| match error {
            SealKeysError::Another => PublicationRefused::Another(name.clone()).into(),
            SealKeysError::Name => PublishError::Name.into(),
            error => error.into(),
        })
    }

    /// Publishes what was checked. Blocking.
    pub(crate) fn publish(
        &self,
        asker: Asker,
        wanted: Wanted,
    ) -> Result<Arc<Collection>, PublicationError> {
        let Wanted {
            request,
            manifest,
            payer,
        } = wanted;
        let _naming = self.naming.turn();
        let account = take_name(asker, &request.name, self.payer_of(&request.name))?;
        // Nobody destroys the key meanwhile.
        let _turn = manifest.seal_key().map(|_| self.seal_keys.turn());
        if let Some(key) = manifest.seal_key()
            && !self.seal_keys.may_seal(&key, &request.name, account)
        {
            return Err(PublicationRefused::SealKey.into());
        }
        // Its payer may publish it again.
        let contents = manifest.entries().iter().map(|entry| entry.content);
        self.handed_in.keep(Some(payer), contents)?;
        let published = self.catalogue.publish(
            &request.name,
            &manifest,
            payer,
            request.policy,
            request.kind,
            self.clock.now_ms(),
        );
        Ok(published?)
    }

    /// Who may have what is under a name from now on. Blocking.
    pub(crate) fn set_policy(
        &self,
        asker: Asker,
        name: &str,
        policy: Policy,
    ) -> Result<Arc<Collection>, PublicationError> {
        let _naming = self.naming.turn();
        change_name(asker, name, self.payer_of(name))?;
        let set = self.catalogue.set_policy(name, policy)?;
        // An id is found, and is no name.
        let none = || PublicationRefused::Nothing(name.to_owned());
        Ok(set.ok_or_else(none)?)
    }

    /// Takes a name out, and the keys that nothing else is sealed with; gives what no other name has. Blocking.
    pub(crate) fn unpublish(
        &self,
        asker: Asker,
        name: &str,
    ) -> Result<Vec<CollectionId>, PublicationError> {
        let _naming = self.naming.turn();
        // By its name: an id may stand under several.
        let named = self.catalogue.find(name).filter(|one| one.name == name);
        change_name(asker, name, named.map(|one| one.payer))?;
        let _turn = self.seal_keys.turn();
        let gone = self.catalogue.unpublish(name)?;
        let used = |id: &_| self.catalogue.is_sealed_by(id);
        self.seal_keys.destroy(name, used)?;
        Ok(gone)
    }
}
