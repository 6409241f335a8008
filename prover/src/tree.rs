//! Merkle-sum trees with every level kept, so that any leaf can be proven. SPEC section 6.
//!
//! `merkle_light` builds the levels. Left to itself it duplicates the last leaf up to a power of two,
//! which with sums counts it twice, and panics below two leaves; so it only ever sees a power of two of
//! leaves, at least two, filled up with empty ones here.

use merkle_light::hash::Algorithm;
use merkle_light::merkle::MerkleTree;
use protocol::{
    Element, EpochLeaf, EpochTree, Mass, MassOverflow, Proof, Root, Segment, TicketLog, depth,
    parent,
};
use std::fmt;
use std::hash::Hasher;
use std::iter::repeat_n;
use std::marker::PhantomData;

/// An element in its 47 bytes: what `merkle_light` moves about.
type Packed = [u8; 47];

/// The rules of SPEC section 6 for `merkle_light`. Without state: leaves come hashed, nodes are hashed
/// in one go.
struct SumRule<M>(PhantomData<M>);

impl<M> Default for SumRule<M> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

/// Demanded by [`Algorithm`]; with `leaf` and `node` overridden nothing ever writes to it.
impl<M> Hasher for SumRule<M> {
    fn write(&mut self, _: &[u8]) {
        unreachable!("leaf and node are overridden, so nothing is streamed")
    }

    fn finish(&self) -> u64 {
        unreachable!("leaf and node are overridden, so nothing is streamed")
    }
}

impl<M: Mass> Algorithm<Packed> for SumRule<M> {
    fn hash(&mut self) -> Packed {
        unreachable!("leaf and node are overridden, so nothing is streamed")
    }

    /// Leaves are elements already: hashed with tag 0x00 by `protocol`, or empty.
    fn leaf(&mut self, leaf: Packed) -> Packed {
        leaf
    }

    fn node(&mut self, left: Packed, right: Packed) -> Packed {
        parent(Element::<M>::from_bytes(left), Element::from_bytes(right))
            .expect("SumTree::new checked the sum of all leaves, and no part is above the whole")
            .to_bytes()
    }
}

enum Levels<M: Mass> {
    /// No leaf, or one, which then is the top.
    Top(Element<M>),
    /// Two leaves or more, filled up to a power of two.
    Built(MerkleTree<Packed, SumRule<M>>),
}

/// A Merkle-sum tree with all its levels: 94 to 188 bytes of memory a leaf.
pub struct SumTree<M: Mass> {
    levels: Levels<M>,
    root: Root<M>,
}

impl<M: Mass> SumTree<M> {
    /// Builds the tree over leaves that stand in their order.
    ///
    /// # Errors
    /// If the sum of the masses overflows a lane.
    pub fn new(leaves: Vec<Element<M>>) -> Result<Self, MassOverflow> {
        // Lanes are unsigned: if the whole fits, so does every node's part of it.
        let total = leaves
            .iter()
            .try_fold(M::ZERO, |sum, leaf| sum.checked_add(leaf.mass))?;
        let count = leaves.len() as u64;
        let levels = if count < 2 {
            Levels::Top(leaves.first().copied().unwrap_or(Element::EMPTY))
        } else {
            let padding = (1 << depth(count)) - leaves.len();
            let filled = leaves
                .into_iter()
                .chain(repeat_n(Element::EMPTY, padding))
                .map(Element::to_bytes);
            Levels::Built(MerkleTree::new(filled))
        };
        let top = match &levels {
            Levels::Top(top) => *top,
            Levels::Built(tree) => Element::from_bytes(tree.root()),
        };
        assert_eq!(top.mass, total, "a tree's top holds the sum of its leaves");
        let root = Root { top, count };
        Ok(Self { levels, root })
    }

    /// The root: its mass is the sum of all leaves.
    pub fn root(&self) -> Root<M> {
        self.root
    }

    /// Leaves, without those that fill up.
    pub fn count(&self) -> u64 {
        self.root.count
    }

    /// The leaf at an index; `None` from `count` on.
    pub fn leaf(&self, index: u64) -> Option<Element<M>> {
        let at = usize::try_from(index).ok()?;
        (index < self.root.count).then(|| match &self.levels {
            Levels::Top(leaf) => *leaf,
            Levels::Built(tree) => Element::from_bytes(tree.as_slice()[at]),
        })
    }

