//! Where operations are carried out, and recorded.

use crate::faults::Recorder;
use crate::step::{FileId, Step};
use std::io;
use std::sync::Arc;

/// The way to the file system; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Operations {
    pub(crate) recorder: Option<Arc<Recorder>>,
}

impl Operations {
    pub(crate) fn is_recorded(&self) -> bool {
        self.recorder.is_some()
    }

    pub(crate) fn step<T>(
        &self,
        step: Step<'_>,
        real: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<(T, FileId)> {
        match &self.recorder {
            None => real().map(|done| (done, FileId::default())),
            Some(recorder) => recorder.step(step, real),
        }
    }

    /// How many of so many bytes there is room for: all, but on a disk that is made full.
    pub(crate) fn fits(&self, file: FileId, at: u64, bytes: usize) -> usize {
        match &self.recorder {
            None => bytes,
            Some(recorder) => recorder.fits(file, at, bytes),
        }
    }
}
