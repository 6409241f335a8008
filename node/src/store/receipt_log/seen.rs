//! Which tickets of an epoch have no receipt: asked before the index, since most new receipts are of new tickets.

use protocol::TicketId;

/// Bits of a filter: 1 MiB. Of a million tickets in it, one in thirty others is taken for one of them.
const BITS: u64 = 1 << 23;
/// Bits that a ticket sets.
const HASHES: u64 = 3;

/// A Bloom filter over an epoch's tickets: it may take one for seen that wasn't, never the other way.
#[derive(Debug, Clone)]
pub(super) struct Seen(Vec<u64>);

impl Default for Seen {
    fn default() -> Self {
        Self(vec![0; (BITS / 64) as usize])
    }
}

impl Seen {
    pub(super) fn insert(&mut self, id: TicketId) {
        for bit in bits(id) {
            self.0[(bit / 64) as usize] |= 1 << (bit % 64);
        }
    }

    pub(super) fn may_contain(&self, id: TicketId) -> bool {
        bits(id).all(|bit| self.0[(bit / 64) as usize] & (1 << (bit % 64)) != 0)
    }
}

/// Of one epoch: it isn't in the hash. Who chooses ids to collide only has the index asked.
fn bits(id: TicketId) -> impl Iterator<Item = u64> {
    // The finalizer of splitmix64: each bit of the id changes half of the hash.
    let place = (u64::from(id.issuer) << 32) | u64::from(id.index);
    let mut hash = place.wrapping_add(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^= hash >> 31;
    let (first, step) = (hash >> 32, hash | 1);
    (0..HASHES).map(move |nth| first.wrapping_add(nth.wrapping_mul(step)) % BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(index: u32) -> TicketId {
        TicketId {
            epoch: 3,
            issuer: index % 3,
            index,
        }
    }

    #[test]
    fn what_was_seen_is_known_and_few_others() {
        let mut seen = Seen::default();
        assert!(!seen.may_contain(id(0)));
        for index in 0..1_000_000 {
            seen.insert(id(index));
        }
        assert!((0..1_000_000).all(|index| seen.may_contain(id(index))));
        let wrong = (1_000_000..1_100_000).filter(|index| seen.may_contain(id(*index)));
        assert!((1000..4000).contains(&wrong.count()));
    }
}
