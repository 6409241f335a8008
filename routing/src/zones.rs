//! Where clients and nodes are: coverage zones by network, or the nearest by location.

use crate::limits::{CAPABILITIES_MAX, WEIGHT_MAX, ZONES_MAX};
use crate::locate::Location;
use crate::place::{Direction, Position};
use crate::zone_file::{ZoneEntry, ZoneFile, ZoneFileError, check_name, node_id};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use prefix_trie::PrefixMap;
use protocol::NodeId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Zones tried after a client's own, beyond those its operator lists.
const CLOSEST_MAX: usize = 16;
/// Name of the zone of whoever is in no other.
const DEFAULT_NAME: &str = "default";

/// A zone, by its place in [`Zones`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ZoneIndex(pub(crate) u16);

impl ZoneIndex {
    /// The zone of whoever is in no other; it is always there.
    pub const DEFAULT: Self = Self(0);

    pub(crate) fn slot(self) -> usize {
        usize::from(self.0)
    }
}

/// How a client came into its zone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// By a network of the zone's in the operator's file.
    Coverage(IpNet),
    /// By a network of a deep coverage zone.
    DeepCoverage(IpNet),
    /// By location; whole kilometres to the zone.
    Closest(u32),
    /// By none of these: it is in the default zone.
    Nowhere,
}

/// A client's zone, and why.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// Which.
    pub zone: ZoneIndex,
    /// Why.
    pub how: How,
    /// Where the client is, if that is known.
    pub position: Option<Position>,
}

#[derive(Debug)]
struct Zone {
    name: String,
    place: Option<(Position, Direction)>,
    gateways: Vec<String>,
    /// Zones to try after this one, in this order.
    fallbacks: Vec<ZoneIndex>,
    /// Whether a location may bring clients here: deep zones are for the networks they name.
    by_location: bool,
}

#[derive(Debug, Default)]
struct Networks {
    v4: PrefixMap<Ipv4Net, ZoneIndex>,
    v6: PrefixMap<Ipv6Net, ZoneIndex>,
}

impl Networks {
    /// Length of the shortest prefix of an address in which all are in the same network here, or all in none.
    fn alike(&self, address: IpAddr) -> u8 {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let own = self.v4.get_lpm_prefix(&Ipv4Net::from(address));
                shortest(own.map_or(0, |net| net.prefix_len()), 32, |length| {
                    let within = Ipv4Net::new_assert(address, length).trunc();
                    let mut networks = self.v4.children(&within).take(2);
                    networks.any(|(network, _)| Some(network) != own)
                })
            }
            IpAddr::V6(address) => {
                let own = self.v6.get_lpm_prefix(&Ipv6Net::from(address));
                shortest(own.map_or(0, |net| net.prefix_len()), 128, |length| {
                    let within = Ipv6Net::new_assert(address, length).trunc();
                    let mut networks = self.v6.children(&within).take(2);
                    networks.any(|(network, _)| Some(network) != own)
                })
            }
        }
    }

    fn lookup(&self, address: IpAddr) -> Option<(IpNet, ZoneIndex)> {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let (net, zone) = self.v4.get_lpm(&Ipv4Net::from(address))?;
                Some((net.trunc().into(), *zone))
            }
            IpAddr::V6(address) => {
                let (net, zone) = self.v6.get_lpm(&Ipv6Net::from(address))?;
                Some((net.trunc().into(), *zone))
            }
        }
    }
}

/// The least length for which a prefix isn't divided. Longer prefixes lie within shorter ones, so it is searched
/// by halves; the longest is one address, which can't be divided.
fn shortest(mut least: u8, mut most: u8, divided: impl Fn(u8) -> bool) -> u8 {
    while least < most {
        let middle = least + (most - least) / 2;
        if divided(middle) {
            least = middle + 1;
        } else {
            most = middle;
        }
    }
    least
}

/// What the operator's file says of one node.
#[derive(Debug, Clone, Copy, Default)]
struct NodeFacts {
    zone: Option<ZoneIndex>,
    weight: Option<u16>,
    capabilities: u64,
}

