//! The hash ring of one zone, with more than one throw at it: of several points of a key, the one that is
//! closest to a node's decides (Appleton and O'Reilly, "Multi-probe consistent hashing", 2015). Arcs differ
//! in length by chance; throwing again evens that out as many more points of each node would, in a
//! sixteenth of the memory.

use protocol::{CollectionId, NodeId, keccak256};

/// Points of a node on the ring for each unit of its weight.
const POINTS_PER_WEIGHT: u32 = 8;
/// Points of a key in one draw. With 8 of both, the shares of 1,000 equal nodes differ by 9% (standard
/// deviation), the largest is a fifth above the mean.
const THROWS: usize = 8;

/// Points of an arc, on average, above which arcs are cut in two.
const ARC_POINTS_MAX: usize = 8;

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
///
/// Points are hashes, so they are spread evenly: cut into equal arcs, each holds a few, and finding one
/// takes a look at one arc, rarely two, however many there are.
#[derive(Debug)]
pub(crate) struct Ring {
    /// A power of two of arcs; points in each ascend.
    arcs: Vec<Vec<(u64, u32)>>,
    points: usize,
}

impl Default for Ring {
    fn default() -> Self {
        Self {
            arcs: vec![Vec::new()],
            points: 0,
        }
    }
}

impl Ring {
    fn arc(&self, point: u64) -> usize {
        ((u128::from(point) * self.arcs.len() as u128) >> 64) as usize
    }

    pub(crate) fn insert(&mut self, id: &NodeId, weight: u16, slot: u32) {
        for point in node_points(id, weight) {
            let arc = self.arc(point);
            // Two nodes on one of 2^64 points: the first one has it.
            if let Err(at) = self.arcs[arc].binary_search_by_key(&point, |(point, _)| *point) {
                self.arcs[arc].insert(at, (point, slot));
                self.points += 1;
            }
        }
        while self.points > self.arcs.len() * ARC_POINTS_MAX {
            self.cut();
        }
    }

    /// Cuts every arc in two.
    fn cut(&mut self) {
        let halves = vec![Vec::new(); self.arcs.len() * 2];
        for (point, slot) in std::mem::replace(&mut self.arcs, halves)
            .into_iter()
            .flatten()
        {
            let arc = self.arc(point);
            self.arcs[arc].push((point, slot));
        }
    }

    pub(crate) fn remove(&mut self, id: &NodeId, weight: u16, slot: u32) {
        for point in node_points(id, weight) {
            let arc = self.arc(point);
            if let Ok(at) = self.arcs[arc].binary_search(&(point, slot)) {
                self.arcs[arc].remove(at);
                self.points -= 1;
            }
        }
    }

    /// The point at or after this one, and whose it is.
    fn after(&self, throw: u64) -> Option<(u64, u32)> {
        let first = self.arc(throw);
        let own = self.arcs[first].iter().find(|(point, _)| *point >= throw);
        let (before, after) = self.arcs.split_at(first);
        let later = || {
            after
                .iter()
                .skip(1)
                .chain(before)
                .find_map(|arc| arc.first())
        };
        // At last its own arc's beginning, once around.
        let around = || self.arcs[first].first();
        own.or_else(later).or_else(around).copied()
    }

    /// The node whose point is closest after one of these.
    pub(crate) fn closest(&self, throws: &[u64; THROWS]) -> Option<u32> {
        if self.points == 0 {
            return None;
        }
        let after = |throw: &u64| {
            let (point, slot) = self.after(*throw)?;
            Some((point.wrapping_sub(*throw), slot))
        };
        let (_, slot) = throws.iter().filter_map(after).min()?;
        Some(slot)
    }
}

fn node_points(id: &NodeId, weight: u16) -> impl Iterator<Item = u64> {
    let hashes = u32::from(weight) * POINTS_PER_WEIGHT / 4;
    let id = *id.as_bytes();
    (0..hashes).flat_map(move |number| points(&seed(&id, number)))
}

/// Where a collection is looked for in its n-th draw.
pub(crate) fn throws(collection: &CollectionId, draw: u32) -> [u64; THROWS] {
    let mut throws = [0; THROWS];
    for (number, four) in throws.chunks_exact_mut(4).enumerate() {
        // Draws are far fewer than overflow this.
        let number = draw.wrapping_mul((THROWS / 4) as u32) + number as u32;
        four.copy_from_slice(&points(&seed(collection.as_bytes(), number)));
    }
    throws
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(ring: &Ring, draws: u32) -> Vec<Option<u32>> {
        let collection = CollectionId::from([9; 32]);
        (0..draws)
            .map(|draw| ring.closest(&throws(&collection, draw)))
            .collect()
    }

    #[test]
    fn a_node_that_leaves_and_returns_changes_nothing_for_others() {
        let id = |n: u8| NodeId::from([n; 32]);
        let mut ring = Ring::default();
        assert_eq!(found(&ring, 1), [None]);
        for n in 0..20 {
            ring.insert(&id(n), 1 + u16::from(n) % 3, u32::from(n));
        }
        let before = found(&ring, 500);
        ring.remove(&id(4), 2, 4);
        let without = found(&ring, 500);
        assert!(!without.contains(&Some(4)));
        for (before, without) in before.iter().zip(&without) {
            assert!(before == without || *before == Some(4));
        }
        ring.insert(&id(4), 2, 4);
        assert_eq!(found(&ring, 500), before);
    }

    #[test]
    fn arcs_find_what_a_search_of_all_points_finds() {
        let mut ring = Ring::default();
        let mut all = Vec::new();
        for n in 0..40u8 {
            let id = NodeId::from([n; 32]);
            ring.insert(&id, 2, u32::from(n));
            all.extend(node_points(&id, 2).map(|point| (point, u32::from(n))));
            all.sort_unstable();
            let (first, last) = (all[0].0, all[all.len() - 1].0);
            let near = all
                .iter()
                .flat_map(|(point, _)| [point.wrapping_sub(1), *point]);
            for throw in near.chain([0, first, last.wrapping_add(1), u64::MAX]) {
                let next = all.iter().find(|(point, _)| *point >= throw);
                assert_eq!(ring.after(throw), next.or(all.first()).copied());
            }
        }
        for n in 0..40u8 {
            ring.remove(&NodeId::from([n; 32]), 2, u32::from(n));
        }
        assert_eq!((ring.points, ring.after(7)), (0, None));
    }

    #[test]
    fn weight_is_the_share_of_the_circle() {
        let mut ring = Ring::default();
        ring.insert(&NodeId::from([1; 32]), 1, 1);
        for n in 2..10 {
            ring.insert(&NodeId::from([n; 32]), 4, u32::from(n));
        }
        let hits = found(&ring, 33_000);
        let hits = hits.iter().filter(|node| **node == Some(1)).count();
        assert!(
            (500..1500).contains(&hits),
            "{hits} of 33000, a 33rd is 1000"
        );
    }
}
