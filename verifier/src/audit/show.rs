//! What a challenge shows: leaves and elements with their paths to attested roots.
//!
//! Claims are made twice. The first time only notes which paths they want; then each tree is walked once for
//! all of them; the second time has them. So no tree is held in memory but by its leaves.

use super::Audited;
use super::attested::mass_bytes;
use super::content::{Held, Leaves};
use super::forced::Forced;
use super::logs::Entry;
use super::segments::PartOf;
use super::tree::{FalseElement, Opened, path_in};
use super::walk::{At, WalkError};
use contracts::challenge::{
    Challenge, Claim, Earlier, ElementPath, RootOpening, Shown, ShownForced, ShownPair,
    ShownRecord, ShownRecords, Standing, Tree,
};
use protocol::{BillLeaf, ChargeLeaf, Mass, NodeLeaf, Proof, Record, Ticket, ValueMass, depth};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// It can't be shown: its place isn't known, or a false sum is in the way, which has to be shown first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Blocked;

/// A tree whose elements are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum TreeOf {
    /// The epoch's nodes.
    Nodes,
    /// Its bills.
    Bills,
    /// Its charges.
    Charges,
    /// Nodes of the epoch before.
    NodesBefore,
    /// Bills of the epoch before.
    BillsBefore,
    /// The segment of the charge at that place.
    Segment(u32),
    /// The log of an issuer.
    Log(u32),
}

/// Shows what is in the trees of an audited epoch.
pub(super) struct Show<'a> {
    audited: &'a Audited,
    wanted: RefCell<BTreeMap<TreeOf, BTreeSet<At>>>,
    paths: BTreeMap<(TreeOf, At), Proof>,
}

impl<'a> Show<'a> {
    /// Knows no path yet.
    pub(super) fn new(audited: &'a Audited) -> Self {
        Self {
            audited,
            wanted: RefCell::default(),
            paths: BTreeMap::new(),
        }
    }

    /// Looks up the paths that were wanted so far.
    pub(super) fn look_up(&mut self) -> Result<(), WalkError> {
        let audited = self.audited;
        for (tree, wanted) in self.wanted.take() {
            let found = match tree {
                TreeOf::Nodes => paths(audited.nodes.as_ref(), &wanted)?,
                TreeOf::Bills => paths(audited.bills.as_ref(), &wanted)?,
                TreeOf::Charges => paths(audited.charges.as_ref(), &wanted)?,
                TreeOf::NodesBefore => {
                    paths(audited.before.as_ref().map(|(nodes, _)| nodes), &wanted)?
                }
                TreeOf::BillsBefore => {
                    paths(audited.before.as_ref().map(|(_, bills)| bills), &wanted)?
                }
                TreeOf::Segment(charge) => match audited.segments.get(&charge) {
                    Some(segment) => {
                        let file = audited.segment_files.get(&segment.node);
                        let leaves = PartOf::new(audited, file, segment.part)?;
                        segment.opened.paths::<Record>(&leaves, &wanted)?
                    }
                    None => BTreeMap::new(),
                },
                TreeOf::Log(issuer) => {
                    let log = audited.logs.committed.get(&issuer);
                    let opened = log.and_then(|log| log.opened.as_ref());
                    let leaves = log.and_then(|log| log.leaves(&super::NoProgress));
                    match (opened, leaves) {
                        (Some(opened), Some(leaves)) => opened.paths::<Ticket>(&leaves, &wanted)?,
                        _ => BTreeMap::new(),
                    }
                }
            };
            let found = found.into_iter();
            self.paths
                .extend(found.map(|(at, proof)| ((tree, at), proof)));
        }
        Ok(())
    }

    /// A challenge of the attestation.
    pub(super) fn challenge(&self, claim: Claim) -> Challenge {
        Challenge::Attestation {
            epoch: self.audited.facts.attested.epoch,
            roots: *self.audited.facts.roots(),
            claim,
        }
    }

    fn path(&self, tree: TreeOf, at: At) -> Proof {
        match self.paths.get(&(tree, at)) {
            Some(proof) => proof.clone(),
            None => {
                self.wanted.borrow_mut().entry(tree).or_default().insert(at);
                Proof(Vec::new())
            }
        }
    }

    /// The path of a leaf and the next, as contracts take it.
    fn pair_path(&self, tree: TreeOf, place: u32, count: u32) -> Proof {
        const LEVEL: usize = 47;
        let (left, right) = (self.path(tree, (0, place)), self.path(tree, (0, place + 1)));
        // Levels below the children of the element where both ways meet.
        let apart = place.trailing_ones() as usize;
        let whole = depth(count.into()) as usize * LEVEL;
        if left.0.len() != whole || right.0.len() != whole {
            return Proof(Vec::new());
        }
        let own = apart * LEVEL;
        Proof([&left.0[..own], &right.0[..own], &left.0[own + LEVEL..]].concat())
    }

    // ---- Leaves ----

