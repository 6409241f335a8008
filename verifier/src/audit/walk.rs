//! A tree rebuilt from its leaves and from what is stated in place of what they give, element by element, in
//! memory of the tree's depth.

use super::content::{Content, Leaves};
use protocol::{B256, Element, Mass, StatedElement, depth, leaf_hash, parent};
use std::collections::BTreeMap;
use std::io;
use std::marker::PhantomData;

/// Level and position of an element; leaves are level 0.
pub(super) type At = (u32, u32);

/// What stands in place of what leaves or children give.
pub(super) type StatedElements = BTreeMap<At, StatedElement>;

/// What an element is the hash of.
#[derive(Debug)]
pub(super) enum Below<'a, M> {
    /// Nothing: 32 zero bytes.
    Nothing,
    /// A leaf's content.
    Leaf(&'a [u8]),
    /// Two elements.
    Node(Element<M>, Element<M>),
    /// Something that has another shape than belongs there.
    Misshapen(&'a [u8]),
    /// It isn't known.
    Unknown,
}

/// Is told each element of a tree, children before parents.
pub(super) type Tell<'a, M> = dyn FnMut(At, Element<M>, Below<'_, M>) + 'a;

/// Why a tree can't be rebuilt.
#[derive(Debug, thiserror::Error)]
pub(super) enum WalkError {
    #[error("cannot read its leaves: {0}")]
    Io(#[from] io::Error),
    #[error("the element at level {0}, position {1}, has no mass that fits, and none is stated")]
    NoMass(u32, u32),
    #[error("the elements below level {0}, position {1}, aren't those that are stated")]
    Contradiction(u32, u32),
}

/// The shape of a tree and where its elements come from.
pub(super) struct Plan<'a, C: Content> {
    /// Leaves, without the empty ones that fill up.
    pub(super) count: u32,
    /// What is stated.
    pub(super) stated: &'a StatedElements,
    /// What the root states for the uppermost element; `None` takes what it adds up to.
    pub(super) mass: Option<C::Mass>,
}

