//! Draws by a seed.

/// Draws by a seed (SplitMix64): the same seed, the same draws on any machine.
#[derive(Debug)]
pub(super) struct Draw {
    state: u64,
    /// Of 256, how likely it is that something unsynced is kept.
    kept: u64,
}

impl Draw {
    pub(super) fn new(seed: u64) -> Self {
        let mut draw = Self {
            state: seed,
            kept: 0,
        };
        // All lost and all kept are what happens most, and are not left to chance.
        draw.kept = match seed % 4 {
            0 => 0,
            1 => 256,
            2 => 128,
            _ => draw.next() % 256,
        };
        draw
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn keep(&mut self) -> bool {
        self.next() % 256 < self.kept
    }

    /// One of what something was since it was durable; none: it is as it was then.
    pub(super) fn later<'a, T>(&mut self, versions: &'a [T]) -> Option<&'a T> {
        if versions.is_empty() || !self.keep() {
            return None;
        }
        match self.kept {
            256 => versions.last(),
            _ => versions.get((self.next() % versions.len() as u64) as usize),
        }
    }
}