    pub(super) fn node(&self, place: u32) -> Result<Box<Shown<NodeLeaf>>, Blocked> {
        self.leaf(self.audited.nodes.as_ref(), TreeOf::Nodes, place)
    }

    pub(super) fn bill(&self, place: u32) -> Result<Box<Shown<BillLeaf>>, Blocked> {
        self.leaf(self.audited.bills.as_ref(), TreeOf::Bills, place)
    }

    pub(super) fn charge(&self, place: u32) -> Result<Box<Shown<ChargeLeaf>>, Blocked> {
        self.leaf(self.audited.charges.as_ref(), TreeOf::Charges, place)
    }

    fn leaf<L: protocol::EpochLeaf + super::content::Content<Mass = ValueMass>>(
        &self,
        tree: Option<&super::attested::Tree<L>>,
        of: TreeOf,
        place: u32,
    ) -> Result<Box<Shown<L>>, Blocked> {
        let tree = tree.ok_or(Blocked)?;
        let leaf = tree.leaf(place).filter(|_| tree.opened.can_show(place));
        Ok(Box::new(Shown {
            leaf: *leaf.ok_or(Blocked)?,
            place,
            count: tree.count(),
            proof: self.path(of, (0, place)),
        }))
    }

    /// The charge at a place and the next.
    pub(super) fn charges(&self, place: u32) -> Result<Box<ShownPair<ChargeLeaf>>, Blocked> {
        let (left, right) = (self.charge(place)?, self.charge(place + 1)?);
        Ok(Box::new(ShownPair {
            left: left.leaf,
            right: right.leaf,
            place,
            count: left.count,
            proof: self.pair_path(TreeOf::Charges, place, left.count),
        }))
    }

    /// What the epoch before says of a node.
    pub(super) fn node_before(&self, index: u32) -> Result<Box<Earlier<NodeLeaf>>, Blocked> {
        let tree = self.audited.before.as_ref().map(|(nodes, _)| nodes);
        self.leaf_before(tree, TreeOf::NodesBefore, index)
    }

    /// What the epoch before says of a payer.
    pub(super) fn bill_before(&self, index: u32) -> Result<Box<Earlier<BillLeaf>>, Blocked> {
        let tree = self.audited.before.as_ref().map(|(_, bills)| bills);
        self.leaf_before(tree, TreeOf::BillsBefore, index)
    }

    fn leaf_before<L: protocol::EpochLeaf + super::content::Content<Mass = ValueMass>>(
        &self,
        tree: Option<&super::attested::Tree<L>>,
        of: TreeOf,
        index: u32,
    ) -> Result<Box<Earlier<L>>, Blocked> {
        if self.audited.facts.attested.epoch == 0 {
            return Ok(Box::new(Earlier::Nothing));
        }
        let before = self.audited.facts.before.as_ref().ok_or(Blocked)?;
        let opened = &tree.ok_or(Blocked)?.opened;
        Ok(Box::new(match index < opened.root.count {
            true => Earlier::Leaf {
                roots: before.roots,
                shown: *self.leaf(tree, of, index)?,
            },
            false => Earlier::Beyond {
                roots: before.roots,
                root: root_opening(opened),
            },
        }))
    }

    // ---- Records ----

    /// The record at a place in the segment of a charge.
    pub(super) fn record(
        &self,
        charge: u32,
        place: u32,
        record: Record,
    ) -> Result<Box<ShownRecord>, Blocked> {
        let opened = &self.segment(charge)?.opened;
        if !opened.can_show(place) {
            return Err(Blocked);
        }
        Ok(Box::new(ShownRecord {
            charge: *self.charge(charge)?,
            record: Shown {
                leaf: record,
                place,
                count: opened.root.count,
                proof: self.path(TreeOf::Segment(charge), (0, place)),
            },
        }))
    }

    /// The record at a place in the segment of a charge and the next.
    pub(super) fn records(
        &self,
        charge: u32,
        place: u32,
        (left, right): (Record, Record),
    ) -> Result<Box<ShownRecords>, Blocked> {
        let opened = &self.segment(charge)?.opened;
        if !opened.can_show(place) || !opened.can_show(place + 1) {
            return Err(Blocked);
        }
        let count = opened.root.count;
        Ok(Box::new(ShownRecords {
            charge: *self.charge(charge)?,
            records: ShownPair {
                left,
                right,
                place,
                count,
                proof: self.pair_path(TreeOf::Segment(charge), place, count),
            },
        }))
    }

    fn segment(&self, charge: u32) -> Result<&super::segments::OpenedSegment, Blocked> {
        self.audited.segments.get(&charge).ok_or(Blocked)
    }

