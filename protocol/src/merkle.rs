//! Merkle-sum trees: hashing rules, the checker's own root, inclusion proofs. SPEC section 6.
//!
//! This is the checking side. The building side, with every level kept for proofs, is the `prover`
//! crate over `merkle_light`; the two share the rules here and nothing else.

use crate::mass::{Mass, MassOverflow};
use alloy_primitives::{B256, keccak256};

/// Bytes of one level of a proof: `hash (32) ‖ mass (15)`.
const LEVEL_BYTES: usize = 47;

/// A hash with what stands below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element<M> {
    /// Hash of the leaf or node.
    pub hash: B256,
    /// Mass below it.
    pub mass: M,
}

impl<M: Mass> Element<M> {
    /// The empty leaf: zero hash, no mass. No content hashes to it.
    pub const EMPTY: Self = Self {
        hash: B256::ZERO,
        mass: M::ZERO,
    };

    /// `hash (32) ‖ mass (15)`.
    pub fn to_bytes(self) -> [u8; LEVEL_BYTES] {
        let mut out = [0; LEVEL_BYTES];
        out[..32].copy_from_slice(self.hash.as_slice());
        out[32..].copy_from_slice(&self.mass.to_bytes());
        out
    }

    /// Every 47 bytes are an element.
    pub fn from_bytes(bytes: [u8; LEVEL_BYTES]) -> Self {
        let mut mass = [0; 15];
        mass.copy_from_slice(&bytes[32..]);
        Self {
            hash: B256::from_slice(&bytes[..32]),
            mass: M::from_bytes(mass),
        }
    }
}

/// `H(0x00 ‖ content)`.
pub fn leaf_hash(content: &[u8]) -> B256 {
    let mut preimage = Vec::with_capacity(1 + content.len());
    preimage.push(0x00);
    preimage.extend_from_slice(content);
    keccak256(preimage)
}

/// The node over two elements.
///
/// # Errors
/// If a lane of the sum overflows.
pub fn parent<M: Mass>(left: Element<M>, right: Element<M>) -> Result<Element<M>, MassOverflow> {
    let mut preimage = [0u8; 96];
    preimage[0] = 0x01;
    preimage[1..16].copy_from_slice(&left.mass.to_bytes());
    preimage[17..32].copy_from_slice(&right.mass.to_bytes());
    preimage[32..64].copy_from_slice(left.hash.as_slice());
    preimage[64..].copy_from_slice(right.hash.as_slice());
    Ok(Element {
        hash: keccak256(preimage),
        mass: left.mass.checked_add(right.mass)?,
    })
}

/// Levels above the leaves: `⌈log2 count⌉`, 0 for 0 and 1.
pub fn depth(count: u64) -> u32 {
    match count {
        0 | 1 => 0,
        _ => 64 - (count - 1).leading_zeros(),
    }
}

/// All elements of a level of the tree over these leaves, empty ones too, from left to right; so many levels below
/// the top. `None` if the tree has no such level.
///
/// # Errors
/// If a lane of a sum overflows.
pub fn level_below_top<M: Mass>(
    leaves: Vec<Element<M>>,
    levels: u32,
) -> Result<Option<Vec<Element<M>>>, MassOverflow> {
    let Some(folds) = depth(leaves.len() as u64).checked_sub(levels) else {
        return Ok(None);
    };
    let (mut level, mut empty) = (leaves, Element::EMPTY);
    for _ in 0..folds {
        let pairs = level.chunks(2);
        let above = pairs.map(|pair| parent(pair[0], pair.get(1).copied().unwrap_or(empty)));
        level = above.collect::<Result<_, _>>()?;
        empty = parent(empty, empty)?;
    }
    level.resize(1 << levels, empty);
    Ok(Some(level))
}

/// A whole tree in one statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Root<M> {
    /// Uppermost element.
    pub top: Element<M>,
    /// Leaves, without the empty ones that fill up.
    pub count: u64,
}

