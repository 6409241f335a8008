//! What is on disk after a power cut.

use super::done::{Done, Node, Place};
use super::draw::Draw;
use super::names::{Names, ROOT};
use super::sectors::Sectors;
use crate::step::FileId;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

#[derive(Default)]
struct Stored {
    files: BTreeMap<FileId, Sectors>,
    durable: Names,
    /// Changes of names that no sync covers, oldest first.
    unsynced: Vec<Done>,
}

/// Writes what may be there after these operations.
pub(super) fn image<'a>(
    done: impl Iterator<Item = &'a Done>,
    seed: u64,
    into: &Path,
) -> io::Result<()> {
    let mut stored = Stored::default();
    for done in done {
        stored.take(done);
    }
    let mut draw = Draw::new(seed);
    let names = stored.draw_names(&mut draw);
    fs::create_dir_all(into)?;
    stored.write(&names, ROOT, &mut draw, into)
}

impl Stored {
    fn take(&mut self, done: &Done) {
        match done {
            Done::Found(_, node, bytes) => {
                self.durable.apply(done);
                if let Node::File(file) = node {
                    self.files.insert(*file, Sectors::found(bytes));
                }
            }
            Done::Link(..) | Done::Unlink(_) | Done::Move(..) => self.unsynced.push(done.clone()),
            Done::Write(file, at, bytes) => self.file(*file).write(*at, bytes),
            Done::Zero(file, from, to) => self.file(*file).zero(*from, *to),
            Done::SetLen(file, length) => self.file(*file).set_len(*length),
            Done::Sync(file) => self.file(*file).sync(),
            Done::LostSync(file) => self.file(*file).lose_sync(),
            Done::SyncDir(dir) => self.sync_dir(*dir),
        }
    }

    fn file(&mut self, file: FileId) -> &mut Sectors {
        self.files.entry(file).or_default()
    }

    /// All changes in the folder, and those before them of the same names.
    fn sync_dir(&mut self, dir: usize) {
        let mut covered = BTreeSet::<Place>::new();
        let mut synced = vec![false; self.unsynced.len()];
        for (number, done) in self.unsynced.iter().enumerate().rev() {
            if done
                .places()
                .any(|place| place.dir == dir || covered.contains(place))
            {
                covered.extend(done.places().cloned());
                synced[number] = true;
            }
        }
        let mut synced = synced.into_iter();
        for done in std::mem::take(&mut self.unsynced) {
            match synced.next() {
                Some(true) => self.durable.apply(&done),
                _ => self.unsynced.push(done),
            }
        }
    }

    /// Each change by itself, but none without those before it of the same names.
    fn draw_names(&self, draw: &mut Draw) -> Names {
        let mut names = self.durable.clone();
        let mut lost = BTreeSet::<&Place>::new();
        for done in &self.unsynced {
            if done.places().any(|place| lost.contains(place)) || !draw.keep() {
                lost.extend(done.places());
            } else {
                names.apply(done);
            }
        }
        names
    }

    fn write(&self, names: &Names, dir: usize, draw: &mut Draw, into: &Path) -> io::Result<()> {
        for (name, node) in names.of(dir) {
            let path = into.join(name);
            match node {
                Node::Dir(below) => {
                    fs::create_dir(&path)?;
                    self.write(names, below, draw, &path)?;
                }
                Node::File(file) => {
                    let bytes = self.files.get(&file).map(|file| file.draw(draw));
                    fs::write(&path, bytes.unwrap_or_default())?;
                }
            }
        }
        Ok(())
    }
}
