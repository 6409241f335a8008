//! Which epochs' ticket logs are to be committed when, and what has come of those that were.

use core::time::Duration;
use protocol::{B256, Epoch, Timeline, UnixMillis};
use std::collections::BTreeMap;

/// Longest time between two looks at the chain.
const LOOK_INTERVAL_MAX: Duration = Duration::from_secs(15);
/// Shortest, as when the clock says that an epoch is over and the chain doesn't yet.
pub(crate) const LOOK_INTERVAL_MIN: Duration = Duration::from_millis(500);
/// Chain seconds after which a commitment counts as beyond any reorganisation.
const SETTLED_AFTER: u64 = 600;
/// Epochs looked at in one round; what is beyond comes in the next.
const EPOCHS_PER_ROUND: usize = 256;

/// What is known of an epoch that needs no more looking at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Commitment {
    /// On chain, first seen at this chain time, seconds.
    Committed { seen_at: u64 },
    /// The window passed without it, or another root stands there.
    Lost,
}

/// What is to be done about an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing: the chain has our log.
    Found,
    /// Nothing: the chain has another log of ours.
    Foreign(B256),
    /// Nothing: the window has passed.
    Missed,
    Commit,
}

/// How far committing has come.
#[derive(Debug, Default)]
pub(crate) struct Commitments {
    known: BTreeMap<Epoch, Commitment>,
    /// All epochs below are attested.
    attested_below: Epoch,
}

/// The last epoch that had ended at a time, Unix seconds.
pub(crate) fn last_over(timeline: &Timeline, now: u64) -> Option<Epoch> {
    timeline
        .epoch_at_ms(now.saturating_mul(1000))?
        .checked_sub(1)
}

/// The first epoch that an issuer answers for: the one that hadn't ended when it was added, Unix seconds.
pub(crate) fn first_answered(timeline: &Timeline, added_at: u64) -> Epoch {
    let added_ms = added_at.saturating_mul(1000);
    timeline.epoch_at_ms(added_ms).unwrap_or(0)
}

/// What is to be done where our log has one root and the chain that, or none.
pub(crate) fn step(ours: B256, on_chain: Option<B256>, deadline: u64, chain_now: u64) -> Step {
    match on_chain {
        Some(root) if root == ours => Step::Found,
        Some(root) => Step::Foreign(root),
        None if chain_now > deadline => Step::Missed,
        None => Step::Commit,
    }
}

impl Commitments {
    /// Below which epoch all are attested.
    pub(crate) fn attested_below(&self) -> Epoch {
        self.attested_below
    }

    /// The chain has attested all epochs below.
    pub(crate) fn attested(&mut self, below: Epoch) {
        self.attested_below = below;
        self.known = self.known.split_off(&below);
    }

    /// Epochs from `first` to `last` to look at in a round, what can still be committed before what can only be
    /// looked at.
    pub(crate) fn due(
        &self,
        first: Epoch,
        last: Epoch,
        timeline: &Timeline,
        chain_now: u64,
    ) -> Vec<Epoch> {
        let (urgent, late): (Vec<_>, Vec<_>) = (first..=last)
            .filter(|epoch| match self.known.get(epoch) {
                None => true,
                Some(Commitment::Lost) => false,
                Some(Commitment::Committed { seen_at }) => {
                    chain_now < seen_at.saturating_add(SETTLED_AFTER)
                }
            })
            .partition(|epoch| chain_now <= timeline.commit_until(*epoch));
        let all = urgent.into_iter().chain(late);
        all.take(EPOCHS_PER_ROUND).collect()
    }

    /// The chain has the log, as is seen at that chain time, seconds; the first time counts.
    pub(crate) fn found(&mut self, epoch: Epoch, seen_at: u64) {
        let committed = Commitment::Committed { seen_at };
        self.known.entry(epoch).or_insert(committed);
    }

    /// The log has just been committed, at that chain time: also one that a reorganisation had undone.
    pub(crate) fn committed(&mut self, epoch: Epoch, seen_at: u64) {
        self.known.insert(epoch, Commitment::Committed { seen_at });
    }

    #[cfg(test)]
    pub(crate) fn of(&self, epoch: Epoch) -> Option<Commitment> {
        self.known.get(&epoch).copied()
    }

    /// Nothing can be done about the log any more.
    pub(crate) fn lost(&mut self, epoch: Epoch) {
        self.known.insert(epoch, Commitment::Lost);
    }

    /// The first epoch from `first` on of which it isn't known what came of it.
    pub(crate) fn below(&self, first: Epoch) -> Epoch {
        let mut below = first;
        while self.known.contains_key(&below) {
            below += 1;
        }
        below
    }

    /// Time until there may be something to do, for an issuer that answers for epochs from `first` on.
    pub(crate) fn pause(&self, timeline: &Timeline, first: Epoch, now: UnixMillis) -> Duration {
        let end = match timeline.epoch_at_ms(now) {
            // The epoch that has just ended by the clock may not have by the chain.
            Some(epoch) if self.is_pending(epoch, first) => return LOOK_INTERVAL_MIN,
            Some(epoch) => timeline.end(epoch),
            None => timeline.genesis(),
        };
        let left = Duration::from_millis(end.saturating_mul(1000).saturating_sub(now));
        left.clamp(LOOK_INTERVAL_MIN, LOOK_INTERVAL_MAX)
    }

