//! Which nodes have which collection, or are about to: what fills from other nodes go by.
//!
//! A node that is to fill gets as sources those that began before it, so that no two ever wait for each other: the
//! first fills from the control plane, and the others from it, also while its bytes arrive. No I/O, no clock.

use protocol::{CollectionId, NodeId};
use std::collections::BTreeMap;

/// Nodes remembered of a collection. Others fill as well; nobody fills from them.
const HOLDERS_MAX: usize = 64;
/// Collections remembered; when there are more, all are learned anew.
const COLLECTIONS_MAX: usize = 65_536;

/// A node that fills a collection, or has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) node: NodeId,
    /// Whether it has said that it has all of it.
    pub(crate) whole: bool,
}

/// Who has what, in the order in which they began.
#[derive(Debug, Default)]
pub(crate) struct Holders(BTreeMap<CollectionId, Vec<Holder>>);

impl Holders {
    fn of(&mut self, collection: CollectionId) -> &mut Vec<Holder> {
        if self.0.len() >= COLLECTIONS_MAX && !self.0.contains_key(&collection) {
            self.0.clear();
        }
        self.0.entry(collection).or_default()
    }

    /// A node is about to fill: those that began before it.
    pub(crate) fn begin(&mut self, collection: CollectionId, node: NodeId) -> Vec<Holder> {
        let holders = self.of(collection);
        let known = holders.iter().position(|holder| holder.node == node);
        let before = known.unwrap_or(holders.len());
        let before = holders[..before].to_vec();
        if known.is_none() && holders.len() < HOLDERS_MAX {
            holders.push(Holder { node, whole: false });
        }
        before
    }

    /// A node says that it has all of it.
    pub(crate) fn confirm(&mut self, collection: CollectionId, node: NodeId) {
        let holders = self.of(collection);
        if let Some(holder) = holders.iter_mut().find(|holder| holder.node == node) {
            holder.whole = true;
        } else if holders.len() < HOLDERS_MAX {
            holders.push(Holder { node, whole: true });
        }
    }

    /// It is to be dropped everywhere.
    pub(crate) fn forget(&mut self, collection: &CollectionId) {
        self.0.remove(collection);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn node(n: u8) -> NodeId {
        NodeId::from([n; 32])
    }

    fn collection(n: u32) -> CollectionId {
        let mut id = [0; 32];
        id[..4].copy_from_slice(&n.to_be_bytes());
        CollectionId::from(id)
    }

    #[test]
    fn who_comes_later_fills_from_who_came_before() {
        let mut holders = Holders::default();
        let film = collection(1);
        assert_eq!(holders.begin(film, node(1)), []);
        let first = |whole| Holder {
            node: node(1),
            whole,
        };
        assert_eq!(holders.begin(film, node(2)), [first(false)]);
        holders.confirm(film, node(1));
        assert_eq!(holders.begin(film, node(2)), [first(true)], "again");
        assert_eq!(holders.begin(film, node(1)), [], "it lost what it had");
        assert_eq!(holders.begin(collection(2), node(3)), []);
        holders.forget(&film);
        assert_eq!(holders.begin(film, node(2)), []);
    }

    #[test]
    fn memory_is_bounded() {
        let mut holders = Holders::default();
        for n in 0..=255 {
            holders.begin(collection(0), node(n));
            holders.confirm(collection(0), node(n));
        }
        assert_eq!(holders.0[&collection(0)].len(), HOLDERS_MAX);
        for n in 0..2 * COLLECTIONS_MAX as u32 {
            holders.begin(collection(n), node(1));
        }
        assert!(holders.0.len() <= COLLECTIONS_MAX);
    }

    proptest! {
        /// Of two nodes at most one is ever told to fill from the other.
        #[test]
        fn nobody_waits_in_a_circle(steps in prop::collection::vec((0u8..8, any::<bool>()), 0..60)) {
            let mut holders = Holders::default();
            let mut told = std::collections::BTreeSet::new();
            for (n, confirms) in steps {
                if confirms {
                    holders.confirm(collection(1), node(n));
                    continue;
                }
                for before in holders.begin(collection(1), node(n)) {
                    prop_assert!(before.node != node(n));
                    told.insert((node(n), before.node));
                    prop_assert!(!told.contains(&(before.node, node(n))));
                }
            }
        }
    }
}
