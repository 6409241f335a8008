//! An epoch's trees as they are attested, leaf by leaf.

use super::content::Content;
use super::tree::{OpenError, Opened, StatedRoot, by_place, open};
use super::walk::StatedElements;
use protocol::{
    Elements, Epoch, EpochLeaf, EpochTree, LayoutError, Mass, Network, RECORDS_MAX, ValueMass,
};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// Why a tree's root isn't opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum TreeError {
    #[error("the evidence has no {0}")]
    Missing(&'static str),
    #[error("{0} cannot be read: {1}")]
    Io(&'static str, io::Error),
    #[error("{0} is malformed: {1}")]
    Layout(&'static str, LayoutError),
    #[error("{0} is of another network or epoch")]
    Foreign(&'static str),
    #[error("{0} does not open the attested root: {1}")]
    Root(&'static str, OpenError),
}

/// One of an epoch's trees, opened.
#[derive(Debug)]
pub(super) struct Tree<L> {
    /// Leaves of its file, which its root was opened with.
    pub(super) file: Vec<L>,
    /// Leaves that are stated in place of those.
    stated: BTreeMap<u32, L>,
    /// The root and what is below it.
    pub(super) opened: Opened<ValueMass>,
}

impl<L: EpochLeaf + Content<Mass = ValueMass>> Tree<L> {
    /// Opens a root with a file's leaves.
    pub(super) fn open(
        name: &'static str,
        path: Option<&Path>,
        stated: Option<&Elements>,
        root: StatedRoot<ValueMass>,
        (network, epoch): (Network, Epoch),
    ) -> Result<Self, TreeError> {
        let path = path.ok_or(TreeError::Missing(name))?;
        let bytes = std::fs::read(path).map_err(|error| TreeError::Io(name, error))?;
        let tree = EpochTree::<L>::from_bytes_unordered(&bytes);
        let tree = tree.map_err(|error| TreeError::Layout(name, error))?;
        if (tree.network, tree.epoch) != (network, epoch) {
            return Err(TreeError::Foreign(name));
        }
        let stated = stated.map_or(StatedElements::new(), |stated| by_place(&stated.elements));
        let opened = open::<L>(root, &tree.leaves[..], stated);
        let opened = opened.map_err(|error| TreeError::Root(name, error))?;
        let read = |(place, content): (&u32, &Vec<u8>)| Some((*place, L::from_content(content)?));
        Ok(Self {
            file: tree.leaves,
            stated: opened.contents.iter().filter_map(read).collect(),
            opened,
        })
    }

    /// How many leaves its root states.
    pub(super) fn count(&self) -> u32 {
        self.opened.root.count
    }

    /// The leaf at a place, if there is one and it is known.
    pub(super) fn leaf(&self, place: u32) -> Option<&L> {
        if !self.opened.knows(place) || place >= self.count().max(self.made()) {
            return None;
        }
        match self.stated.get(&place) {
            Some(leaf) => Some(leaf),
            None => self.file.get(place as usize),
        }
    }

    /// All leaves that are known, with their places.
    pub(super) fn leaves(&self) -> impl Iterator<Item = (u32, &L)> {
        let end = self.count().max(self.made()).min(RECORDS_MAX);
        (0..end).filter_map(|place| Some((place, self.leaf(place)?)))
    }

    /// Whether each of its leaves is known, and nothing of its form false.
    pub(super) fn is_whole(&self) -> bool {
        self.opened.hidden.is_empty()
            && self.opened.has_stated_depth()
            && self.file.len() == self.count() as usize
    }

    /// Whether it is whole, and nothing in it is stated but by its leaves.
    pub(super) fn is_as_stated(&self) -> bool {
        self.is_whole() && self.opened.is_as_stated()
    }

    /// Leaves it is made of, where that aren't as many as its root states.
    fn made(&self) -> u32 {
        match self.opened.has_stated_depth() {
            true => 0,
            false => self.file.len() as u32,
        }
    }
}

/// The mass a root opening takes.
pub(super) fn mass_bytes<M: Mass>(opened: &Opened<M>) -> [u8; 15] {
    opened.root.mass.to_bytes()
}
