//! Randomness of a seed.

use host::Random;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// An endless stream of bytes that a seed and a name decide; cheap to clone, clones draw from the same stream.
#[derive(Clone)]
pub struct Dice(Arc<Mutex<blake3::OutputReader>>);

impl Dice {
    /// That of a name in a world.
    pub fn new(seed: u64, name: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes()).update(name.as_bytes());
        Self(Arc::new(Mutex::new(hasher.finalize_xof())))
    }

    /// Fills with what comes next.
    pub fn fill(&self, bytes: &mut [u8]) {
        let mut stream = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stream.fill(bytes);
    }

    /// A number below `end`, which is above 0. Not quite even, by less than one in 2^32 for ends below it.
    pub fn below(&self, end: u64) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes) % end
    }

    /// The same as what a process draws from.
    pub(crate) fn random(&self) -> Random {
        let dice = self.clone();
        Random::new(move |bytes| dice.fill(bytes))
    }
}

impl fmt::Debug for Dice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dice")
    }
}
