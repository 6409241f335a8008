//! The nodes of each zone: standing, weight, load, and how much of it each may have.

use crate::demand::Demand;
use crate::limits::WEIGHT_MAX;
use crate::ring::Ring;
use crate::zones::{ZoneIndex, Zones};
use protocol::{CollectionId, NodeId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Quality is told in quarters: a node of full quality may have four quarters of its share.
const QUALITY_FULL: u8 = 4;
/// What a node may have of its share: a fifth more, so that with rounding it stays within a quarter from
/// twenty sessions on.
const ABOVE_SHARE: (u128, u128) = (6, 5);
/// Bits of fraction in a bound before it is rounded.
const FRACTION_BITS: u32 = 16;

/// Whether a node gets traffic, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It gets traffic.
    Available,
    /// It asked, or was told, to take no new sessions.
    Draining,
    /// It is gone, silent or failing.
    Down,
    /// Nobody has seen it deliver yet.
    Unproven,
    /// The operator of the network turned it away.
    Blocked,
}

impl Standing {
    /// As it is written in APIs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Draining => "draining",
            Self::Down => "down",
            Self::Unproven => "unproven",
            Self::Blocked => "blocked",
        }
    }
}

/// A node as it is put into a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeSpec {
    /// Which.
    pub node: NodeId,
    /// Where it is.
    pub zone: ZoneIndex,
    /// Its share of what its zone carries, 1 to [`WEIGHT_MAX`].
    pub weight: u16,
    /// Sessions it can have at most.
    pub sessions_max: u32,
    /// Bits of [`Zones::capabilities`].
    pub capabilities: u64,
    /// Whether it gets traffic.
    pub standing: Standing,
}

/// A node as the table sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeView {
    /// As it was put in.
    pub spec: NodeSpec,
    /// Sessions it has, or will have.
    pub load: u32,
    /// Sessions it may have now.
    pub bound: u32,
    /// Quarters of its share that it gets.
    pub quality: u8,
}

/// A zone in sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ZoneView {
    /// Nodes in it.
    pub nodes: u32,
    /// Those that get traffic.
    pub available: u32,
    /// Their sessions.
    pub load: u64,
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) spec: NodeSpec,
    /// Sessions it has; changes under readers.
    load: AtomicU32,
    quality: u8,
    /// Place in its zone's list.
    position: u32,
    /// Fraction by which its bound is rounded down: its own, so that not all bounds move at once.
    dither: u16,
}

impl Node {
    fn share(&self) -> u64 {
        u64::from(self.spec.weight) * u64::from(self.quality)
    }

    pub(crate) fn load(&self) -> u32 {
        self.load.load(Relaxed)
    }

    fn is_available(&self) -> bool {
        self.spec.standing == Standing::Available
    }
}

#[derive(Debug, Default)]
pub(crate) struct ZoneNodes {
    pub(crate) ring: Ring,
    pub(crate) members: Vec<u32>,
    pub(crate) available: u32,
    /// Sums over the available.
    shares: u64,
    load: AtomicU64,
    /// Noted by decisions alone.
    demand: Mutex<Demand>,
}

/// All nodes that may be asked for, in their zones.
///
/// What changes with each client and each heartbeat, the loads, changes through a shared reference, without a lock, so
/// that many can decide meanwhile. A decision sees each load as it was at some moment.
#[derive(Debug)]
pub struct Table {
    slots: Vec<Option<Node>>,
    free: Vec<u32>,
    index: BTreeMap<NodeId, u32>,
    zones: Vec<ZoneNodes>,
    idle_sessions: u32,
}

