//! Where clients and nodes are, by the operator's zone file and location database.

use protocol::NodeId;
use routing::{
    How, Location, Locator, LocatorError, NO_NODE_HAS, Placement, ZONE_FILE_BYTES_MAX,
    ZoneFileError, Zones,
};
use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Longest location database that is read into memory.
const DATABASE_BYTES_MAX: u64 = 1 << 30;

/// Why zone file or database can't be used.
#[derive(Debug, thiserror::Error)]
pub enum OverlayError {
    /// The system says no.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file that was to be read.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Larger than is reasonable.
    #[error("{} is longer than {max} bytes", path.display())]
    TooLong {
        /// The file that was to be read.
        path: PathBuf,
        /// Most bytes that are read.
        max: u64,
    },
    /// Not a zone file.
    #[error("zone file {}: {source}", path.display())]
    Zones {
        /// The file that was to be read.
        path: PathBuf,
        /// What is wrong.
        source: ZoneFileError,
    },
    /// Not a database.
    #[error("location database {}: {source}", path.display())]
    Locations {
        /// The file that was to be read.
        path: PathBuf,
        /// What is wrong.
        source: LocatorError,
    },
}

/// The map of a network. Without files it is one zone for everybody.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    pub(crate) zones: Zones,
    pub(crate) locator: Option<Locator>,
}

impl Overlay {
    /// Reads the files that there are. Blocking.
    pub(crate) fn read(
        zones: Option<&Path>,
        locations: Option<&Path>,
    ) -> Result<Self, OverlayError> {
        let mut overlay = Self::default();
        if let Some(path) = zones {
            let bytes = read(path, ZONE_FILE_BYTES_MAX)?;
            overlay.zones = Zones::parse(&bytes).map_err(|source| OverlayError::Zones {
                path: path.to_owned(),
                source,
            })?;
        }
        if let Some(path) = locations {
            let bytes = read(path, DATABASE_BYTES_MAX)?;
            let locator = Locator::new(bytes).map_err(|source| OverlayError::Locations {
                path: path.to_owned(),
                source,
            })?;
            overlay.locator = Some(locator);
        }
        Ok(overlay)
    }

    /// Whether it can be known in which country a client is.
    pub(crate) fn has_locations(&self) -> bool {
        self.locator.is_some()
    }

    /// Bits of the capabilities of that name, for a decision; no node has one that the zone file doesn't name.
    pub(crate) fn requires(&self, names: &[String]) -> u64 {
        self.zones.capabilities(names).unwrap_or(NO_NODE_HAS)
    }

    pub(crate) fn locate(&self, address: IpAddr) -> Option<Location> {
        self.locator.as_ref()?.locate(address)
    }

    pub(crate) fn place(&self, address: IpAddr) -> Placement {
        self.zones.place(address, self.locate(address).as_ref())
    }

    /// Length of the shortest prefix of an address in which every client is placed as this one is; IPv4
    /// addresses in IPv6 have that of the IPv4 address.
    pub(crate) fn alike(&self, address: IpAddr, how: How) -> u8 {
        let listed = self.zones.alike(address);
        match (how, &self.locator) {
            (How::Closest(_) | How::Nowhere, Some(locator)) => listed.max(locator.alike(address)),
            _ => listed,
        }
    }

    pub(crate) fn place_node(&self, node: &NodeId, address: Option<IpAddr>) -> routing::ZoneIndex {
        let location = address.and_then(|address| self.locate(address));
        self.zones.place_node(node, address, location.as_ref())
    }
}

fn read(path: &Path, max: u64) -> Result<Vec<u8>, OverlayError> {
    let failed = |source| OverlayError::Read {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(max + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > max {
        let path = path.to_owned();
        return Err(OverlayError::TooLong { path, max });
    }
    Ok(bytes)
}
