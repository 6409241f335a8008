//! Opening an attested root: what is below it, and what of its form is false. SPEC section 11.

use super::content::{Content, Leaves};
use super::walk::{At, Below, Plan, StatedElements, WalkError, node_preimage, walk};
use protocol::{B256, Element, Mass, Proof, Root, StatedElement, TreeTop, depth, leaf_hash};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;

/// Places that are told one by one where a count is wrong: each place of the difference is one.
const COUNT_LIES_MAX: usize = 16;

/// A root as it is attested, and what is stated of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StatedRoot<M> {
    /// Its hash.
    pub(super) hash: B256,
    /// Mass of the uppermost element.
    pub(super) mass: M,
    /// Leaves.
    pub(super) count: u32,
}

impl<M: Mass> StatedRoot<M> {
    /// Whether it is the root over this uppermost element.
    pub(super) fn is_over(&self, top: B256) -> bool {
        let Self { mass, count, .. } = *self;
        let top = Element { hash: top, mass };
        let count = count.into();
        Root { top, count }.hash() == self.hash
    }
}

/// What is false about an element itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wrong {
    /// The mass that is stated for it isn't that of what is below. With its preimage.
    Sum(Vec<u8>),
    /// It is the hash of something that doesn't belong there. With that.
    Shape(Vec<u8>),
    /// It is empty below the count, or above the leaves, or isn't after the count.
    Count,
}

/// An element that is false.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FalseElement<M> {
    /// Its place in the tree of as many leaves as are stated.
    pub(super) at: At,
    /// Hash and stated mass.
    pub(super) element: Element<M>,
    /// What is false.
    pub(super) wrong: Wrong,
}

/// A root with what is below it.
#[derive(Debug, Clone)]
pub(super) struct Opened<M> {
    /// The root.
    pub(super) root: StatedRoot<M>,
    /// Hash of its uppermost element.
    pub(super) top: B256,
    /// False elements that can be shown; of places that are counted wrongly, the first.
    pub(super) lies: Vec<FalseElement<M>>,
    /// Contents that are stated for leaves, by place.
    pub(super) contents: BTreeMap<u32, Vec<u8>>,
    /// Places of leaves that something else stands over.
    pub(super) hidden: Vec<Range<u64>>,
    /// Elements of which nothing is known but the hash.
    pub(super) unknown: u64,
    /// Places told so far that are counted wrongly.
    count_lies: usize,
    /// Where the tree has other sums than its elements state.
    sums: BTreeSet<At>,
    /// What is stated of its elements.
    stated: StatedElements,
    /// Leaves and mass it is made with, where that isn't what its root states: then its depth is another.
    natural: Option<(u32, M)>,
}

/// Why a root isn't opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    #[error(transparent)]
    Walk(#[from] WalkError),
    /// The leaves make another root.
    #[error("its leaves give another root")]
    OtherRoot,
}

/// Opens a root by the leaves that are below it and what is stated of its elements.
pub(super) fn open<C: Content>(
    root: StatedRoot<C::Mass>,
    leaves: &(impl Leaves + ?Sized),
    stated: StatedElements,
) -> Result<Opened<C::Mass>, OpenError> {
    if root.count == 0 {
        // The contract makes no root of no leaves but the empty one.
        return match root.is_over(B256::ZERO) {
            true => Ok(Opened::new(root, B256::ZERO, stated)),
            false => Err(OpenError::OtherRoot),
        };
    }
    let as_stated = open_as_stated::<C>(root, leaves, stated);
    match as_stated {
        Err(OpenError::OtherRoot) => open_as_made::<C>(root, leaves),
        other => other,
    }
}

/// With the depth that follows from the count that is stated.
fn open_as_stated<C: Content>(
    root: StatedRoot<C::Mass>,
    leaves: &(impl Leaves + ?Sized),
    stated: StatedElements,
) -> Result<Opened<C::Mass>, OpenError> {
    let mut opened = Opened::new(root, B256::ZERO, StatedElements::new());
    let mut sums = BTreeSet::new();
    let mut top = B256::ZERO;
    if leaves.count() <= 1 << depth(root.count.into()) {
        let plan = Plan::<C> {
            count: root.count,
            stated: &stated,
            mass: Some(root.mass),
        };
        top = walk(&plan, leaves, &mut |at, element, below| {
            opened.look::<C>(&stated, at, element, below, &mut sums);
        })?
        .hash;
    }
    if !root.is_over(top) {
        return Err(OpenError::OtherRoot);
    }
    // What isn't in the tree can't be false in it.
    let hidden = std::mem::take(&mut opened.hidden);
    let is_hidden = |at: At| {
        let first = u64::from(at.1) << at.0;
        hidden
            .iter()
            .any(|range| range.contains(&first) && range.end - range.start > 1 << at.0)
    };
    opened.lies.retain(|lie| !is_hidden(lie.at));
    sums.retain(|at| !is_hidden(*at));
    opened.contents.retain(|place, _| !is_hidden((0, *place)));
    (opened.top, opened.sums, opened.stated) = (top, sums, stated);
    opened.hidden = hidden;
    // Of several wrong sums on a path the uppermost can be shown; what is below any can't.
    let mut lies = std::mem::take(&mut opened.lies);
    lies.retain(|lie| !opened.is_blocked(lie.at));
    opened.lies = lies;
    Ok(opened)
}

