//! A bounded memory of things that are over at a time.

use std::collections::BTreeMap;
use std::time::Duration;

/// Remembers up to a number of values, each until its time. Moments are since any fixed one.
#[derive(Debug)]
pub(crate) struct Memory<K, V> {
    values: BTreeMap<K, (Duration, V)>,
    max: usize,
}

impl<K: Ord, V> Memory<K, V> {
    pub(crate) fn new(max: usize) -> Self {
        let values = BTreeMap::new();
        Self { values, max }
    }

    /// Notes a value until a time. What is over goes when there are too many; if none is, all go: this is a memory of
    /// what can be learned again.
    pub(crate) fn note(&mut self, key: K, value: V, until: Duration, now: Duration) {
        if self.values.len() >= self.max && !self.values.contains_key(&key) {
            self.values.retain(|_, (until, _)| *until > now);
            if self.values.len() >= self.max {
                self.values.clear();
            }
        }
        self.values.insert(key, (until, value));
    }

    /// The value, before its time is over.
    pub(crate) fn get(&self, key: &K, now: Duration) -> Option<&V> {
        let (until, value) = self.values.get(key)?;
        (*until > now).then_some(value)
    }

    pub(crate) fn forget(&mut self, key: &K) {
        self.values.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_value_is_there_until_its_time() {
        let mut memory = Memory::new(2);
        memory.note("a", 1, at(10), at(0));
        assert_eq!(memory.get(&"a", at(9)), Some(&1));
        assert_eq!(memory.get(&"a", at(10)), None);
        memory.note("a", 2, at(20), at(10));
        assert_eq!(memory.get(&"a", at(19)), Some(&2));
        memory.forget(&"a");
        assert_eq!(memory.get(&"a", at(19)), None);
    }

    #[test]
    fn what_is_over_goes_first() {
        let mut memory = Memory::new(2);
        memory.note(1, (), at(10), at(0));
        memory.note(2, (), at(30), at(0));
        memory.note(3, (), at(30), at(15));
        assert!(memory.get(&2, at(20)).is_some() && memory.get(&3, at(20)).is_some());
        memory.note(4, (), at(30), at(20));
        assert!(memory.get(&2, at(20)).is_none() && memory.get(&4, at(20)).is_some());
        // Noting what is known makes nothing go.
        memory.note(5, (), at(30), at(20));
        memory.note(5, (), at(40), at(20));
        assert!(memory.get(&4, at(20)).is_some());
    }

    proptest! {
        #[test]
        fn there_are_never_more(notes in prop::collection::vec((0..50u8, 0..100u64, 0..100u64), 0..200)) {
            let mut memory = Memory::new(8);
            for (key, until, now) in notes {
                memory.note(key, (), at(until), at(now));
                prop_assert!(memory.values.len() <= 8);
            }
        }
    }
}