/// Rebuilds a tree; tells each element that isn't the top of an untouched empty part. Returns the uppermost.
pub(super) fn walk<C: Content>(
    plan: &Plan<'_, C>,
    leaves: &(impl Leaves + ?Sized),
    tell: &mut Tell<'_, C::Mass>,
) -> Result<Element<C::Mass>, WalkError> {
    let depth = depth(plan.count.into());
    let mut walk = Walk::<C> {
        plan,
        depth,
        width: 1 << depth,
        stack: Vec::with_capacity(depth as usize + 1),
        next: 0,
        tell,
        content: PhantomData,
    };
    let mut failed = None;
    leaves.visit(&mut |content| {
        if failed.is_none() && walk.next < walk.width {
            failed = walk.leaf(Some(content)).err();
        }
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    walk.fill()?;
    let top = walk
        .stack
        .pop()
        .expect("a full tree has one uppermost element");
    Ok(top.element)
}

/// An element that waits for its sibling.
struct Waiting<M> {
    at: At,
    element: Element<M>,
}

struct Walk<'a, C: Content> {
    plan: &'a Plan<'a, C>,
    depth: u32,
    /// Places for leaves: 2^depth.
    width: u64,
    stack: Vec<Waiting<C::Mass>>,
    /// The next place.
    next: u64,
    tell: &'a mut Tell<'a, C::Mass>,
    content: PhantomData<C>,
}

impl<C: Content> Walk<'_, C> {
    /// The mass of an element: what the root states for the uppermost, what is stated for others, or what
    /// follows from what is below.
    fn mass(
        &self,
        at: At,
        stated: Option<&StatedElement>,
        follows: Option<C::Mass>,
    ) -> Result<C::Mass, WalkError> {
        if at.0 == self.depth
            && let Some(mass) = self.plan.mass
        {
            return Ok(mass);
        }
        match stated {
            Some(stated) => Ok(C::Mass::from_bytes(stated.mass)),
            None => follows.ok_or(WalkError::NoMass(at.0, at.1)),
        }
    }

    /// The next leaf, from a file, or none.
    fn leaf(&mut self, content: Option<&[u8]>) -> Result<(), WalkError> {
        let at = (0, self.next as u32);
        self.next += 1;
        let stated = self.plan.stated.get(&at);
        let preimage = stated.map(|stated| &stated.preimage[..]).unwrap_or(&[]);
        let (hash, below) = match (stated, content) {
            (None, Some(content)) => (leaf_hash(content), Below::Leaf(content)),
            (None, None) => (B256::ZERO, Below::Nothing),
            (Some(stated), _) if !preimage.is_empty() => {
                let is_leaf = preimage.len() == 1 + C::BYTES && preimage[0] == 0;
                let below = match is_leaf {
                    true => Below::Leaf(&preimage[1..]),
                    false => Below::Misshapen(preimage),
                };
                (stated.hash, below)
            }
            (Some(stated), Some(content)) if stated.hash == leaf_hash(content) => {
                (stated.hash, Below::Leaf(content))
            }
            (Some(stated), _) if stated.hash.is_zero() => (B256::ZERO, Below::Nothing),
            (Some(stated), _) => (stated.hash, Below::Unknown),
        };
        let follows = match &below {
            Below::Leaf(content) => C::from_content(content).and_then(|leaf| leaf.mass()),
            _ => Some(C::Mass::ZERO),
        };
        let mass = self.mass(at, stated, follows)?;
        let element = Element { hash, mass };
        (self.tell)(at, element, below);
        self.rise(at, element)
    }

    /// Puts an element in its place, and its ancestors as far as they are complete.
    fn rise(&mut self, mut at: At, mut element: Element<C::Mass>) -> Result<(), WalkError> {
        while let Some(left) = self.stack.pop_if(|waiting| waiting.at.0 == at.0) {
            at = (at.0 + 1, at.1 >> 1);
            element = self.node(at, left.element, element)?;
        }
        self.stack.push(Waiting { at, element });
        Ok(())
    }

    fn node(
        &mut self,
        at: At,
        left: Element<C::Mass>,
        right: Element<C::Mass>,
    ) -> Result<Element<C::Mass>, WalkError> {
        let hash = node_hash(left, right);
        let sum = left.mass.checked_add(right.mass).ok();
        let stated = self.plan.stated.get(&at);
        let mass = self.mass(at, stated, sum)?;
        let (hash, below) = match stated {
            None => (hash, Below::Node(left, right)),
            Some(stated) if stated.hash == hash => (hash, Below::Node(left, right)),
            Some(stated) if is_node(&stated.preimage) => {
                return Err(WalkError::Contradiction(at.0, at.1));
            }
            Some(stated) if !stated.preimage.is_empty() => {
                (stated.hash, Below::Misshapen(&stated.preimage))
            }
            Some(stated) if stated.hash.is_zero() => (B256::ZERO, Below::Nothing),
            Some(stated) => (stated.hash, Below::Unknown),
        };
        let element = Element { hash, mass };
        (self.tell)(at, element, below);
        Ok(element)
    }

    /// Fills up with empty leaves, in whole parts where nothing is stated in them.
    fn fill(&mut self) -> Result<(), WalkError> {
        let empty = empties::<C::Mass>();
        while self.next < self.width {
            let level = self.empty_level();
            if level == 0 {
                self.leaf(None)?;
                continue;
            }
            let at = (level, (self.next >> level) as u32);
            self.next += 1 << level;
            self.rise(at, empty[level as usize])?;
        }
        Ok(())
    }

    /// The highest level at which the next element has only empty leaves below it, and nothing is stated for
    /// any of them.
    fn empty_level(&self) -> u32 {
        // One below the count is a lie, and told by itself.
        if self.next < self.plan.count.into() {
            return 0;
        }
        // The uppermost is made of two, or is a leaf: it has the mass that the root states.
        let most = self.depth.saturating_sub(1);
        let mut level = match self.next {
            0 => most,
            next => next.trailing_zeros().min(most),
        };
        while level > 0 && self.is_stated_below(level) {
            level -= 1;
        }
        level
    }

    fn is_stated_below(&self, level: u32) -> bool {
        (0..=level).any(|below| {
            let first = (self.next >> below) as u32;
            let last = first + ((1u32 << (level - below)) - 1);
            let range = (below, first)..=(below, last);
            self.plan.stated.range(range).next().is_some()
        })
    }
}

/// What stands at each level over nothing but empty leaves.
pub(super) fn empties<M: Mass>() -> [Element<M>; 23] {
    let mut all = [Element::EMPTY; 23];
    for level in 1..all.len() {
        let below = all[level - 1];
        all[level] = parent(below, below).expect("nothing and nothing is nothing");
    }
    all
}

/// The 96 bytes that a node is the hash of.
pub(super) fn node_preimage<M: Mass>(left: Element<M>, right: Element<M>) -> [u8; 96] {
    let mut preimage = [0; 96];
    preimage[0] = 0x01;
    preimage[1..16].copy_from_slice(&left.mass.to_bytes());
    preimage[17..32].copy_from_slice(&right.mass.to_bytes());
    preimage[32..64].copy_from_slice(left.hash.as_slice());
    preimage[64..].copy_from_slice(right.hash.as_slice());
    preimage
}

fn node_hash<M: Mass>(left: Element<M>, right: Element<M>) -> B256 {
    protocol::keccak256(node_preimage(left, right))
}

fn is_node(preimage: &[u8]) -> bool {
    preimage.len() == 96 && preimage[0] == 0x01 && preimage[16] == 0
}
