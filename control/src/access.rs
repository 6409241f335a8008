//! Who may have a collection: its owner's policy against a viewer.

use crate::catalogue::Collection;
use crate::core::{Core, RouteError};
use protocol::{CountryRefused, Policy, PolicyError};
use std::net::IpAddr;

/// Why a collection can't have a policy here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PolicyRefused {
    #[error(transparent)]
    Form(#[from] PolicyError),
    #[error(
        "no node in the zone file has the capability {0:?}: the operator lists them under `nodes`"
    )]
    Capability(String),
    #[error(
        "this control plane doesn't know where viewers are: its operator sets `location_file` first"
    )]
    NoLocations,
}

impl Core {
    /// Whether a policy can be kept to here.
    pub(crate) fn check_policy(&self, policy: &Policy) -> Result<(), PolicyRefused> {
        policy.check()?;
        let overlay = self.members.overlay();
        if policy.asks_country() && !overlay.has_locations() {
            return Err(PolicyRefused::NoLocations);
        }
        let known = overlay.zones.capabilities(&policy.requires);
        known.map_err(|unknown| PolicyRefused::Capability(unknown.to_owned()))?;
        Ok(())
    }

    /// Whether viewers at an address may have a collection, as far as it depends on where they are.
    pub(crate) fn check_country(
        &self,
        collection: &Collection,
        from: IpAddr,
    ) -> Result<(), RouteError> {
        let policy = &collection.policy;
        if !policy.asks_country() {
            return Ok(());
        }
        let overlay = self.members.overlay();
        // A list of denied countries would let everybody in where no country is known.
        if !overlay.has_locations() {
            return Err(CountryRefused::Unknown.into());
        }
        let country = overlay.locate(from).and_then(|found| found.country);
        Ok(policy.check_country(country)?)
    }
}

#[cfg(test)]
#[path = "access_tests.rs"]
mod tests;
