//! A disk that is recorded, that fails, and whose power is cut: for tests, and for a world that is simulated.
//!
//! A [`Recorder`] stands over one folder. What is done through its [`Disk`](crate::Disk) happens in the folder, and is kept as a
//! list of operations with their bytes. [`Recorder::power_cut`] makes of the first so many of them what a disk may
//! hold afterwards, in another folder, drawn by a seed:
//!
//! - bytes and lengths that were synced are there, and names whose folder was;
//! - other bytes are lost or kept by sectors of 512, each for itself; a length is an old or a new one;
//! - other names are lost or kept, each for itself, but one name's changes in their order, and a rename as a whole;
//! - what a failed sync should have written stays uncertain for good, unless it is written again.
//!
//! What is written past the [`Disk`](crate::Disk) (by sled, or by a test) is taken, where it is met, for durable.

mod cut;
mod done;
mod draw;
mod names;
mod sectors;
mod syncs;

pub use syncs::Syncs;

use crate::step::{FileId, How, Step};
use done::{Done, Node, Place};
use names::Names;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No space is left.
    Full,
    /// The device fails. A sync that fails so has lost for good what it should have written, or part of it.
    Io,
    /// The file system was made read-only.
    ReadOnly,
}

impl Fault {
    fn error(self) -> io::Error {
        match self {
            Self::Full => io::ErrorKind::StorageFull.into(),
            Self::Io => io::Error::other("injected device failure"),
            Self::ReadOnly => io::ErrorKind::ReadOnlyFilesystem.into(),
        }
    }
}

#[derive(Debug, Default)]
struct State {
    names: Names,
    files: u64,
    lengths: BTreeMap<FileId, u64>,
    /// Each with the number of operations before it.
    done: Vec<(usize, Done)>,
    operations: usize,
    once: BTreeMap<usize, Fault>,
    for_good: Option<(usize, Fault)>,
    capacity: Option<u64>,
}

/// Records what is done in a folder.
#[derive(Debug)]
pub struct Recorder {
    root: PathBuf,
    syncs: Syncs,
    state: Mutex<State>,
}