/// All zones of a network.
#[derive(Debug)]
pub struct Zones {
    zones: Vec<Zone>,
    deep: Networks,
    coverage: Networks,
    nodes: BTreeMap<NodeId, NodeFacts>,
    /// Names of the bits of a set of capabilities.
    capabilities: Vec<String>,
}

impl Default for Zones {
    /// One zone, for everybody.
    fn default() -> Self {
        Self::build(ZoneFile::default()).expect("an empty file is a zone file")
    }
}

impl Zones {
    /// Reads a zone file. A zone that it calls `default` is the default zone.
    ///
    /// # Errors
    /// [`ZoneFileError`] on anything that isn't as it should be; nothing is skipped.
    pub fn parse(bytes: &[u8]) -> Result<Self, ZoneFileError> {
        Self::build(ZoneFile::parse(bytes)?)
    }

    fn build(mut file: ZoneFile) -> Result<Self, ZoneFileError> {
        let default = file.coverage_zones.remove(DEFAULT_NAME).unwrap_or_default();
        let named = 1 + file.coverage_zones.len() + file.deep_coverage_zones.len();
        if named > ZONES_MAX {
            return Err(ZoneFileError::TooManyZones(named));
        }
        let coverage = file
            .coverage_zones
            .iter()
            .map(|(name, entry)| (name, entry, false));
        let deep = file
            .deep_coverage_zones
            .iter()
            .map(|(name, entry)| (name, entry, true));
        let default_name = DEFAULT_NAME.to_owned();
        let entries: Vec<_> = std::iter::once((&default_name, &default, false))
            .chain(coverage)
            .chain(deep)
            .collect();

        let mut index = BTreeMap::new();
        for (number, (name, entry, _)) in entries.iter().enumerate() {
            entry.check(name)?;
            if index
                .insert(name.as_str(), ZoneIndex(number as u16))
                .is_some()
            {
                return Err(ZoneFileError::Twice((*name).clone()));
            }
        }
        let mut this = Self {
            zones: Vec::with_capacity(entries.len()),
            deep: Networks::default(),
            coverage: Networks::default(),
            nodes: BTreeMap::new(),
            capabilities: Vec::new(),
        };
        for (name, entry, deep) in &entries {
            this.zones.push(Zone {
                name: (*name).clone(),
                place: entry.coordinates.map(|place| (place, place.into())),
                gateways: entry.gateways.clone(),
                fallbacks: Vec::new(),
                by_location: !deep,
            });
        }
        for (number, (name, entry, deep)) in entries.iter().enumerate() {
            let zone = ZoneIndex(number as u16);
            this.add_networks(zone, name, entry, *deep)?;
            this.add_nodes(zone, entry)?;
            this.zones[number].fallbacks = this.fallbacks_of(zone, name, entry, &index)?;
        }
        this.add_facts(&file.nodes)?;
        Ok(this)
    }

    fn add_networks(
        &mut self,
        zone: ZoneIndex,
        name: &str,
        entry: &ZoneEntry,
        deep: bool,
    ) -> Result<(), ZoneFileError> {
        let networks = if deep {
            &mut self.deep
        } else {
            &mut self.coverage
        };
        let shared = |network: String, first: ZoneIndex| ZoneFileError::Shared {
            network,
            first: self.zones[first.slot()].name.clone(),
            second: name.to_owned(),
        };
        for network in entry.networks4(name)? {
            match networks.v4.insert(network.trunc(), zone) {
                Some(first) if first != zone => return Err(shared(network.to_string(), first)),
                _ => {}
            }
        }
        for network in entry.networks6(name)? {
            match networks.v6.insert(network.trunc(), zone) {
                Some(first) if first != zone => return Err(shared(network.to_string(), first)),
                _ => {}
            }
        }
        Ok(())
    }

