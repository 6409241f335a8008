//! From which nodes one fills a collection, and in which order.

use protocol::{NodeId, keccak256};
use routing::ZoneIndex;
use std::cmp::Reverse;

/// Nodes named to one that fills. One that can give nothing costs it a few seconds.
const SOURCES_MAX: usize = 3;

/// A node that has a collection, or began to fill it before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) node: NodeId,
    pub(crate) zone: ZoneIndex,
    pub(crate) address: String,
    /// Whether it has all of it.
    pub(crate) whole: bool,
}

/// The best first: the nearest, then those that have all of it. `home` is the filler's zone, `fallbacks` those that
/// take its place, nearest first.
pub(crate) fn sources(
    filler: NodeId,
    home: Option<ZoneIndex>,
    fallbacks: &[ZoneIndex],
    mut candidates: Vec<Candidate>,
) -> Vec<Candidate> {
    let away = |zone: ZoneIndex| {
        if Some(zone) == home {
            return 0;
        }
        let place = fallbacks.iter().position(|fallback| *fallback == zone);
        1 + place.unwrap_or(fallbacks.len())
    };
    candidates.sort_by_cached_key(|one| {
        // Among those that are alike each filler has an order of its own, so that all share the work.
        let own = keccak256([*one.node.as_bytes(), *filler.as_bytes()].concat());
        (away(one.zone), Reverse(one.whole), own)
    });
    candidates.truncate(SOURCES_MAX);
    candidates
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use routing::Zones;

    /// Three zones and the default.
    fn zones() -> Vec<ZoneIndex> {
        let text =
            r#"{"coverageZones":{"a":{"network":[]},"b":{"network":[]},"c":{"network":[]}}}"#;
        Zones::parse(text.as_bytes()).unwrap().all().collect()
    }

    fn candidate(number: u8, zone: ZoneIndex, whole: bool) -> Candidate {
        Candidate {
            node: NodeId::from([number; 32]),
            zone,
            address: String::new(),
            whole,
        }
    }

    fn numbers(sources: &[Candidate]) -> Vec<u8> {
        let nodes = sources.iter().map(|one| one.node.as_bytes()[0]);
        nodes.collect()
    }

    #[test]
    fn the_nearest_come_first_and_of_these_those_that_have_all() {
        let zones = zones();
        let (home, near, far) = (zones[1], zones[2], zones[3]);
        let all = vec![
            candidate(1, far, true),
            candidate(2, near, true),
            candidate(3, home, false),
            candidate(4, home, true),
            candidate(5, zones[0], true),
        ];
        let filler = NodeId::from([9; 32]);
        let found = sources(filler, Some(home), &[near, far], all.clone());
        assert_eq!(numbers(&found), [4, 3, 2]);
        let found = sources(filler, Some(home), &[far], all[..2].to_vec());
        assert_eq!(numbers(&found), [1, 2], "what is no fallback is last");
        let found = sources(filler, None, &[], all);
        assert!(found.iter().all(|one| one.whole), "nobody is near");
    }

    #[test]
    fn fillers_share_the_work() {
        let zone = zones()[0];
        let all: Vec<_> = (0..20)
            .map(|number| candidate(number, zone, true))
            .collect();
        let first = |filler: u8| {
            let found = sources(NodeId::from([filler; 32]), Some(zone), &[], all.clone());
            numbers(&found)[0]
        };
        let firsts: std::collections::BTreeSet<_> = (100..150).map(first).collect();
        assert!(firsts.len() > 10, "{firsts:?}");
        assert_eq!(first(100), first(100));
    }

    proptest! {
        #[test]
        fn no_source_is_farther_than_one_left_out(
            places in prop::collection::vec((0usize..4, any::<bool>()), 0..12),
        ) {
            let zones = zones();
            let all = (0..).zip(&places);
            let all = all.map(|(number, (zone, whole))| candidate(number, zones[*zone], *whole));
            let fallbacks = [zones[1], zones[2]];
            let found = sources(NodeId::from([99; 32]), Some(zones[0]), &fallbacks, all.collect());
            prop_assert_eq!(found.len(), places.len().min(SOURCES_MAX));
            let chosen = numbers(&found);
            let rank = |number: u8| {
                let (zone, whole) = places[usize::from(number)];
                (zone, !whole)
            };
            let worst = chosen.iter().map(|number| rank(*number)).max();
            let left_out = (0..places.len() as u8).filter(|number| !chosen.contains(number));
            for number in left_out {
                prop_assert!(Some(rank(number)) >= worst);
            }
        }
    }
}
