//! Locations from an operator's MaxMind DB.

use crate::place::Position;
use maxminddb::{MaxMindDbError, Reader, geoip2};
use std::net::IpAddr;

/// Where an address is, as far as the database says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Location {
    /// The place.
    pub position: Option<Position>,
    /// ISO 3166-1 alpha-2, upper case.
    pub country: Option<[u8; 2]>,
}

/// A file that isn't a MaxMind DB.
#[derive(Debug, thiserror::Error)]
#[error("not a MaxMind DB (a file like GeoLite2-City.mmdb): {0}")]
pub struct LocatorError(#[from] MaxMindDbError);

/// Looks addresses up in a MaxMind DB of cities or countries.
pub struct Locator(Reader<Vec<u8>>);

impl Locator {
    /// Over a file's bytes.
    ///
    /// # Errors
    /// If they aren't a database.
    pub fn new(bytes: Vec<u8>) -> Result<Self, LocatorError> {
        let reader = Reader::from_source(bytes)?;
        Ok(Self(reader))
    }

    /// Where an address is; `None` if the database doesn't know, or is damaged there.
    pub fn locate(&self, address: IpAddr) -> Option<Location> {
        let found = self.0.lookup(address.to_canonical()).ok()?;
        let city = found.decode::<geoip2::City<'_>>().ok()??;
        let position = match (city.location.latitude, city.location.longitude) {
            (Some(latitude), Some(longitude)) => Some(Position {
                latitude,
                longitude,
            })
            .filter(Position::is_valid),
            _ => None,
        };
        let country = city.country.iso_code.and_then(|code| {
            let code: [u8; 2] = code.as_bytes().try_into().ok()?;
            code.iter().all(u8::is_ascii_uppercase).then_some(code)
        });
        Some(Location { position, country })
    }

    /// Length of the prefix of an address of which the database says the same throughout.
    pub fn alike(&self, address: IpAddr) -> u8 {
        let address = address.to_canonical();
        let found = self.0.lookup(address).and_then(|found| found.network());
        // A network of the other family is around all of this one.
        found
            .ok()
            .filter(|network| network.is_ipv4() == address.is_ipv4())
            .map_or(0, |network| network.prefix())
    }
}

impl std::fmt::Debug for Locator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = &self.0.metadata().database_type;
        f.debug_tuple("Locator").field(kind).finish()
    }
}
