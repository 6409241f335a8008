//! A bounded map that lets go of what was used longest ago.
//!
//! Others choose the keys, so none may be let go of for its own sake: who could choose what goes would have others work.

use std::collections::BTreeMap;

/// At most `most` values.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    most: usize,
    uses: u64,
    /// Each with its last use, in numbers that only grow.
    entries: BTreeMap<K, (u64, V)>,
}

impl<K: Ord + Clone, V> Recent<K, V> {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            uses: 0,
            entries: BTreeMap::new(),
        }
    }

    /// A value, which counts as used.
    pub(crate) fn get(&mut self, key: &K) -> Option<&V> {
        self.uses += 1;
        let (used, value) = self.entries.get_mut(key)?;
        *used = self.uses;
        Some(value)
    }

    /// Whether something has to go so that this key has a value.
    pub(crate) fn lacks_room_for(&self, key: &K) -> bool {
        self.entries.len() >= self.most && !self.entries.contains_key(key)
    }

    /// Puts a value, in place of the one that was used longest ago if there is no room.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        if self.lacks_room_for(&key) {
            let oldest = self.entries.iter().min_by_key(|(_, (used, _))| *used);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.entries.remove(&oldest);
            }
        }
        self.uses += 1;
        self.entries.insert(key, (self.uses, value));
    }

    /// Keeps those values only that may stay.
    pub(crate) fn retain(&mut self, may_stay: impl Fn(&V) -> bool) {
        self.entries.retain(|_, (_, value)| may_stay(value));
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_longest_ago_goes_whatever_its_key() {
        for keys in [[1, 2, 3, 4], [4, 3, 2, 1]] {
            let [first, second, third, fourth] = keys;
            let mut recent = Recent::new(3);
            for key in [first, second, third] {
                recent.insert(key, key * 10);
            }
            assert_eq!(recent.get(&first), Some(&(first * 10)));
            recent.insert(third, 7);
            assert!(recent.lacks_room_for(&fourth));
            recent.insert(fourth, 8);
            let left = keys.map(|key| recent.get(&key).copied());
            assert_eq!(left, [Some(first * 10), None, Some(7), Some(8)]);
        }
    }

    #[test]
    fn what_may_not_stay_makes_room() {
        let mut recent = Recent::new(2);
        recent.insert('a', 1);
        recent.insert('b', 2);
        recent.retain(|value| *value > 1);
        assert!(!recent.lacks_room_for(&'c'));
        assert_eq!(recent.get(&'a'), None);
        assert_eq!(recent.get(&'b'), Some(&2));
        recent.clear();
        assert_eq!(recent.get(&'b'), None);
    }
}
