//! Round trips that clients measured, by their network and the node's zone.

use crate::rules::client_network::ClientNetwork;
use routing::ZoneIndex;
use std::collections::BTreeMap;

/// Client networks remembered; when there are more, all are forgotten but those measured since the last time.
const NETWORKS_MAX: usize = 65_536;
/// Zones remembered of each.
const ZONES_MAX: usize = 8;
/// Longest round trip that is believed.
const RTT_US_MAX: u32 = 5_000_000;

#[derive(Debug, Default)]
struct Known {
    zones: Vec<(ZoneIndex, u32)>,
    fresh: bool,
}

/// Smoothed round trips.
#[derive(Debug, Default)]
pub(crate) struct Measured(BTreeMap<ClientNetwork, Known>);

impl Measured {
    /// Takes a measurement in: a quarter of what is known gives way to it.
    pub(crate) fn note(&mut self, from: ClientNetwork, zone: ZoneIndex, rtt_us: u32) {
        let rtt_us = rtt_us.min(RTT_US_MAX);
        if self.0.len() >= NETWORKS_MAX && !self.0.contains_key(&from) {
            self.0.retain(|_, known| std::mem::take(&mut known.fresh));
            if self.0.len() >= NETWORKS_MAX {
                self.0.clear();
            }
        }
        let known = self.0.entry(from).or_default();
        known.fresh = true;
        match known.zones.iter_mut().find(|(known, _)| *known == zone) {
            Some((_, smoothed)) => *smoothed = *smoothed / 4 * 3 + rtt_us / 4,
            None => {
                if known.zones.len() >= ZONES_MAX {
                    known.zones.remove(0);
                }
                known.zones.push((zone, rtt_us));
            }
        }
    }

    /// Zones have other indices from now on; what is measured of those that have none is forgotten.
    pub(crate) fn rename(&mut self, renamed: impl Fn(ZoneIndex) -> Option<ZoneIndex>) {
        for known in self.0.values_mut() {
            let zones = known.zones.iter();
            let zones = zones.filter_map(|(zone, rtt_us)| Some((renamed(*zone)?, *rtt_us)));
            known.zones = zones.collect();
        }
    }

    /// What is known of a network.
    pub(crate) fn of(&self, from: ClientNetwork) -> Vec<(ZoneIndex, u32)> {
        self.0
            .get(&from)
            .map(|known| known.zones.clone())
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    #[test]
    fn what_is_measured_is_smoothed_and_bounded() {
        let network = |n: u32| ClientNetwork::from(IpAddr::from((n << 8).to_be_bytes()));
        let mut measured = Measured::default();
        measured.note(network(1), ZoneIndex::DEFAULT, 1000);
        measured.note(network(1), ZoneIndex::DEFAULT, 2000);
        assert_eq!(measured.of(network(1)), [(ZoneIndex::DEFAULT, 1250)]);
        assert!(measured.of(network(2)).is_empty());
        for n in 0..2 * NETWORKS_MAX as u32 {
            measured.note(network(n), ZoneIndex::DEFAULT, u32::MAX);
        }
        assert!(measured.0.len() <= NETWORKS_MAX);
        let last = network(2 * NETWORKS_MAX as u32 - 1);
        assert_eq!(measured.of(last), [(ZoneIndex::DEFAULT, RTT_US_MAX)]);
    }

    fn zones() -> Vec<ZoneIndex> {
        let of = |n: usize| format!(r#""zone-{n}":{{"network":[]}}"#);
        let all: Vec<_> = (0..ZONES_MAX).map(of).collect();
        let text = format!(r#"{{"coverageZones":{{{}}}}}"#, all.join(","));
        let zones = routing::Zones::parse(text.as_bytes()).expect("a zone file");
        zones.all().collect()
    }

    #[test]
    fn of_too_many_zones_the_one_that_was_measured_first_is_forgotten() {
        let from = ClientNetwork::from(IpAddr::from([192, 0, 2, 1]));
        let zones = zones();
        let mut measured = Measured::default();
        for zone in &zones {
            measured.note(from, *zone, 1000);
        }
        let known: Vec<_> = measured.of(from).iter().map(|(zone, _)| *zone).collect();
        assert_eq!(known, zones[1..]);
    }

    #[test]
    fn zones_that_are_called_otherwise_keep_what_was_measured_of_them() {
        let from = ClientNetwork::from(IpAddr::from([192, 0, 2, 1]));
        let zones = zones();
        let mut measured = Measured::default();
        measured.note(from, zones[1], 1000);
        measured.note(from, zones[2], 2000);
        measured.rename(|zone| (zone == zones[2]).then_some(zones[1]));
        assert_eq!(measured.of(from), [(zones[1], 2000)]);
    }
}