    /// The proof that the leaf at an index is in the tree; `None` from `count` on.
    pub fn proof(&self, index: u64) -> Option<Proof> {
        let at = usize::try_from(index).ok()?;
        (index < self.root.count).then(|| match &self.levels {
            Levels::Top(_) => Proof(Vec::new()),
            Levels::Built(tree) => {
                // The leaf itself, its siblings from the bottom up, the root.
                let path = tree.gen_proof(at);
                let lemma = path.lemma();
                Proof(lemma[1..lemma.len() - 1].concat())
            }
        })
    }
}

impl SumTree<protocol::DeliveryMass> {
    /// The tree of a segment: leaf i is record i.
    ///
    /// # Errors
    /// If a sum overflows.
    pub fn of_segment(segment: &Segment) -> Result<Self, MassOverflow> {
        let leaves = segment.records().iter().map(protocol::Record::leaf);
        Self::new(leaves.collect::<Result<_, _>>()?)
    }

    /// The tree of a ticket log: leaf i is ticket i.
    ///
    /// # Errors
    /// If a ticket's limit or a sum overflows.
    pub fn of_ticket_log(log: &TicketLog) -> Result<Self, MassOverflow> {
        let leaves = log.tickets().iter().map(protocol::Ticket::leaf);
        Self::new(leaves.collect::<Result<_, _>>()?)
    }
}

impl SumTree<protocol::ValueMass> {
    /// One of an epoch's three trees. Proofs in the nodes tree are what operators claim with, in the bills
    /// tree what payers withdraw with, in the charges tree what challengers challenge with.
    ///
    /// # Errors
    /// If an amount or their sum overflows.
    pub fn of_epoch<L: EpochLeaf>(tree: &EpochTree<L>) -> Result<Self, MassOverflow> {
        let leaves = tree.leaves.iter().map(EpochLeaf::leaf);
        Self::new(leaves.collect::<Result<_, _>>()?)
    }
}