impl Table {
    /// An empty one. A node with no more than `idle_sessions` counts as idle: below, warm caches matter
    /// more than even loads.
    pub fn new(zones: &Zones, idle_sessions: u32) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            index: BTreeMap::new(),
            zones: (0..zones.len()).map(|_| ZoneNodes::default()).collect(),
            idle_sessions: idle_sessions.max(1),
        }
    }

    /// Puts a node in, or changes it; its load stays.
    pub fn put(&mut self, spec: NodeSpec) {
        let weight = spec.weight.clamp(1, WEIGHT_MAX);
        let spec = NodeSpec { weight, ..spec };
        let (mut load, mut quality) = (0, QUALITY_FULL);
        if let Some(slot) = self.index.get(&spec.node).copied() {
            let known = self.node(slot);
            let same_place = (known.spec.zone, known.spec.weight) == (spec.zone, spec.weight);
            (load, quality) = (known.load(), known.quality);
            if same_place {
                self.change(slot, |node| node.spec = spec);
                return;
            }
            self.remove(&spec.node);
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            (self.slots.len() - 1) as u32
        });
        let zone = &mut self.zones[spec.zone.slot()];
        let dither = u16::from_be_bytes([spec.node.as_bytes()[30], spec.node.as_bytes()[31]]);
        let node = Node {
            spec,
            load: AtomicU32::new(load),
            quality,
            position: zone.members.len() as u32,
            dither,
        };
        zone.members.push(slot);
        zone.ring.insert(&spec.node, spec.weight, slot);
        zone.count(&node, true);
        self.index.insert(spec.node, slot);
        self.slots[slot as usize] = Some(node);
    }

    /// Takes a node out.
    pub fn remove(&mut self, node: &NodeId) {
        let Some(slot) = self.index.remove(node) else {
            return;
        };
        let gone = self.slots[slot as usize]
            .take()
            .expect("what is indexed is there");
        let zone = &mut self.zones[gone.spec.zone.slot()];
        zone.count(&gone, false);
        zone.ring.remove(&gone.spec.node, gone.spec.weight, slot);
        zone.members.swap_remove(gone.position as usize);
        if let Some(moved) = zone.members.get(gone.position as usize) {
            let moved = self.slots[*moved as usize]
                .as_mut()
                .expect("members are there");
            moved.position = gone.position;
        }
        self.free.push(slot);
    }

    fn change(&mut self, slot: u32, change: impl FnOnce(&mut Node)) {
        let node = self.slots[slot as usize]
            .as_mut()
            .expect("what is indexed is there");
        let zone = &mut self.zones[node.spec.zone.slot()];
        zone.count(node, false);
        change(node);
        zone.count(node, true);
    }

    fn change_node(&mut self, node: &NodeId, change: impl FnOnce(&mut Node)) {
        if let Some(slot) = self.index.get(node).copied() {
            self.change(slot, change);
        }
    }

    /// Whether it gets traffic from now on.
    pub fn set_standing(&mut self, node: &NodeId, standing: Standing) {
        self.change_node(node, |node| node.spec.standing = standing);
    }

    /// Sessions it has.
    pub fn set_load(&self, node: &NodeId, sessions: u32) {
        self.change_load(node, |_| sessions);
    }

    /// Sessions it has more or fewer.
    pub fn add_load(&self, node: &NodeId, sessions: i32) {
        self.change_load(node, |load| load.saturating_add_signed(sessions));
    }

    fn change_load(&self, node: &NodeId, change: impl Fn(u32) -> u32) {
        let Some(slot) = self.index.get(node) else {
            return;
        };
        let node = self.node(*slot);
        let changed = node
            .load
            .fetch_update(Relaxed, Relaxed, |load| Some(change(load)));
        let before = changed.unwrap_or_else(|load| load);
        if node.is_available() {
            // Each change adds its own difference, so the sum is right whatever comes between.
            let more = u64::from(change(before)).wrapping_sub(before.into());
            let zone = &self.zones[node.spec.zone.slot()];
            zone.load.fetch_add(more, Relaxed);
        }
    }

    /// Quarters of its share that it gets, 1 to 4: what is slow gets less, and stays where it is on the
    /// ring.
    pub fn set_quality(&mut self, node: &NodeId, quarters: u8) {
        let quality = quarters.clamp(1, QUALITY_FULL);
        self.change_node(node, |node| node.quality = quality);
    }

    /// Counts a client that was sent to a node for a collection.
    pub(crate) fn sent(&self, node: &NodeId, zone: ZoneIndex, collection: CollectionId) {
        self.add_load(node, 1);
        // A map that was read again since the decision may have fewer.
        if let Some(zone) = self.zones.get(zone.slot()) {
            zone.demand().note(collection);
        }
    }

    pub(crate) fn node(&self, slot: u32) -> &Node {
        self.slots[slot as usize]
            .as_ref()
            .expect("what is indexed is there")
    }

    pub(crate) fn zone_nodes(&self, zone: ZoneIndex) -> &ZoneNodes {
        &self.zones[zone.slot()]
    }

    /// Sessions that a node may have if its zone gets one more: [`ABOVE_SHARE`] of its share, rounded up or
    /// down at a fraction of its own, so that there is always room; at least what is idle; at most what it
    /// can.
    pub(crate) fn bound(&self, node: &Node) -> u32 {
        let zone = &self.zones[node.spec.zone.slot()];
        let shares = u128::from(zone.shares.max(1));
        let (above, of) = ABOVE_SHARE;
        let fair = u128::from(zone.load().saturating_add(1)) * u128::from(node.share()) * above;
        let fair = (fair << FRACTION_BITS) / (shares * of);
        let rounded = (fair + (1 << FRACTION_BITS) - u128::from(node.dither)) >> FRACTION_BITS;
        let bound = u32::try_from(rounded).unwrap_or(u32::MAX);
        bound.max(self.idle_sessions).min(node.spec.sessions_max)
    }

    /// One node.
    pub fn view(&self, node: &NodeId) -> Option<NodeView> {
        let node = self.node(*self.index.get(node)?);
        Some(NodeView {
            spec: node.spec,
            load: node.load(),
            bound: self.bound(node),
            quality: node.quality,
        })
    }

    /// One zone.
    pub fn zone(&self, zone: ZoneIndex) -> ZoneView {
        let zone = &self.zones[zone.slot()];
        ZoneView {
            nodes: zone.members.len() as u32,
            available: zone.available,
            load: zone.load(),
        }
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }
}