impl<M: Mass> Root<M> {
    /// `H(0x02 ‖ mass ‖ 0 (8) ‖ count (u64) ‖ top)`.
    pub fn hash(&self) -> B256 {
        let mut preimage = [0u8; 64];
        preimage[0] = 0x02;
        preimage[1..16].copy_from_slice(&self.top.mass.to_bytes());
        preimage[24..32].copy_from_slice(&self.count.to_be_bytes());
        preimage[32..].copy_from_slice(self.top.hash.as_slice());
        keccak256(preimage)
    }

    /// The sum of all leaves.
    pub fn mass(&self) -> M {
        self.top.mass
    }
}

/// Computes a root leaf by leaf, in memory of the tree's depth.
#[derive(Debug, Clone)]
pub struct TreeTop<M> {
    /// Full subtrees, largest first: (level, element).
    peaks: Vec<(u32, Element<M>)>,
    count: u64,
}

impl<M: Mass> Default for TreeTop<M> {
    fn default() -> Self {
        Self {
            peaks: Vec::new(),
            count: 0,
        }
    }
}

impl<M: Mass> TreeTop<M> {
    /// Appends the next leaf.
    ///
    /// # Errors
    /// If a sum overflows; the tree is then of no more use.
    pub fn push(&mut self, leaf: Element<M>) -> Result<(), MassOverflow> {
        let (mut level, mut element) = (0, leaf);
        while let Some(&(peak_level, peak)) = self.peaks.last() {
            if peak_level != level {
                break;
            }
            self.peaks.pop();
            element = parent(peak, element)?;
            level += 1;
        }
        self.peaks.push((level, element));
        self.count += 1;
        Ok(())
    }

    /// Fills up with empty leaves and gives the root.
    ///
    /// # Errors
    /// If a sum overflows.
    pub fn finish(self) -> Result<Root<M>, MassOverflow> {
        let depth = depth(self.count);
        let mut empty = Element::EMPTY;
        let mut carried: Option<Element<M>> = None;
        let mut peaks = self.peaks;
        for level in 0..depth {
            let peak = peaks
                .pop_if(|(at, _)| *at == level)
                .map(|(_, element)| element);
            carried = match (peak, carried) {
                (Some(peak), Some(right)) => Some(parent(peak, right)?),
                (Some(left), None) => Some(parent(left, empty)?),
                (None, Some(left)) => Some(parent(left, empty)?),
                (None, None) => None,
            };
            empty = parent(empty, empty)?;
        }
        let top = carried.or_else(|| peaks.pop().map(|(_, element)| element));
        Ok(Root {
            top: top.unwrap_or(Element::EMPTY),
            count: self.count,
        })
    }
}

/// A proof that is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Not a whole number of levels, or not as many as the tree has.
    #[error("a proof in a tree of {count} leaves has {expected} bytes, this one {given}")]
    Length {
        /// Leaves of the tree.
        count: u64,
        /// Bytes it must have.
        expected: usize,
        /// Bytes it has.
        given: usize,
    },
    /// A leaf that the tree doesn't have.
    #[error("leaf {index} of a tree of {count}")]
    Index {
        /// As asked.
        index: u64,
        /// Leaves of the tree.
        count: u64,
    },
    /// Sums on the path overflow.
    #[error(transparent)]
    Mass(#[from] MassOverflow),
    /// The path leads to another top.
    #[error("the path leads to another root")]
    Mismatch,
}

/// An inclusion proof: the siblings from the bottom up, 47 bytes each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof(pub Vec<u8>);

impl Proof {
    /// From siblings, bottom first.
    pub fn from_siblings<M: Mass>(siblings: impl IntoIterator<Item = Element<M>>) -> Self {
        Self(siblings.into_iter().flat_map(Element::to_bytes).collect())
    }

    /// Checks that `leaf` is leaf `index` of the tree with this root.
    ///
    /// # Errors
    /// Which step failed.
    pub fn verify<M: Mass>(
        &self,
        root: &Root<M>,
        index: u64,
        leaf: Element<M>,
    ) -> Result<(), ProofError> {
        if self.root(root.count, index, leaf)?.top == root.top {
            Ok(())
        } else {
            Err(ProofError::Mismatch)
        }
    }