    /// Whether nothing is known of the epoch before the current one, which is to be committed.
    fn is_pending(&self, current: Epoch, first: Epoch) -> bool {
        current.checked_sub(1).is_some_and(|epoch| {
            epoch >= self.attested_below.max(first) && !self.known.contains_key(&epoch)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use protocol::Windows;

    /// Epochs of 10 s from second 1000 on; logs may be committed for 5 s.
    fn timeline() -> Timeline {
        Timeline::fixed(
            1000,
            Windows {
                epoch_length: 10,
                ticket_tail: 2,
                commit_window: 5,
                force_window: 3,
                challenge_window: 5,
            },
        )
    }

    #[test]
    fn an_epoch_is_over_at_its_end_and_not_before() {
        for (now, expected) in [
            (0, None),
            (999, None),
            (1000, None),
            (1009, None),
            (1010, Some(0)),
            (1019, Some(0)),
            (1020, Some(1)),
        ] {
            assert_eq!(last_over(&timeline(), now), expected, "{now}");
        }
    }

    #[test]
    fn an_issuer_answers_for_the_epoch_in_which_it_was_added() {
        for (added_at, first) in [(0, 0), (1000, 0), (1009, 0), (1010, 1), (1035, 3)] {
            assert_eq!(first_answered(&timeline(), added_at), first, "{added_at}");
        }
    }

    #[test]
    fn what_the_chain_has_decides_and_without_it_the_window() {
        let (ours, other) = (B256::repeat_byte(1), B256::repeat_byte(2));
        for (on_chain, chain_now, expected) in [
            (Some(ours), 0, Step::Found),
            (Some(ours), 99, Step::Found),
            (Some(other), 0, Step::Foreign(other)),
            (Some(other), 99, Step::Foreign(other)),
            (None, 14, Step::Commit),
            (None, 15, Step::Commit),
            (None, 16, Step::Missed),
        ] {
            assert_eq!(step(ours, on_chain, 15, chain_now), expected);
        }
    }

    #[test]
    fn what_can_still_be_committed_comes_first_and_what_is_settled_never() {
        let mut state = Commitments::default();
        state.committed(0, 1010);
        state.lost(1);
        // Epoch 3 ended at 1040 and may be committed until 1045; epoch 2 is late.
        assert_eq!(state.due(0, 3, &timeline(), 1042), [3, 0, 2]);
        let settled = 1010 + SETTLED_AFTER;
        assert_eq!(state.due(0, 3, &timeline(), settled - 1), [0, 2, 3]);
        assert_eq!(state.due(0, 3, &timeline(), settled), [2, 3]);
        let many = state.due(2, 10_000, &timeline(), u64::MAX);
        assert_eq!(many.len(), EPOCHS_PER_ROUND);
    }

    #[test]
    fn what_is_found_counts_from_the_first_time_and_what_is_committed_anew_from_then() {
        let mut state = Commitments::default();
        state.found(0, 1010);
        state.found(0, 9999);
        let settled = 1010 + SETTLED_AFTER;
        assert!(state.due(0, 0, &timeline(), settled).is_empty());
        // A reorganisation has undone it.
        state.committed(0, 1500);
        assert_eq!(state.due(0, 0, &timeline(), settled), [0]);
        state.lost(0);
        assert!(state.due(0, 0, &timeline(), 1011).is_empty());
    }

    #[test]
    fn it_has_come_as_far_as_there_is_no_gap() {
        let mut state = Commitments::default();
        assert_eq!(state.below(3), 3);
        state.lost(3);
        state.committed(4, 0);
        state.committed(6, 0);
        assert_eq!(state.below(3), 5);
        state.attested(4);
        assert_eq!((state.attested_below(), state.below(4)), (4, 5));
        assert_eq!(state.below(3), 3, "what is attested isn't kept");
    }

    #[test]
    fn it_looks_again_at_the_end_of_an_epoch_and_soon_while_one_waits() {
        let mut state = Commitments::default();
        let (long, short) = (LOOK_INTERVAL_MAX, LOOK_INTERVAL_MIN);
        let seconds = Duration::from_secs;
        for (now, first, expected) in [
            (0, 0, long),
            (998_000, 0, seconds(2)),
            (1_001_000, 0, seconds(9)),
            (1_009_900, 0, short),
            // Epoch 0 is over and nothing is known of it.
            (1_012_000, 0, short),
            // It isn't ours to answer for.
            (1_012_000, 1, seconds(8)),
        ] {
            assert_eq!(state.pause(&timeline(), first, now), expected, "{now}");
        }
        state.committed(0, 1011);
        assert_eq!(state.pause(&timeline(), 0, 1_012_000), seconds(8));
        state.attested(2);
        assert_eq!(state.pause(&timeline(), 0, 1_022_000), seconds(8));
    }

    proptest! {
        #[test]
        fn each_epoch_is_due_until_something_is_known_of_it(
            known in prop::collection::btree_map(0u64..40, any::<bool>(), 0..40),
            chain_now in 1400u64..2000,
        ) {
            let mut state = Commitments::default();
            for (epoch, lost) in &known {
                match lost {
                    true => state.lost(*epoch),
                    false => state.committed(*epoch, 0),
                }
            }
            let due = state.due(0, 39, &timeline(), chain_now);
            for epoch in 0..40 {
                prop_assert_eq!(due.contains(&epoch), !known.contains_key(&epoch));
            }
        }
    }
}