    /// The entry of an issuer's log at an index: as the log has it, with its leaf's path.
    pub(super) fn log_entry(&self, issuer: u32, index: u32) -> Result<ElementPath, Blocked> {
        let log = self.audited.logs.committed.get(&issuer).ok_or(Blocked)?;
        let opened = log.opened.as_ref().ok_or(Blocked)?;
        let entry = self.audited.entry(issuer, index).ok_or(Blocked)?;
        let mass = super::content::Content::mass(&entry).ok_or(Blocked)?;
        if !opened.can_show(index) {
            return Err(Blocked);
        }
        Ok(ElementPath {
            level: 0,
            position: index,
            count: opened.root.count,
            mass: mass.to_bytes(),
            proof: self.path(TreeOf::Log(issuer), (0, index)),
        })
    }

    /// What a log's root stands for; the event that committed it tells.
    pub(super) fn log_opening(&self, issuer: u32) -> Result<RootOpening, Blocked> {
        let committed = self.audited.facts.log(issuer).ok_or(Blocked)?;
        Ok(RootOpening {
            mass: super::facts::log_root(committed).mass.to_bytes(),
            count: committed.count,
            top: committed.top,
        })
    }

    // ---- What was forced ----

    /// A record where its node forced it.
    pub(super) fn forced(&self, forced: &Forced) -> Result<Box<ShownForced>, Blocked> {
        let chunks = &self.audited.facts.forced;
        let chunk = chunks
            .iter()
            .find(|chunk| (chunk.node, chunk.chunk) == (forced.node, forced.chunk));
        let records = Held(&chunk.ok_or(Blocked)?.records);
        let Entry::Ticket(ticket) = forced.checked.entry else {
            return Err(Blocked);
        };
        Ok(Box::new(ShownForced {
            node: forced.node,
            chunk: forced.chunk,
            record: Shown {
                leaf: forced.record(),
                place: forced.place,
                count: records.count(),
                // A chunk is small, and its root what its records give.
                proof: path_in::<Record>(&records, forced.place).ok_or(Blocked)?,
            },
            ticket,
        }))
    }

    /// What a forced record counts by.
    pub(super) fn standing(&self, forced: &Forced, payer: u32) -> Result<Box<Standing>, Blocked> {
        let id = forced.record().id;
        Ok(Box::new(Standing {
            payer,
            entry: self.log_entry(id.issuer, id.index)?,
            node: *self.node(forced.node)?,
        }))
    }

    // ---- Roots and elements ----

    pub(super) fn nodes_root(&self) -> Result<RootOpening, Blocked> {
        let [nodes, ..] = self.audited.facts.stated();
        Ok(RootOpening {
            mass: nodes.mass.to_bytes(),
            count: nodes.count,
            top: self.audited.facts.attested.nodes_top,
        })
    }

    pub(super) fn bills_root(&self) -> Result<RootOpening, Blocked> {
        let [_, bills, _] = self.audited.facts.stated();
        let opened = self.audited.bills.as_ref().map(|bills| bills.opened.top);
        let voted = self.audited.facts.bills_top;
        let voted = voted.filter(|top| bills.is_over(*top));
        Ok(RootOpening {
            mass: bills.mass.to_bytes(),
            count: bills.count,
            top: opened.or(voted).ok_or(Blocked)?,
        })
    }

    pub(super) fn charges_root(&self) -> Result<RootOpening, Blocked> {
        let charges = self.audited.charges.as_ref().ok_or(Blocked)?;
        Ok(root_opening(&charges.opened))
    }

    /// A false element with its path.
    pub(super) fn element<M: Mass>(
        &self,
        tree: TreeOf,
        count: u32,
        lie: &FalseElement<M>,
    ) -> Result<ElementPath, Blocked> {
        let (level, position) = lie.at;
        Ok(ElementPath {
            level: level as u8,
            position,
            count,
            mass: lie.element.mass.to_bytes(),
            proof: self.path(tree, lie.at),
        })
    }

    /// A tree by what contracts know it by.
    pub(super) fn tree(&self, tree: TreeOf) -> Result<Tree, Blocked> {
        match tree {
            TreeOf::Nodes => Ok(Tree::Nodes),
            TreeOf::Bills => Ok(Tree::Bills),
            TreeOf::Charges => Ok(Tree::Charges),
            TreeOf::Segment(charge) => Ok(Tree::Segment(self.charge(charge)?)),
            TreeOf::NodesBefore | TreeOf::BillsBefore | TreeOf::Log(_) => Err(Blocked),
        }
    }
}

fn root_opening<M: Mass>(opened: &Opened<M>) -> RootOpening {
    RootOpening {
        mass: mass_bytes(opened),
        count: opened.root.count,
        top: opened.top,
    }
}

fn paths<L: protocol::EpochLeaf + super::content::Content<Mass = ValueMass>>(
    tree: Option<&super::attested::Tree<L>>,
    wanted: &BTreeSet<At>,
) -> Result<BTreeMap<At, Proof>, WalkError> {
    match tree {
        Some(tree) => tree.opened.paths::<L>(&tree.file[..], wanted),
        None => Ok(BTreeMap::new()),
    }
}