    /// The root of the tree of `count` leaves that has `leaf` at `index`, if the siblings are these.
    ///
    /// # Errors
    /// If there is no such place, the proof has another length than that tree's, or a sum overflows.
    pub fn root<M: Mass>(
        &self,
        count: u64,
        index: u64,
        leaf: Element<M>,
    ) -> Result<Root<M>, ProofError> {
        if index >= count {
            return Err(ProofError::Index { index, count });
        }
        let expected = depth(count) as usize * LEVEL_BYTES;
        if self.0.len() != expected {
            return Err(ProofError::Length {
                count,
                expected,
                given: self.0.len(),
            });
        }
        let mut top = leaf;
        for (level, bytes) in self.0.chunks_exact(LEVEL_BYTES).enumerate() {
            let sibling = Element::from_bytes(bytes.try_into().expect("chunks are exact"));
            top = if index >> level & 1 == 1 {
                parent(sibling, top)?
            } else {
                parent(top, sibling)?
            };
        }
        Ok(Root { top, count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mass::ValueMass;

    fn leaf(value: u128) -> Element<ValueMass> {
        Element {
            hash: leaf_hash(&value.to_be_bytes()),
            mass: ValueMass::new(value).unwrap(),
        }
    }

    /// The definition itself, level by level.
    fn by_levels(count: u64) -> Element<ValueMass> {
        let mut level: Vec<_> = (0..count).map(|i| leaf(u128::from(i) + 1)).collect();
        level.resize(1 << depth(count), Element::EMPTY);
        while level.len() > 1 {
            level = level
                .chunks(2)
                .map(|pair| parent(pair[0], pair[1]).unwrap())
                .collect();
        }
        level[0]
    }

    #[test]
    fn the_running_root_is_the_defined_one() {
        for count in 0..70 {
            let mut top = TreeTop::default();
            for i in 0..count {
                top.push(leaf(u128::from(i) + 1)).unwrap();
            }
            let root = top.finish().unwrap();
            assert_eq!(root.top, by_levels(count), "{count} leaves");
            assert_eq!(
                root.mass().amount(),
                u128::from(count) * u128::from(count + 1) / 2
            );
        }
    }

    /// Each level folds to the one above it; the lowest has the leaves.
    #[test]
    fn levels_below_the_top_are_the_trees() {
        for count in [0, 1, 2, 3, 5, 8, 16, 17, 33] {
            let leaves: Vec<_> = (0..count).map(|i| leaf(u128::from(i) + 1)).collect();
            let level = |levels| level_below_top(leaves.clone(), levels).unwrap();
            assert_eq!(level(0), Some(vec![by_levels(count)]), "{count} leaves");
            let deepest = depth(count);
            for levels in 1..=deepest {
                let below = level(levels).unwrap();
                let pairs = below.chunks_exact(2);
                let folded: Vec<_> = pairs
                    .map(|pair| parent(pair[0], pair[1]).unwrap())
                    .collect();
                assert_eq!(
                    level(levels - 1),
                    Some(folded),
                    "{count} leaves, {levels} levels"
                );
            }
            let lowest = level(deepest).unwrap();
            assert_eq!(lowest[..count as usize], leaves);
            assert!(
                lowest[count as usize..]
                    .iter()
                    .all(|e| *e == Element::EMPTY)
            );
            assert_eq!(level(deepest + 1), None, "{count} leaves");
        }
    }

    #[test]
    fn no_leaf_is_counted_twice() {
        let root = |values: &[u128]| {
            let mut top = TreeTop::default();
            values.iter().for_each(|v| top.push(leaf(*v)).unwrap());
            top.finish().unwrap()
        };
        assert_ne!(root(&[1, 2, 4]).hash(), root(&[1, 2, 4, 4]).hash());
        assert_eq!(root(&[1, 2, 4, 8, 16]).mass().amount(), 31);
    }

    #[test]
    fn overflow_is_an_error() {
        let mut top = TreeTop::default();
        top.push(leaf(ValueMass::END - 1)).unwrap();
        assert!(top.push(leaf(1)).is_err());
        assert!(level_below_top(vec![leaf(ValueMass::END - 1), leaf(1)], 0).is_err());
    }
}