    fn add_nodes(&mut self, zone: ZoneIndex, entry: &ZoneEntry) -> Result<(), ZoneFileError> {
        for node in entry.nodes()? {
            let facts = self.nodes.entry(node).or_default();
            match facts.zone.replace(zone) {
                Some(first) if first != zone => {
                    return Err(ZoneFileError::NodeShared {
                        node,
                        first: self.zones[first.slot()].name.clone(),
                        second: self.zones[zone.slot()].name.clone(),
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn add_facts(
        &mut self,
        nodes: &std::collections::BTreeMap<String, crate::zone_file::NodeEntry>,
    ) -> Result<(), ZoneFileError> {
        for (id, entry) in nodes {
            let node = node_id(id)?;
            if entry
                .weight
                .is_some_and(|weight| !(1..=WEIGHT_MAX).contains(&weight))
            {
                return Err(ZoneFileError::Weight(node));
            }
            let mut capabilities = 0;
            for name in &entry.capabilities {
                check_name(name)?;
                capabilities |= 1 << self.capability_or_new(name)?;
            }
            let facts = self.nodes.entry(node).or_default();
            facts.weight = entry.weight;
            facts.capabilities = capabilities;
        }
        Ok(())
    }

    fn capability_or_new(&mut self, name: &str) -> Result<usize, ZoneFileError> {
        if let Some(bit) = self.capabilities.iter().position(|known| known == name) {
            return Ok(bit);
        }
        if self.capabilities.len() >= CAPABILITIES_MAX {
            return Err(ZoneFileError::TooManyCapabilities);
        }
        self.capabilities.push(name.to_owned());
        Ok(self.capabilities.len() - 1)
    }

    /// What is tried after a zone: the backups its operator lists, and unless the list is to be all, the
    /// closest zones and the default one.
    fn fallbacks_of(
        &self,
        zone: ZoneIndex,
        name: &str,
        entry: &ZoneEntry,
        index: &BTreeMap<&str, ZoneIndex>,
    ) -> Result<Vec<ZoneIndex>, ZoneFileError> {
        let mut order = Vec::new();
        let mut closest_too = true;
        if let Some(backup) = &entry.backup_zones {
            closest_too = backup.fallback_to_closest_group;
            for wanted in &backup.list {
                let found = index
                    .get(wanted.as_str())
                    .ok_or_else(|| ZoneFileError::Backup {
                        zone: name.to_owned(),
                        backup: wanted.chars().take(80).collect(),
                    })?;
                if *found != zone && !order.contains(found) {
                    order.push(*found);
                }
            }
        }
        if !closest_too {
            return Ok(order);
        }
        let from = self.zones[zone.slot()]
            .place
            .map(|(_, direction)| direction);
        let mut others: Vec<_> = (0..self.zones.len() as u16)
            .map(ZoneIndex)
            .filter(|other| {
                let open = self.zones[other.slot()].by_location && *other != ZoneIndex::DEFAULT;
                open && *other != zone && !order.contains(other)
            })
            .map(|other| {
                let to = self.zones[other.slot()]
                    .place
                    .map(|(_, direction)| direction);
                let nearness = match (from, to) {
                    (Some(from), Some(to)) => from.nearness(&to),
                    // Not on the map: after all that are.
                    _ => -2.0,
                };
                (nearness, other)
            })
            .collect();
        others.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        order.extend(others.into_iter().take(CLOSEST_MAX).map(|(_, other)| other));
        if zone != ZoneIndex::DEFAULT && !order.contains(&ZoneIndex::DEFAULT) {
            order.push(ZoneIndex::DEFAULT);
        }
        Ok(order)
    }

    /// Which zone a client at this address is in: by deep coverage, by coverage, by location, or none.
    pub fn place(&self, address: IpAddr, location: Option<&Location>) -> Placement {
        let position = location.and_then(|location| location.position);
        let covered = |(network, zone), how: fn(IpNet) -> How| Placement {
            zone,
            how: how(network),
            position,
        };
        if let Some(found) = self.deep.lookup(address) {
            return covered(found, How::DeepCoverage);
        }
        if let Some(found) = self.coverage.lookup(address) {
            return covered(found, How::Coverage);
        }
        if let Some((zone, km)) = position.and_then(|position| self.closest(position)) {
            return Placement {
                zone,
                how: How::Closest(km),
                position,
            };
        }
        Placement {
            zone: ZoneIndex::DEFAULT,
            how: How::Nowhere,
            position,
        }
    }

    /// Length of the shortest prefix of an address in which the zones' networks say the same of every address.
    /// Locations are not looked at; they matter only where no network does.
    pub fn alike(&self, address: IpAddr) -> u8 {
        let deep = self.deep.alike(address);
        if self.deep.lookup(address).is_some() {
            return deep;
        }
        deep.max(self.coverage.alike(address))
    }

    /// Which zone a node is in: the one that lists it, or the one that a client there would be in.
    pub fn place_node(
        &self,
        node: &NodeId,
        address: Option<IpAddr>,
        location: Option<&Location>,
    ) -> ZoneIndex {
        let listed = self.nodes.get(node).and_then(|facts| facts.zone);
        listed.unwrap_or_else(|| match address {
            Some(address) => {
                // Only those that a deep zone lists are in it.
                match self.coverage.lookup(address) {
                    Some((_, zone)) => zone,
                    None => location
                        .and_then(|location| self.closest(location.position?))
                        .map_or(ZoneIndex::DEFAULT, |(zone, _)| zone),
                }
            }
            None => ZoneIndex::DEFAULT,
        })
    }

    fn closest(&self, position: Position) -> Option<(ZoneIndex, u32)> {
        let from = Direction::from(position);
        let mut best: Option<(f64, usize)> = None;
        for (number, zone) in self.zones.iter().enumerate() {
            let Some((_, direction)) = zone.place.filter(|_| zone.by_location) else {
                continue;
            };
            let nearness = from.nearness(&direction);
            if best.is_none_or(|(most, _)| nearness > most) {
                best = Some((nearness, number));
            }
        }
        let (_, number) = best?;
        let (_, direction) = self.zones[number].place?;
        Some((ZoneIndex(number as u16), from.distance_km(&direction)))
    }

    /// Zones to try after this one, best first.
    pub fn fallbacks(&self, zone: ZoneIndex) -> &[ZoneIndex] {
        &self.zones[zone.slot()].fallbacks
    }

    /// What people call it.
    pub fn name(&self, zone: ZoneIndex) -> &str {
        &self.zones[zone.slot()].name
    }

    /// The zone of that name.
    pub fn find(&self, name: &str) -> Option<ZoneIndex> {
        let found = self.zones.iter().position(|zone| zone.name == name)?;
        Some(ZoneIndex(found as u16))
    }

    /// HTTP gateways that a zone's operator runs there.
    pub fn gateways(&self, zone: ZoneIndex) -> &[String] {
        &self.zones[zone.slot()].gateways
    }

    /// Where a zone is, if its operator said so.
    pub fn position(&self, zone: ZoneIndex) -> Option<Position> {
        self.zones[zone.slot()].place.map(|(place, _)| place)
    }

    /// Whole kilometres between two zones, if both are on the map.
    pub fn distance_km(&self, from: ZoneIndex, to: ZoneIndex) -> Option<u32> {
        let (_, from) = self.zones[from.slot()].place?;
        let (_, to) = self.zones[to.slot()].place?;
        Some(from.distance_km(&to))
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = ZoneIndex> + use<> {
        (0..self.zones.len() as u16).map(ZoneIndex)
    }

    /// How many, at least one.
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        self.zones.len()
    }

    /// Weight and capabilities the operator's file gives a node.
    pub fn facts(&self, node: &NodeId) -> (Option<u16>, u64) {
        let facts = self.nodes.get(node).copied().unwrap_or_default();
        (facts.weight, facts.capabilities)
    }

    /// The bits of named capabilities.
    ///
    /// # Errors
    /// The first name that no node has.
    pub fn capabilities<'a>(&self, names: &'a [String]) -> Result<u64, &'a str> {
        let mut set = 0;
        for name in names {
            let bit = self.capabilities.iter().position(|known| known == name);
            set |= 1 << bit.ok_or(name.as_str())?;
        }
        Ok(set)
    }
}

#[cfg(test)]
#[path = "zones_tests.rs"]
mod tests;