/// With the depth that follows from the number of leaves: if that is another, then so is the shape.
fn open_as_made<C: Content>(
    root: StatedRoot<C::Mass>,
    leaves: &(impl Leaves + ?Sized),
) -> Result<Opened<C::Mass>, OpenError> {
    let count = leaves.count();
    let (stated_depth, made_depth) = (depth(root.count.into()), depth(count.into()));
    if count == 0 || stated_depth == made_depth {
        return Err(OpenError::OtherRoot);
    }
    let stated = StatedElements::new();
    let plan = Plan::<C> {
        count,
        stated: &stated,
        mass: None,
    };
    // On the way from the first leaf to the top, the element whose shape is wrong: where the leaves should be,
    // or where the leaf is.
    let wanted = made_depth.saturating_sub(stated_depth);
    let (mut at_fault, mut uppermost) = (None, None);
    let top = walk(&plan, leaves, &mut |at, element, below| {
        if at == (wanted, 0) {
            at_fault = Some((element, preimage(&below)));
        }
        if at == (made_depth, 0) {
            uppermost = Some((element, preimage(&below)));
        }
    })?;
    if !root.is_over(top.hash) {
        return Err(OpenError::OtherRoot);
    }
    let level = stated_depth.saturating_sub(made_depth);
    let fault = if top.mass == root.mass {
        let (element, preimage) = at_fault.expect("the walk has passed it");
        FalseElement {
            at: (level, 0),
            element,
            wrong: Wrong::Shape(preimage),
        }
    } else {
        // No path leads past the sum, but the uppermost element needs none.
        let (element, preimage) = uppermost.expect("the walk has passed it");
        let mass = root.mass;
        FalseElement {
            at: (stated_depth, 0),
            element: Element { mass, ..element },
            wrong: match stated_depth == 0 || made_depth == 0 {
                true => Wrong::Shape(preimage),
                false => Wrong::Sum(preimage),
            },
        }
    };
    let mut opened = Opened::new(root, top.hash, stated);
    opened.lies = vec![fault];
    opened.natural = Some((count, top.mass));
    Ok(opened)
}

fn preimage<M: Mass>(below: &Below<'_, M>) -> Vec<u8> {
    match below {
        Below::Leaf(content) => [&[0], *content].concat(),
        Below::Node(left, right) => node_preimage(*left, *right).to_vec(),
        Below::Misshapen(preimage) => preimage.to_vec(),
        Below::Nothing | Below::Unknown => Vec::new(),
    }
}

impl<M: Mass> Opened<M> {
    fn new(root: StatedRoot<M>, top: B256, stated: StatedElements) -> Self {
        Self {
            root,
            top,
            lies: Vec::new(),
            contents: BTreeMap::new(),
            hidden: Vec::new(),
            unknown: 0,
            count_lies: 0,
            sums: BTreeSet::new(),
            stated,
            natural: None,
        }
    }

    /// Looks at an element in the course of the walk.
    fn look<C: Content<Mass = M>>(
        &mut self,
        stated: &StatedElements,
        at: At,
        element: Element<M>,
        below: Below<'_, M>,
        sums: &mut BTreeSet<At>,
    ) {
        let (level, position) = at;
        let mut lies = Vec::new();
        let is_past = level == 0 && position >= self.root.count;
        let is_empty = element.hash.is_zero();
        let counted = match is_past {
            true => is_empty && element.mass == M::ZERO,
            false => !is_empty,
        };
        if !counted && self.count_lies < COUNT_LIES_MAX {
            self.count_lies += 1;
            lies.push(Wrong::Count);
        }
        let follows = match &below {
            Below::Leaf(content) => C::from_content(content).and_then(|leaf| leaf.mass()),
            Below::Node(left, right) => left.mass.checked_add(right.mass).ok(),
            Below::Misshapen(preimage) => {
                lies.push(Wrong::Shape(preimage.to_vec()));
                Some(element.mass)
            }
            Below::Nothing | Below::Unknown => Some(element.mass),
        };
        if follows != Some(element.mass) {
            lies.push(Wrong::Sum(preimage(&below)));
            sums.insert(at);
        }
        let lies = lies.into_iter();
        let lies = lies.map(|wrong| FalseElement { at, element, wrong });
        self.lies.extend(lies);
        match below {
            Below::Leaf(content) if stated.contains_key(&at) => {
                self.contents.insert(position, content.to_vec());
            }
            Below::Leaf(_) | Below::Node(..) => {}
            // Of an empty leaf there is nothing to know.
            Below::Nothing if level == 0 => {}
            Below::Nothing | Below::Misshapen(_) | Below::Unknown => {
                let first = u64::from(position) << level;
                self.hidden.push(first..first + (1 << level));
                self.unknown += u64::from(matches!(below, Below::Unknown));
            }
        }
    }

