//! How much one network may ask by UDP, where anybody can write any sender: beyond, answers are no longer
//! than the question, and every other one isn't given. Who really is there comes by TCP.

use crate::rules::client_network::ClientNetwork;
use std::hash::{BuildHasher, RandomState};

/// Full answers a second to one network.
pub(crate) const ANSWERS_MAX: u32 = 500;
/// Networks that are told apart; those that share a bucket share what it allows.
const BUCKETS: usize = 1 << 14;

/// What to do with a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Answer,
    HoldBack,
    Drop,
}

#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    second: u64,
    asked: u32,
}

/// Counts, in memory that doesn't grow.
#[derive(Debug)]
pub(crate) struct Limiter {
    seed: RandomState,
    buckets: Vec<Bucket>,
}

impl Limiter {
    pub(crate) fn new() -> Self {
        Self {
            seed: RandomState::new(),
            buckets: vec![Bucket::default(); BUCKETS],
        }
    }

    /// Counts a query; `second` is any clock's.
    pub(crate) fn take(&mut self, from: ClientNetwork, second: u64) -> Decision {
        let bucket = self.seed.hash_one(from) as usize % BUCKETS;
        let bucket = &mut self.buckets[bucket];
        if bucket.second != second {
            *bucket = Bucket { second, asked: 0 };
        }
        bucket.asked = bucket.asked.saturating_add(1);
        match bucket.asked {
            asked if asked <= ANSWERS_MAX => Decision::Answer,
            asked if asked % 2 == 1 => Decision::HoldBack,
            _ => Decision::Drop,
        }
    }
}