impl Recorder {
    /// Over a folder; what is in it is durable.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn new(root: &Path) -> io::Result<Arc<Self>> {
        Self::with_syncs(root, Syncs::default())
    }

    /// The same, where syncs are counted, and one may be left out.
    ///
    /// # Errors
    /// As [`Recorder::new`].
    pub fn with_syncs(root: &Path, syncs: Syncs) -> io::Result<Arc<Self>> {
        let mut state = State::default();
        state.find_all(root, names::ROOT)?;
        Ok(Arc::new(Self {
            root: root.to_owned(),
            syncs,
            state: Mutex::new(state),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Operations so far, those that failed too: the power may be cut before each and after the last.
    pub fn operations(&self) -> usize {
        self.state().operations
    }

    /// Operation `at`, counted from 0, fails once.
    pub fn fail(&self, at: usize, fault: Fault) {
        self.state().once.insert(at, fault);
    }

    /// Operations from `at` on fail.
    pub fn fail_from(&self, at: usize, fault: Fault) {
        self.state().for_good = Some((at, fault));
    }

    /// All is well again.
    pub fn heal(&self) {
        let mut state = self.state();
        state.once.clear();
        (state.for_good, state.capacity) = (None, None);
    }

    /// All files together may have so many bytes; a write that doesn't fit writes what does.
    pub fn set_capacity(&self, bytes: u64) {
        self.state().capacity = Some(bytes);
    }

    /// What may be on disk if the power is cut after so many operations, drawn by a seed; into a folder that is
    /// empty or not there.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn power_cut(&self, operations: usize, seed: u64, into: &Path) -> io::Result<()> {
        let state = self.state();
        // What is met by an operation was there before it, and not before those that came earlier.
        let before = state.done.iter().filter(|(at, done)| match done {
            Done::Found(..) => *at <= operations,
            _ => *at < operations,
        });
        cut::image(before.map(|(_, done)| done), seed, into)
    }

    /// How many bytes may be written to a file at a place.
    pub(crate) fn fits(&self, file: FileId, at: u64, bytes: usize) -> usize {
        let state = self.state();
        if file == FileId::default() {
            return bytes;
        }
        let most = state.end_max(file);
        most.map_or(bytes, |most| bytes.min(most.saturating_sub(at) as usize))
    }

    pub(crate) fn step<T>(
        &self,
        step: Step<'_>,
        real: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<(T, FileId)> {
        let mut state = self.state();
        let Some(planned) = state.plan(&self.root, step)? else {
            return real().map(|done| (done, FileId::default()));
        };
        let at = state.operations;
        state.operations += 1;
        let lasting = state.for_good.filter(|(from, _)| *from <= at);
        let fault = state.once.get(&at).copied();
        let fault = fault.or(lasting.map(|(_, fault)| fault));
        // One that makes nothing new is possible on a full disk.
        let gives_back = matches!(step, Step::Remove(_) | Step::Sync(..) | Step::SyncDir(..));
        if let Some(fault) = fault.filter(|fault| *fault != Fault::Full || !gives_back) {
            if let (Step::Sync(file, _), Fault::Io) = (step, fault) {
                state.done.push((at, Done::LostSync(file)));
            }
            return Err(fault.error());
        }
        if let Step::Zero(file, _, to) = step
            && state.end_max(file).is_some_and(|most| to > most)
        {
            return Err(Fault::Full.error());
        }
        let done = real()?;
        if let Step::Sync(_, site) | Step::SyncDir(_, site) = step
            && !self.syncs.ask(site)
        {
            return Ok((done, FileId::default()));
        }
        let id = state.carry_out(at, planned);
        Ok((done, id))
    }
}

impl State {
    /// What a step will have done if it succeeds; `None` if it isn't in our folder.
    fn plan(&mut self, root: &Path, step: Step<'_>) -> io::Result<Option<Vec<Done>>> {
        let planned = match step {
            Step::CreateDir(path) => match self.place(root, path)? {
                None => return Ok(None),
                Some(place) if self.names.get(&place).is_some() => Vec::new(),
                Some(place) => vec![Done::Link(place, Node::Dir(self.names.next_dir()))],
            },
            Step::Open(path, how) => match self.place(root, path)? {
                None => return Ok(None),
                Some(place) => match (self.names.get(&place), how) {
                    (Some(Node::File(file)), How::Empty) => {
                        vec![Done::SetLen(file, 0)]
                    }
                    (Some(Node::File(file)), _) => vec![Done::SetLen(file, self.lengths[&file])],
                    (Some(Node::Dir(_)), _) => Vec::new(),
                    (None, _) => vec![Done::Link(place, Node::File(self.next_file()))],
                },
            },
            Step::Write(file, ..)
            | Step::Zero(file, ..)
            | Step::SetLen(file, _)
            | Step::Sync(file, _)
                if file == FileId::default() =>
            {
                return Ok(None);
            }
            Step::Write(file, at, bytes) => vec![Done::Write(file, at, bytes.into())],
            Step::Zero(file, from, to) => vec![Done::Zero(file, from, to)],
            Step::SetLen(file, length) => vec![Done::SetLen(file, length)],
            Step::Sync(file, _) => vec![Done::Sync(file)],
            Step::SyncDir(path, _) if path == root => vec![Done::SyncDir(names::ROOT)],
            Step::SyncDir(path, _) => match self.place(root, path)? {
                None => return Ok(None),
                Some(place) => match self.names.get(&place) {
                    Some(Node::Dir(dir)) => vec![Done::SyncDir(dir)],
                    _ => Vec::new(),
                },
            },
            Step::Rename(from, to) => match (self.place(root, from)?, self.place(root, to)?) {
                (Some(from), Some(to)) => vec![Done::Move(from, to)],
                _ => return Ok(None),
            },
            Step::Remove(path) => match self.place(root, path)? {
                None => return Ok(None),
                Some(place) => vec![Done::Unlink(place)],
            },
        };
        Ok(Some(planned))
    }

    fn next_file(&mut self) -> FileId {
        self.files += 1;
        FileId(self.files)
    }

    /// Gives the file that was opened.
    fn carry_out(&mut self, at: usize, planned: Vec<Done>) -> FileId {
        let mut opened = FileId::default();
        for done in planned {
            match &done {
                Done::Link(_, Node::File(file)) => {
                    self.lengths.insert(*file, 0);
                    opened = *file;
                }
                Done::SetLen(file, length) => {
                    self.lengths.insert(*file, *length);
                    opened = *file;
                }
                Done::Write(file, from, bytes) => {
                    let length = self.lengths.entry(*file).or_default();
                    *length = (*length).max(from + bytes.len() as u64);
                }
                Done::Zero(file, _, to) => {
                    let length = self.lengths.entry(*file).or_default();
                    *length = (*length).max(*to);
                }
                _ => {}
            }
            self.names.apply(&done);
            self.done.push((at, done));
        }
        opened
    }

    /// Where a file has to end, with what the others take.
    fn end_max(&self, file: FileId) -> Option<u64> {
        let capacity = self.capacity?;
        let here = self.names.files().filter(|other| *other != file);
        let others: u64 = here.map(|other| self.lengths[&other]).sum();
        let there = self.lengths.get(&file).copied().unwrap_or_default();
        Some(capacity.saturating_sub(others).max(there))
    }

    /// A path as folder and name; finds what is on the way and wasn't known.
    fn place(&mut self, root: &Path, path: &Path) -> io::Result<Option<Place>> {
        let Ok(inside) = path.strip_prefix(root) else {
            return Ok(None);
        };
        let (mut dir, mut here) = (names::ROOT, root.to_owned());
        let mut parts = inside.iter().peekable();
        while let Some(name) = parts.next() {
            here.push(name);
            let place = Place {
                dir,
                name: name.to_owned(),
            };
            if self.names.get(&place).is_none() && here.exists() {
                self.find(&here, place.clone())?;
            }
            if parts.peek().is_none() {
                return Ok(Some(place));
            }
            match self.names.get(&place) {
                Some(Node::Dir(below)) => dir = below,
                _ => return Err(io::ErrorKind::NotFound.into()),
            }
        }
        Ok(None)
    }

    fn find_all(&mut self, path: &Path, dir: usize) -> io::Result<()> {
        let entries: io::Result<Vec<_>> = fs::read_dir(path)?.collect();
        let mut entries = entries?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name();
            self.find(&entry.path(), Place { dir, name })?;
        }
        Ok(())
    }

    fn find(&mut self, path: &Path, place: Place) -> io::Result<()> {
        let at = self.operations;
        if path.is_dir() {
            let dir = self.names.next_dir();
            let found = Done::Found(place, Node::Dir(dir), Arc::new([]));
            self.carry_out(at, vec![found]);
            return self.find_all(path, dir);
        }
        let bytes = fs::read(path)?;
        let file = self.next_file();
        self.lengths.insert(file, bytes.len() as u64);
        let found = Done::Found(place, Node::File(file), bytes.into());
        self.carry_out(at, vec![found]);
        Ok(())
    }
}
