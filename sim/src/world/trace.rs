//! What happened, in order, as one hash: the same seed gives the same, in any process.

use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;

/// Takes down what happens; cheap to clone.
#[derive(Clone, Debug)]
pub struct Trace(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    began: Instant,
    hasher: blake3::Hasher,
    events: u64,
    /// For people: written as text, if asked for.
    told: Option<Vec<String>>,
}

impl Trace {
    /// An empty one. Must be called within the world's runtime, whose time it notes.
    pub(crate) fn new(tell: bool) -> Self {
        Self(Arc::new(Mutex::new(State {
            began: Instant::now(),
            hasher: blake3::Hasher::new(),
            events: 0,
            told: tell.then(Vec::new),
        })))
    }

    /// Notes that something happened now.
    pub(crate) fn note(&self, what: impl FnOnce() -> String) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let line = format!("{} {}\n", state.began.elapsed().as_micros(), what());
        state.hasher.update(line.as_bytes());
        state.events += 1;
        if let Some(told) = &mut state.told {
            told.push(line);
        }
    }

    /// How many events, and the hash of all.
    pub fn digest(&self) -> (u64, String) {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (
            state.events,
            state.hasher.finalize().to_hex()[..16].to_owned(),
        )
    }

    /// The events as text, one a line, if they were to be told.
    pub fn told(&self) -> String {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state
            .told
            .as_ref()
            .map(|lines| lines.concat())
            .unwrap_or_default()
    }
}