impl ZoneNodes {
    /// While loads change, what one takes away can come before what another adds: below nothing is nothing.
    fn load(&self) -> u64 {
        let load = self.load.load(Relaxed).cast_signed();
        u64::try_from(load).unwrap_or(0)
    }

    pub(crate) fn demand(&self) -> MutexGuard<'_, Demand> {
        self.demand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a node in or out.
    fn count(&mut self, node: &Node, present: bool) {
        if !node.is_available() {
            return;
        }
        let (share, load) = (node.share(), u64::from(node.load()));
        if present {
            self.available += 1;
            self.shares += share;
            *self.load.get_mut() += load;
        } else {
            self.available -= 1;
            self.shares -= share;
            *self.load.get_mut() -= load;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spec(n: u8) -> NodeSpec {
        NodeSpec {
            node: NodeId::from([n; 32]),
            zone: ZoneIndex::DEFAULT,
            weight: 1 + u16::from(n % 4),
            sessions_max: 1000,
            capabilities: 0,
            standing: Standing::Available,
        }
    }

    #[test]
    fn loads_that_change_at_once_are_all_counted() {
        let mut table = Table::new(&Zones::default(), 1);
        let nodes = [spec(1), spec(2)].map(|spec| NodeSpec {
            standing: Standing::Available,
            ..spec
        });
        for spec in nodes {
            table.put(spec);
        }
        let (table, [one, other]) = (&table, nodes.map(|spec| spec.node));
        std::thread::scope(|scope| {
            for sessions in 1..=4 {
                scope.spawn(move || {
                    for _ in 0..1000 {
                        table.add_load(&one, 1);
                        table.set_load(&other, sessions);
                    }
                });
            }
        });
        let load = |node| u64::from(table.view(node).unwrap().load);
        assert_eq!(load(&one), 4000);
        let zone = table.zone(ZoneIndex::DEFAULT);
        assert_eq!(zone.load, load(&one) + load(&other));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn sums_are_those_of_the_nodes_whatever_happens(steps in proptest::collection::vec((0u8..6, 0u8..12, 0u32..50), 0..200)) {
            let mut table = Table::new(&Zones::default(), 4);
            for (step, n, amount) in steps {
                let node = spec(n).node;
                match step {
                    0 => table.put(spec(n)),
                    1 => table.remove(&node),
                    2 => table.set_load(&node, amount),
                    3 => table.add_load(&node, -7),
                    4 => table.set_standing(&node, if amount % 2 == 0 { Standing::Down } else { Standing::Available }),
                    _ => table.put(NodeSpec { weight: 1 + (amount % 5) as u16, ..spec(n) }),
                }
            }
            let views: Vec<_> = (0..12).filter_map(|n| table.view(&spec(n).node)).collect();
            let available: Vec<_> = views.iter().filter(|view| view.spec.standing == Standing::Available).collect();
            let zone = table.zone(ZoneIndex::DEFAULT);
            prop_assert_eq!(zone.nodes as usize, views.len());
            prop_assert_eq!(table.len(), views.len());
            prop_assert_eq!(zone.available as usize, available.len());
            prop_assert_eq!(zone.load, available.iter().map(|view| u64::from(view.load)).sum::<u64>());
            let shares = available.iter().map(|view| u64::from(view.spec.weight) * u64::from(view.quality)).sum::<u64>();
            prop_assert_eq!(table.zones[0].shares, shares);
        }
    }

    #[test]
    fn a_bound_is_a_little_above_the_share_and_no_more_than_a_node_can() {
        let mut table = Table::new(&Zones::default(), 4);
        for n in 0..100 {
            table.put(NodeSpec {
                weight: 1,
                ..spec(n)
            });
            table.set_load(&spec(n).node, 400);
        }
        for n in 0..100 {
            let bound = table.view(&spec(n).node).unwrap().bound;
            assert!((480..=482).contains(&bound), "{bound}");
        }
        table.put(NodeSpec {
            weight: 1,
            sessions_max: 450,
            ..spec(3)
        });
        assert_eq!(table.view(&spec(3).node).unwrap().bound, 450);
        table.set_quality(&spec(4).node, 2);
        assert!((240..=243).contains(&table.view(&spec(4).node).unwrap().bound));
        for n in 0..100 {
            table.set_load(&spec(n).node, 0);
        }
        assert_eq!(table.view(&spec(5).node).unwrap().bound, 4, "idle");
    }
}
