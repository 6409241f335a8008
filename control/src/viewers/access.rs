//! Who may have a collection: its owner's policy against a viewer.

use crate::contents::catalogue::{Catalogue, Collection};
use crate::nodes::orders::Orders;
use crate::nodes::overlay::Overlay;
use crate::rules::tokens::Viewer;
use crate::rules::viewers::{self, PolicyRefused};
use formats::viewer_tokens::{TokenRefused, UnverifiedToken, VerifiedToken};
use host::Clock;
use protocol::{B256, CollectionId, CountryRefused, Policy, ViewerToken};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Tokens remembered that are for all of a collection.
const WHOLE_MAX: usize = 65_536;
/// Tokens that are for all of a collection, under one of its names: that isn't looked at file by file again.
#[derive(Debug, Default)]
struct WholeTokens(Mutex<BTreeSet<(B256, CollectionId, String)>>);

/// Keeps to owners' policies.
pub(crate) struct Access {
    clock: Clock,
    catalogue: Arc<Catalogue>,
    orders: Arc<Orders>,
    whole: WholeTokens,
}

/// Why a viewer may not have a collection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AccessRefused {
    #[error(transparent)]
    Country(#[from] CountryRefused),
    #[error(transparent)]
    Viewer(#[from] ViewerRefused),
}

/// Why a viewer's token gets no ticket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ViewerRefused {
    #[error(
        "the collection's owner asks for a viewer's token: give one with `--token FILE`, `?URISigningPackage=TOKEN`, or as a bearer token"
    )]
    Missing,
    #[error(transparent)]
    Token(#[from] TokenRefused),
    #[error("the viewer's token was revoked")]
    Revoked,
    #[error("the collection's manifest cannot be read at the moment")]
    Manifest,
}

impl Access {
    pub(crate) fn new(clock: Clock, catalogue: Arc<Catalogue>, orders: Arc<Orders>) -> Self {
        Self {
            clock,
            catalogue,
            orders,
            whole: WholeTokens::default(),
        }
    }

    /// Whether a viewer at an address may have a collection, by everything but what its token was used for;
    /// gives what is to be counted of the token, if there must be one. Cancel safe.
    pub(crate) async fn admit(
        &self,
        overlay: &Overlay,
        collection: &Arc<Collection>,
        token: Option<&ViewerToken>,
        from: IpAddr,
    ) -> Result<Option<Viewer>, AccessRefused> {
        check_country(overlay, collection, from)?;
        if !collection.policy.needs_token() {
            // One for something else does no harm, and isn't looked at.
            return Ok(None);
        }
        let token = token.ok_or(ViewerRefused::Missing)?;
        let now = self.clock.now_ms();
        let keys = &collection.policy.viewer_keys;
        let verified = UnverifiedToken::read(token.clone())
            .and_then(|token| token.verify(keys, now / 1000, Some(from)))
            .map_err(ViewerRefused::from)?;
        self.check_token(&verified.hash())?;
        let claims = verified.claims();
        let viewer = Viewer {
            hash: verified.hash(),
            expires_at: claims.expires_at.saturating_mul(1000),
            bytes: claims.bytes,
            sessions: claims.sessions,
        };
        let key = (viewer.hash, collection.id, collection.name.clone());
        let known = || self.whole.0.lock();
        let is_known = known()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&key);
        if !is_known {
            self.check_whole(collection, verified).await?;
            let mut whole = known().unwrap_or_else(PoisonError::into_inner);
            if whole.len() >= WHOLE_MAX {
                whole.clear();
            }
            whole.insert(key);
        }
        Ok(Some(viewer))
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