impl<M: Mass> fmt::Debug for SumTree<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SumTree")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use protocol::{DeliveryMass, ProofError, TreeTop, ValueMass, leaf_hash};

    fn value(amount: u128) -> Element<ValueMass> {
        Element {
            hash: leaf_hash(&amount.to_be_bytes()),
            mass: ValueMass::new(amount).unwrap(),
        }
    }

    fn delivery((bytes, deliveries, within): (u64, u32, u32)) -> Element<DeliveryMass> {
        let mass = DeliveryMass::new(bytes, deliveries, within).unwrap();
        Element {
            hash: leaf_hash(&mass.to_bytes()),
            mass,
        }
    }

    fn checked<M: Mass>(leaves: &[Element<M>]) -> Root<M> {
        let mut top = TreeTop::default();
        leaves.iter().for_each(|leaf| top.push(*leaf).unwrap());
        top.finish().unwrap()
    }

    /// Every proof proves its own leaf at its own place, and nothing else.
    fn check_proofs<M: Mass>(leaves: &[Element<M>]) {
        let tree = SumTree::new(leaves.to_vec()).unwrap();
        let root = tree.root();
        assert_eq!(root, checked(leaves), "{} leaves", leaves.len());
        let count = leaves.len() as u64;
        for (index, leaf) in (0u64..).zip(leaves) {
            let proof = tree.proof(index).unwrap();
            assert_eq!(tree.leaf(index), Some(*leaf));
            assert_eq!(proof.verify(&root, index, *leaf), Ok(()));
            for (other, other_leaf) in (0u64..).zip(leaves) {
                if other != index {
                    assert!(proof.verify(&root, other, *leaf).is_err());
                    assert!(proof.verify(&root, index, *other_leaf).is_err());
                }
            }
            assert!(matches!(
                proof.verify(&root, count, *leaf),
                Err(ProofError::Index { .. })
            ));
            // Every byte, where trees are small; the paths of larger ones have nothing new in them.
            let step = if count <= 5 { 1 } else { 41 };
            for at in (0..proof.0.len()).step_by(step) {
                let mut altered = proof.clone();
                altered.0[at] ^= 1 << (at % 8);
                assert!(altered.verify(&root, index, *leaf).is_err(), "byte {at}");
            }
            let packed = leaf.to_bytes();
            for at in (0..packed.len()).step_by(step) {
                let mut altered = packed;
                altered[at] ^= 1 << (at % 8);
                let altered = Element::from_bytes(altered);
                assert!(proof.verify(&root, index, altered).is_err(), "byte {at}");
            }
            let mut longer = proof.clone();
            longer.0.extend_from_slice(&[0; 47]);
            assert!(longer.verify(&root, index, *leaf).is_err());
        }
        assert!(tree.proof(count).is_none() && tree.leaf(count).is_none());
        assert!(tree.proof(u64::MAX).is_none());
    }

    /// None, one, two, odd ones, and one more and less than a power of two: where `merkle_light` would
    /// panic or count a leaf twice.
    #[test]
    fn roots_are_the_checkers_and_proofs_prove_one_thing() {
        for count in [0u64, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 32, 33] {
            let values: Vec<_> = (1..=count).map(|i| value(i.into())).collect();
            check_proofs(&values);
            let deliveries: Vec<_> = (1..=count as u32)
                .map(|i| delivery((u64::from(i) << 20, i, i / 2)))
                .collect();
            check_proofs(&deliveries);
        }
        for count in [64u64, 65, 128, 129, 1024, 1025] {
            let leaves: Vec<_> = (1..=count).map(|i| value(i.into())).collect();
            let tree = SumTree::new(leaves.clone()).unwrap();
            assert_eq!(tree.root(), checked(&leaves));
            for index in [0, 1, count / 2, count - 2, count - 1] {
                let leaf = leaves[index as usize];
                let proof = tree.proof(index).unwrap();
                assert_eq!(proof.verify(&tree.root(), index, leaf), Ok(()));
            }
        }
    }

    #[test]
    fn no_leaf_is_counted_twice() {
        let root = |amounts: &[u128]| {
            SumTree::new(amounts.iter().map(|a| value(*a)).collect())
                .unwrap()
                .root()
        };
        assert_eq!(root(&[1, 2, 4, 8, 16]).mass().amount(), 31);
        assert_eq!(root(&[1, 2, 4]).mass().amount(), 7);
        assert_ne!(root(&[1, 2, 4]).top, root(&[1, 2, 4, 4]).top);
        assert_ne!(root(&[1, 2, 4]).hash(), root(&[1, 2, 4, 4]).hash());
    }

    /// An explicit empty leaf gives the same top, but never the same root: the count is in it.
    #[test]
    fn the_count_is_bound() {
        let short = SumTree::new(vec![value(1), value(2), value(3)]).unwrap();
        let long = vec![value(1), value(2), value(3), Element::EMPTY];
        let long = SumTree::new(long).unwrap();
        assert_eq!(short.root().top, long.root().top);
        assert_ne!(short.root().hash(), long.root().hash());
        // The fourth leaf of a tree of three can't be proven.
        let proof = long.proof(3).unwrap();
        assert!(proof.verify(&short.root(), 3, Element::EMPTY).is_err());
    }

    #[test]
    fn overflow_is_an_error_before_anything_is_built() {
        let most = ValueMass::END - 1;
        for amounts in [vec![most, 1], vec![1, 2, most], vec![1, most, 0, 0, 1]] {
            let leaves = amounts.into_iter().map(value).collect();
            assert!(SumTree::<ValueMass>::new(leaves).is_err());
        }
        let lanes = [
            (DeliveryMass::BYTES_END - 1, 0, 0),
            (0, u32::MAX, 0),
            (0, 0, u32::MAX),
        ];
        for (bytes, deliveries, within) in lanes {
            let leaves = vec![
                delivery((bytes, deliveries, within)),
                delivery((1, 1, 1)),
                delivery((0, 0, 0)),
            ];
            assert!(SumTree::new(leaves).is_err());
        }
        let leaves = vec![value(most), value(0), value(0)];
        assert_eq!(SumTree::new(leaves).unwrap().root().mass().amount(), most);
    }

    proptest! {
        #[test]
        fn any_tree_is_the_checkers(masses in prop::collection::vec((0u64..1 << 40, 0u32..1 << 20, 0u32..1 << 20), 0..200),
                                    at: prop::sample::Index) {
            let leaves: Vec<_> = masses.into_iter().map(delivery).collect();
            let tree = SumTree::new(leaves.clone()).unwrap();
            prop_assert_eq!(tree.root(), checked(&leaves));
            if !leaves.is_empty() {
                let index = at.index(leaves.len());
                let proof = tree.proof(index as u64).unwrap();
                prop_assert_eq!(proof.verify(&tree.root(), index as u64, leaves[index]), Ok(()));
            }
        }
    }
}
