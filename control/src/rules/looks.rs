//! Which nodes are looked at next: whoever has waited longest. A node that fails its looks is due again and again; it
//! then stands behind all that waited meanwhile, so that none waits for more than one look at each other node.

use std::time::Duration;

/// Of nodes, each with the time since which it is due, those that are looked at now: at most so many, the longest due
/// first.
pub(crate) fn next<N: Ord>(mut due: Vec<(Duration, N)>, most: usize) -> Vec<N> {
    due.sort_unstable();
    due.truncate(most);
    due.into_iter().map(|(_, node)| node).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn who_has_waited_longest_comes_first_whatever_its_id() {
        let due = |node: u8, ms| (Duration::from_millis(ms), node);
        let waiting = vec![due(1, 30), due(2, 10), due(3, 20), due(4, 10)];
        assert_eq!(next(waiting.clone(), 3), [2, 4, 3]);
        assert_eq!(next(waiting, 9), [2, 4, 3, 1]);
        assert!(next(vec![due(1, 0)], 0).is_empty());
    }

    proptest! {
        /// Each round as many are looked at as there is room for, and are due again after some rounds, at once if they fail.
        #[test]
        fn nobody_waits_for_more_than_one_look_at_each_other(
            nodes in 1usize..40, room in 1usize..8,
            pauses in prop::collection::vec(1u64..30, 40),
        ) {
            let mut due = vec![0u64; nodes];
            let most = nodes.div_ceil(room) as u64;
            for round in 0..400u64 {
                let waiting = due.iter().enumerate().filter(|(_, due)| **due <= round);
                let waiting: Vec<_> = waiting.map(|(node, due)| (Duration::from_secs(*due), node)).collect();
                for node in next(waiting, room) {
                    prop_assert!(round - due[node] < most, "node {} in round {}", node, round);
                    due[node] = round + pauses[node];
                }
                prop_assert!(due.iter().all(|due| round.saturating_sub(*due) < most));
            }
        }
    }
}
