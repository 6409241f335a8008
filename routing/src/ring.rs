//! The hash ring of one zone.

use protocol::{CollectionId, NodeId, keccak256};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Points of a node on the ring for each unit of its weight. More even out the arcs and cost memory; what
/// remains uneven, the bound on loads evens out.
const POINTS_PER_WEIGHT: u32 = 16;

/// Four points from one hash.
fn points(seed: &[u8; 36]) -> [u64; 4] {
    let hash = keccak256(seed);
    let mut points = [0; 4];
    for (point, bytes) in points.iter_mut().zip(hash.chunks_exact(8)) {
        *point = u64::from_be_bytes(bytes.try_into().expect("chunks of eight"));
    }
    points
}

fn seed(id: &[u8; 32], number: u32) -> [u8; 36] {
    let mut seed = [0; 36];
    seed[..32].copy_from_slice(id);
    seed[32..].copy_from_slice(&number.to_be_bytes());
    seed
}

/// Points of nodes on a circle of 2^64. A node's are a function of its id and weight alone, so that one
/// that comes back takes what it had.
#[derive(Debug, Default)]
pub(crate) struct Ring(BTreeMap<u64, u32>);

impl Ring {
    pub(crate) fn insert(&mut self, id: &NodeId, weight: u16, slot: u32) {
        for point in node_points(id, weight) {
            // Two nodes on one of 2^64 points: the first one has it.
            if let Entry::Vacant(free) = self.0.entry(point) {
                free.insert(slot);
            }
        }
    }

    pub(crate) fn remove(&mut self, id: &NodeId, weight: u16, slot: u32) {
        for point in node_points(id, weight) {
            if self.0.get(&point) == Some(&slot) {
                self.0.remove(&point);
            }
        }
    }

    /// The node whose point is next at or after this one.
    pub(crate) fn at(&self, point: u64) -> Option<u32> {
        let after = self.0.range(point..).next();
        after
            .or_else(|| self.0.first_key_value())
            .map(|(_, slot)| *slot)
    }
}

fn node_points(id: &NodeId, weight: u16) -> impl Iterator<Item = u64> {
    let hashes = u32::from(weight) * POINTS_PER_WEIGHT / 4;
    let id = *id.as_bytes();
    (0..hashes).flat_map(move |number| points(&seed(&id, number)))
}

/// Where a collection is looked for: its own sequence of points, one hash for each four.
#[derive(Debug)]
pub(crate) struct Probes {
    collection: [u8; 32],
    hashed: Option<(u32, [u64; 4])>,
}

impl Probes {
    pub(crate) fn new(collection: &CollectionId) -> Self {
        Self {
            collection: *collection.as_bytes(),
            hashed: None,
        }
    }

    pub(crate) fn point(&mut self, probe: u32) -> u64 {
        let number = probe / 4;
        let four = match self.hashed {
            Some((known, four)) if known == number => four,
            _ => points(&seed(&self.collection, number)),
        };
        self.hashed = Some((number, four));
        four[(probe % 4) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_leaves_and_returns_changes_nothing_for_others() {
        let id = |n: u8| NodeId::from([n; 32]);
        let mut ring = Ring::default();
        assert_eq!(ring.at(7), None);
        for n in 0..20 {
            ring.insert(&id(n), 1 + u16::from(n) % 3, u32::from(n));
        }
        let mut probes = Probes::new(&CollectionId::from([9; 32]));
        let before: Vec<_> = (0..500).map(|n| ring.at(probes.point(n))).collect();
        ring.remove(&id(4), 2, 4);
        let without: Vec<_> = (0..500).map(|n| ring.at(probes.point(n))).collect();
        assert!(!without.contains(&Some(4)));
        for (before, without) in before.iter().zip(&without) {
            assert!(before == without || *before == Some(4));
        }
        ring.insert(&id(4), 2, 4);
        let again: Vec<_> = (0..500).map(|n| ring.at(probes.point(n))).collect();
        assert_eq!(before, again);
    }

    #[test]
    fn weight_is_the_share_of_the_circle() {
        let mut ring = Ring::default();
        ring.insert(&NodeId::from([1; 32]), 1, 1);
        for n in 2..10 {
            ring.insert(&NodeId::from([n; 32]), 4, u32::from(n));
        }
        let mut probes = Probes::new(&CollectionId::from([9; 32]));
        let hits = (0..33_000)
            .filter(|n| ring.at(probes.point(*n)) == Some(1))
            .count();
        assert!(
            (400..1900).contains(&hits),
            "{hits} of 33000, a 33rd is 1000"
        );
    }
}
