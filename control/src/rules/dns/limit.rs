//! How much one network may ask by UDP, where anybody can write any sender: beyond, answers are no longer
//! than the question, and every other one isn't given. Who really is there comes by TCP.

use crate::rules::client_network::ClientNetwork;
use std::hash::{BuildHasher, RandomState};

/// Full answers a second to one network.
pub(crate) const ANSWERS_MAX: u32 = 500;
/// Networks that are told apart; those that share a place share what it allows.
const PLACES: usize = 1 << 14;

/// What to do with a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Answer,
    HoldBack,
    Drop,
}

#[derive(Debug, Clone, Copy, Default)]
struct Place {
    second: u64,
    asked: u32,
}

/// Counts, in memory that doesn't grow.
#[derive(Debug)]
pub(crate) struct Limiter {
    seed: RandomState,
    places: Vec<Place>,
}

impl Limiter {
    pub(crate) fn new() -> Self {
        Self {
            seed: RandomState::new(),
            places: vec![Place::default(); PLACES],
        }
    }

    /// Counts a query; `second` is any clock's.
    pub(crate) fn take(&mut self, from: ClientNetwork, second: u64) -> Verdict {
        let place = self.seed.hash_one(from) as usize % PLACES;
        let place = &mut self.places[place];
        if place.second != second {
            *place = Place { second, asked: 0 };
        }
        place.asked = place.asked.saturating_add(1);
        match place.asked {
            asked if asked <= ANSWERS_MAX => Verdict::Answer,
            asked if asked % 2 == 1 => Verdict::HoldBack,
            _ => Verdict::Drop,
        }
    }
}