    /// Whether it is known what stands at the place of a leaf.
    pub(super) fn knows(&self, place: u32) -> bool {
        let leaf = u64::from(place);
        !self.hidden.iter().any(|range| range.contains(&leaf))
    }

    /// Whether the leaf at a place can be shown: it is known, stands where it belongs, and no false sum is on
    /// its path.
    pub(super) fn can_show(&self, place: u32) -> bool {
        let at = (0, place);
        self.natural.is_none()
            && place < self.root.count
            && self.knows(place)
            && !self.sums.contains(&at)
            && !self.is_blocked(at)
    }

    /// Whether the tree has the depth that its count gives.
    pub(super) fn has_stated_depth(&self) -> bool {
        self.natural.is_none()
    }

    /// Whether the leaves alone give it, and nothing in it is false.
    pub(super) fn is_as_stated(&self) -> bool {
        self.has_stated_depth()
            && self.lies.is_empty()
            && self.sums.is_empty()
            && self.stated.is_empty()
            && self.hidden.is_empty()
    }

    /// Whether there is a false sum above an element.
    fn is_blocked(&self, (level, position): At) -> bool {
        let depth = depth(self.root.count.into());
        (level + 1..=depth).any(|above| {
            let ancestor = (above, position >> (above - level));
            self.sums.contains(&ancestor)
        })
    }

    /// Paths from elements to the root, in one walk. The leaves must be those it was opened with.
    pub(super) fn paths<C: Content<Mass = M>>(
        &self,
        leaves: &(impl Leaves + ?Sized),
        wanted: &BTreeSet<At>,
    ) -> Result<BTreeMap<At, Proof>, WalkError> {
        let (count, mass) = match self.natural {
            Some((count, mass)) => (count, mass),
            None => (self.root.count, self.root.mass),
        };
        let depth = depth(count.into());
        // Levels are counted from the top, which both trees share.
        let root_depth = protocol::depth(self.root.count.into());
        let made = |at: At| -> At { ((at.0 + depth).saturating_sub(root_depth), at.1) };
        let siblings = |(level, position): At| {
            (level..depth).map(move |level_| (level_, (position >> (level_ - level)) ^ 1))
        };
        let needed: BTreeSet<At> = wanted.iter().flat_map(|at| siblings(made(*at))).collect();
        let mut found: BTreeMap<At, Element<M>> = BTreeMap::new();
        let plan = Plan::<C> {
            count,
            stated: &self.stated,
            mass: Some(mass),
        };
        walk(&plan, leaves, &mut |at, element, _| {
            if needed.contains(&at) {
                found.insert(at, element);
            }
        })?;
        let empty = super::walk::empties::<M>();
        let path = |at: At| {
            let levels = siblings(made(at)).map(|at| {
                let known = found.get(&at).copied();
                known.unwrap_or(empty[at.0 as usize])
            });
            Proof::from_siblings(levels)
        };
        Ok(wanted.iter().map(|at| (*at, path(*at))).collect())
    }
}

/// The root over leaves as they are, without anything stated.
pub(super) fn root_of<C: Content>(
    leaves: &(impl Leaves + ?Sized),
) -> io::Result<Option<Root<C::Mass>>> {
    let mut top = Some(TreeTop::default());
    leaves.visit(&mut |content| {
        let Some(mut tree) = top.take() else { return };
        let Some(mass) = C::from_content(content).and_then(|leaf| leaf.mass()) else {
            return;
        };
        let hash = leaf_hash(content);
        if tree.push(Element { hash, mass }).is_ok() {
            top = Some(tree);
        }
    })?;
    Ok(top.and_then(|tree| tree.finish().ok()))
}

/// Stated elements of a file, by place.
pub(super) fn by_place(elements: &[StatedElement]) -> StatedElements {
    let at = |element: &StatedElement| (u32::from(element.level), element.position);
    let elements = elements
        .iter()
        .map(|element| (at(element), element.clone()));
    elements.collect()
}

/// The path of a leaf in the tree over leaves as they are; `None` if that has none.
pub(super) fn path_in<C: Content>(leaves: &(impl Leaves + ?Sized), place: u32) -> Option<Proof> {
    let root = root_of::<C>(leaves).ok()??;
    let root = StatedRoot {
        hash: root.hash(),
        mass: root.mass(),
        count: u32::try_from(root.count).ok()?,
    };
    let opened = open::<C>(root, leaves, StatedElements::new()).ok()?;
    let at = (0, place);
    let paths = opened.paths::<C>(leaves, &BTreeSet::from([at]));
    paths.ok()?.remove(&at)
}
