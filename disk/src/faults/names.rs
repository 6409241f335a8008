//! Folders and what is in them, by number: a rename moves a whole folder with its number.

use super::done::{Done, Node, Place};
use crate::step::FileId;
use std::collections::BTreeMap;
use std::ffi::OsString;

/// The number of the folder that is recorded.
pub(super) const ROOT: usize = 0;

/// What every name stands for.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    places: BTreeMap<Place, Node>,
    dirs: usize,
}

impl Names {
    pub(super) fn get(&self, place: &Place) -> Option<Node> {
        self.places.get(place).copied()
    }

    /// The number of a folder that is to be made.
    pub(super) fn next_dir(&mut self) -> usize {
        self.dirs += 1;
        self.dirs
    }

    /// Those that have a name, also where their folder has none any more.
    pub(super) fn files(&self) -> impl Iterator<Item = FileId> {
        self.places.values().filter_map(|node| match node {
            Node::File(file) => Some(*file),
            Node::Dir(_) => None,
        })
    }

    /// What is in a folder.
    pub(super) fn of(&self, dir: usize) -> impl Iterator<Item = (&OsString, Node)> {
        let name = OsString::new();
        self.places
            .range(Place { dir, name }..)
            .take_while(move |(place, _)| place.dir == dir)
            .map(|(place, node)| (&place.name, *node))
    }

    pub(super) fn apply(&mut self, done: &Done) {
        match done {
            Done::Found(place, node, _) | Done::Link(place, node) => {
                self.places.insert(place.clone(), *node);
            }
            Done::Unlink(place) => {
                self.places.remove(place);
            }
            Done::Move(from, to) => {
                if let Some(node) = self.places.remove(from) {
                    self.places.insert(to.clone(), node);
                }
            }
            _ => {}
        }
    }
}
