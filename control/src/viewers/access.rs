//! Who may have a collection: its owner's policy against a viewer.

use crate::contents::catalogue::{Catalogue, Collection};
use crate::nodes::orders::Orders;
use crate::nodes::overlay::Overlay;
use crate::rules::access::{self, ViewerRefused, WholeTokens};
use crate::rules::tokens::Viewer;
use crate::rules::viewers::{self, PolicyRefused};
use formats::viewer_tokens::VerifiedToken;
use host::Clock;
use host::Mutex;
use protocol::{B256, CountryRefused, Policy, ViewerToken};
use std::net::IpAddr;
use std::sync::{Arc, MutexGuard};

/// Keeps to owners' policies.
pub(crate) struct Access {
    clock: Clock,
    catalogue: Arc<Catalogue>,
    orders: Arc<Orders>,
    whole: Mutex<WholeTokens>,
}

/// Why a viewer may not have a collection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AccessRefused {
    #[error(transparent)]
    Country(#[from] CountryRefused),
    #[error(transparent)]
    Viewer(#[from] ViewerRefused),
}

impl Access {
    pub(crate) fn new(clock: Clock, catalogue: Arc<Catalogue>, orders: Arc<Orders>) -> Self {
        Self {
            clock,
            catalogue,
            orders,
            whole: Mutex::default(),
        }
    }

    /// Whether a viewer at an address may have a collection, by everything but what its token was used for;
    /// gives what is to be counted of the token, if there must be one. Cancel safe.
    pub(crate) async fn let_in(
        &self,
        overlay: &Overlay,
        collection: &Arc<Collection>,
        token: Option<&ViewerToken>,
        from: IpAddr,
    ) -> Result<Option<Viewer>, AccessRefused> {
        check_country(overlay, collection, from)?;
        let is_revoked = |hash: &B256| self.orders.is_token_revoked(hash);
        let now = self.clock.now_ms();
        let found = access::viewer(&collection.policy, token, from, now, is_revoked)?;
        let Some((viewer, verified)) = found else {
            return Ok(None);
        };
        let (id, name) = (collection.id, &collection.name);
        let is_known = self.whole().has(viewer.hash, id, name);
        if !is_known {
            self.check_whole(collection, verified).await?;
            self.whole().keep(viewer.hash, id, name);
        }
        Ok(Some(viewer))
    }

    fn whole(&self) -> MutexGuard<'_, WholeTokens> {
        self.whole.lock()
    }

    /// Whether a token was revoked, by its hash.
    pub(crate) fn check_token(&self, hash: &B256) -> Result<(), ViewerRefused> {
        match self.orders.is_token_revoked(hash) {
            true => Err(ViewerRefused::Revoked),
            false => Ok(()),
        }
    }

    async fn check_whole(
        &self,
        collection: &Arc<Collection>,
        token: VerifiedToken,
    ) -> Result<(), ViewerRefused> {
        let (catalogue, collection) = (self.catalogue.clone(), collection.clone());
        // The manifest may have to be read, and may be long.
        let checked = disk::run(move || {
            let manifest = catalogue.manifest(&collection.id).map_err(|error| {
                tracing::error!(%error, "cannot read a manifest");
                ViewerRefused::Manifest
            })?;
            let id = collection.id.to_string();
            let paths = manifest.entries().iter().map(|entry| &*entry.path);
            Ok(token.check_paths(&[&collection.name, &id], paths)?)
        });
        checked.await
    }
}

/// Whether a policy can be kept to here.
pub(crate) fn check_policy(overlay: &Overlay, policy: &Policy) -> Result<(), PolicyRefused> {
    let lacks = overlay.zones.capabilities(&policy.requires).err();
    viewers::check_policy(policy, overlay.has_locations(), lacks)
}

/// Whether viewers at an address may have a collection, as far as it depends on where they are.
pub(crate) fn check_country(
    overlay: &Overlay,
    collection: &Collection,
    from: IpAddr,
) -> Result<(), CountryRefused> {
    let policy = &collection.policy;
    // Most don't ask, and then nobody is looked up.
    let found = match policy.asks_country() {
        true => overlay.locate(from),
        false => None,
    };
    let country = found.and_then(|found| found.country);
    viewers::check_country(policy, overlay.has_locations(), country)
}

#[cfg(test)]
#[path = "access_tests.rs"]
mod tests;
